//! Git's configuration as the project's commands see it: a checkout leaves a
//! token in `.git/config`, and a credential helper hands one to whoever asks.
//! Git must work in there all the same, so these files are shown without the
//! lines that hold or lead to keys.

use std::io;
use std::path::{Path, PathBuf};

use super::{Places, unwritable};
use crate::environment::Surroundings;

/// A larger file is not read; it cannot be read in there either.
const LARGEST: u64 = 1024 * 1024;

/// Sections that hold or lead to keys, or to files that do.
const SECTIONS: &[&str] = &["credential", "include", "includeif", "sendemail", "imap"];

/// Keys of other sections that do.
const KEYS: &[&str] = &[
    "extraheader",
    "cookiefile",
    "password",
    "passwd",
    "token",
    "helper",
    "sslkey",
    "proxy",
    "sshcommand",
    "askpass",
];

/// Each config file that holds such lines, with one that stands in for it.
pub(super) fn stand_ins(
    surroundings: &Surroundings,
    home: Option<&Path>,
    places: &Places<'_>,
) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    let absolute =
        |name: &str| surroundings.var(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let in_home = |name: &str| home.map(|home| home.join(name));
    let xdg = absolute("XDG_CONFIG_HOME").or_else(|| in_home(".config"));
    let files = [
        Some(places.git_dir.join("config")),
        Some(places.git_dir.join("config.worktree")),
        absolute("GIT_CONFIG_GLOBAL").or_else(|| in_home(".gitconfig")),
        xdg.map(|xdg| xdg.join("git/config")),
        Some(PathBuf::from("/etc/gitconfig")),
    ];
    let mut replaced = Vec::new();
    for (number, file) in files.into_iter().flatten().enumerate() {
        let Some(text) = read(&file) else {
            continue;
        };
        let clean = without_keys(&text);
        if clean == text {
            continue;
        }
        let stand_in = places.scratch.join(format!("git-config-{number}"));
        write(&stand_in, places.scratch, &clean)
            .map_err(|error| unwritable(places.scratch, &error))?;
        replaced.push((file, stand_in));
    }
    Ok(replaced)
}

fn write(file: &Path, folder: &Path, text: &str) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut whole = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut whole, text.as_bytes())?;
    // Two processes may do this at once; both write the same.
    whole.persist(file).map(drop).map_err(|error| error.error)
}

fn read(file: &Path) -> Option<String> {
    let facts = std::fs::metadata(file).ok()?;
    if !facts.is_file() || facts.len() > LARGEST {
        return None;
    }
    Some(String::from_utf8_lossy(&std::fs::read(file).ok()?).into_owned())
}

/// The text without the lines that hold or lead to keys.
fn without_keys(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut in_keys = false;
    let mut dropped = false;
    for line in text.split_inclusive('\n') {
        // A value goes on where a line ends in a backslash.
        let goes_on = line.trim_end_matches(['\n', '\r']).ends_with('\\');
        let continued = std::mem::replace(&mut dropped, false);
        let trimmed = line.trim_start();
        let mut rest = trimmed;
        if let Some(head) = trimmed.strip_prefix('[').filter(|_| !continued) {
            in_keys = is_section_of_keys(head);
            // A section may begin with its first value on the same line.
            rest = head.split_once(']').map_or("", |(_, rest)| rest.trim_start());
            if !in_keys && (is_key(rest) || has_password(head)) {
                in_keys = true;
            }
        }
        if continued || in_keys || is_key(rest) || has_password(line) {
            dropped = goes_on;
            continue;
        }
        kept.push_str(line);
    }
    kept
}

fn is_section_of_keys(head: &str) -> bool {
    let name: String =
        head.chars().take_while(|letter| letter.is_alphanumeric()).collect::<String>();
    SECTIONS.contains(&name.to_ascii_lowercase().as_str())
}

fn is_key(line: &str) -> bool {
    let name: String =
        line.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '-').collect();
    let name = name.to_ascii_lowercase();
    KEYS.iter().any(|key| name.ends_with(key))
}

/// Whether an address with a user and a password, or a token, stands in it.
fn has_password(line: &str) -> bool {
    line.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '"', ' ', '?', '#']).next().unwrap_or_default();
        authority.contains('@')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_or_leads_to_keys_is_left_out_and_the_rest_stays() {
        let text = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\
            [remote \"origin\"]\n\turl = https://x:ghp_secret@github.com/o/r\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n\
            [http \"https://github.com/\"]\n\textraheader = AUTHORIZATION: basic c2VjcmV0\n\
            [credential]\n\thelper = store\n\tusername = me\n\
            [includeIf \"gitdir:/x\"]\n\tpath = /tmp/keys\n\
            [user]\n\tname = Ada\n[github] token = secret\n[alias]\n\tst = status\n";
        let kept = without_keys(text);
        assert_eq!(
            kept,
            "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\
            [remote \"origin\"]\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n\
            [http \"https://github.com/\"]\n[user]\n\tname = Ada\n[alias]\n\tst = status\n"
        );
        assert_eq!(without_keys(&kept), kept);
    }

    #[test]
    fn a_value_over_several_lines_goes_as_a_whole() {
        let text = "[http]\n\textraHeader = A: \\\nsecret \\\nmore\n\tsslVerify = true\n";
        assert_eq!(without_keys(text), "[http]\n\tsslVerify = true\n");
    }

    #[test]
    fn an_address_without_a_user_is_no_secret() {
        let text = "[remote \"o\"]\n\turl = https://github.com/o/r@v1\n[url \"git@github.com:\"]\n\tinsteadOf = gh:\n";
        assert_eq!(without_keys(text), text);
    }
}
