//! Which language a path promises. Everything about code asks here first, so
//! that prose and data are never judged by the rules of a language.

/// The languages told apart; the coarse ones share comments and strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Rust,
    Python,
    /// JavaScript and TypeScript, with JSX.
    Script,
    /// Vue and Svelte: script and markup in one file.
    Component,
    Go,
    /// C, C++, Java, C#, Kotlin, Swift, PHP, Scala, Dart.
    Braces,
    /// Shell, Ruby, Perl, make, YAML, TOML: `#` begins a comment.
    Hash,
    /// SQL and Lua: `--` begins a comment.
    Dashes,
    Css,
    /// HTML and XML.
    Markup,
    Markdown,
    /// Text, data and everything unknown: nothing in it is code.
    Prose,
}

impl Language {
    pub(crate) fn of(path: &str) -> Self {
        let name = file_name(path).to_ascii_lowercase();
        if matches!(
            name.as_str(),
            "makefile" | "dockerfile" | "containerfile" | "gemfile" | "rakefile" | "justfile"
        ) {
            return Self::Hash;
        }
        match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "rs" => Self::Rust,
            "py" | "pyi" => Self::Python,
            "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts" => Self::Script,
            "vue" | "svelte" => Self::Component,
            "go" => Self::Go,
            "c" | "h" | "cc" | "cpp" | "cxx" | "hpp" | "java" | "cs" | "kt" | "kts" | "swift"
            | "php" | "scala" | "dart" | "zig" | "proto" => Self::Braces,
            "sh" | "bash" | "zsh" | "rb" | "pl" | "r" | "ex" | "exs" | "mk" | "yaml" | "yml"
            | "toml" | "nix" | "tf" => Self::Hash,
            "sql" | "lua" => Self::Dashes,
            "css" | "scss" | "less" => Self::Css,
            "html" | "htm" | "xml" | "svg" => Self::Markup,
            "md" | "markdown" | "mdx" => Self::Markdown,
            _ => Self::Prose,
        }
    }

    /// Whether lines of the file are read by people and not by a compiler.
    pub(crate) const fn is_prose(self) -> bool {
        matches!(self, Self::Markdown | Self::Prose)
    }
}

/// Whether a file is a test by its name, in the languages where the name says so.
pub(crate) fn is_test_path(path: &str, language: Language) -> bool {
    let name = file_name(path);
    match language {
        // Tests stand beside the code; its `#[test]` attributes tell.
        Language::Rust => true,
        Language::Python => name.starts_with("test_") || name.ends_with("_test.py"),
        Language::Script => {
            name.contains(".test.")
                || name.contains(".spec.")
                || path.split('/').any(|part| part == "__tests__")
        }
        Language::Go => name.ends_with("_test.go"),
        _ => false,
    }
}

/// Folders in which a file may be broken on purpose.
pub(crate) fn is_fixture(path: &str) -> bool {
    path.split('/').any(|part| {
        matches!(
            part,
            "fixtures" | "__fixtures__" | "testdata" | "test-data" | "test_data" | "invalid"
        )
    })
}

pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}
