//! The stable names of everything that can end a command. A message may be worded better with the
//! next version; a script, a search and the page `docs/errors.md` need something that stays.

use crate::exit::Exit;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $slug:literal, $exit:ident;)*) => {
        /// What ended a command. Each has its section in `docs/errors.md`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// All of them.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name that stays.
            pub(crate) fn slug(self) -> &'static str {
                match self {
                    $(Self::$name => $slug,)*
                }
            }

            /// What the process ends with.
            pub(crate) fn exit(self) -> Exit {
                match self {
                    $(Self::$name => Exit::$exit,)*
                }
            }
        }
    };
}

codes! {
    /// A value on the command line, or in a variable that stands for one.
    Flag = "bad-flag", Usage;
    /// The config file cannot be read.
    ConfigUnreadable = "config-unreadable", Usage;
    /// A key, a value, or what they mean together.
    Config = "config", Usage;
    /// Templates of one's own.
    Templates = "templates", Usage;
    /// `github.enabled: true`, and no GitHub.
    GitHub = "github", Usage;
    /// A remote that is not there, or two where one is meant.
    Remote = "remote", Usage;
    /// The commit to begin from.
    Base = "base", Usage;
    /// No idea has that name.
    IdeaUnknown = "idea-unknown", Usage;
    /// More than one idea has it.
    IdeaAmbiguous = "idea-ambiguous", Usage;
    /// It is there and cannot be taken as an idea.
    IdeaUnreadable = "idea-unreadable", Usage;
    /// Its unfinished run began with another text.
    IdeaChanged = "idea-changed", Usage;
    /// The forge cannot be asked for it now.
    IdeaOutOfReach = "idea-out-of-reach", Failure;
    /// No run has that name.
    RunUnknown = "run-unknown", Usage;
    /// More than one run has it.
    RunAmbiguous = "run-ambiguous", Usage;
    /// Another living process has it.
    RunHeld = "run-held", Held;
    /// A model that no chain has.
    ModelUnknown = "model-unknown", Usage;
    /// A branch of that name cannot be made.
    Branch = "branch", Usage;
    /// Not a folder of a repository with a commit and files.
    Repository = "repository", Usage;
    /// A folder that is named is none.
    Folder = "folder", Usage;
    /// Something else stands where belay would write.
    InTheWay = "in-the-way", Usage;
    /// The cache folder cannot be used.
    Cache = "cache", Usage;
    /// A program that is needed is not there.
    ProgramMissing = "program-missing", Usage;
    /// A newer belay wrote the state.
    StateNewer = "state-newer", Usage;
    /// The state, or a run in it, cannot be read.
    StateDamaged = "state-damaged", Failure;
    /// The state cannot be written or opened.
    State = "state", Failure;
    /// git ended with an error.
    Git = "git", Failure;
    /// The run cannot go on.
    Run = "run", Failure;
    /// The demo did not come to its end.
    Demo = "demo", Failure;
    /// The system refused something.
    System = "system", Failure;
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../../docs/errors.md");

    /// Each code has a section that says what happened, what was kept and what to do, and the page
    /// has no section of another name.
    #[test]
    fn the_page_has_every_code_and_no_other() {
        let sections: Vec<(&str, &str)> = PAGE
            .split("\n## ")
            .skip(1)
            .filter_map(|section| section.split_once('\n'))
            .filter(|(name, _)| name.starts_with('`'))
            .collect();
        let names: Vec<&str> = sections.iter().map(|(name, _)| name.trim_matches('`')).collect();
        let all: Vec<&str> = Code::ALL.iter().map(|code| code.slug()).collect();
        assert_eq!(names, all);
        for ((name, text), code) in sections.iter().zip(Code::ALL) {
            for part in ["**What happened:**", "**Kept:**", "**Do:**"] {
                assert!(text.contains(part), "{name}: {part}");
            }
            let exit = format!("Exit {}.", code.exit().code());
            assert!(text.contains(&exit), "{name}: {exit}");
        }
    }
}
