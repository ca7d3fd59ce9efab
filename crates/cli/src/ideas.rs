//! Where an idea comes from: a path, an id, standard input, or the backlog.

pub(crate) mod issues;
mod order;

use std::fs;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};

use agents::{Idea, MAX_IDEA_BYTES};
use sha2::{Digest, Sha256};

use crate::environment::Surroundings;
use crate::error::{Code, CommandError, fail};
use crate::project::{inside, plain_folders};

/// The folders that ids are looked for in, in this order.
const FOLDERS: [&str; 3] = ["ideas/backlog", "ideas/in-progress", "ideas/completed"];
/// More than any idea may have; the rest is not read.
const MOST_BYTES: u64 = MAX_IDEA_BYTES as u64 + 1;
/// Ideas looked at in one folder.
const MOST_IDEAS: usize = 10_000;
/// Numbers tried for a new one.
const MOST_TRIES: u64 = 100;
/// A larger number is a date or a joke, and nothing to go on counting from.
const MOST_NUMBER: u64 = 1_000_000;

/// An idea and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The idea.
    pub(crate) idea: Idea,
    /// Its file relative to the repository's top, if it is in there.
    pub(crate) path: Option<String>,
    /// The address of its issue, if it stands in one.
    pub(crate) issue: Option<String>,
}

/// What the person named.
#[derive(Clone, Debug)]
pub(crate) enum Named {
    /// An idea that is here.
    Here(Box<Found>),
    /// An issue on GitHub, which was not looked at yet.
    Issue(u64),
}

impl Named {
    fn here(found: Found) -> Self {
        Self::Here(Box::new(found))
    }
}

/// What the person named: a path from here or from the top, an id, an issue, or `-`.
pub(crate) fn named(
    name: &str,
    top: &Path,
    surroundings: &Surroundings,
) -> Result<Named, CommandError> {
    if name == "-" {
        return from_stdin().map(Named::here);
    }
    if name.starts_with('#') {
        let number = issues::number(name).map(Named::Issue);
        return number.ok_or_else(|| {
            fail(Code::IdeaUnknown, format!("no such idea: {name} is no issue's number"))
        });
    }
    for candidate in [surroundings.resolve(Path::new(name)), top.join(name)] {
        if candidate.is_file() {
            return read(&candidate, top).map(Named::here);
        }
        if candidate.is_dir() {
            return Err(fail(Code::IdeaUnreadable, format!("{name} is a folder, not an idea")));
        }
    }
    by_id(name, top)
}

fn by_id(id: &str, top: &Path) -> Result<Named, CommandError> {
    for folder in FOLDERS {
        let mut matches: Vec<PathBuf> =
            list(&top.join(folder)).into_iter().filter(|path| has_id(path, id)).collect();
        if let [_, _, ..] = matches[..] {
            let names: Vec<String> = matches.iter().map(|path| stem(path)).collect();
            return Err(fail(
                Code::IdeaAmbiguous,
                format!("{id} names more than one idea: {}", names.join(", ")),
            ));
        }
        if let Some(path) = matches.pop() {
            return read(&path, top).map(Named::here);
        }
    }
    if let Some(number) = issues::number(id) {
        return Ok(Named::Issue(number));
    }
    Err(fail(
        Code::IdeaUnknown,
        format!("no such idea: {id} (neither a file nor an id in {})", FOLDERS[0]),
    ))
}

/// `001` is the id of `001-health.md`, and so is the whole stem.
fn has_id(path: &Path, id: &str) -> bool {
    let stem = stem(path);
    stem == id || stem.strip_prefix(id).is_some_and(|rest| rest.starts_with('-'))
}

/// The ideas of the backlog in the order in which they are taken, and a line for each file there
/// that is no idea.
pub(crate) fn backlog(top: &Path) -> (Vec<Found>, Vec<String>) {
    in_folder(top, FOLDERS[0])
}

/// Every idea of the folders: of the backlog, worked on, done.
pub(crate) fn all(top: &Path) -> (Vec<Found>, Vec<String>) {
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    for folder in FOLDERS {
        let (here, wrong) = in_folder(top, folder);
        found.extend(here);
        refused.extend(wrong);
    }
    (found, refused)
}

fn in_folder(top: &Path, folder: &str) -> (Vec<Found>, Vec<String>) {
    let mut found = Vec::new();
    let mut refused = Vec::new();
    for path in list(&top.join(folder)) {
        match read(&path, top) {
            Ok(idea) => found.push(idea),
            Err(error) => refused.push(error.line()),
        }
    }
    found.sort_by_cached_key(|found| order::of(&found.idea));
    (found, refused)
}

/// A sentence that somebody typed, as an idea of its own.
pub(crate) fn sentence(text: &str) -> Result<Idea, CommandError> {
    Idea::parse("idea", text).map_err(|error| fail(Code::IdeaUnreadable, error.to_string()))
}

/// Writes a new idea into the backlog, under the next number; where it stands.
pub(crate) fn write_new(top: &Path, title: &str, text: &str) -> Result<String, CommandError> {
    let names = FOLDERS.iter().flat_map(|folder| list(&top.join(folder)));
    let numbers = names.filter_map(|path| order::number(&stem(&path)));
    let first = numbers.filter(|number| *number < MOST_NUMBER).max().unwrap_or(0) + 1;
    plain_folders(top, FOLDERS[0])?;
    fs::create_dir_all(top.join(FOLDERS[0]))?;
    for number in first..first + MOST_TRIES {
        let path = format!("{}/{number:03}-{}.md", FOLDERS[0], slug(title, 40));
        match fs::OpenOptions::new().write(true).create_new(true).open(top.join(&path)) {
            Ok(mut file) => {
                file.write_all(text.as_bytes())?;
                return Ok(path);
            }
            // Somebody else wrote one at the same moment.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(fail(Code::InTheWay, format!("{path} cannot be written: {error}")));
            }
        }
    }
    Err(fail(Code::InTheWay, format!("no number is free in {}", FOLDERS[0])))
}

/// Whether two paths are one idea, which moves from folder to folder as it is
/// worked on.
pub(crate) fn same_place(one: &str, other: &str) -> bool {
    let name = |path: &str| {
        let (folder, name) = path.rsplit_once('/')?;
        FOLDERS.contains(&folder).then(|| name.to_owned())
    };
    one == other || name(one).is_some_and(|one| name(other) == Some(one))
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(MOST_IDEAS);
    let is_idea = |path: &PathBuf| {
        path.extension().is_some_and(|end| end == "md") && (path.is_file() || path.is_symlink())
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_idea).collect();
    paths.sort();
    paths
}

fn read(path: &Path, top: &Path) -> Result<Found, CommandError> {
    let shown = path.strip_prefix(top).unwrap_or(path).display().to_string();
    if leads_away(path, top) {
        return Err(fail(
            Code::IdeaUnreadable,
            format!("{shown} is a symbolic link, or behind one: not read as an idea"),
        ));
    }
    let file = fs::File::open(path)
        .map_err(|error| fail(Code::IdeaUnreadable, format!("{shown} cannot be read: {error}")))?;
    let text = text(file, &shown)?;
    let idea = Idea::parse(&stem(path), &text)
        .map_err(|error| fail(Code::IdeaUnreadable, format!("{shown}: {error}")))?;
    Ok(Found { idea, path: inside(path, top), issue: None })
}

/// Whether a file of the repository is another one in truth. What a commit links to may be a
/// key or `/proc/self/environ`, and an idea is told to models and people.
fn leads_away(path: &Path, top: &Path) -> bool {
    let Ok(below) = path.strip_prefix(top) else { return false };
    let mut at = top.to_owned();
    below.components().any(|part| {
        at.push(part);
        at.is_symlink()
    })
}

fn from_stdin() -> Result<Found, CommandError> {
    let text = text(std::io::stdin().lock(), "standard input")?;
    let probe = Idea::parse("stdin", &text)
        .map_err(|error| fail(Code::IdeaUnreadable, format!("standard input: {error}")))?;
    let digest = probe.digest();
    let id = format!("{}-{}", slug(&probe.title, 40), digest.get(..8).unwrap_or(&digest));
    Ok(Found { idea: Idea { id, ..probe }, path: None, issue: None })
}

fn text(reader: impl Read, shown: &str) -> Result<String, CommandError> {
    let mut bytes = Vec::new();
    let read = reader.take(MOST_BYTES).read_to_end(&mut bytes);
    read.map_err(|error| fail(Code::IdeaUnreadable, format!("{shown} cannot be read: {error}")))?;
    if bytes.len() as u64 >= MOST_BYTES {
        return Err(fail(
            Code::IdeaUnreadable,
            format!("{shown} is larger than {MAX_IDEA_BYTES} bytes"),
        ));
    }
    String::from_utf8(bytes)
        .map_err(|_| fail(Code::IdeaUnreadable, format!("{shown} is not UTF-8 text")))
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Lowercase letters, digits and single dashes, at most `most` of them; git
/// takes it as a part of a branch's name.
pub(crate) fn slug(text: &str, most: usize) -> String {
    let mut slug = String::new();
    for c in text.to_lowercase().replace("..", "-").chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') {
            slug.push(c);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= most {
            break;
        }
    }
    let slug = slug.replace("-.", "-");
    let slug = slug.trim_matches(|c| matches!(c, '-' | '.' | '_'));
    let lock = slug.strip_suffix(".lock").map(|stem| format!("{stem}-lock"));
    let slug = lock.as_deref().unwrap_or(slug);
    if slug.is_empty() { "idea".to_owned() } else { slug.to_owned() }
}

/// Eight digits that tell one id from another.
pub(crate) fn hash(id: &str) -> String {
    let digest = Sha256::digest(id.as_bytes());
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_safe_in_branch_names() {
        let cases = [
            ("Health Endpoint!", "health-endpoint"),
            ("../../etc", "etc"),
            ("  ", "idea"),
            ("..lock", "lock"),
            ("a..b", "a-b"),
            ("a...b", "a-b"),
            ("foo.lock", "foo-lock"),
            (".hidden", "hidden"),
            ("1.2", "1.2"),
            ("\u{e4}\u{f6}\u{fc}", "idea"),
            ("001-health", "001-health"),
        ];
        for (text, expected) in cases {
            assert_eq!(slug(text, 40), expected, "{text:?}");
        }
        assert_eq!(slug(&"a".repeat(100), 40).len(), 40);
    }

    #[test]
    fn an_idea_is_the_same_wherever_it_stands_among_the_ideas() {
        assert!(same_place("ideas/backlog/a.md", "ideas/in-progress/a.md"));
        assert!(same_place("x/a.md", "x/a.md"));
        assert!(!same_place("ideas/backlog/a.md", "x/a.md"));
        assert!(!same_place("ideas/backlog/a.md", "ideas/backlog/b.md"));
    }

    #[test]
    fn an_id_is_the_whole_stem_or_what_stands_before_a_dash() {
        let path = Path::new("ideas/backlog/001-health.md");
        assert!(has_id(path, "001") && has_id(path, "001-health"));
        assert!(!has_id(path, "00") && !has_id(path, "001-h") && !has_id(path, "health"));
    }
}
