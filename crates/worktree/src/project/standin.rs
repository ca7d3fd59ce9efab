//! A git directory that stands in for the repository's while a hook runs. It
//! borrows the objects and copies the names; nothing that is written to it
//! reaches the repository.

use std::path::{Path, PathBuf};

use crate::edit::utf8;
use crate::error::{Error, at};
use crate::linked::Worktree;

/// Settings that hooks and the git that they call go by. Not those that hold
/// addresses and credentials, nor those that would lead to other hooks.
const SETTINGS: [&str; 22] = [
    "author.",
    "committer.",
    "core.abbrev",
    "core.attributesfile",
    "core.autocrlf",
    "core.commentchar",
    "core.commentstring",
    "core.eol",
    "core.excludesfile",
    "core.filemode",
    "core.ignorecase",
    "core.precomposeunicode",
    "core.quotepath",
    "core.safecrlf",
    "core.symlinks",
    "core.whitespace",
    "diff.",
    "filter.",
    "hooks.",
    "i18n.",
    "lfs.",
    "user.",
];

/// Made of plain files, since git's own ways of making a repository would run
/// templates, copy objects of a shallow clone, or look for credentials.
pub(super) struct StandIn {
    pub(super) git_dir: PathBuf,
}

impl StandIn {
    /// In an empty folder: the index of the worktree, `head` as a detached
    /// HEAD, and the branches and tags as they are now.
    pub(super) async fn make(worktree: &Worktree, place: &Path, head: &str) -> Result<Self, Error> {
        let git_dir = place.join("git");
        let from = worktree.repository().git_dir();
        for folder in ["objects/info", "refs/heads", "info"] {
            let folder = git_dir.join(folder);
            std::fs::create_dir_all(&folder).map_err(at(folder))?;
        }
        let refs = ["for-each-ref", "--format=%(objectname) %(refname)"];
        let refs = worktree.own_git(&refs).await?;
        let format = worktree.own_git(&["rev-parse", "--show-object-format"]).await?;
        let settings = worktree.own_git(&["config", "--local", "--list", "-z"]).await?;
        let settings = String::from_utf8_lossy(&settings);
        let is_sha1 = format.trim_ascii() == b"sha1";
        let config = config(&settings, utf8(worktree.path())?, is_sha1);
        let objects = format!("{}\n", utf8(&from.join("objects"))?);
        for (name, content) in [
            ("HEAD", format!("{head}\n").as_bytes()),
            ("config", config.as_bytes()),
            ("objects/info/alternates", objects.as_bytes()),
            ("packed-refs", &refs),
        ] {
            let file = git_dir.join(name);
            std::fs::write(&file, content).map_err(at(file))?;
        }
        copy(&worktree.admin().join("index"), &git_dir.join("index"))?;
        for name in ["shallow", "info/exclude", "info/attributes"] {
            copy(&from.join(name), &git_dir.join(name))?;
        }
        Ok(Self { git_dir })
    }

    /// What git gives to hooks.
    pub(super) fn env(&self) -> Vec<(String, String)> {
        let git_dir = self.git_dir.display().to_string();
        [
            ("GIT_INDEX_FILE", format!("{git_dir}/index")),
            ("GIT_DIR", git_dir),
            ("GIT_PREFIX", String::new()),
            // No hook waits for somebody who types.
            ("GIT_EDITOR", ":".to_owned()),
            ("GIT_TERMINAL_PROMPT", "0".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

/// Nothing to copy is fine.
fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    match std::fs::copy(from, to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(at(from)(error)),
        _ => Ok(()),
    }
}

/// From git's own list, where a line end divides a name from its value and a
/// NUL ends it.
fn config(settings: &str, worktree: &str, is_sha1: bool) -> String {
    let mut config = String::new();
    let mut add = |name: &str, value: &str| {
        let Some((section, key)) = name.rsplit_once('.') else {
            return;
        };
        let header = match section.split_once('.') {
            Some((section, below)) => format!("[{section} {}]", quoted(below)),
            None => format!("[{section}]"),
        };
        config.push_str(&format!("{header}\n\t{key} = {}\n", quoted(value)));
    };
    for setting in settings.split('\0').filter(|setting| !setting.is_empty()) {
        // Without a value it means true.
        let (name, value) = setting.split_once('\n').unwrap_or((setting, "true"));
        let is_wanted =
            |wanted: &&str| name == *wanted || wanted.ends_with('.') && name.starts_with(*wanted);
        if SETTINGS.iter().any(is_wanted) {
            add(name, value);
        }
    }
    add("core.repositoryformatversion", if is_sha1 { "0" } else { "1" });
    if !is_sha1 {
        add("extensions.objectformat", "sha256");
    }
    add("core.bare", "false");
    add("core.worktree", worktree);
    config
}

fn quoted(value: &str) -> String {
    let escaped =
        value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_lead_elsewhere_or_hold_credentials_stay_behind() {
        let listed = "core.hookspath\n.husky/_\0core.autocrlf\ninput\0user.name\nAda \"A\" \\ L\0\
            http.https://example.org/.extraheader\nAUTHORIZATION: basic c2VjcmV0\0\
            remote.origin.url\nhttps://x:secret@example.org\0credential.helper\nstore\0\
            filter.my \"f\".clean\nsed s/a/b/\0core.filemode\0core.worktree\n/elsewhere\0\
            include.path\nsecret\0hooks.allownonascii\ntrue\0";
        let config = config(listed, "/place of it", false);
        insta::assert_snapshot!(config, @r#"
        [core]
        	autocrlf = "input"
        [user]
        	name = "Ada \"A\" \\ L"
        [filter "my \"f\""]
        	clean = "sed s/a/b/"
        [core]
        	filemode = "true"
        [hooks]
        	allownonascii = "true"
        [core]
        	repositoryformatversion = "1"
        [extensions]
        	objectformat = "sha256"
        [core]
        	bare = "false"
        [core]
        	worktree = "/place of it"
        "#);
    }
}
