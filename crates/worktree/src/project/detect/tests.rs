//! Tables of projects and the commands they are taken to have.

use super::*;
use crate::objects::Mode;

/// A project from paths with content; a path alone is an empty file.
fn project(spec: &[(&str, &str)]) -> (Vec<TreeFile>, BTreeMap<String, Vec<u8>>) {
    let files: Vec<TreeFile> = spec
        .iter()
        .map(|(path, content)| TreeFile {
            path: (*path).to_owned(),
            mode: Mode::Regular,
            size: content.len() as u64,
        })
        .collect();
    let wanted = wanted_for_detection(&files);
    let read = spec
        .iter()
        .filter(|(path, _)| wanted.iter().any(|wanted| wanted == path))
        .map(|(path, content)| ((*path).to_owned(), content.as_bytes().to_vec()))
        .collect();
    (files, read)
}

fn test_command(spec: &[(&str, &str)]) -> String {
    let (files, read) = project(spec);
    detect_test(&files, &read)
        .map_or_else(|| "none".to_owned(), |found| format!("{} ({})", found.command, found.source))
}

/// The setup commands that are left once the content is known.
fn setup_commands(spec: &[(&str, &str)]) -> String {
    let (files, read) = project(spec);
    let found = detect_setup(&files);
    let needed = found.iter().filter(|command| is_needed(command, &read));
    let lines: Vec<String> =
        needed.map(|found| format!("{} ({})", found.command, found.source)).collect();
    lines.join("\n")
}

const SCRIPT: &str = r#"{"scripts": {"test": "vitest run"}}"#;
const NPM_DEFAULT: &str = r#"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1"}}"#;

#[test]
fn the_first_kind_of_project_gives_the_test_command() {
    for (spec, expected) in [
        (&[("README.md", "")][..], "none"),
        (&[("Cargo.toml", ""), ("package.json", SCRIPT)], "cargo test (Cargo.toml)"),
        (&[("sub/Cargo.toml", "")], "none"),
        (&[("package.json", SCRIPT)], "npm test (package.json)"),
        (&[("package.json", SCRIPT), ("pnpm-lock.yaml", "")], "pnpm test (package.json)"),
        (&[("package.json", SCRIPT), ("yarn.lock", "")], "yarn test (package.json)"),
        (&[("package.json", SCRIPT), ("bun.lock", "")], "bun run test (package.json)"),
        (&[("package.json", SCRIPT), ("package-lock.json", "")], "npm test (package.json)"),
        (&[("package.json", NPM_DEFAULT)], "none"),
        (&[("package.json", "{}")], "none"),
        (&[("package.json", "not json")], "none"),
        (&[("package.json", r#"{"scripts": {"test": " "}}"#)], "none"),
        (&[("package.json", r#"{"scripts": {"test": 1}}"#)], "none"),
        (&[("package.json", NPM_DEFAULT), ("src/a.test.js", "")], "node --test (src/a.test.js)"),
        (&[("package.json", "{}"), ("a.test.mjs", "")], "node --test (a.test.mjs)"),
        (&[("a.test.js", "")], "none"),
        (&[("pytest.ini", "")], "python3 -m pytest (pytest.ini)"),
        (
            &[("pyproject.toml", "[tool.pytest.ini_options]\n"), ("tests/test_a.py", "")],
            "python3 -m pytest (pyproject.toml)",
        ),
        (&[("setup.cfg", "[tool:pytest]\n")], "python3 -m pytest (setup.cfg)"),
        (&[("tox.ini", "[pytest]\n")], "python3 -m pytest (tox.ini)"),
        (
            &[("requirements-dev.txt", "flask\n pytest>=8\n")],
            "python3 -m pytest (requirements-dev.txt)",
        ),
        (&[("requirements.txt", "flask\n")], "none"),
        (&[("pyproject.toml", "[project]\n")], "none"),
        (&[("go.mod", "module x\n")], "go test ./... (go.mod)"),
        (&[("Makefile", "all:\n\ntest: all\n\tsh t.sh\n")], "make test (Makefile)"),
        (&[("Makefile", "build test:\n")], "make test (Makefile)"),
        (&[("Makefile", ".PHONY: test\nall:\n\ttest: x\n")], "none"),
        (&[("Makefile", "test := x\n# test: y\ntests:\n")], "none"),
    ] {
        assert_eq!(test_command(spec), expected, "{spec:?}");
    }
}

#[test]
fn unittest_starts_where_it_finds_the_tests() {
    let plain = "python3 -m unittest discover";
    for (spec, expected) in [
        (&[("test_a.py", "")][..], format!("{plain} (test_a.py)")),
        (
            &[("tests/__init__.py", ""), ("tests/test_a.py", "")],
            format!("{plain} (tests/test_a.py)"),
        ),
        (
            &[("tests/test_a.py", ""), ("pkg/__init__.py", "")],
            format!("{plain} -s 'tests' (tests/test_a.py)"),
        ),
        (
            &[("pkg/__init__.py", ""), ("pkg/tests/test_a.py", "")],
            format!("{plain} -s 'pkg/tests' (pkg/tests/test_a.py)"),
        ),
        (&[("it's/test_a.py", "")], format!("{plain} -s 'it'\\''s' (it's/test_a.py)")),
        (&[("tests/a_test.py", ""), ("main.py", "")], "none".to_owned()),
    ] {
        assert_eq!(test_command(spec), expected, "{spec:?}");
    }
}

#[test]
fn links_and_submodules_are_no_manifests() {
    let file = |mode| TreeFile { path: "Cargo.toml".to_owned(), mode, size: 1 };
    for mode in [Mode::Symlink, Mode::Submodule] {
        let files = [file(mode)];
        assert_eq!(detect_test(&files, &BTreeMap::new()), None);
        assert!(wanted_for_detection(&files).is_empty());
    }
}

const DEPENDENCIES: &str = r#"{"devDependencies": {"vitest": "1"}}"#;

#[test]
fn setup_follows_the_lockfile() {
    for (spec, expected) in [
        (&[("Cargo.toml", ""), ("go.mod", "")][..], ""),
        (&[("package.json", "{}")], ""),
        (&[("package.json", r#"{"dependencies": {}}"#), ("package-lock.json", "{}")], ""),
        (&[("package.json", DEPENDENCIES)], "npm install --no-audit --no-fund (package.json)"),
        (
            &[("package.json", DEPENDENCIES), ("package-lock.json", "{}")],
            "npm ci --no-audit --no-fund (package-lock.json)",
        ),
        (
            &[("package.json", DEPENDENCIES), ("yarn.lock", "")],
            "yarn install --frozen-lockfile (yarn.lock)",
        ),
        (
            &[("package.json", DEPENDENCIES), ("pnpm-lock.yaml", "")],
            "pnpm install --frozen-lockfile (pnpm-lock.yaml)",
        ),
        (
            &[("package.json", DEPENDENCIES), ("bun.lock", "")],
            "bun install --frozen-lockfile (bun.lock)",
        ),
        (&[("pnpm-lock.yaml", "")], ""),
        (&[("requirements.txt", "# nothing\n\n")], ""),
        (&[("pyproject.toml", "[project]\nname = 'x'\ndependencies = [ ]\n")], ""),
        (&[("pyproject.toml", "[tool.poetry.dependencies]\npython = '^3'\n")], ""),
        (
            &[("uv.lock", ""), ("pyproject.toml", "")],
            "UV_PROJECT_ENVIRONMENT=\"$BELAY_ENVIRONMENT\" uv sync --frozen (uv.lock)",
        ),
    ] {
        assert_eq!(setup_commands(spec), expected, "{spec:?}");
    }
}

#[test]
fn python_dependencies_go_into_an_environment_of_their_own() {
    let requirements =
        setup_commands(&[("requirements.txt", "\n"), ("requirements-dev.txt", "pytest\n")]);
    insta::assert_snapshot!(requirements, @r#"test -x "$BELAY_ENVIRONMENT"/bin/python || python3 -m venv --system-site-packages "$BELAY_ENVIRONMENT" && "$BELAY_ENVIRONMENT"/bin/python -m pip install --quiet --no-input --disable-pip-version-check -r requirements.txt -r requirements-dev.txt (requirements.txt)"#);
    for manifest in [
        "[project]\ndependencies = ['flask']\n",
        "[project]\ndependencies = [\n  'flask',\n]\n",
        "[project.optional-dependencies]\ntest = ['pytest']\n",
        "[tool.poetry.dependencies]\npython = '^3'\nflask = '3'\n",
        "[tool.poetry.group.dev.dependencies]\npytest = '8'\n",
    ] {
        let found = setup_commands(&[("pyproject.toml", manifest)]);
        assert!(found.contains("pip install"), "{manifest}");
        assert!(found.ends_with("-e '.[dev,test]' (pyproject.toml)"), "{found}");
    }
}
