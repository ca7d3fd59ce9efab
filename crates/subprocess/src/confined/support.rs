//! What restricts commands on a machine, in values and in plain words. Whoever
//! relies on it must see when it is not there, rather than believe.

use std::fmt;

/// What of a confinement is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Support {
    /// Writes and reads are restricted, with this version of the kernel's
    /// interface: 3 and more also keeps files from being cut off, 5 and more
    /// devices from being controlled, 6 and more signals and abstract sockets
    /// from reaching others.
    pub landlock: Option<u32>,
    /// All processes of the command are in a namespace that ends with it.
    pub pid_namespace: bool,
    /// Files can be covered, and show another content.
    pub mount_namespace: bool,
    /// `/proc` shows the command's own processes only.
    pub own_proc: bool,
    /// What could not be done, each in a sentence's words.
    pub notes: Vec<String>,
}

impl Support {
    /// Whether everything is there.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.landlock.is_some()
            && self.pid_namespace
            && self.mount_namespace
            && self.own_proc
            && self.notes.is_empty()
    }
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.landlock {
            Some(abi) => write!(
                f,
                "writes outside and reads of key files are denied (Landlock, version {abi})"
            )?,
            None if self.mount_namespace => {
                f.write_str("key files are covered, but writes outside are not denied")?;
            }
            None => f.write_str("neither writes outside nor reads of key files are denied")?,
        }
        f.write_str(match (self.pid_namespace, cfg!(target_os = "linux")) {
            (true, _) => "; everything that a command starts ends with it",
            (false, true) => {
                "; without a process namespace, what a command starts is looked for and killed"
            }
            (false, false) => "; only a command's process group ends with it",
        })?;
        if !self.mount_namespace {
            f.write_str("; no file can be shown with another content")?;
        }
        if !self.own_proc && self.landlock.is_none() {
            f.write_str("; other processes can be looked into as far as the system lets them")?;
        }
        for note in &self.notes {
            write!(f, "; {note}")?;
        }
        Ok(())
    }
}

/// What this machine can do, as far as that can be told without starting
/// anything; asked once, some milliseconds. What really restricted a command
/// stands in its `Output::confined`: a system may deny an ordinary user the
/// namespaces only when they are entered.
#[must_use]
pub fn support() -> Support {
    static SUPPORT: std::sync::OnceLock<Support> = std::sync::OnceLock::new();
    SUPPORT.get_or_init(ask).clone()
}

#[cfg(target_os = "linux")]
fn ask() -> Support {
    let mut support = Support { landlock: super::rules::version(), ..Support::default() };
    if support.landlock.is_none() {
        support.notes.push("the kernel has no Landlock, or it is switched off".to_owned());
    }
    match super::namespaces::forecast() {
        Ok(()) => {
            support.pid_namespace = true;
            support.mount_namespace = true;
            support.own_proc = true;
        }
        Err(note) => support.notes.push(note),
    }
    support
}

#[cfg(not(target_os = "linux"))]
fn ask() -> Support {
    Support { notes: vec!["this system is not Linux".to_owned()], ..Support::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_in_plain_words_what_is_missing() {
        let full = Support {
            landlock: Some(7),
            pid_namespace: true,
            mount_namespace: true,
            own_proc: true,
            notes: Vec::new(),
        };
        assert!(full.is_full());
        assert_eq!(
            full.to_string(),
            "writes outside and reads of key files are denied (Landlock, version 7); \
             everything that a command starts ends with it"
        );
        let nothing = Support { notes: vec!["forbidden here".to_owned()], ..Support::default() };
        assert!(!nothing.is_full());
        let words = nothing.to_string();
        assert!(words.starts_with("neither writes outside nor reads"), "{words}");
        assert!(words.contains("no file can be shown with another content"), "{words}");
        assert!(words.ends_with("; forbidden here"), "{words}");
    }

    #[test]
    fn it_is_asked_once_and_answers_alike() {
        assert_eq!(support(), support());
    }
}
