//! Tables of projects and the checks they are taken to use.

use super::*;
use crate::objects::Mode;
use crate::wanted_for_detection;

/// The checks of a project from paths with content, one a line.
fn checks(spec: &[(&str, &str)]) -> String {
    let files: Vec<TreeFile> = spec
        .iter()
        .map(|(path, content)| TreeFile {
            path: (*path).to_owned(),
            mode: Mode::Regular,
            size: content.len() as u64,
        })
        .collect();
    let wanted = wanted_for_detection(&files);
    let contents = spec
        .iter()
        .filter(|(path, _)| wanted.iter().any(|wanted| wanted == path))
        .map(|(path, content)| ((*path).to_owned(), content.as_bytes().to_vec()))
        .collect();
    let lines: Vec<String> = detect_checks(&files, &contents).iter().map(line).collect();
    lines.join("\n")
}

fn line(check: &Check) -> String {
    let Check { name, kind, command, look, timeout_ms } = check;
    assert_eq!((*timeout_ms, command.dir.as_str()), (None, ""));
    let look = look.as_ref().map(|look| format!(" if `{}`", look.command)).unwrap_or_default();
    format!("{kind:?} {name}: `{}`{look} ({})", command.command, command.source)
}

#[test]
fn a_project_that_asks_for_nothing_has_no_checks() {
    for spec in [
        &[("README.md", "")][..],
        &[("package.json", "{}"), ("tsconfig.json", "{}")],
        &[("package.json", "no json")],
        &[("pyproject.toml", "[project]\nname = 'x'\n"), ("a.py", "")],
        &[("sub/Cargo.toml", "[lints.clippy]\n"), ("sub/go.mod", "")],
        &[("setup.cfg", "[flake8]\n"), ("tox.ini", "[pytest]\n")],
    ] {
        assert_eq!(checks(spec), "", "{spec:?}");
    }
}

#[test]
fn cargo_is_formatted_if_it_is_kept_to_and_linted_if_asked_for() {
    let plain = "Format cargo fmt: `cargo fmt --all` if `cargo fmt --all --check` (Cargo.toml)";
    let lint = "Lint cargo clippy: `cargo clippy --all-targets`";
    assert_eq!(checks(&[("Cargo.toml", "[package]\n[lints.rust]\nunsafe_code = 'deny'\n")]), plain);
    assert_eq!(
        checks(&[("Cargo.toml", ""), ("rustfmt.toml", "")]),
        "Format cargo fmt: `cargo fmt --all` (rustfmt.toml)"
    );
    for (more, source) in [
        (&[("Cargo.toml", "[lints.clippy]\nall = 'warn'\n")][..], "Cargo.toml"),
        (&[("Cargo.toml", "[workspace.lints.clippy]\n")], "Cargo.toml"),
        (&[("Cargo.toml", "[lints]\nclippy.all = 'warn'\n")], "Cargo.toml"),
        (&[("Cargo.toml", ""), ("clippy.toml", "")], "clippy.toml"),
        (
            &[("Cargo.toml", ""), (".cargo/config.toml", "[alias]\nlint = 'clippy --all'\n")],
            ".cargo/config.toml",
        ),
    ] {
        assert_eq!(checks(more), format!("{plain}\n{lint} ({source})"), "{more:?}");
    }
    let other = [("Cargo.toml", ""), (".cargo/config.toml", "[alias]\nxtask = 'run'\n")];
    assert_eq!(checks(&other), plain);
}

#[test]
fn scripts_are_run_by_the_lockfiles_manager_in_the_order_of_kinds() {
    let scripts = r#"{"scripts": {
        "build": "vite build", "lint": "eslint .", "type-check": "tsc", "fmt": "prettier -w .",
        "test": "vitest run", "deploy": "rm -rf /"
    }}"#;
    insta::assert_snapshot!(checks(&[("package.json", scripts)]), @r"
    Format npm run fmt: `npm run fmt` (package.json)
    Lint npm run lint: `npm run lint` (package.json)
    Typecheck npm run type-check: `npm run type-check` (package.json)
    Build npm run build: `npm run build` (package.json)
    ");
    let lint = r#"{"scripts": {"lint": "eslint ."}}"#;
    for (lock, runner) in [
        ("pnpm-lock.yaml", "pnpm"),
        ("yarn.lock", "yarn"),
        ("bun.lock", "bun"),
        ("bun.lockb", "bun"),
    ] {
        let found = checks(&[("package.json", lint), (lock, "")]);
        assert_eq!(found, format!("Lint {runner} run lint: `{runner} run lint` (package.json)"));
    }
}

#[test]
fn a_format_script_that_only_looks_is_a_lint_and_one_that_watches_is_none() {
    let looks = r#"{"scripts": {"format": "prettier --check src"}}"#;
    let found = checks(&[("package.json", looks)]);
    assert_eq!(found, "Lint npm run format: `npm run format` (package.json)");
    let watches = r#"{"scripts": {"build": "tsc --watch"}}"#;
    assert_eq!(checks(&[("package.json", watches)]), "");
}

#[test]
fn tools_of_node_need_to_be_installed_and_configured() {
    let both = r#"{"devDependencies": {"prettier": "3", "typescript": "5"}}"#;
    assert_eq!(checks(&[("package.json", both)]), "");
    let configured = [("package.json", both), (".prettierrc", ""), ("tsconfig.json", "")];
    insta::assert_snapshot!(checks(&configured), @r"
    Format prettier: `npx --no-install prettier --write .` (.prettierrc)
    Typecheck tsc: `npx --no-install tsc --noEmit` (tsconfig.json)
    ");
    let in_manifest = r#"{"prettier": {}, "devDependencies": {"prettier": "3"}}"#;
    assert_eq!(
        checks(&[("package.json", in_manifest), ("pnpm-lock.yaml", "")]),
        "Format prettier: `pnpm exec prettier --write .` (package.json)"
    );
    let scripted =
        r#"{"scripts": {"typecheck": "tsc -b"}, "devDependencies": {"typescript": "5"}}"#;
    assert_eq!(
        checks(&[("package.json", scripted), ("tsconfig.json", "")]),
        "Typecheck npm run typecheck: `npm run typecheck` (package.json)"
    );
}

#[test]
fn tools_of_python_need_their_settings() {
    for (spec, expected) in [
        (
            ("pyproject.toml", "[tool.ruff]\nline-length = 90\n"),
            "Format ruff format: `ruff format .` if `ruff format --check .` (pyproject.toml)\n\
             Lint ruff check: `ruff check .` (pyproject.toml)",
        ),
        (
            ("pyproject.toml", "[tool.ruff.format]\nquote-style = 'single'\n"),
            "Format ruff format: `ruff format .` (pyproject.toml)",
        ),
        (
            ("ruff.toml", "line-length = 90\n[format]\nquote-style = 'single'\n"),
            "Format ruff format: `ruff format .` (ruff.toml)\n\
             Lint ruff check: `ruff check .` (ruff.toml)",
        ),
        (
            ("pyproject.toml", "[tool.black]\n[tool.ruff.lint]\nselect = ['E']\n"),
            "Format black: `black --quiet .` (pyproject.toml)\n\
             Lint ruff check: `ruff check .` (pyproject.toml)",
        ),
        (("setup.cfg", "[mypy]\nstrict = true\n"), "Typecheck mypy: `mypy .` (setup.cfg)"),
        (("mypy.ini", "[mypy]\nfiles = src\n"), "Typecheck mypy: `mypy` (mypy.ini)"),
        (
            ("pyproject.toml", "[tool.mypy]\n[tool.pyright]\n"),
            "Typecheck mypy: `mypy .` (pyproject.toml)\n\
             Typecheck pyright: `pyright` (pyproject.toml)",
        ),
        (("pyrightconfig.json", "{}"), "Typecheck pyright: `pyright` (pyrightconfig.json)"),
        (("pyproject.toml", "[tool.blackbird]\n[tool.mypyx]\n"), ""),
    ] {
        assert_eq!(checks(&[spec]), expected, "{spec:?}");
    }
}

#[test]
fn go_is_vetted_and_formatted_if_it_is_kept_to() {
    insta::assert_snapshot!(checks(&[("go.mod", "module x\n")]), @r#"
    Format gofmt: `gofmt -w .` if `files=$(gofmt -l .) && { test -z "$files" || { echo "$files"; false; }; }` (go.mod)
    Lint go vet: `go vet ./...` (go.mod)
    "#);
}

#[test]
fn no_two_checks_of_a_mixed_project_have_one_name() {
    let package = r#"{"scripts": {"lint": "eslint", "build": "x"}}"#;
    let found = checks(&[
        ("Cargo.toml", "[lints.clippy]\n"),
        ("package.json", package),
        ("pyproject.toml", "[tool.ruff]\n[tool.black]\n[tool.mypy]\n"),
        ("go.mod", ""),
    ]);
    let mut names: Vec<&str> = found.lines().filter_map(|line| line.split(':').next()).collect();
    let kinds: Vec<&str> = names.iter().filter_map(|name| name.split(' ').next()).collect();
    assert!(kinds.is_sorted_by_key(|kind| {
        ["Format", "Lint", "Typecheck", "Build"].iter().position(|known| known == kind)
    }));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_check_without_the_optional_fields_is_read() {
    let json = r#"{"name": "lint", "kind": "lint", "command": {"command": "x", "dir": "", "source": "y"}}"#;
    let check: Check = serde_json::from_str(json).unwrap();
    assert_eq!((check.look, check.timeout_ms, check.kind), (None, None, CheckKind::Lint));
}
