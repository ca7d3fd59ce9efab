//! What a failed attempt left, kept under a name until somebody has looked at
//! it: a tree, made a commit, below `refs/belay/salvage/`. It is never merged
//! by itself, and never goes before it is told to.

use crate::error::Error;
use crate::git::{Call, complaint};
use crate::objects::{CommitId, CommitIntent};
use crate::refs::commit_id;
use crate::repository::Repository;
use crate::salvage::KEPT;

/// Other work of the same name.
const MOST_OF_A_NAME: usize = 1000;

/// Longer names do not fit file systems.
const LONGEST: usize = 200;

impl Repository {
    /// Keeps what the intent says, unsigned, as `refs/belay/salvage/NAME`. If
    /// that name holds the same tree already nothing is done; if another one,
    /// the first free one of `NAME-2`, `NAME-3` and so on is taken. Returns the
    /// name and the commit that it stands for.
    ///
    /// # Errors
    ///
    /// `BadKeptName` unless the name is made of letters and digits of ASCII,
    /// `-`, `_`, `.` and `/`; `Git` if the tree or the parent does not exist,
    /// or if the name is the folder of another one.
    pub async fn salvage_tree(
        &self,
        name: &str,
        intent: &CommitIntent,
    ) -> Result<(String, CommitId), Error> {
        check_name(name)?;
        let commit = self.commit(&CommitIntent { sign: false, ..intent.clone() }).await?;
        let numbered = (2..=MOST_OF_A_NAME).map(|number| format!("{name}-{number}"));
        for candidate in std::iter::once(name.to_owned()).chain(numbered) {
            let full = format!("{KEPT}{candidate}");
            // Twice, since another process may take it in between.
            for _ in 0..2 {
                match self.ref_tip(&full).await? {
                    Some(found) if self.tree_of(&found).await? == intent.tree => {
                        return Ok((candidate, found));
                    }
                    Some(_) => break,
                    None if self.take_name(&full, &commit).await? => {
                        tracing::info!(name = %candidate, %commit, "unfinished work is kept");
                        return Ok((candidate, commit));
                    }
                    None => {}
                }
            }
        }
        Err(Error::BadKeptName { name: name.to_owned() })
    }

    /// Everything that is kept below a name, as `NAME/...`, by name.
    ///
    /// # Errors
    ///
    /// `BadKeptName`, `Git`.
    pub async fn salvaged(&self, below: &str) -> Result<Vec<(String, CommitId)>, Error> {
        check_name(below)?;
        let pattern = format!("{KEPT}{below}/");
        let args = ["for-each-ref", "--format=%(objectname) %(refname)", &pattern];
        let list = self.caller().line(&Call::new(&args)).await?;
        let mut kept = Vec::new();
        for line in list.lines() {
            let (id, name) = line.split_once(' ').unwrap_or((line, ""));
            if let Some(name) = name.strip_prefix(KEPT) {
                kept.push((name.to_owned(), commit_id("for-each-ref", id)?));
            }
        }
        Ok(kept)
    }

    /// Forgets everything that is kept below a name, all or nothing. Returns
    /// how many there were.
    ///
    /// # Errors
    ///
    /// As for `salvaged`; `Git` also if one of them is moved at this moment.
    pub async fn forget_salvaged(&self, below: &str) -> Result<usize, Error> {
        let kept = self.salvaged(below).await?;
        if kept.is_empty() {
            return Ok(0);
        }
        let told: String =
            kept.iter().map(|(name, commit)| format!("delete {KEPT}{name}\0{commit}\0")).collect();
        let call = Call::new(&["update-ref", "--no-deref", "--stdin", "-z"]);
        self.caller().run(&call.stdin(told).uninterrupted()).await?;
        Ok(kept.len())
    }

    /// Whether the ref, which must not exist, stands for the commit now; not so
    /// if somebody else took the name.
    async fn take_name(&self, full: &str, commit: &CommitId) -> Result<bool, Error> {
        let none = "0".repeat(commit.as_str().len());
        let args = ["update-ref", "--no-deref", "-m", "belay", full, commit.as_str(), &none];
        let output = self.caller().try_run(&Call::new(&args).uninterrupted()).await?;
        if output.success() {
            return Ok(true);
        }
        if self.ref_tip(full).await?.is_some() {
            return Ok(false);
        }
        Err(Error::Git { command: "update-ref".to_owned(), message: complaint(&output) })
    }
}

/// Stricter than git: such a name stands in issues, and in commands that a
/// person copies from there.
fn check_name(name: &str) -> Result<(), Error> {
    let is_part = |part: &str| {
        let is_letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        part.bytes().all(is_letter)
            && !part.is_empty()
            && !part.starts_with(['-', '.'])
            && !part.ends_with('.')
            && !part.ends_with(".lock")
            && !part.contains("..")
    };
    if name.len() <= LONGEST && name.split('/').all(is_part) {
        return Ok(());
    }
    Err(Error::BadKeptName { name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_git_and_a_shell_take_as_they_are() {
        for name in ["a", "01ARZ3NDEKTSV4RRFFQ69G5FAV/m1/i2-claude_code.3"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        let long = "a".repeat(LONGEST + 1);
        for name in [
            "", "/", "a/", "/a", "a//b", "../a", "a/..", ".a", "-a", "a b", "a\0b", "a;b", "a..b",
            "a.lock", "a.lock/b", "a.", "ü", "a~1", "a^", "a:b", "@{u}", &long,
        ] {
            assert!(matches!(check_name(name), Err(Error::BadKeptName { .. })), "{name}");
        }
    }
}
