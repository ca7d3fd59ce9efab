//! Tests that were emptied, skipped or stripped of their assertions.

use static_checks::{Change, Rule, Settings, check};

use crate::{found, place};

fn weakened(path: &str, before: &str, after: &str) -> Vec<String> {
    let before = Some(before).filter(|before| !before.is_empty());
    found(Rule::WeakenedTest, path, before, after)
}

const RUST: &str = "fn a() {}\n#[test]\nfn one() {\n    assert_eq!(a(), ());\n}\n#[tokio::test]\nasync fn two() {\n    assert!(b());\n    assert!(c());\n}\n";
const PYTHON: &str =
    "def test_one():\n    assert a() == 1\n\ndef test_two(self):\n    self.assertEqual(b(), 2)\n";
const SCRIPT: &str = "describe('a', () => {\n  it('one', () => {\n    expect(a()).toBe(1)\n  })\n  test.each([1])('two', () => {\n    expect(b()).toBe(2)\n  })\n})\n";
const GO: &str = "func TestOne(t *testing.T) {\n\tif a() != 1 {\n\t\tt.Fatal(\"a\")\n\t}\n}\n\nfunc TestTwo(t *testing.T) {\n\trequire.Equal(t, 2, b())\n}\n";

const ALL: [(&str, &str); 4] =
    [("src/a.rs", RUST), ("tests/test_a.py", PYTHON), ("src/a.test.ts", SCRIPT), ("a_test.go", GO)];

#[test]
fn a_file_emptied_of_tests_is_high() {
    for (path, before) in ALL {
        assert_eq!(weakened(path, before, "// moved on\n"), ["high"], "{path}");
        assert_eq!(weakened(path, before, ""), ["high"], "{path}");
    }
}

#[test]
fn a_deleted_test_file_is_medium() {
    for (path, before) in ALL {
        let change = Change { path, before: Some(before.as_bytes()), after: None };
        let found: Vec<_> = check(&[change], &Settings::default()).iter().map(place).collect();
        assert_eq!(found, ["medium"], "{path}");
    }
}

#[test]
fn tests_that_moved_are_not_lost() {
    for (path, before) in ALL {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let elsewhere = format!("{folder}/moved/{name}");
        let changes = [
            Change { path, before: Some(before.as_bytes()), after: None },
            Change { path: &elsewhere, before: None, after: Some(before.as_bytes()) },
        ];
        assert_eq!(check(&changes, &Settings::default()), [], "{path}");
    }
}

#[test]
fn lost_assertions_and_tests_are_found() {
    let cases = [
        ("a.rs", RUST, RUST.replace("assert", "drop_"), "high"),
        ("a.rs", RUST, RUST.replace("assert!", "drop!"), "medium"),
        ("a.rs", RUST, RUST.replace("#[tokio::test]\n", ""), "medium"),
        (
            "test_a.py",
            PYTHON,
            PYTHON.replace("assert a() == 1", "a()").replace("self.assertEqual(b(), 2)", "b()"),
            "high",
        ),
        ("test_a.py", PYTHON, PYTHON.replace("def test_two", "def no_two"), "medium"),
        ("a.test.ts", SCRIPT, SCRIPT.replace("expect(", "String("), "high"),
        ("a.spec.js", SCRIPT, SCRIPT.replace("it('one'", "fit_('one'"), "medium"),
        ("a_test.go", GO, GO.replace("t.Fatal", "t.Log").replace("require.Equal", "use"), "high"),
        ("a_test.go", GO, GO.replace("func TestTwo", "func helpTwo"), "medium"),
        (
            "a.rs",
            RUST,
            RUST.replace("assert_eq!", "// assert_eq!").replace("assert!", "// assert!"),
            "high",
        ),
    ];
    for (path, before, after, wanted) in cases {
        assert_eq!(weakened(path, before, &after), [wanted], "{path}: {after}");
    }
}

#[test]
fn skips_of_existing_tests_are_high_and_of_new_ones_medium() {
    let cases = [
        ("a.rs", RUST.replace("#[test]", "#[test]\n#[ignore]"), "3"),
        ("a.rs", RUST.replace("#[test]", "#[test]\n#[ignore = \"slow\"]"), "3"),
        ("test_a.py", PYTHON.replace("def test_two", "@pytest.mark.skip\ndef test_two"), "4"),
        ("test_a.py", PYTHON.replace("def test_two", "@unittest.skip('x')\ndef test_two"), "4"),
        ("test_a.py", PYTHON.replace("def test_two", "@pytest.mark.xfail\ndef test_two"), "4"),
        ("test_a.py", PYTHON.replace("    assert a", "    pytest.skip('x')\n    assert a"), "2"),
        ("a.test.ts", SCRIPT.replace("it('one'", "it.skip('one'"), "2"),
        ("a.test.ts", SCRIPT.replace("it('one'", "xit('one'"), "2"),
        ("a.test.ts", SCRIPT.replace("it('one'", "it.only('one'"), "2"),
        ("a.test.ts", SCRIPT.replace("describe(", "describe.skip("), "1"),
        ("a.rs", RUST.replace("#[test]", "#[cfg(any())]\n#[test]"), "2"),
        ("a.rs", RUST.replace("#[test]", "#[test]\n#[cfg_attr(all(), ignore)]"), "3"),
        ("test_a.py", format!("pytestmark = pytest.mark.skip\n{PYTHON}"), "1"),
        ("test_a.py", PYTHON.replace("    assert a", "    pytest.xfail('x')\n    assert a"), "2"),
        (
            "test_a.py",
            PYTHON.replace("    assert a", "    raise unittest.SkipTest\n    assert a"),
            "2",
        ),
        (
            "test_a.py",
            PYTHON.replace("    assert a", "    if True:\n        pytest.skip('x')\n    assert a"),
            "3",
        ),
        ("a.test.ts", SCRIPT.replace("describe(", "describe.only("), "1"),
        ("a.test.ts", SCRIPT.replace("describe(", "xdescribe("), "1"),
        ("a.test.ts", SCRIPT.replace("describe(", "test.describe.skip("), "1"),
        ("a.test.ts", SCRIPT.replace("test.each([1])", "test.skip.each([1])"), "5"),
        ("a.test.ts", SCRIPT.replace("test.each([1])", "xit.each([1])"), "5"),
        ("a.test.ts", SCRIPT.replace("it('one'", "it.skipIf(true)('one'"), "2"),
        ("a.test.ts", SCRIPT.replace("    expect(a", "    this.skip()\n    expect(a"), "3"),
        ("a_test.go", GO.replace("\trequire", "\tt.SkipNow()\n\trequire"), "8"),
        ("a_test.go", GO.replace("\trequire", "\tt.Skip(\"x\")\n\trequire"), "8"),
    ];
    for (path, after, line) in cases {
        let before = ALL
            .iter()
            .find(|(all, _)| all.rsplit('.').next() == path.rsplit('.').next())
            .map_or("", |(_, before)| before);
        assert_eq!(weakened(path, before, &after), [format!("high {line}")], "{path}: {after}");
        assert_eq!(weakened(path, "", &after), [format!("medium {line}")], "{path}: {after}");
    }
}

#[test]
fn assertions_that_cannot_fail_are_medium() {
    let cases = [
        ("a.rs", "#[test]\nfn a() {\n    assert!(b());\n    assert!(true);\n}\n", "medium 4"),
        ("test_a.py", "def test_a():\n    assert b()\n    assert True\n", "medium 3"),
        (
            "test_a.py",
            "def test_a(self):\n    assert b()\n    self.assertEqual(1, 1)\n",
            "medium 3",
        ),
        (
            "a.rs",
            "#[test]\nfn a() {\n    assert!(b());\n    assert!(1 == 1, \"x\");\n}\n",
            "medium 4",
        ),
        (
            "a.test.js",
            "it('a', () => {\n  expect(b()).toBe(1)\n  expect(false).toEqual(false)\n})\n",
            "medium 3",
        ),
        ("a.test.js", "it('a', () => {\n  assert(b())\n  assert.equal(1, 1)\n})\n", "medium 3"),
        (
            "a.test.ts",
            "it('a', () => {\n  expect(b()).toBe(1)\n  expect(true).toBe(true)\n})\n",
            "medium 3",
        ),
        (
            "a_test.go",
            "func TestA(t *testing.T) {\n\tassert.Nil(t, b())\n\tassert.True(t, true)\n}\n",
            "medium 3",
        ),
    ];
    for (path, after, wanted) in cases {
        assert_eq!(weakened(path, "", after), [wanted], "{path}: {after}");
    }
}

#[test]
fn new_tests_that_assert_nothing_are_low() {
    assert_eq!(weakened("test_a.py", "", "def test_a():\n    b()\n"), ["low"]);
}

#[test]
fn honest_changes_are_left_alone() {
    let cases = [
        ("a.rs", RUST, RUST.replace("assert_eq!(a(), ())", "assert_ne!(a(), ())")),
        ("a.rs", RUST, format!("{RUST}\n#[test]\nfn three() {{\n    assert!(d());\n}}\n")),
        ("a.rs", RUST, RUST.replace("    assert!(c());\n", "")),
        ("a.rs", "fn a() {\n    debug_assert!(b());\n}\n", "fn a() {}\n".to_owned()),
        ("a.rs", RUST, format!("{RUST}// #[ignore] is not used here\n")),
        ("a.ts", "it('x', () => {})\n", "items.filter(it => it.only)\n".to_owned()),
        ("helpers.py", PYTHON, "def a(): return 1\n".to_owned()),
        (
            "a_test.go",
            GO,
            GO.replace("\trequire", "\tif testing.Short() {\n\t\tt.Skip(\"slow\")\n\t}\n\trequire"),
        ),
        (
            "test_a.py",
            PYTHON,
            PYTHON.replace(
                "def test_two",
                "@pytest.mark.skipif(os.name == 'nt', reason='x')\ndef test_two",
            ),
        ),
        ("a.rs", RUST, RUST.replace("#[test]", "#[cfg(unix)]\n#[test]")),
        ("a.rs", RUST, RUST.replace("#[test]", "#[cfg(not(any(windows)))]\n#[test]")),
        ("a.rs", RUST, RUST.replace("#[test]", "#[test]\n#[cfg_attr(miri, ignore)]")),
        ("test_a.py", PYTHON, format!("pytest.importorskip('numpy')\n{PYTHON}")),
        ("a.test.ts", SCRIPT, SCRIPT.replace("it('one'", "it.skipIf(isWindows)('one'")),
        ("a.test.ts", SCRIPT, SCRIPT.replace("toBe(1)", "toBe(true)")),
        ("a.test.ts", SCRIPT, SCRIPT.replace("expect(a())", "lexer.skip(1); expect(a())")),
        ("a.test.ts", SCRIPT, SCRIPT.replace("toBe(1)", "toEqual({ only: true, skip: 1 })")),
        ("a.test.ts", SCRIPT, SCRIPT.replace("'one'", "'uses it.skip( and xit('")),
    ];
    for (path, before, after) in cases {
        assert_eq!(weakened(path, before, &after), [""; 0], "{path}: {after}");
    }
}
