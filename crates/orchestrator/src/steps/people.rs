//! What is written down for people. A forge that is out of reach never stops
//! a run: the effect is deferred and wanted again by the next process.

use std::time::Duration;

use agents::Answer;
use degradation_templates::IssueText;
use forge::{Forge, Marker, NewIssue};
use worktree::Repository;

use crate::Error;
use crate::driver::Driver;
use crate::event::{Event, IssueKind};
use crate::fact::Fact;
use crate::idea_issue;
use crate::issues::{Wanted, text, wanted};
use crate::progress;
use crate::questions;
use crate::state::{IssueState, State};
use crate::steps::command::redact;

/// How long one look at an issue may take.
const LOOK_LIMIT: Duration = Duration::from_secs(15);
/// How long one thing may take that is told there.
const TELL_LIMIT: Duration = Duration::from_secs(60);
/// What is under way when an end is asked for gets this much longer.
const GRACE: Duration = Duration::from_secs(1);

impl Driver {
    /// Asks a person, in an issue of its own.
    pub(super) async fn ask(&self, questions: Vec<String>) -> Result<(), Error> {
        let marker = questions::marker(&self.journal.state());
        let wanted = Wanted::question(marker.clone(), questions.clone());
        let known = self.issue_url(&marker);
        if known.is_none() {
            self.open_issue(&wanted).await?;
        }
        let url = self.issue_url(&marker);
        let question = questions.join(" ");
        self.journal.append(Event::QuestionAsked { question, url, questions, marker }).await
    }

    pub(crate) fn issue_url(&self, marker: &str) -> Option<String> {
        let state = self.journal.state();
        state.issues.iter().find(|issue| issue.marker == marker).map(|issue| issue.url.clone())
    }

    /// What people did with the run's issues since the last process looked. An issue that cannot
    /// be looked at is as it was.
    pub(crate) async fn meet_people(&self) -> Result<(), Error> {
        let open: Vec<IssueState> = {
            let state = self.journal.state();
            state.issues.iter().filter(|issue| !issue.closed).cloned().collect()
        };
        for issue in open {
            let looked = tokio::select! {
                looked = look(&*self.parts.forge, &issue.url) => looked,
                // The next process looks.
                () = self.parts.shutdown.token().cancelled() => return Ok(()),
            };
            match looked {
                Ok(look) => self.take_look(&issue, look).await?,
                Err(Unseen::NotHere) => self.make_here(&issue).await?,
                Err(Unseen::Because(error)) => {
                    let message = format!("{} cannot be looked at: {error}", issue.url);
                    self.journal.append(Event::Warned { message }).await?;
                }
            }
        }
        Ok(())
    }

    /// An issue that is a file of another machine stands here as well, so that it can be answered.
    async fn make_here(&self, issue: &IssueState) -> Result<(), Error> {
        let wanted = wanted(&self.journal.state()).into_iter();
        let mut same = wanted.filter(|wanted| wanted.marker == issue.marker);
        match same.next() {
            Some(wanted) => self.open_issue(&wanted).await,
            None => Ok(()),
        }
    }

    async fn take_look(&self, issue: &IssueState, look: Look) -> Result<(), Error> {
        let answer = answer_to(&self.journal.state(), issue, &look);
        if let Some(answer) = answer {
            let (question, url) = (answer.question.clone(), Some(issue.url.clone()));
            let event = Event::QuestionAnswered { question, url, marker: issue.marker.clone() };
            self.journal.append_fact(event, Fact::Answer(answer)).await?;
        }
        // Whoever names their work and closes the issue wants it taken.
        let offered = self.meet_offer(issue, &look.said).await?;
        if look.closed_by_person && !offered {
            let (url, marker) = (issue.url.clone(), issue.marker.clone());
            let reason = "A person closed it.".to_owned();
            let event = Event::IssueClosed { url, marker, reason, by_person: true };
            self.journal.append(event).await?;
        }
        Ok(())
    }

    pub(crate) async fn open_issue(&self, wanted: &Wanted) -> Result<(), Error> {
        match self.make_issue(wanted).await {
            Ok(event) => self.journal.append(event).await,
            Err(reason) => self.defer("issue", reason, &wanted.marker).await,
        }
    }

    async fn make_issue(&self, wanted: &Wanted) -> Result<Event, String> {
        let text = self.issue_text(wanted).await?;
        let run = self.run.to_string();
        let new = NewIssue {
            title: text.title,
            body: text.body,
            labels: labels(wanted.kind),
            marker: Marker { run, step: wanted.marker.clone() },
        };
        let issue = self.told(self.parts.forge.create(&new), wanted.kind).await?;
        Ok(Event::IssueCreated {
            kind: wanted.kind,
            url: issue.url,
            title: issue.title,
            milestone: wanted.milestone,
            item: wanted.item,
            marker: wanted.marker.clone(),
        })
    }

    async fn issue_text(&self, wanted: &Wanted) -> Result<IssueText, String> {
        // The recovery issue names no files, and git does nothing more once an end is asked for.
        let existing = match wanted.kind {
            IssueKind::Recovery | IssueKind::Progress => Vec::new(),
            _ => self.existing().await.map_err(|error| error.to_string())?,
        };
        let state = self.journal.state().clone();
        let run = self.run.to_string();
        let resume = format!("{} {run}", self.parts.settings.resume_command);
        let text = text(wanted, &state, &run, &existing, &resume, &self.parts.templates)
            .map_err(|error| error.to_string())?;
        // What is written here may be read by everybody.
        let secrets = &self.parts.settings.secrets;
        let (title, body) = (redact(&text.title, secrets), redact(&text.body, secrets));
        Ok(IssueText { title, body })
    }

    /// An issue that stands says how things are now.
    pub(crate) async fn refresh_issue(&self, url: &str, wanted: &Wanted) -> Result<(), Error> {
        let updated = match self.issue_text(wanted).await {
            Ok(text) => self.told(self.parts.forge.update(url, &text.body), wanted.kind).await,
            Err(error) => Err(error),
        };
        match updated {
            Ok(()) => Ok(()),
            Err(reason) => self.defer("issue update", reason, &wanted.marker).await,
        }
    }

    /// What the issues about a milestone say, as things stand now.
    pub(super) async fn refresh_issues_of(&self, milestone: usize) -> Result<(), Error> {
        let wanted: Vec<Wanted> = {
            let state = self.journal.state();
            let all = wanted(&state).into_iter();
            all.filter(|wanted| wanted.milestone == Some(milestone)).collect()
        };
        for wanted in wanted {
            if let Some(url) = self.issue_url(&wanted.marker) {
                self.refresh_issue(&url, &wanted).await?;
            }
        }
        Ok(())
    }

    async fn existing(&self) -> Result<Vec<String>, Error> {
        Ok(self.source(self.tip_tree().await?).await?.paths())
    }

    pub(crate) async fn close_issue(&self, url: &str, marker: &str) -> Result<(), Error> {
        let is_question = marker.starts_with("question");
        let reason = match marker {
            progress::MARKER => "The run is completed.".to_owned(),
            idea_issue::MARKER => idea_issue::reason(&self.journal.state()),
            _ if is_question => "Answered.".to_owned(),
            _ => "Done by a later step of the run.".to_owned(),
        };
        // Never one of those that are told while the process ends.
        let closing = self.told(self.parts.forge.close(url, &reason), IssueKind::Progress);
        match closing.await {
            Ok(()) => {
                let event = Event::IssueClosed {
                    url: url.to_owned(),
                    marker: marker.to_owned(),
                    reason,
                    by_person: false,
                };
                self.journal.append(event).await
            }
            Err(reason) => self.defer("issue close", reason, marker).await,
        }
    }

    /// What the forge does, within its time. A service that is silent must not keep the process:
    /// the recovery issue is made while it ends, and has a limit of its own.
    pub(crate) async fn told<T>(
        &self,
        work: impl Future<Output = Result<T, forge::Error>>,
        kind: IssueKind,
    ) -> Result<T, String> {
        let hurry = async {
            if kind == IssueKind::Recovery {
                std::future::pending::<()>().await;
            }
            self.parts.shutdown.token().cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            done = work => done.map_err(|error| error.to_string()),
            () = tokio::time::sleep(TELL_LIMIT) => Err("it took too long".to_owned()),
            () = hurry => Err("an end was asked for".to_owned()),
        }
    }

    pub(crate) async fn defer(
        &self,
        effect: &str,
        reason: String,
        marker: &str,
    ) -> Result<(), Error> {
        let event = Event::EffectDeferred {
            effect: effect.to_owned(),
            reason,
            marker: Some(marker.to_owned()),
        };
        self.journal.append(event).await
    }
}

/// What is seen of an issue.
struct Look {
    closed_by_person: bool,
    said: String,
}

/// Why an issue is not seen.
enum Unseen {
    /// It is a file of another machine.
    NotHere,
    /// Something else, in words.
    Because(String),
}

async fn look(forge: &dyn Forge, url: &str) -> Result<Look, Unseen> {
    match tokio::time::timeout(LOOK_LIMIT, forge.look(url)).await {
        Ok(Ok(seen)) => {
            let said: Vec<String> = seen.replies.into_iter().map(|reply| reply.body).collect();
            Ok(Look { closed_by_person: seen.closed_by_person, said: said.join("\n\n") })
        }
        // Whoever removes an issue is done with it.
        Ok(Err(forge::Error::UnknownIssue { .. })) => {
            Ok(Look { closed_by_person: true, said: String::new() })
        }
        Ok(Err(forge::Error::NotHere { .. })) => Err(Unseen::NotHere),
        Ok(Err(error)) => Err(Unseen::Because(error.to_string())),
        Err(_) => Err(Unseen::Because("it took too long".to_owned())),
    }
}

/// What a person says in an issue that asks something, if it is new.
fn answer_to(state: &State, issue: &IssueState, look: &Look) -> Option<Answer> {
    let question = match issue.kind {
        IssueKind::Question => {
            let asked = questions::open(state).find(|asked| asked.marker == issue.marker)?;
            asked.questions.join("\n")
        }
        IssueKind::Blocked | IssueKind::ReviewRejected => {
            format!("What is to be done about {}?", issue.url)
        }
        IssueKind::ManualTask
        | IssueKind::FailedItem
        | IssueKind::DegradedReview
        | IssueKind::Recovery
        | IssueKind::DamagedState
        | IssueKind::Progress => return None,
    };
    let answer = match look.said.trim() {
        "" if look.closed_by_person && issue.kind == IssueKind::Question => {
            questions::DECIDE.to_owned()
        }
        "" => return None,
        said => said.to_owned(),
    };
    let answer = Answer { question, answer };
    (!state.answers.contains(&answer)).then_some(answer)
}

/// Whether the run is blocked by where its branch stands, and it is where it was again, or gone.
///
/// # Errors
///
/// If git cannot tell.
pub async fn branch_is_back(
    state: &State,
    repository: &Repository,
) -> Result<bool, worktree::Error> {
    let (Some(started), Some(tip)) = (&state.started, &state.tip) else { return Ok(false) };
    if !state.parked_for_branch || state.parked.is_none() {
        return Ok(false);
    }
    if repository.checkout_of(&started.branch).await?.is_some() {
        return Ok(false);
    }
    match repository.branch_tip(&started.branch).await? {
        Some(found) => repository.builds_on(&found, tip).await,
        None => Ok(true),
    }
}

/// Whether a person has answered, or decided on, what the run is blocked by.
///
/// # Errors
///
/// Why an issue cannot be looked at, in words, if no other one is answered.
pub async fn is_answered(state: &State, forge: &dyn Forge) -> Result<bool, String> {
    let mut unseen = None;
    for issue in state.issues.iter().filter(|issue| !issue.closed) {
        let asks = issue.kind.asks();
        if !asks {
            continue;
        }
        match look(forge, &issue.url).await {
            Ok(look) if look.closed_by_person || answer_to(state, issue, &look).is_some() => {
                return Ok(true);
            }
            Ok(_) => {}
            Err(unseen_for) => {
                let why = match unseen_for {
                    Unseen::NotHere => "is a file of another machine; `belay resume` with the run makes it here, too".to_owned(),
                    Unseen::Because(why) => format!("cannot be looked at: {why}"),
                };
                unseen.get_or_insert(format!("{} {why}", issue.url));
            }
        }
    }
    unseen.map_or(Ok(false), Err)
}

fn labels(kind: IssueKind) -> Vec<String> {
    let more = match kind {
        IssueKind::ManualTask | IssueKind::FailedItem => Some("belay:manual-task"),
        IssueKind::Blocked | IssueKind::ReviewRejected | IssueKind::Question => {
            Some("belay:needs-input")
        }
        IssueKind::Recovery => Some("belay:recovery"),
        IssueKind::DegradedReview | IssueKind::DamagedState | IssueKind::Progress => None,
    };
    std::iter::once("belay").chain(more).map(str::to_owned).collect()
}
