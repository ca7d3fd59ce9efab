//! The review of a milestone: static checks first, then a judgement of the
//! diff by somebody else than its author, or by a template that says so.

use agents::{ReviewInput, Severity};
use static_checks::{Change, Finding, check};
use worktree::TreeId;

use crate::Error;
use crate::driver::Driver;
use crate::event::{self, Event, Role, StepName};
use crate::fact::Fact;
use crate::milestone::Write;

/// The largest diff that is shown, in bytes; the reviewer's prompt may cut it further.
const MAX_DIFF: usize = 512 * 1024;
/// Findings told in one event at most.
const FINDINGS_SHOWN: usize = 20;

impl Driver {
    pub(super) async fn review(&self, milestone: usize) -> Result<(), Error> {
        self.begin(StepName::Review, Some(milestone)).await?;
        let (from, to) = (self.onto(milestone).await?, self.milestone_tree(milestone).await?);
        let diff = self.parts.repository.diff(&from, &to, MAX_DIFF).await?;
        let findings = self.findings(milestone, &from).await?;
        let (idea, plan, missing) = self.review_material(milestone)?;
        let earlier = super::implement::earlier(&self.journal.state(), milestone);
        let place = self.place(Role::Reviewer, Some(milestone), None);
        let asking = self.asking(&self.parts.chains.reviewer, &place);
        let input = ReviewInput {
            idea: &idea,
            plan: &plan,
            milestone: milestone - 1,
            diff: &diff,
            earlier: &earlier,
            findings: &findings,
            missing: &missing,
        };
        let answer = agents::review(&asking, &input, &self.parts.agents);
        let (answered, ()) = tokio::join!(answer, self.fill_ahead(&to));
        let answered = answered?;
        self.unless_out_of_time(answered.degraded, &answered.attempts)?;
        let review = answered.value;
        let high = review.issues.iter().any(|issue| issue.severity == Severity::High);
        let (model, degraded, code_quality) =
            (answered.model, answered.degraded, u32::from(review.code_quality));
        let told = review.issues.iter().take(FINDINGS_SHOWN).map(told).collect();
        let event = if review.approved && !high {
            Event::ReviewApproved { milestone, model, code_quality, degraded, findings: told }
        } else {
            Event::ReviewRejected { milestone, model, code_quality, degraded, findings: told }
        };
        self.journal.append_fact(event, Fact::Review(review)).await?;
        self.end(StepName::Review, milestone).await
    }

    /// Fills the worktree that the checks after the review will want, while its answer is waited
    /// for. What fails here fails there again, where it is told.
    async fn fill_ahead(&self, tree: &TreeId) {
        let Some(worktree) = self.worktree.get() else { return };
        if let Err(error) = worktree.ensure(tree).await {
            tracing::debug!(%error, "the worktree is not filled ahead");
        }
    }

    async fn findings(&self, milestone: usize, from: &TreeId) -> Result<Vec<Finding>, Error> {
        let writes = {
            let state = self.journal.state();
            let found = state.milestone(milestone);
            found.map(|milestone| milestone.writes()).unwrap_or_default()
        };
        // A renamed file is held against what it was under its former name.
        let former = |path: &str, write: &Write| write.from.clone().unwrap_or(path.to_owned());
        let paths: Vec<String> = writes.iter().map(|(path, write)| former(path, write)).collect();
        let max_file_bytes = self.parts.settings.max_file_bytes;
        let before = self.parts.repository.read(from, &paths, max_file_bytes).await?;
        let moved = writes.values().filter_map(|write| write.from.as_ref());
        let moved: std::collections::BTreeSet<&String> = moved.collect();
        let as_it_was = |write: &Write| write.after.is_none() && write.from.is_some();
        let changes: Vec<Change<'_>> = writes
            .iter()
            .filter(|(path, write)| !as_it_was(write) && !moved.contains(path))
            .map(|(path, write)| Change {
                path,
                before: before.get(&former(path, write)).map(Vec::as_slice),
                after: write.after.as_ref().map(String::as_bytes),
            })
            .collect();
        Ok(check(&changes, &static_checks::Settings { max_file_bytes }))
    }

    fn review_material(
        &self,
        milestone: usize,
    ) -> Result<(agents::Idea, agents::Plan, Vec<String>), Error> {
        let idea = self.idea()?;
        let state = self.journal.state();
        let plan = state
            .plan
            .as_ref()
            .map(|plan| plan.value.clone())
            .ok_or(Error::Inconsistent("no plan"))?;
        let missing = state.milestone(milestone).map(|state| state.missing()).unwrap_or_default();
        Ok((idea, plan, missing))
    }
}

fn told(issue: &agents::ReviewIssue) -> event::Finding {
    event::Finding {
        severity: issue.severity.as_str().to_owned(),
        file: issue.file.clone(),
        line: issue.line,
        message: issue.issue.chars().take(300).collect(),
    }
}
