//! The plain data that callers hold: names of git objects, tree entries, and
//! the full description of a commit before it is made, which a journal keeps
//! so that making it twice gives one object.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! object_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The full hexadecimal name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// `None` unless it is a full hexadecimal object name, which also
            /// keeps anything that looks like an option away from git.
            pub(crate) fn parse(text: &str) -> Option<Self> {
                is_object_name(text).then(|| Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

object_id! {
    /// The name of a commit.
    CommitId
}
object_id! {
    /// The name of a tree: the content of all files at one point.
    TreeId
}

/// SHA-1 or SHA-256, as the repository has it.
pub(crate) fn is_object_name(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// What an entry of a tree is.
#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A file.
    Regular,
    /// A file that may be executed.
    Executable,
    /// A symbolic link; its content is its target.
    Symlink,
    /// A commit of another repository; it has no content here.
    Submodule,
}

impl Mode {
    pub(crate) fn from_octal(text: &str) -> Option<Self> {
        match text {
            // 100664 is what git wrote long ago; it reads it as 100644.
            "100644" | "100664" => Some(Self::Regular),
            "100755" => Some(Self::Executable),
            "120000" => Some(Self::Symlink),
            "160000" => Some(Self::Submodule),
            _ => None,
        }
    }

    pub(crate) fn octal(self) -> &'static str {
        match self {
            Self::Regular => "100644",
            Self::Executable => "100755",
            Self::Symlink => "120000",
            Self::Submodule => "160000",
        }
    }

    pub(crate) fn is_file(self) -> bool {
        matches!(self, Self::Regular | Self::Executable)
    }
}

/// An entry of a tree, folders left out.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// Relative to the repository's top, with forward slashes.
    pub path: String,
    /// What it is.
    pub mode: Mode,
    /// Bytes; 0 for a submodule.
    pub size: u64,
}

/// One file of a change.
#[derive(Serialize, Deserialize, Debug, Clone, Default, PartialEq, Eq)]
pub struct FileWrite {
    /// Relative to the repository's top, with forward slashes.
    pub path: String,
    /// What the file is to hold, byte for byte. `None` deletes it, or with
    /// `from` moves that file as it is.
    pub content: Option<Vec<u8>>,
    /// If given, what the file must hold before; else the whole change is
    /// refused.
    pub before: Option<Vec<u8>>,
    /// The file is this one renamed: its mode, and without `content` also its
    /// content, are those of this file, which another write of the same change
    /// must delete. `None` for a file that is no renamed one.
    #[serde(default)]
    pub from: Option<String>,
}

/// Who a commit is by.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Not empty.
    pub name: String,
    /// May be empty, as git allows.
    pub email: String,
}

/// Everything a commit is made of, so that the same intent gives the same id.
#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
pub struct CommitIntent {
    /// The content.
    pub tree: TreeId,
    /// The only parent.
    pub parent: CommitId,
    /// Subject, body and trailers, taken as they are but for characters that
    /// no message may hold.
    pub message: String,
    /// Author and committer.
    pub author: Person,
    /// Author's and committer's date, in whole seconds and UTC.
    pub at: jiff::Timestamp,
    /// Whether it is signed, as git's config says how. `false` in an intent
    /// that was stored before there was a choice.
    #[serde(default)]
    pub sign: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_names_are_full_lower_case_hexadecimal() {
        let sha1 = "0123456789abcdef0123456789abcdef01234567";
        assert!(is_object_name(sha1));
        assert!(is_object_name(&"a".repeat(64)));
        for bad in ["", "HEAD", "-x", &sha1[1..], &sha1.to_uppercase()] {
            assert!(CommitId::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn ids_travel_as_plain_strings() {
        let id = TreeId::parse(&"b".repeat(40)).unwrap();
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{}\"", "b".repeat(40)));
        assert_eq!(serde_json::from_str::<TreeId>(&json).unwrap(), id);
    }
}
