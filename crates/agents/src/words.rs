//! Which files and lines an idea is about, by its words.
//!
//! A repository does not fit into a window, so something must choose. Words shared by the idea and a
//! path or a line are a poor man's search, but they are the same on every machine, need no index, and
//! can be tested.

use std::collections::BTreeSet;

/// Words that stand in every idea and every path.
const IDLE: [&str; 44] = [
    "the", "and", "for", "with", "that", "this", "from", "into", "when", "then", "must", "should",
    "shall", "will", "not", "are", "was", "has", "have", "can", "all", "any", "add", "new", "use",
    "make", "file", "files", "test", "tests", "src", "lib", "main", "mod", "index", "code",
    "function", "return", "self", "let", "pub", "its", "but", "todo",
];
/// The most words kept of one text.
const MAX_WORDS: usize = 2000;

/// The words of a text that may tell something.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words(BTreeSet<String>);

impl Words {
    pub(crate) fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut words = BTreeSet::new();
        for text in texts {
            for word in split(text) {
                if words.len() >= MAX_WORDS {
                    return Self(words);
                }
                words.insert(word);
            }
        }
        Self(words)
    }

    /// How many different words of this set a text holds.
    pub(crate) fn shared(&self, text: &str) -> usize {
        split(text).into_iter().filter(|word| self.0.contains(word)).collect::<BTreeSet<_>>().len()
    }

    /// How near a path is: a word in the file's name counts more than one in a folder's.
    fn nearness(&self, path: &str) -> usize {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.shared(folders) + 3 * self.shared(name)
    }

    /// Paths ordered: the named ones, then the nearest, then the shallow ones.
    pub(crate) fn rank<'a>(
        &self,
        paths: impl IntoIterator<Item = &'a str>,
        named: &[String],
    ) -> Vec<&'a str> {
        let named: BTreeSet<&str> = named.iter().map(String::as_str).collect();
        let mut ranked: Vec<_> = paths
            .into_iter()
            .map(|path| {
                let depth = path.matches('/').count();
                (!named.contains(path), std::cmp::Reverse(self.nearness(path)), depth, path)
            })
            .collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|(.., path)| path).collect()
    }
}

/// Lower-case words of three letters and more, `camelCase` and `snake_case` taken apart, a plural's
/// last letter dropped.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut last_lower = false;
    for letter in text.chars().chain([' ']) {
        if !letter.is_alphanumeric() || (last_lower && letter.is_uppercase()) {
            finish(&mut word, &mut words);
        }
        last_lower = letter.is_lowercase();
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

fn finish(word: &mut String, words: &mut Vec<String>) {
    let whole = std::mem::take(word);
    if whole.len() < 3 || whole.len() > 64 || IDLE.contains(&whole.as_str()) {
        return;
    }
    let single =
        whole.strip_suffix('s').filter(|single| single.len() > 3 && !single.ends_with('s'));
    words.push(single.map_or(whole.clone(), str::to_owned));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_paths_come_first_then_near_ones_then_shallow_ones() {
        let words = Words::of(["Let users reset their passwords", "by mail"]);
        let paths = [
            "a/deep/er/x.rs",
            "README.md",
            "src/passwordReset.ts",
            "src/user/list.rs",
            "src/odd.rs",
            "docs/mail_x.md",
        ];
        assert_eq!(
            words.rank(paths, &["src/odd.rs".to_owned()]),
            [
                "src/odd.rs",
                "src/passwordReset.ts",
                "docs/mail_x.md",
                "src/user/list.rs",
                "README.md",
                "a/deep/er/x.rs"
            ]
        );
    }

    #[test]
    fn names_are_taken_apart() {
        assert_eq!(
            split("resetUserPasswords of HTTPServer2 the_big_class"),
            ["reset", "user", "password", "httpserver2", "big", "class"]
        );
    }
}
