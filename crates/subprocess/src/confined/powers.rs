//! What root could use to get out of its bounds again, or past them: given up
//! for good, by the launcher and by every program it starts. No core files
//! either, which hold what was in memory and land where the system wants.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

/// Mounting, looking into others, raw devices and memory, opening files by
/// handle, the kernel and its clock. Everything about ownership of files, users
/// and networks stays, since builds in containers run as root and need it.
const GIVEN_UP: [CapabilitySet; 18] = [
    CapabilitySet::SYS_ADMIN,
    CapabilitySet::SYS_PTRACE,
    CapabilitySet::SYS_RAWIO,
    CapabilitySet::SYS_MODULE,
    CapabilitySet::SYS_BOOT,
    CapabilitySet::SYS_TIME,
    CapabilitySet::SYS_PACCT,
    CapabilitySet::SYS_TTY_CONFIG,
    CapabilitySet::SYSLOG,
    CapabilitySet::MKNOD,
    CapabilitySet::DAC_READ_SEARCH,
    CapabilitySet::MAC_ADMIN,
    CapabilitySet::MAC_OVERRIDE,
    CapabilitySet::AUDIT_CONTROL,
    CapabilitySet::AUDIT_READ,
    CapabilitySet::PERFMON,
    CapabilitySet::BPF,
    CapabilitySet::CHECKPOINT_RESTORE,
];

/// Gives them up. In words what could not be done.
pub(super) fn give_up() -> Vec<String> {
    let core = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let steps = [
        ("programs that give more rights can be run", set_no_new_privs(true).map_err(Into::into)),
        ("core files can be written", core.map_err(Into::into)),
        ("rights of root are kept", capabilities_off()),
    ];
    steps
        .into_iter()
        .filter_map(|(what, result)| result.err().map(|error| format!("{what}: {error}")))
        .collect()
}

fn capabilities_off() -> io::Result<()> {
    clear_ambient_capability_set()?;
    let sets = capabilities(None)?;
    if sets.permitted.contains(CapabilitySet::SETPCAP) {
        for one in GIVEN_UP {
            match remove_capability_from_bounding_set(one) {
                // An older kernel does not know the newest ones.
                Ok(()) | Err(rustix::io::Errno::INVAL) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    let given_up = GIVEN_UP.into_iter().fold(CapabilitySet::empty(), CapabilitySet::union);
    let kept = CapabilitySets {
        effective: sets.effective - given_up,
        permitted: sets.permitted - given_up,
        inheritable: CapabilitySet::empty(),
    };
    Ok(set_capabilities(None, kept)?)
}
