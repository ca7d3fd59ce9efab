//! The library that stands between belay and libc, made once, and what it is
//! told to do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::dice::Dice;

/// The library, or why there is none on this machine.
pub(crate) fn library() -> Result<&'static Path, &'static str> {
    static MADE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let made = MADE.get_or_init(make).as_ref();
    made.map(PathBuf::as_path).map_err(String::as_str)
}

fn make() -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shim/interpose.c");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let made = folder.join("interpose.so");
    // Under a name of its own first: another test process may be loading the old one.
    let own = folder.join(format!("interpose-{}.so", std::process::id()));
    let output = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
        .args([&own, &source])
        .arg("-ldl")
        .output()
        .map_err(|error| format!("no C compiler: {error}"))?;
    assert!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::rename(own, &made).expect("the library at its place");
    Ok(made)
}

/// Where a run is stopped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    /// At the `count`th time that this call is made.
    At { when: &'static str, count: usize, name: String },
    /// At the nth point of all.
    Nth(usize),
}

impl Stop {
    /// What the library is told.
    pub(crate) fn order(&self) -> String {
        match self {
            Self::At { when, count, name } => format!("{when} {count} {name}"),
            Self::Nth(number) => number.to_string(),
        }
    }
}

/// How often each point came in an undisturbed run, before and after its call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Points {
    counted: BTreeMap<(String, &'static str), usize>,
}

impl Points {
    /// From the log that the library wrote.
    pub(crate) fn read(log: &str) -> Self {
        let mut counted = BTreeMap::new();
        for line in log.lines() {
            let (when, name) = line.split_once(' ').expect("a point");
            let when = if when == "after" { "after" } else { "before" };
            *counted.entry((name.to_owned(), when)).or_default() += 1;
        }
        Self { counted }
    }

    pub(crate) fn total(&self) -> usize {
        self.counted.values().sum()
    }

    /// How many calls of a class there are that can be told to fail.
    pub(crate) fn calls(&self, class: Class) -> usize {
        let is_meant = |name: &str| Class::of(name) == Some(class);
        let meant =
            self.counted.iter().filter(|((name, when), _)| *when == "before" && is_meant(name));
        meant.map(|(_, count)| count).sum()
    }

    /// So many stops: every name in turn, in an order by chance, at a time by chance.
    pub(crate) fn draw(&self, dice: &mut Dice, wanted: usize) -> Vec<Stop> {
        let mut left: Vec<_> = self.counted.iter().collect();
        let mut drawn = Vec::new();
        while drawn.len() < wanted && !self.counted.is_empty() {
            if left.is_empty() {
                left = self.counted.iter().collect();
            }
            let ((name, when), most) = left.swap_remove(dice.up_to(left.len()) - 1);
            drawn.push(Stop::At { when, count: dice.up_to(*most), name: name.clone() });
        }
        drawn
    }
}

/// What kind of call a point is, for a table that people read.
pub(crate) fn kind(name: &str) -> &'static str {
    let (verb, target) = name.split_once(' ').unwrap_or((name, ""));
    match verb {
        "write" if matches!(target, "stdout" | "stderr" | "pipe") => "write to a pipe",
        "write" | "cut" => "write to a file",
        "sync" => "sync",
        "create" | "mkdir" => "new file or folder",
        "rename" | "link" | "unlink" => "rename, link, unlink",
        "connect" | "send" | "receive" => "HTTP",
        "spawn" | "reap" if target.starts_with("git") => "git",
        "spawn" | "reap" => "other program",
        _ => "other",
    }
}

/// The calls that a full or dying disk makes fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Write,
    Create,
    Sync,
    Rename,
}

impl Class {
    pub(crate) const ALL: [Self; 4] = [Self::Write, Self::Create, Self::Sync, Self::Rename];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Create => "create",
            Self::Sync => "sync",
            Self::Rename => "rename",
        }
    }

    fn of(name: &str) -> Option<Self> {
        match kind(name) {
            "write to a file" => Some(Self::Write),
            "new file or folder" => Some(Self::Create),
            "sync" => Some(Self::Sync),
            _ if name.starts_with("rename") || name.starts_with("link") => Some(Self::Rename),
            _ => None,
        }
    }
}
