//! Two changes to one file, made from the same content: git joins them where
//! they do not touch.

use subprocess::Ended;

use crate::edit::utf8;
use crate::error::{Error, at};
use crate::git::{Call, complaint};
use crate::repository::Repository;
use crate::updates::MERGE_OPTIONS;

/// git says how many conflicts there are by its status, up to this number.
const MOST_CONFLICTS: i32 = 127;

impl Repository {
    /// What both changes come to, merged by git three ways; `None` if they
    /// touch the same lines differently, or if git takes one of the texts for
    /// no text. Line ends are kept as they are.
    ///
    /// # Errors
    ///
    /// `Git` if git cannot be asked, `Io`, `Cancelled`.
    pub async fn merge_texts(
        &self,
        before: &str,
        ours: &str,
        theirs: &str,
    ) -> Result<Option<String>, Error> {
        self.caller().check_cancelled()?;
        if before == theirs || ours == theirs {
            return Ok(Some(ours.to_owned()));
        }
        if before == ours {
            return Ok(Some(theirs.to_owned()));
        }
        if [before, ours, theirs].iter().any(|text| text.contains('\0')) {
            return Ok(None);
        }
        let scratch = self.scratch()?;
        for (name, text) in [("ours", ours), ("before", before), ("theirs", theirs)] {
            let file = scratch.path().join(name);
            std::fs::write(&file, text).map_err(at(file))?;
        }
        let call = Call::new(&["merge-file", "-p", "-q", "ours", "before", "theirs"])
            .options(&MERGE_OPTIONS)
            .dir(scratch.path())
            .env("GIT_DIR", utf8(self.git_dir())?);
        let output = self.caller().try_run(&call).await?;
        match output.ended {
            Ended::Exited(0) => {}
            Ended::Exited(1..=MOST_CONFLICTS) => return Ok(None),
            _ => {
                let message = complaint(&output);
                return Err(Error::Git { command: "merge-file".to_owned(), message });
            }
        }
        let merged = Some(output.stdout).filter(|merged| merged.dropped == 0);
        let merged = merged.and_then(|merged| String::from_utf8(merged.bytes).ok());
        merged.map(Some).ok_or_else(|| Error::Unreadable {
            command: "merge-file".to_owned(),
            what: "a whole text in UTF-8".to_owned(),
        })
    }
}
