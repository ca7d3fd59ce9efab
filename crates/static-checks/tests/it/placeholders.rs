//! Placeholders in added lines, by language.

use static_checks::Rule;

use crate::found;

fn placeholders(path: &str, after: &str) -> Vec<String> {
    found(Rule::Placeholder, path, None, after)
}

/// Trap 45: a stub that compiles is not the work.
#[test]
fn stubs_and_elisions_are_high() {
    let cases = [
        ("a.rs", "fn f() { todo!() }", "high 1"),
        ("a.rs", "fn f() -> u8 {\n    unimplemented!(\"later\")\n}", "high 2"),
        ("a.rs", "fn f() { todo ! [] }\nfn g() { todo!{} }", "high 2"),
        ("a.rs", "panic!(\"not implemented\")", "high 1"),
        ("a.rs", "panic!(\"Not yet implemented: f\")", "high 1"),
        ("a.py", "def f():\n    pass  # TODO", "high 2"),
        ("a.py", "def f():\n    pass # implement this", "high 2"),
        ("a.py", "def f():\n    ...  # TODO: later", "high 2"),
        ("a.py", "def f():\n    raise NotImplementedError", "high 2"),
        ("a.py", "def f():\n    raise NotImplementedError(\"later\")", "high 2"),
        (
            "a.py",
            "class A:\n    def f(\n        self,\n    ) -> int:\n        '''It does.'''\n        raise NotImplementedError(\"f\")",
            "high 6",
        ),
        (
            "a.py",
            "def f(x):\n    if x:\n        raise NotImplementedError('Not implemented yet')",
            "high 3",
        ),
        ("a.py", "def f():\n    # TODO: write it\n    pass", "high 2"),
        ("a.ts", "throw new Error(\"not implemented\");", "high 1"),
        ("a.js", "throw new Error('Not implemented yet')", "high 1"),
        ("a.tsx", "throw Error(`Method not implemented.`)", "high 1"),
        ("a.mjs", "throw new Error('TODO')", "high 1"),
        ("a.vue", "throw new Error('not implemented')", "high 1"),
        ("a.go", "panic(\"not implemented\")", "high 1"),
        ("a.go", "panic(\"TODO: implement\")", "high 1"),
        ("a.go", "panic(errors.New(\"unimplemented\"))", "high 1"),
        ("a.go", "log.Fatal(\"not implemented\")", "high 1"),
        ("a.go", "return nil, errors.New(\"not implemented\")", "high 1"),
        ("a.go", "return fmt.Errorf(\"not yet implemented: %s\", a)", "high 1"),
        ("a.rs", "bail!(\"not implemented\")", "high 1"),
        ("a.rs", "return Err(anyhow!(\"TODO\"))", "high 1"),
        ("a.py", "raise Exception('Not implemented')", "high 1"),
        ("a.py", "raise RuntimeError(\"TODO: later\")", "high 1"),
        ("a.ts", "return Promise.reject(new Error('not implemented'))", "high 1"),
        ("A.java", "throw new UnsupportedOperationException(\"Not implemented\");", "high 1"),
        ("a.cs", "throw new NotImplementedException();", "high 1"),
        ("a.kt", "fun f(): Int = TODO()", "high 1"),
        ("a.rs", "// TODO: implement", "high 1"),
        ("a.rs", "// TODO(ada): implement the parser", "high 1"),
        ("a.py", "# TODO: Implement error handling", "high 1"),
        ("a.ts", "/* FIXME - add actual logic */", "high 1"),
        ("a.ts", "// your code here", "high 1"),
        ("a.ts", "x(); // add your logic here", "high 1"),
        ("a.py", "# Your implementation goes here", "high 1"),
        ("a.go", "// implementation goes here", "high 1"),
        ("a.rs", "// not implemented yet", "high 1"),
        ("a.rs", "/* TODO */ f(); // ... rest of the code", "high 1"),
        ("a.rs", "None // not implemented", "high 1"),
        ("a.rs", "// ... rest of the code", "high 1"),
        ("a.rs", "// ...existing code...", "high 1"),
        ("a.rs", "// … existing code …", "high 1"),
        ("a.ts", "{/* ... existing JSX ... */}", "high 1"),
        ("a.py", "# ... (rest of the file)", "high 1"),
        ("a.py", "# rest of the code remains the same", "high 1"),
        ("a.py", "# existing code unchanged", "high 1"),
        ("a.py", "# Existing methods remain here", "high 1"),
        ("a.go", "// The rest of the function is unchanged", "high 1"),
        ("a.go", "// rest of the code", "high 1"),
        ("a.go", "// remaining methods omitted for brevity", "high 1"),
        ("a.java", "/*\n * ... other methods ...\n */", "high 2"),
        ("a.css", "/* ... rest of styles ... */", "high 1"),
        ("a.html", "<!-- rest of the file unchanged -->", "high 1"),
        ("a.yaml", "a: 1\n# ... rest of the config", "high 2"),
        ("a.sql", "-- ... existing columns ...", "high 1"),
        ("a.rs", "fn f() {\n    // TODO\n}", "high 2"),
        ("a.ts", "try { f() } catch (e) {\n\n  // FIXME later\n}", "high 3"),
    ];
    for (path, after, wanted) in cases {
        let found = placeholders(path, after);
        assert!(
            found.first().map(String::as_str) == Some(wanted)
                || found.last().map(String::as_str) == Some(wanted),
            "{path}: {after}: {found:?}"
        );
    }
}

#[test]
fn softer_signs_are_softer() {
    let cases = [
        ("a.rs", "let a = 1; // TODO: use a constant", "low 1"),
        ("a.py", "# FIXME: slow for large inputs\nx = f()", "low 1"),
        ("a.go", "f() // XXX why twice?", "low 1"),
        ("a.ts", "// In a real implementation this would call the API", "medium 1"),
        ("a.py", "# placeholder implementation, returns a constant", "medium 1"),
        ("a.ts", "f({\n  // ...\n})", "medium 2"),
        ("a.py", "def f():\n    pass", "medium 2"),
        ("a.py", "async def f(\n    a: int,\n) -> None:\n    ...", "medium 4"),
    ];
    for (path, after, wanted) in cases {
        assert_eq!(placeholders(path, after), [wanted], "{path}: {after}");
    }
}

#[test]
fn what_only_looks_like_one_is_left_alone() {
    let cases = [
        // Strings, also of tests of tools such as this one.
        ("a.rs", "let a = \"todo!()\";"),
        ("a.rs", "let a = r#\"fn f() { todo!() } // TODO: implement\"#;"),
        ("a.rs", "let a = \"\n// ... rest of the code\n\";"),
        ("a.py", "x = 'raise NotImplementedError'"),
        ("a.py", "\"\"\"\nraise NotImplementedError\nTODO: implement\n\"\"\""),
        ("a.ts", "const s = `throw new Error(\"not implemented\")`"),
        ("a.ts", "expect(f).toThrow('not implemented')"),
        ("a.go", "s := `panic(\"not implemented\")`"),
        ("a.go", "want := \"TODO: implement\""),
        // Prose and data.
        ("a.md", "TODO: implement\n\n```rust\ntodo!()\n```\n"),
        ("a.txt", "your code here"),
        ("a.json", "{\"a\": \"TODO: implement\"}"),
        ("LICENSE", "... rest of the code"),
        // Comments that mention, and code that names.
        ("a.rs", "/// # unimplemented!()\nfn f() {}"),
        ("a.rs", "//! let a = todo!(); // ..."),
        ("a.rs", "// Such calls are refused as\n// unimplemented.\n// ...\n// They cost nothing."),
        ("a.rs", "// ... same, but for start states."),
        ("a.rs", "// \"... other than an initial message\""),
        ("a.py", "# Not implemented yet: derivatives"),
        ("a.py", "client = Client()  # stub"),
        ("a.pyi", "def f() -> int: ...  # stub"),
        (
            "a.py",
            "class Shape:\n    def area(self):\n        \"\"\"The area.\"\"\"\n        raise NotImplementedError\n\nclass Square(Shape):\n    pass",
        ),
        ("a.py", "class BaseShape:\n    def area(self):\n        raise NotImplementedError()"),
        ("a.rs", "// The todo!() macro panics."),
        ("a.rs", "let todos = todo_list();\nmy_todo!(x);"),
        ("a.rs", "// Skip the rest of the file and go on."),
        ("a.rs", "// the rest of the code is generated by build.rs"),
        ("a.rs", "// Existing code paths call this with a lock held."),
        ("a.rs", "// Removes existing code from the index."),
        ("a.rs", "// Parses `...` as the rest pattern."),
        ("a.ts", "const b = {...rest, ...other}"),
        ("a.ts", "throw new Error('not found')"),
        ("a.ts", "throw new Error('feature must be implemented by the host')"),
        ("a.py", "class A(ABC):\n    def f(self):\n        raise NotImplementedError"),
        (
            "a.py",
            "class A:\n    @abstractmethod\n    def f(self):\n        raise NotImplementedError",
        ),
        (
            "a.py",
            "class A:\n    @abc.abstractmethod\n    @cached\n    def f(\n        self,\n    ) -> int:\n        raise NotImplementedError()",
        ),
        ("a.py", "def f(self):\n    raise NotImplementedError(\"subclasses override this\")"),
        ("a.py", "except NotImplementedError:\n    return None"),
        ("a.py", "class Gone(Exception):\n    pass"),
        ("a.py", "try:\n    f()\nexcept KeyError:\n    pass"),
        ("a.py", "def f():\n    try:\n        g()\n    except KeyError:\n        pass"),
        ("a.py", "class Visitor:\n    def leave(self):\n        pass"),
        (
            "a.py",
            "class Source(Protocol):\n    def next(self) -> int: ...\n    def end(self):\n        ...",
        ),
        ("a.py", "@click.group()\ndef cli():\n    pass"),
        ("a.py", "@overload\ndef f(x: int) -> int:\n    ..."),
        ("a.py", "def f():\n    \"\"\"Nothing is to do here.\"\"\"\n    pass"),
        ("a.py", "def _noop():\n    pass"),
        ("a.py", "for _ in g():\n    pass"),
        ("a.pyi", "def f() -> int:\n    ..."),
        ("a.py", "raise ValueError('not a number')"),
        ("a.go", "var ErrMissing = errors.New(\"not implemented\")"),
        ("a.go", "return nil, errors.New(\"not found\")"),
        ("a.rs", "bail!(\"no such file\")"),
        ("a.ts", "reject(new Error('closed'))"),
        ("a.ts", "abstract class A {\n  abstract b(): void;\n}"),
        ("a.go", "panic(\"unreachable\")"),
        ("a.kt", "val todo = TODO_LIST"),
        ("a.rs", "// Mastodon and TODOS are words."),
        ("a.sh", "echo ${#todo} # implemented elsewhere"),
    ];
    for (path, after) in cases {
        assert_eq!(placeholders(path, after), [""; 0], "{path}: {after}");
    }
}

#[test]
fn what_the_file_already_had_does_not_count() {
    let before = "fn f() {\n    todo!()\n}\n\n// TODO: implement g\n";
    let cases: [(&str, &[&str]); 4] = [
        ("fn f() {\n    todo!()\n}\n\n// TODO: implement g\nfn h() {}\n", &[]),
        ("// TODO: implement g\n\nmod m {\n    fn f() {\n        todo!()\n    }\n}\n", &[]),
        ("fn f() {\n    todo!()\n}\nfn h() {\n    todo!()\n}\n", &["high 5"]),
        ("fn f() {\n    todo!(\"soon\")\n}\n", &["high 2"]),
    ];
    for (after, wanted) in cases {
        assert_eq!(found(Rule::Placeholder, "a.rs", Some(before), after), wanted, "{after}");
    }
}

#[test]
fn many_are_bounded_and_the_grave_ones_kept() {
    let mut text = "// TODO later\n".repeat(100);
    text.push_str("todo!()\n");
    let found = placeholders("a.rs", &text);
    assert_eq!(found.len(), 20);
    assert_eq!(found.last().map(String::as_str), Some("high 101"));
}
