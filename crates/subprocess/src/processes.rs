//! What `/proc` tells about a process by its number. Read as if every process
//! may end, or try to mislead, between two looks: a number alone means nothing,
//! a number with the time it was started means one process and no other.
//!
//! Nothing here waits for a process, but for `variables`: the system locks the
//! memory it reads them from, and whoever hangs in the kernel may hold that.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

use rustix::process::{geteuid, getpid};

/// Where variables beyond this are not looked for.
const VARIABLES: u64 = 1024 * 1024;

/// One line of facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The program's name, cut off after 15 bytes.
    pub(crate) name: String,
    /// It has ended, and waits for somebody to ask how.
    pub(crate) ended: bool,
    /// It was stopped and has a terminal, as one that reads there in the background.
    pub(crate) stopped_at_terminal: bool,
    pub(crate) parent: i32,
    /// In clock ticks since the machine started.
    pub(crate) started: u64,
}

impl Facts {
    pub(crate) fn of(pid: i32) -> Option<Self> {
        let line = fs::read(format!("/proc/{pid}/stat")).ok()?;
        Self::parse(&String::from_utf8_lossy(&line))
    }

    /// The name may itself hold spaces and parentheses, so that counting starts
    /// after the last closing one.
    fn parse(line: &str) -> Option<Self> {
        let (before, fields) = line.rsplit_once(')')?;
        let (_, name) = before.split_once('(')?;
        let mut fields = fields.split_ascii_whitespace();
        let state = fields.next()?;
        let ended = matches!(state, "Z" | "X" | "x");
        let parent = fields.next()?.parse().ok()?;
        let has_terminal = fields.nth(2)? != "0";
        let stopped_at_terminal = state == "T" && has_terminal;
        let started = fields.nth(14)?.parse().ok()?;
        Some(Self { name: name.to_owned(), ended, stopped_at_terminal, parent, started })
    }
}

/// When a process that has not ended was started.
pub(crate) fn started(pid: i32) -> Option<u64> {
    Facts::of(pid).filter(|facts| !facts.ended).map(|facts| facts.started)
}

/// The children of all its threads.
pub(crate) fn children(pid: i32) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| {
            list.split_ascii_whitespace()
                .filter_map(|child| child.parse().ok())
                .collect::<Vec<i32>>()
        })
        .collect()
}

/// Every process that is shown; none where that is not told.
pub(crate) fn all() -> Option<impl Iterator<Item = i32>> {
    let processes = fs::read_dir("/proc").ok()?;
    Some(processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}

/// Whether it runs as this user. One that may not be looked into seems not to.
pub(crate) fn is_this_users(pid: i32) -> bool {
    fs::metadata(format!("/proc/{pid}")).is_ok_and(|facts| facts.uid() == geteuid().as_raw())
}

/// The value of a variable, as the process was given it. `buffer` is only to
/// be used again.
pub(crate) fn variable(pid: i32, name: &str, buffer: &mut Vec<u8>) -> Option<String> {
    buffer.clear();
    let file = File::open(format!("/proc/{pid}/environ")).ok()?;
    file.take(VARIABLES).read_to_end(buffer).ok()?;
    find(buffer, name)
}

fn find(variables: &[u8], name: &str) -> Option<String> {
    let value = variables.split(|byte| *byte == 0).find_map(|pair| {
        pair.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"="))
    })?;
    String::from_utf8(value.to_vec()).ok()
}

/// Whether the numbers in `/proc` are those by which this process can signal:
/// a new namespace may still show the `/proc` of the old one, and every number
/// would mean somebody else.
pub(crate) fn are_ours() -> bool {
    static OURS: OnceLock<bool> = OnceLock::new();
    *OURS.get_or_init(|| {
        let this = getpid().as_raw_nonzero().to_string();
        fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() == this.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_what_separates_the_fields() {
        let line = "42 (a) (Z 1) 7) S 7 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 9876 1 2\n";
        let facts = Facts::parse(line).unwrap();
        assert_eq!((facts.name.as_str(), facts.parent, facts.started), ("a) (Z 1) 7", 7, 9876));
        assert!(!facts.ended);
        assert!(Facts::parse(&line.replacen(") S", ") Z", 1)).unwrap().ended);
    }

    #[test]
    fn a_line_that_is_cut_off_says_nothing() {
        for line in ["", "42", "42 (a", "42 (a)", "42 (a) S 7 42", "42 (a) S x 1"] {
            assert_eq!(Facts::parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_variable_is_found_by_its_whole_name() {
        let variables = b"AMARK=no\0MARKS=no\0\xff=\xfe\0MARK=a=b c\0MARK=later";
        assert_eq!(find(variables, "MARK").as_deref(), Some("a=b c"));
        assert_eq!(find(b"", "MARK"), None);
        assert_eq!(find(b"MARK", "MARK"), None);
        assert_eq!(find(b"MARK=\xff", "MARK"), None);
    }

    #[test]
    fn this_process_is_found_with_its_parent() {
        let this = getpid().as_raw_nonzero().get();
        assert!(are_ours());
        assert!(all().unwrap().any(|pid| pid == this));
        let facts = Facts::of(this).unwrap();
        let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get();
        assert_eq!(facts.parent, parent);
        assert_eq!(started(this), Some(facts.started));
        assert!(is_this_users(this));
    }
}
