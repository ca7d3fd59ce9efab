//! A milestone's commit: intent, effect, receipt.
//!
//! The intent holds everything the commit is made of, its dates included, so
//! making it again after a kill gives the same object; the branch moves by
//! compare-and-swap, so it moves once.

use degradation_templates::unlinked;
use worktree::{CommitId, CommitIntent, Person, TreeId};

use super::command::last_line;
use crate::Error;
use crate::clock::commit_stamp;
use crate::driver::Driver;
use crate::event::{Event, Status, StepName, Success};
use crate::fact::Fact;
use crate::settings::Sign;
use crate::state::State;

const BACKLOG: &str = "ideas/backlog/";
const IN_PROGRESS: &str = "ideas/in-progress/";
const COMPLETED: &str = "ideas/completed/";

impl Driver {
    pub(super) async fn commit(&self, milestone: usize) -> Result<(), Error> {
        let committed = if self.is_update(milestone) {
            self.commit_update(milestone).await
        } else {
            self.commit_milestone(milestone).await
        };
        let Err(Error::Repository(worktree::Error::Unsigned { reason })) = committed else {
            return committed;
        };
        let reason = format!(
            "a commit cannot be signed: {reason}; make the key usable without a prompt, or set commit.sign to false"
        );
        self.journal.append(Event::RunParked { reason, branch: false }).await
    }

    fn is_update(&self, milestone: usize) -> bool {
        let state = self.journal.state();
        state.milestone(milestone).is_some_and(|state| state.update_to().is_some())
    }

    async fn commit_milestone(&self, milestone: usize) -> Result<(), Error> {
        let intent = match self.intent(milestone)? {
            Some(intent) if self.has_tree_of(milestone, &intent).await? => intent,
            _ => match self.intend(milestone).await? {
                Ok(intent) => intent,
                Err(refusal) => return self.give_up(milestone, Status::Blocked, refusal).await,
            },
        };
        let commit = self.make(&intent).await?;
        let event = self.committed(milestone, commit)?;
        self.journal.append(event).await?;
        self.journal
            .append(Event::CheckpointSaved {
                milestone: Some(milestone),
                phase: "committing".to_owned(),
            })
            .await?;
        self.end(StepName::Commit, milestone).await
    }

    /// Whether what was to be committed is here. On another machine than the one that meant to, it
    /// is made again from the change sets; if that gives another tree, so does another intent, and
    /// nobody has seen the first one's commit.
    async fn has_tree_of(&self, milestone: usize, intent: &CommitIntent) -> Result<bool, Error> {
        if self.parts.repository.has_tree(&intent.tree).await? {
            return Ok(true);
        }
        let tree = self.milestone_tree(milestone).await?;
        Ok(self.move_idea(milestone, tree).await? == intent.tree)
    }

    /// Makes the commit and moves the branch to it, unless an earlier process did.
    async fn make(&self, intent: &CommitIntent) -> Result<CommitId, Error> {
        let repository = &self.parts.repository;
        let branch = self.branch()?;
        let tip = repository.branch_tip(&branch).await?;
        // A signed commit is another object each time it is made, so it is known by what it says.
        if let Some(tip) = tip.filter(|tip| *tip != intent.parent)
            && repository.is_of(&tip, intent).await?
        {
            return Ok(tip);
        }
        let commit = repository.commit(intent).await?;
        repository.move_branch(&branch, &commit, Some(&intent.parent)).await?;
        Ok(commit)
    }

    fn intent(&self, milestone: usize) -> Result<Option<CommitIntent>, Error> {
        let state = self.journal.state();
        let found = state.milestone(milestone);
        Ok(found.ok_or(Error::Inconsistent("no such milestone"))?.intent.clone())
    }

    /// Writes down what is about to be committed; the inner error is why a hook refuses it.
    async fn intend(&self, milestone: usize) -> Result<Result<CommitIntent, String>, Error> {
        let tree = self.milestone_tree(milestone).await?;
        let tree = self.move_idea(milestone, tree).await?;
        let message = match self.hooked(self.message(milestone)?).await? {
            Ok(message) => message,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let intent = CommitIntent {
            tree,
            parent: self.tip()?,
            message,
            author: self.author().await?,
            at: commit_stamp(),
            sign: self.signs().await?,
        };
        let event = Event::StepStarted {
            step: StepName::Commit,
            milestone: Some(milestone),
            name: None,
            items: None,
        };
        self.journal.append_fact(event, Fact::Intent(intent.clone())).await?;
        Ok(Ok(intent))
    }

    pub(super) async fn signs(&self) -> Result<bool, Error> {
        match self.parts.settings.sign {
            Sign::Auto => Ok(self.parts.repository.signs().await?),
            Sign::Always => Ok(true),
            Sign::Never => Ok(false),
        }
    }

    /// The message as the repository's hook leaves it, or why the hook refuses it: no coder can
    /// mend that, a person can change `commit.subject` or the hook.
    pub(super) async fn hooked(&self, message: String) -> Result<Result<String, String>, Error> {
        let settings = &self.parts.settings;
        if !settings.hooks {
            return Ok(Ok(message));
        }
        let cancel = self.parts.shutdown.token();
        let limit = settings.test_timeout;
        let worktree = self.worktree().await?;
        let Some((outcome, left)) =
            worktree.commit_msg(&message, &settings.project, limit, cancel).await?
        else {
            return Ok(Ok(message));
        };
        let outcome = self.taken(outcome)?;
        if outcome.passed && left.trim().is_empty() {
            return Ok(Err("the commit-msg hook leaves an empty message".to_owned()));
        }
        if outcome.passed {
            return Ok(Ok(with_trailers_of(&message, &left)));
        }
        let said = last_line(&outcome.output);
        Ok(Err(format!("the commit-msg hook refuses the message ({}): {said}", outcome.ended)))
    }

    pub(super) async fn author(&self) -> Result<Person, Error> {
        if let Some(author) = &self.parts.settings.author {
            return Ok(author.clone());
        }
        let bot = || Person { name: "belay".to_owned(), email: "belay@localhost".to_owned() };
        Ok(self.parts.repository.author().await?.unwrap_or_else(bot))
    }

    /// The idea's file moves on in the first and the last milestone commit.
    async fn move_idea(&self, milestone: usize, tree: TreeId) -> Result<TreeId, Error> {
        let (file, first, last) = {
            let state = self.journal.state();
            (moving_file(&state), state.commits() == 0, state.is_last_open(milestone))
        };
        let Some(file) = file.filter(|_| first || last) else { return Ok(tree) };
        let target = if last { COMPLETED } else { IN_PROGRESS };
        let target = format!("{target}{file}");
        let files = self.parts.repository.files(&tree).await?;
        let stands = |path: &str| files.iter().any(|found| found.path == path);
        let places = [format!("{BACKLOG}{file}"), format!("{IN_PROGRESS}{file}")];
        // Only a file that the base has is moved: an idea that was never committed stays the person's.
        match places.iter().find(|place| stands(place)) {
            Some(place) if *place != target && !stands(&target) => {
                Ok(self.parts.repository.move_file(&tree, place, &target).await?)
            }
            _ => Ok(tree),
        }
    }

    /// Whether all of the idea is done by that commit, as its file among the completed ones tells a
    /// run that has lost its plan; not if the idea was edited since.
    pub(super) async fn is_done_at(&self, commit: &CommitId) -> Result<bool, Error> {
        let (file, text) = {
            let state = self.journal.state();
            let text = state.started.as_ref().map(|started| started.idea.text.clone());
            (moving_file(&state).filter(|_| state.plan.is_none()), text.unwrap_or_default())
        };
        let Some(file) = file else { return Ok(false) };
        let repository = &self.parts.repository;
        let tree = repository.tree_of(commit).await?;
        let most = self.parts.settings.max_file_bytes;
        let found = repository.read(&tree, &[format!("{COMPLETED}{file}")], most).await?;
        let is_it = |content: &Vec<u8>| String::from_utf8_lossy(content).trim() == text.trim();
        Ok(found.values().any(is_it))
    }

    fn message(&self, milestone: usize) -> Result<String, Error> {
        let planned = self.planned(milestone)?;
        let state = self.journal.state();
        let found = state.milestone(milestone).ok_or(Error::Inconsistent("no such milestone"))?;
        let (number, total) = (found.rest_of().unwrap_or(milestone), state.planned_milestones());
        let mut message = subject(&self.parts.settings.subject, number, total, &planned.name);
        let description = planned.description.trim();
        if !description.is_empty() {
            message.push_str("\n\n");
            message.push_str(&unlinked(&without_trailers(description)));
        }
        let missing = found.missing();
        if !missing.is_empty() {
            message.push_str(&format!("\n\nNot in this commit: {}", missing.join(", ")));
        }
        message
            .push_str(&format!("\n\nBelay-Run: {}\nBelay-Step: milestone-{milestone}\n", self.run));
        for model in found.models() {
            message.push_str(&format!("Belay-Model: {model}\n"));
        }
        for author in found.authors() {
            message.push_str(&format!("Co-authored-by: {} <{}>\n", author.name, author.email));
        }
        if found.review_degraded() || state.plan.as_ref().is_some_and(|plan| plan.degraded) {
            message.push_str("Belay-Degraded: true\n");
        }
        Ok(message)
    }

    pub(super) fn committed(&self, milestone: usize, commit: CommitId) -> Result<Event, Error> {
        let name = self.planned(milestone)?.name;
        let state = self.journal.state();
        let found = state.milestone(milestone).ok_or(Error::Inconsistent("no such milestone"))?;
        let total = found.planned().map_or(0, |round| round.items.len());
        let succeeded = found.planned().map_or(0, crate::milestone::RoundState::succeeded);
        Ok(Event::MilestoneCommitted {
            milestone,
            total: state.planned_milestones(),
            success: Success::of(succeeded, total),
            recovered: false,
            rest_of: found.rest_of(),
            name,
            commit,
            models: found.models(),
            partial: found.partial(),
            degraded: found.review_degraded()
                || state.plan.as_ref().is_some_and(|plan| plan.degraded),
        })
    }
}

/// The subject by its template, on one line; a model's name for a milestone is text, not format.
fn subject(template: &str, number: usize, total: usize, name: &str) -> String {
    let name = unlinked(&name.split_whitespace().collect::<Vec<_>>().join(" "));
    let subject =
        template.replace("{number}", &number.to_string()).replace("{total}", &total.to_string());
    subject.replace("{name}", &name).chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The name of the idea's file, if it is one that moves from folder to folder.
fn moving_file(state: &State) -> Option<String> {
    let path = state.started.as_ref()?.idea_path.as_deref()?;
    let file = path.strip_prefix(BACKLOG).or(path.strip_prefix(IN_PROGRESS))?;
    (!file.contains('/')).then(|| file.to_owned())
}

/// What a hook leaves, with the trailers by which the commit is known, and with none of that form
/// that are not ours.
fn with_trailers_of(message: &str, left: &str) -> String {
    let ours: Vec<&str> = message.lines().filter(|line| line.starts_with("Belay-")).collect();
    if ours.iter().all(|line| left.lines().any(|other| other == *line)) {
        let foreign = |line: &&str| is_trailer(line) && !ours.contains(line);
        if !left.lines().any(|line| foreign(&line)) {
            return left.to_owned();
        }
    }
    let kept: Vec<&str> = left.lines().filter(|line| !is_trailer(line)).collect();
    format!("{}\n\n{}\n", kept.join("\n").trim_end(), ours.join("\n"))
}

fn is_trailer(line: &str) -> bool {
    line.trim_start().to_ascii_lowercase().starts_with("belay-")
}

/// A description by a model may not pose as the run's own trailers, nor name people who wrote,
/// signed or saw what they did not.
fn without_trailers(text: &str) -> String {
    let foreign = |line: &str| is_trailer(line) || speaks_for_somebody(line);
    text.lines().filter(|line| !foreign(line)).collect::<Vec<_>>().join("\n")
}

/// As in `Signed-off-by: Ada`.
fn speaks_for_somebody(line: &str) -> bool {
    let key = line.split(':').next().filter(|key| key.len() < line.len()).unwrap_or_default();
    let key = key.trim().to_ascii_lowercase();
    key.ends_with("-by") && key.chars().all(|c| c.is_ascii_alphabetic() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_line_whatever_the_name() {
        let made =
            subject("Milestone {number}/{total}: {name}", 2, 3, "Add {total}\n\nBelay-Run: x");
        assert_eq!(made, "Milestone 2/3: Add {total} Belay-Run: x");
    }

    #[test]
    fn nothing_in_a_message_closes_an_issue_or_speaks_for_a_person() {
        let made =
            subject("{name}", 1, 1, "fixes #7, GH-8 of https://x/o/r/issues/9 @ada a@b 1 # 2");
        for live in ["#7", "GH-8", "issues/9", "@ada"] {
            assert!(!made.contains(live), "{live} in {made:?}");
        }
        assert!(made.contains("1 # 2"));
        let description = "Do it.\nCo-authored-by: Eve <e@x>\nsigned-off-by: Ada\nBelay-Run: x\nStand-by: no\nDone.";
        assert_eq!(without_trailers(description), "Do it.\nDone.");
    }

    #[test]
    fn a_hook_may_add_to_a_message_and_not_take_its_trailers() {
        let message = "Add a\n\nBelay-Run: r\nBelay-Step: milestone-1\n";
        let kept = format!("{message}Change-Id: I1\n");
        assert_eq!(with_trailers_of(message, &kept), kept);
        let forged = with_trailers_of(message, "Add a\n\nBelay-Run: fake\nBelay-Degraded: true\n");
        assert_eq!(forged, message);
        let lost = with_trailers_of(message, "feat: add a\n");
        assert_eq!(lost, "feat: add a\n\nBelay-Run: r\nBelay-Step: milestone-1\n");
    }

    #[test]
    fn a_description_cannot_forge_trailers() {
        assert_eq!(
            without_trailers("Does a.\nBelay-Model: evil\n belay-run: y\nDoes b."),
            "Does a.\nDoes b."
        );
    }
}
