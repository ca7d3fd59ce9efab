//! Namespaces for a command's processes and mounts. Many systems deny them to
//! ordinary users, some only halfway: the namespace is made, and then nothing
//! may be done in it, not even be oneself. So it is tried in a process that
//! may be spoilt.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::process::Stdio;

use nix::sched::{CloneFlags, unshare};
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::{getegid, geteuid};
use rustix::thread::{
    CapabilitySet, capabilities, configure_capability_in_ambient_set, set_capabilities,
};

use super::keeper;
use super::orders::PROBE;
use crate::confinement::END;

const PRIVATE: MountPropagationFlags =
    MountPropagationFlags::PRIVATE.union(MountPropagationFlags::REC);

/// Puts this process into new namespaces; the next child is the first of the
/// new one. In words why it cannot be had; then nothing has changed.
pub(super) fn enter(this: &[OsString]) -> Result<(), String> {
    if may_already() {
        return unshare(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS)
            .map_err(|error| format!("no namespaces can be entered here: {error}"));
    }
    let mut probe = keeper::again(this);
    let probe = probe.args([PROBE, END, "probe"]).stdin(Stdio::inherit());
    match probe.status() {
        Ok(status) if status.success() => {}
        Ok(_) => return Err("ordinary users cannot enter namespaces here".to_owned()),
        Err(error) => return Err(format!("namespaces cannot be tried: {error}")),
    }
    as_user().map_err(|error| format!("namespaces cannot be entered: {error}"))
}

/// Tries what `enter` does, and what is done inside; 0 if all of it goes.
pub(super) fn probe() -> i32 {
    let tried = as_user().and_then(|()| Ok(mount_change("/", PRIVATE)?));
    i32::from(tried.is_err())
}

/// Makes this process's mounts its own, so that nothing it mounts shows outside.
pub(super) fn own_mounts() -> io::Result<()> {
    Ok(mount_change("/", PRIVATE)?)
}

/// What can be known without entering.
pub(super) fn forecast() -> Result<(), String> {
    let limit = |name| {
        let text = fs::read_to_string(format!("/proc/sys/{name}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    if !may_already() {
        for (name, denying) in [
            ("user/max_user_namespaces", 0),
            ("kernel/unprivileged_userns_clone", 0),
            ("kernel/apparmor_restrict_unprivileged_userns", 1),
        ] {
            if limit(name) == Some(denying) {
                return Err(format!(
                    "ordinary users cannot enter namespaces here (/proc/sys/{name} is {denying})"
                ));
            }
        }
    }
    for name in ["user/max_pid_namespaces", "user/max_mnt_namespaces"] {
        if limit(name) == Some(0) {
            return Err(format!("no namespaces can be entered here (/proc/sys/{name} is 0)"));
        }
    }
    Ok(())
}

fn may_already() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN))
}

/// A user namespace in which this user is the same one, and the right to mount
/// for the child that is to do so: it would lose it at its exec.
fn as_user() -> io::Result<()> {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{group} {group} 1"))?;
    let mut sets = capabilities(None)?;
    sets.inheritable |= CapabilitySet::SYS_ADMIN;
    set_capabilities(None, sets)?;
    Ok(configure_capability_in_ambient_set(CapabilitySet::SYS_ADMIN, true)?)
}
