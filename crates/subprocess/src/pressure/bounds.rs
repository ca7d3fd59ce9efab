//! Where the texts about memory stand on a machine, in a container and in a
//! service, by either version of control groups.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::getpid;

use super::texts::{self, Mount, Version};
use super::{Bound, Error, Memory, Pressure};
use crate::descendants::Descendants;

/// The smallest limit, with the folder of the group that has it.
struct Limit {
    bytes: u64,
    group: PathBuf,
    version: Version,
}

/// Beneath `root`, the system's or a test's.
pub(super) fn memory(root: &Path) -> Result<Memory, Error> {
    let machine = fact(&root.join("proc/meminfo"), "MemTotal:")?;
    let used = used(root)?;
    let read = |path: &str| fs::read_to_string(root.join(path)).ok();
    let limit = [Version::Two, Version::One]
        .into_iter()
        .filter_map(|version| smallest(root, version))
        .filter(|limit| limit.bytes < machine)
        .min_by_key(|limit| limit.bytes);
    let Some(limit) = limit else {
        let stalled = read("proc/pressure/memory").as_deref().and_then(texts::stalled);
        let pressure = Pressure { met_limit: None, stalled };
        return Ok(Memory { used, limit: machine, bound: Bound::Machine, pressure });
    };
    let of_group = |name: &str| fs::read_to_string(limit.group.join(name)).ok();
    let pressure = match limit.version {
        Version::Two => Pressure {
            met_limit: of_group("memory.events").as_deref().and_then(texts::met_limit),
            stalled: of_group("memory.pressure").as_deref().and_then(texts::stalled),
        },
        Version::One => Pressure {
            met_limit: of_group("memory.failcnt").as_deref().and_then(texts::limit),
            stalled: None,
        },
    };
    Ok(Memory { used, limit: limit.bytes, bound: Bound::Group, pressure })
}

/// A descendant that is gone by now uses none.
fn used(root: &Path) -> Result<u64, Error> {
    let resident = |pid: &str| fact(&root.join(format!("proc/{pid}/status")), "VmRSS:");
    let mut tree = Descendants::of(getpid());
    tree.observe();
    let descendants = tree.pids().filter_map(|pid| resident(&pid.to_string()).ok());
    Ok(descendants.fold(resident("self")?, u64::saturating_add))
}

fn fact(path: &Path, word: &str) -> Result<u64, Error> {
    let text =
        fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    texts::kibibytes(&text, word).ok_or_else(|| Error::Unclear { path: path.to_owned() })
}

/// Of this process's group and all groups around it: each bounds it.
fn smallest(root: &Path, version: Version) -> Option<Limit> {
    let group = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let mounts = fs::read_to_string(root.join("proc/self/mountinfo")).ok()?;
    let mount = Mount::find(&mounts, version)?;
    let folder = mount.folder(texts::group(&group, version)?);
    let name = match version {
        Version::One => "memory.limit_in_bytes",
        Version::Two => "memory.max",
    };
    folder
        .ancestors()
        .take_while(|folder| folder.starts_with(&mount.at))
        .filter_map(|folder| {
            let group = root.join(folder.strip_prefix("/").ok()?);
            let text = fs::read_to_string(group.join(name)).ok()?;
            Some(Limit { bytes: texts::limit(&text)?, group, version })
        })
        .min_by_key(|limit| limit.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    /// A machine of 4 GiB, of which this process uses 10 MiB.
    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new(cgroup: &str, mounts: &str) -> Self {
            let machine = Self(tempfile::tempdir().unwrap());
            machine.write("proc/meminfo", "MemTotal:  4194304 kB\nMemFree: 100 kB\n");
            machine.write("proc/self/status", "Name: x\nVmRSS:  10240 kB\n");
            machine.write("proc/self/cgroup", cgroup);
            machine.write("proc/self/mountinfo", mounts);
            machine
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn memory(&self) -> Memory {
            memory(self.0.path()).unwrap()
        }
    }

    const TWO: &str = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";

    #[test]
    fn without_a_limit_the_machine_bounds() {
        for cgroup in ["0::/\n", "0::/user.slice\n", ""] {
            let machine = Machine::new(cgroup, TWO);
            machine.write("sys/fs/cgroup/user.slice/memory.max", "max\n");
            machine.write("proc/pressure/memory", "some avg10=50.00 avg60=0.00\n");
            let memory = machine.memory();
            assert_eq!((memory.used, memory.limit), (10 * MIB, 4096 * MIB));
            assert_eq!(memory.bound, Bound::Machine);
            assert_eq!(memory.pressure, Pressure { met_limit: None, stalled: Some(0.5) });
        }
    }

    #[test]
    fn the_smallest_limit_of_all_groups_around_counts() {
        let machine = Machine::new("0::/system.slice/runner.service/job\n", TWO);
        let top = "sys/fs/cgroup/system.slice";
        machine.write(&format!("{top}/memory.max"), &(900 * MIB).to_string());
        machine.write(&format!("{top}/runner.service/memory.max"), &(500 * MIB).to_string());
        machine.write(&format!("{top}/runner.service/memory.events"), "high 2\nmax 5\n");
        machine.write(&format!("{top}/runner.service/memory.pressure"), "some avg10=1.00\n");
        machine.write(&format!("{top}/runner.service/job/memory.max"), "max\n");
        let memory = machine.memory();
        assert_eq!((memory.limit, memory.bound), (500 * MIB, Bound::Group));
        assert_eq!(memory.pressure, Pressure { met_limit: Some(7), stalled: Some(0.01) });
    }

    #[test]
    fn a_container_that_is_told_its_name_outside_looks_at_its_top() {
        let mounts = "35 31 0:32 /docker/a1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let machine = Machine::new("4:memory:/docker/a1\n0::/x\n", mounts);
        machine.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n");
        machine.write("sys/fs/cgroup/memory/memory.failcnt", "3\n");
        let memory = machine.memory();
        assert_eq!((memory.limit, memory.bound), (256 * MIB, Bound::Group));
        assert_eq!(memory.pressure, Pressure { met_limit: Some(3), stalled: None });
    }

    #[test]
    fn a_limit_beyond_the_machine_is_none() {
        let mounts = "35 31 0:32 / /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let machine = Machine::new("4:memory:/\n", mounts);
        machine.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(machine.memory().bound, Bound::Machine);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let machine = Machine::new("", "");
        machine.write("proc/meminfo", "nothing\n");
        let error = memory(machine.0.path()).unwrap_err();
        assert!(matches!(&error, Error::Unclear { path } if path.ends_with("meminfo")), "{error}");
        let nowhere = memory(&machine.0.path().join("nowhere")).unwrap_err();
        assert!(matches!(nowhere, Error::Read { .. }), "{nowhere}");
    }
}
