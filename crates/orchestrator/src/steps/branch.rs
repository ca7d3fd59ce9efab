//! The run's branch, as a person may have left it between two processes.
//!
//! People may work on the branch: a manual task says so. What they committed
//! on top is built upon; a branch that was taken elsewhere is left alone, and
//! found out before a model is asked, not after.
//!
//! A state that was damaged is cut back, and the branch is then ahead of it
//! with the run's own commits. They are known by their trailers, and are not
//! made a second time; where even the plan is lost, they are built upon.

use checkpoint_store::RunId;
use worktree::CommitId;

use crate::Error;
use crate::driver::Driver;
use crate::event::Event;

impl Driver {
    /// Holds the branch against what the journal knows of it.
    pub(crate) async fn meet_the_branch(&self) -> Result<(), Error> {
        let prepared = self.journal.state().prepared;
        let under_way = self.commit_is_under_way();
        let repository = &self.parts.repository;
        let (branch, tip) = (self.branch()?, self.tip()?);
        match repository.branch_tip(&branch).await? {
            Some(found) if found == tip => Ok(()),
            Some(found) if self.finds_lost_commits(&found).await? => Ok(()),
            _ if !prepared || under_way => Ok(()),
            Some(found) if repository.builds_on(&found, &tip).await? => self.adopt(found).await,
            Some(found) => Err(worktree::Error::BranchMoved { branch, found: Some(found) }.into()),
            // Deleted, as after a merge: what was committed is known by its id.
            None => Ok(repository.move_branch(&branch, &tip, None).await?),
        }
    }

    /// Builds on what people committed up to there.
    async fn adopt(&self, to: CommitId) -> Result<(), Error> {
        let (branch, from) = (self.branch()?, self.tip()?);
        let redo = self.touches_our_files(&from, &to).await?;
        let done = self.is_done_at(&to).await?;
        self.journal.append(Event::BranchAdopted { branch, from, to, redo, done }).await
    }

    /// Books the run's own commits on the branch that the journal knows nothing of, and adopts
    /// what lies between and behind them. False, and nothing done, if there are none.
    async fn finds_lost_commits(&self, found: &CommitId) -> Result<bool, Error> {
        let (repository, tip) = (&self.parts.repository, self.tip()?);
        if !repository.builds_on(found, &tip).await? {
            return Ok(false);
        }
        let ahead = repository.messages(&tip, found).await?;
        let run = self.run.to_string();
        let ours = ahead.iter().any(|(_, message)| trailer(message, "Belay-Run") == Some(&run));
        // One that was intended and not yet booked is the commit step's to find.
        if !ours || (ahead.len() == 1 && self.commit_is_under_way()) {
            return Ok(false);
        }
        let mut adopted = None;
        for (commit, message) in ahead {
            let milestone = self.lost_milestone(&message, &run);
            let Some(milestone) = milestone else {
                adopted = Some(commit);
                continue;
            };
            if let Some(adopted) = adopted.take() {
                self.adopt(adopted).await?;
            }
            let event = self.found_again(milestone, commit, &message)?;
            self.journal.append(event).await?;
        }
        match adopted {
            Some(adopted) => self.adopt(adopted).await.map(|()| true),
            None => Ok(true),
        }
    }

    /// The milestone whose commit this is, if the journal still has the plan of it.
    fn lost_milestone(&self, message: &str, run: &str) -> Option<usize> {
        trailer(message, "Belay-Run").filter(|of| *of == run)?;
        let number = trailer(message, "Belay-Step")?.strip_prefix("milestone-")?.parse().ok()?;
        let state = self.journal.state();
        let open = state.milestone(number).is_some_and(|milestone| milestone.commit.is_none());
        open.then_some(number)
    }

    /// What the commit itself tells of it; its rounds are lost.
    fn found_again(
        &self,
        milestone: usize,
        commit: CommitId,
        message: &str,
    ) -> Result<Event, Error> {
        let known = self.committed(milestone, commit)?;
        let Event::MilestoneCommitted { total, name, commit, success, rest_of, .. } = known else {
            return Err(Error::Inconsistent("no commit to book"));
        };
        let models = message.lines().filter_map(|line| line.strip_prefix("Belay-Model: "));
        Ok(Event::MilestoneCommitted {
            models: models.filter_map(|model| model.trim().parse().ok()).collect(),
            degraded: trailer(message, "Belay-Degraded") == Some("true"),
            partial: message.contains("\n\nNot in this commit: "),
            recovered: true,
            milestone,
            total,
            name,
            commit,
            success,
            rest_of,
        })
    }

    /// Whether files that the milestone in progress was made for are other ones now.
    pub(super) async fn touches_our_files(
        &self,
        from: &CommitId,
        to: &CommitId,
    ) -> Result<bool, Error> {
        let paths: Vec<String> = {
            let state = self.journal.state();
            let open = state.milestones.iter().filter(|milestone| milestone.commit.is_none());
            open.flat_map(|milestone| milestone.writes().into_keys()).collect()
        };
        let repository = &self.parts.repository;
        let most = self.parts.settings.max_file_bytes;
        let (from, to) = (repository.tree_of(from).await?, repository.tree_of(to).await?);
        Ok(repository.read(&from, &paths, most).await?
            != repository.read(&to, &paths, most).await?)
    }

    /// Whether a commit was intended and not yet booked: the branch may stand at it already.
    pub(super) fn commit_is_under_way(&self) -> bool {
        let state = self.journal.state();
        state.milestones.iter().any(|milestone| {
            let intended = milestone.intent.is_some() || milestone.update.is_some();
            intended && milestone.commit.is_none()
        })
    }
}

/// The run whose commit has this message, if it is one of ours.
pub fn run_of_commit(message: &str) -> Option<RunId> {
    trailer(message, "Belay-Run")?.parse().ok()
}

/// The last of the trailers of that name: the run writes its own at the end.
fn trailer<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(": ").map(str::trim);
    message.lines().rev().find_map(value)
}
