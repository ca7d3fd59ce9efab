//! Ordinary builds and tests of real projects must go on as ever: bounds that
//! break a compiler would be switched off by everybody.

use std::path::Path;

use subprocess::{Ended, Output};

use super::{Ground, NO_NAMESPACES, User, both};

/// Where a program lies on this machine, in the usual folders or beside cargo.
fn found(program: &str) -> bool {
    let folders = [beside_cargo(), Path::new("/usr/local/bin"), "/usr/bin".as_ref()];
    let found = folders.iter().any(|folder| folder.join(program).exists());
    if !found {
        println!("left out: there is no {program}");
    }
    found
}

fn beside_cargo() -> &'static Path {
    Path::new(env!("CARGO")).parent().unwrap()
}

async fn built(files: &[(&str, &str)], script: &str, off: &[&str]) -> Output {
    let ground = Ground::new(User::This, off);
    for (path, content) in files {
        let path = ground.path("work").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let script = format!(
        "PATH={}:/usr/local/bin:/usr/bin:/bin HOME=$top/cache TMPDIR=$top/cache\n\
         CARGO_HOME=$top/cache/cargo npm_config_cache=$top/cache/npm\n\
         export PATH HOME TMPDIR CARGO_HOME npm_config_cache\n{script}",
        beside_cargo().display()
    );
    ground.run(&script).await
}

async fn works(files: &[(&str, &str)], script: &str, expected: &str) {
    for off in [&[][..], &[NO_NAMESPACES]] {
        let output = built(files, script, off).await;
        let said = both(&output);
        assert_eq!(output.ended, Ended::Exited(0), "{off:?}: {said}");
        assert!(said.contains(expected), "{off:?}: {said}");
    }
}

#[tokio::test]
async fn cargo_builds_and_tests() {
    if !found("cargo") || !found("cc") {
        return;
    }
    let manifest = "[package]\nname = \"tiny\"\nedition = \"2021\"\n[workspace]\n";
    let code = "pub fn two() -> u32 { 2 }\n#[test]\nfn it_is_two() { assert_eq!(two(), 2) }\n";
    let files = [("Cargo.toml", manifest), ("src/lib.rs", code)];
    works(&files, "cargo build --offline && cargo test --offline", "1 passed").await;
}

#[tokio::test]
async fn python_runs_its_tests_with_sockets_and_processes() {
    if !found("python3") {
        return;
    }
    let code = "import multiprocessing, socket, subprocess, tempfile, unittest\n\
                class It(unittest.TestCase):\n\
                \x20   def test_socket(self):\n\
                \x20       with tempfile.TemporaryDirectory() as d:\n\
                \x20           s = socket.socket(socket.AF_UNIX); s.bind(d + '/s'); s.listen()\n\
                \x20           c = socket.socket(socket.AF_UNIX); c.connect(d + '/s')\n\
                \x20       s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n\
                \x20       socket.create_connection(s.getsockname())\n\
                \x20   def test_shared(self):\n\
                \x20       with multiprocessing.Pool(2) as p: self.assertEqual(p.map(abs, [-1]), [1])\n\
                \x20   def test_child(self):\n\
                \x20       p = subprocess.Popen(['sleep', '600'], start_new_session=True)\n\
                \x20       p.terminate(); self.assertEqual(p.wait(), -15)\n\
                \x20   def test_terminal(self):\n\
                \x20       import os, pty\n\
                \x20       a, b = pty.openpty(); self.assertTrue(os.isatty(b))\n";
    works(&[("test_it.py", code)], "python3 -m unittest", "Ran 4 tests").await;
}

#[tokio::test]
async fn node_and_npm_run_tests() {
    if !found("node") || !found("npm") {
        return;
    }
    let manifest = r#"{"name": "tiny", "version": "1.0.0", "scripts": {"test": "node --test"}}"#;
    let code = "const test = require('node:test');\n\
                const {execFileSync} = require('node:child_process');\n\
                test('child', () => { execFileSync('true'); });\n";
    let files = [("package.json", manifest), ("it.test.js", code)];
    works(&files, "npm test --offline && npm pack --offline", "pass 1").await;
}

#[tokio::test]
async fn git_commits_in_a_folder_of_its_own() {
    if !found("git") {
        return;
    }
    let script = "git init -q . && git add a && \
                  git -c user.name=a -c user.email=a@b commit -qm one && git gc -q && git log";
    works(&[("a", "a")], script, "one").await;
}
