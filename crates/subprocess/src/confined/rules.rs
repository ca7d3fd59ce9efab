//! The kernel's own refusals (Landlock): what a process may write and read from
//! here on, with everything it starts. No file permission keeps a test that
//! runs as the person from what the person may do; this does.

use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, LandlockStatus, PathBeneath, RestrictSelf, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use rustix::fs::{FileType, Mode, OFlags, fstat};

use super::readable;

/// The newest version whose meaning is known here; of an older kernel's, what
/// it has.
const KNOWN: ABI = ABI::V9;

/// Devices that every program takes for granted.
const DEVICES: [&str; 6] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/ptmx", "/dev/pts"];
const SHARED_MEMORY: &str = "/dev/shm";

/// What is allowed.
#[derive(Debug)]
pub(super) struct Bounds<'a> {
    pub(super) writable: &'a [PathBuf],
    /// Resolved paths.
    pub(super) unreadable: &'a [PathBuf],
    /// Of these, those that are not covered by something empty: they need the
    /// rules also where the folder may be written.
    pub(super) uncovered: &'a [PathBuf],
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Restricted {
    /// The version, if anything is restricted.
    pub(super) version: Option<u32>,
    pub(super) notes: Vec<String>,
}

/// The version that the kernel has.
pub(super) fn version() -> Option<u32> {
    // Asks only: no flag is set, so nothing is changed.
    let status = RestrictSelf::default().no_new_privs(false).apply().ok()?;
    number(status.landlock)
}

fn number(status: LandlockStatus) -> Option<u32> {
    match status {
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            let kernel = kernel_abi.and_then(|abi| u32::try_from(abi).ok());
            Some(kernel.unwrap_or(effective_abi as u32))
        }
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => None,
    }
}

/// Restricts this thread, and all that it starts from here on.
pub(super) fn restrict(bounds: &Bounds<'_>) -> Restricted {
    let mut notes = Vec::new();
    match apply(bounds, &mut notes) {
        Ok(version) => {
            if version.is_none() {
                notes = vec!["the kernel has no Landlock, or it is switched off".to_owned()];
            }
            Restricted { version, notes }
        }
        Err(error) => {
            Restricted { version: None, notes: vec![format!("Landlock cannot be used: {error}")] }
        }
    }
}

fn apply(bounds: &Bounds<'_>, notes: &mut Vec<String>) -> Result<Option<u32>, RulesetError> {
    if version().is_none() {
        return Ok(None);
    }
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?;
    let mut rules = Rules { ruleset, notes };
    rules.reads(bounds.unreadable);
    rules.devices();
    for path in bounds.writable {
        rules.writes(path, bounds.uncovered);
    }
    let status = rules.ruleset.restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::NotEnforced => None,
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => number(status.landlock),
    })
}

fn read() -> BitFlags<AccessFs> {
    AccessFs::Execute | AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::ResolveUnix
}

/// All but making devices, which would lead past every rule about paths.
fn write() -> BitFlags<AccessFs> {
    AccessFs::from_all(KNOWN) & !(AccessFs::MakeChar | AccessFs::MakeBlock)
}

struct Rules<'a> {
    ruleset: RulesetCreated,
    notes: &'a mut Vec<String>,
}

impl Rules<'_> {
    /// Names may be listed everywhere: the rule for a folder would else have to
    /// be one for all that is beneath it. A covered folder shows none.
    fn reads(&mut self, unreadable: &[PathBuf]) {
        let all = readable::all_but(Path::new("/"), unreadable);
        self.notes.extend(all.notes);
        self.allow(Path::new("/"), AccessFs::ReadDir.into());
        for path in &all.paths {
            self.allow(path, read());
        }
    }

    fn devices(&mut self) {
        let use_device =
            AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::ReadDir | AccessFs::IoctlDev;
        for path in DEVICES {
            self.allow(Path::new(path), use_device);
        }
        self.allow(Path::new(SHARED_MEMORY), write());
    }

    /// Where something uncovered lies beneath: all that stands beside it now,
    /// and what is made later can be written but not read. A file cannot be
    /// moved to where it could be read.
    fn writes(&mut self, path: &Path, uncovered: &[PathBuf]) {
        let Ok(resolved) = path.canonicalize() else {
            return;
        };
        if !uncovered.iter().any(|one| one.starts_with(&resolved)) {
            return self.allow(&resolved, write());
        }
        let shown = path.display();
        self.notes.push(format!(
            "beneath {shown} is what may not be read, so files made later there cannot be either"
        ));
        self.allow(&resolved, write() & !(AccessFs::ReadFile | AccessFs::Execute));
        for beside in readable::all_but(&resolved, uncovered).paths {
            self.allow(&beside, write());
        }
    }

    /// One that is gone, or cannot be opened, is not allowed.
    fn allow(&mut self, path: &Path, access: BitFlags<AccessFs>) {
        if let Err(error) = self.try_allow(path, access) {
            tracing::debug!(path = %path.display(), %error, "no rule");
        }
    }

    fn try_allow(&mut self, path: &Path, access: BitFlags<AccessFs>) -> io::Result<()> {
        // Without following: what was a folder a moment ago may be a link now,
        // to where nobody may read.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, Mode::empty())?;
        let access = match FileType::from_raw_mode(fstat(&file)?.st_mode) {
            FileType::Directory => access,
            FileType::Symlink => return Ok(()),
            _ => access & AccessFs::from_file(KNOWN),
        };
        let rules = &mut self.ruleset;
        rules.add_rule(PathBeneath::new(file, access)).map_err(io::Error::other)?;
        Ok(())
    }
}
