//! The texts in which the system tells about memory, as values. They are read
//! on machines of every kind, so that what is not understood says nothing, and
//! breaks nothing.

use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The two ways in which control groups are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// The bytes behind a word such as `VmRSS:`, in a file that counts in kB.
pub(super) fn kibibytes(text: &str, word: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(word))?;
    rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// This process's control group for memory, out of `/proc/self/cgroup`.
pub(super) fn group(text: &str, version: Version) -> Option<&str> {
    text.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let is_it = match version {
            Version::One => controllers.split(',').any(|one| one == "memory"),
            Version::Two => number == "0" && controllers.is_empty(),
        };
        is_it.then_some(path)
    })
}

/// Where control groups can be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// Which group is at its top.
    root: PathBuf,
    /// The folder.
    pub(super) at: PathBuf,
}

impl Mount {
    /// Out of `/proc/self/mountinfo`.
    pub(super) fn find(text: &str, version: Version) -> Option<Self> {
        text.lines().find_map(|line| {
            let (mount, system) = line.split_once(" - ")?;
            let mut mount = mount.split(' ').skip(3);
            let (root, at) = (mount.next()?, mount.next()?);
            let mut system = system.split(' ');
            let (kind, options) = (system.next()?, system.nth(1).unwrap_or_default());
            let is_it = match version {
                Version::One => kind == "cgroup" && options.split(',').any(|one| one == "memory"),
                Version::Two => kind == "cgroup2",
            };
            is_it.then(|| Self { root: unescaped(root), at: unescaped(at) })
        })
    }

    /// The folder of a group. One beyond what is mounted, as in a container that
    /// is told its name outside, is taken for the top.
    pub(super) fn folder(&self, group: &str) -> PathBuf {
        let beneath = Path::new(group).strip_prefix(&self.root).unwrap_or(Path::new(""));
        let outside = beneath.components().any(|part| part == std::path::Component::ParentDir);
        if outside { self.at.clone() } else { self.at.join(beneath) }
    }
}

/// Spaces and the like are written as three octal digits.
fn unescaped(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let code = behind
            .get(..3)
            .filter(|_| first == b'\\')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &behind[3..] } else { behind };
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

/// A limit in bytes; the word `max` is none.
pub(super) fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// How often a limit was met, out of `memory.events`: at the mark that slows
/// down and at the one that stops.
pub(super) fn met_limit(text: &str) -> Option<u64> {
    let count = |word: &str| {
        text.lines().find_map(|line| line.strip_prefix(word)?.trim().parse::<u64>().ok())
    };
    Some(count("high ")?.saturating_add(count("max ")?))
}

/// The share of the last ten seconds, out of a file about pressure.
pub(super) fn stalled(text: &str) -> Option<f64> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let percent: f64 =
        some.split(' ').find_map(|field| field.strip_prefix("avg10="))?.parse().ok()?;
    (0.0..=100.0).contains(&percent).then(|| percent / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_by_their_word() {
        let status = "Name:\tbelay\nVmHWM:\t  9 kB\nVmRSS:\t   5124 kB\nThreads:\t4\n";
        assert_eq!(kibibytes(status, "VmRSS:"), Some(5124 * 1024));
        for text in ["", "VmRSS:", "VmRSS: 5124", "VmRSS: -1 kB", "VmRSS: 99999999999999999 kB"] {
            assert_eq!(kibibytes(text, "VmRSS:"), None, "{text}");
        }
    }

    #[test]
    fn the_group_is_found_in_either_way() {
        let one = "11:cpu,cpuacct:/x\n4:memory:/docker/a:b\n0::/system.slice\n";
        assert_eq!(group(one, Version::One), Some("/docker/a:b"));
        assert_eq!(group(one, Version::Two), Some("/system.slice"));
        assert_eq!(group("0::/\n", Version::One), None);
        assert_eq!(group("", Version::Two), None);
    }

    #[test]
    fn a_mount_is_found_by_its_kind_and_its_controller() {
        let text = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
                    33 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                    35 31 0:32 /docker/a /sys/fs/my\\040groups/memory rw shared:9 - cgroup cgroup rw,memory\n\
                    36 31 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let one = Mount::find(text, Version::One).unwrap();
        assert_eq!(one.at, Path::new("/sys/fs/my groups/memory"));
        assert_eq!(one.folder("/docker/a/b"), one.at.join("b"));
        assert_eq!(one.folder("/docker/a"), one.at);
        assert_eq!(one.folder("/elsewhere"), one.at);
        assert_eq!(one.folder("/docker/a/../b"), one.at);
        let two = Mount::find(text, Version::Two).unwrap();
        assert_eq!(two.at, Path::new("/sys/fs/cgroup/unified"));
        assert_eq!(Mount::find("a - cgroup2\n\n", Version::Two), None);
    }

    #[test]
    fn what_is_no_escape_stays() {
        for (text, path) in [("/a\\134b", "/a\\b"), ("/a\\", "/a\\"), ("/\\9x", "/\\9x")] {
            assert_eq!(unescaped(text), Path::new(path));
        }
    }

    #[test]
    fn limits_events_and_stalls_are_read_or_say_nothing() {
        assert_eq!(limit("536870912\n"), Some(536_870_912));
        assert_eq!(limit("max\n"), None);
        let events = "low 0\nhigh 3\nmax 14\noom 1\noom_kill 1\noom_group_kill 0\n";
        assert_eq!(met_limit(events), Some(17));
        assert_eq!(met_limit("low 0\n"), None);
        let stall = "some avg10=12.50 avg60=1.00 avg300=0.00 total=5\nfull avg10=9.00 avg60=0.00\n";
        assert_eq!(stalled(stall), Some(0.125));
        for text in ["", "some", "some avg10=x", "some avg10=NaN", "full avg10=9.00"] {
            assert_eq!(stalled(text), None, "{text}");
        }
    }
}
