//! Which words of an idea are paths.
//!
//! A wrong guess becomes a file that a template's plan creates, so a word counts outside a list of
//! files only if it looks like nothing else: `Node.js` and `and/or` are no files.

/// Endings by which a word without a folder is taken for a file.
const ENDINGS: [&str; 62] = [
    "rs", "py", "js", "jsx", "ts", "tsx", "mjs", "cjs", "go", "java", "kt", "kts", "c", "h", "cc",
    "cpp", "hpp", "cs", "rb", "php", "swift", "scala", "sh", "bash", "zsh", "fish", "ps1", "sql",
    "html", "htm", "css", "scss", "less", "vue", "svelte", "md", "mdx", "txt", "rst", "json",
    "json5", "jsonl", "yaml", "yml", "toml", "ini", "cfg", "conf", "xml", "csv", "proto",
    "graphql", "lua", "pl", "ex", "exs", "erl", "hs", "ml", "dart", "lock", "svg",
];
/// Files that have no ending.
const NAMES: [&str; 7] =
    ["makefile", "dockerfile", "license", "justfile", "gemfile", "rakefile", "procfile"];
const MAX_PATH_BYTES: usize = 300;

/// The paths on one line of a list of files.
pub(super) fn listed(line: &str) -> Vec<String> {
    let quoted: Vec<String> = spans(line).into_iter().filter_map(plausible).collect();
    if !quoted.is_empty() {
        return quoted;
    }
    let line = super::lines::bare(line);
    // `create: src/a.rs` and `src/a.rs (new)` and `src/a.rs - what for` and `a.rs, b.rs`.
    let words = line.split([',', ';']).filter_map(|entry| {
        entry.split_whitespace().find_map(|word| {
            let word = word.trim_matches(['(', ')', '"', '\'', ':', '*', '<', '>']);
            plausible(word).filter(|path| path.contains('/') || is_file_name(path))
        })
    });
    words.collect()
}

/// The paths that running text mentions: in backticks, or bare with a folder and a known ending.
pub(super) fn mentioned(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            fenced = !fenced;
        } else if !fenced {
            found.extend(
                spans(line).into_iter().filter_map(plausible).filter(|path| is_file_name(path)),
            );
            let bare = line.split_whitespace().map(|word| {
                word.trim_matches(|letter: char| {
                    !letter.is_alphanumeric() && !matches!(letter, '.' | '/' | '_' | '`')
                })
            });
            let bare =
                bare.map(|word| word.trim_end_matches('.')).filter(|word| word.contains('/'));
            found.extend(bare.filter_map(plausible).filter(|path| is_file_name(path)));
        }
    }
    found
}

/// The texts between single backticks.
fn spans(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

fn plausible(word: &str) -> Option<String> {
    let path = crate::answers::tidy_path(word);
    let strange = |letter: char| {
        letter.is_whitespace() || letter.is_control() || "\\:*?\"'<>|{};=,`#".contains(letter)
    };
    let sound = !path.is_empty()
        && path.len() <= MAX_PATH_BYTES
        && !path.contains(strange)
        && !path.contains("()")
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        && path.chars().any(char::is_alphabetic);
    sound.then_some(path)
}

fn is_file_name(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    if NAMES.contains(&name.as_str()) {
        return true;
    }
    match name.rsplit_once('.') {
        Some((stem, ending)) => {
            (!stem.is_empty() || path.contains('/')) && ENDINGS.contains(&ending)
        }
        None => false,
    }
}
