//! Everything that must be so at the end of a run, whatever happened on the way.

use std::collections::BTreeMap;
use std::fs;

use checkpoint_store::Entry;
use orchestrator::Event;
use orchestrator::event::IssueKind;
use orchestrator::fact::Fact;
use orchestrator::journal::parse;

use super::record::{self, Asked};
use super::scene::{Known, Scene};
use super::script;

/// What the simulated models were asked, and how often.
pub(crate) type Questions = BTreeMap<Asked, usize>;

/// What an undisturbed run leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    tree: String,
    subjects: String,
    worktrees: usize,
    pub(crate) questions: Questions,
}

/// Fails the case unless this holds.
pub(crate) fn hold(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

impl Scene {
    fn questions(&self) -> Questions {
        let mut questions = Questions::new();
        for request in self.server.requests() {
            *questions.entry(record::of_request(&request)).or_default() += 1;
        }
        questions
    }

    /// What is compared with another run's.
    pub(crate) fn result(&self) -> Wanted {
        let branch = format!("belay/{}", script::IDEA);
        let worktrees = fs::read_dir(self.bench.root().join("cache/belay/worktrees"));
        Wanted {
            tree: self.bench.git(&["rev-parse", &format!("{branch}^{{tree}}")]),
            subjects: self.bench.git(&["log", "--format=%s", &format!("main..{branch}")]),
            worktrees: worktrees.map_or(0, Iterator::count),
            questions: self.questions(),
        }
    }

    /// Everything that must be so at the end of a run of which processes died
    /// when this was known.
    pub(crate) async fn check(&self, wanted: &Wanted, deaths: &[Known]) -> Result<(), String> {
        let mut result = self.result();
        if result.worktrees > wanted.worktrees {
            // What could not be cleared away then, is by the next process, whatever it is for.
            self.bench.belay(&["run"]).await;
            result.worktrees = self.result().worktrees;
        }
        hold(result.tree == wanted.tree, || "another tree".to_owned())?;
        hold(result.subjects == wanted.subjects, || format!("subjects: {}", result.subjects))?;
        hold(result.worktrees == wanted.worktrees, || {
            format!("{} worktrees for {}", result.worktrees, wanted.worktrees)
        })?;
        hold(self.bench.persons_things() == self.before, || "a person's file changed".to_owned())?;
        hold(self.bench.git(&["status", "--porcelain"]).is_empty(), || "a dirty checkout".into())?;
        self.check_questions(wanted, deaths)?;
        self.check_journal(&self.journal().await)?;
        self.check_locks()?;
        self.check_remote()?;
        let left = self.processes();
        hold(left.is_empty(), || format!("processes are left: {left:?}"))
    }

    /// What was finished is not asked again, and what was not is asked again once a death.
    fn check_questions(&self, wanted: &Wanted, deaths: &[Known]) -> Result<(), String> {
        let requests = self.server.requests();
        for known in deaths {
            let again = record::asked_again(&requests, known.requests, &known.finished);
            hold(again.is_empty(), || format!("asked again: {again:?}"))?;
        }
        for (asked, count) in self.questions() {
            let once = wanted.questions.get(&asked).copied().unwrap_or_default();
            hold(count <= once * (1 + deaths.len()), || format!("{asked:?} asked {count} times"))?;
        }
        Ok(())
    }

    /// Every row once; every commit is the one of its intent, and stands once on the branch;
    /// one issue, made once, besides those that say how to go on and are closed.
    fn check_journal(&self, journal: &[Entry]) -> Result<(), String> {
        let gapless = journal.iter().zip(1..).all(|(entry, seq)| entry.seq == seq);
        hold(gapless, || "the rows are not numbered one by one".to_owned())?;
        let (mut intents, mut commits) = (Vec::new(), Vec::new());
        let (mut issues, mut pushes) = (Vec::new(), Vec::new());
        for (event, fact) in journal.iter().filter_map(parse) {
            if let Some(Fact::Intent(intent)) = fact {
                intents.push(self.commit_of(&intent));
            }
            match event {
                Event::MilestoneCommitted { commit, .. } => commits.push(commit.to_string()),
                Event::IssueCreated { kind, url, .. } => issues.push((kind, url)),
                Event::BranchPushed { commit, .. } => pushes.push(commit),
                _ => {}
            }
        }
        hold(intents == commits, || format!("intents {intents:?}, commits {commits:?}"))?;
        let branch = format!("main..belay/{}", script::IDEA);
        let listed = self.bench.git(&["rev-list", "--reverse", &branch]);
        hold(listed.lines().eq(&commits), || format!("on the branch: {listed:?}"))?;
        let again = pushes.iter().find(|push| pushes.iter().filter(|one| one == push).count() > 1);
        hold(again.is_none(), || format!("pushed twice: {again:?}"))?;
        self.check_issues(&issues)
    }

    fn check_issues(&self, made: &[(IssueKind, String)]) -> Result<(), String> {
        let (passing, lasting): (Vec<_>, Vec<_>) =
            made.iter().partition(|(kind, _)| *kind == IssueKind::Recovery);
        hold(lasting.len() == 1 && passing.len() <= 1, || format!("issues made: {made:?}"))?;
        let files = self.issues();
        hold(files.len() == made.len(), || format!("{files:?} for {made:?}"))?;
        let is_closed = |url: &String| {
            let text = fs::read_to_string(self.bench.repo.join(url)).unwrap_or_default();
            text.contains("state: closed")
        };
        let closed = passing.iter().all(|(_, url)| is_closed(url));
        hold(closed, || "the issue that says how to go on is open".to_owned())
    }

    /// The commit that an intent asks for, made once more by the test itself.
    fn commit_of(&self, intent: &worktree::CommitIntent) -> String {
        let message = self.bench.root().join("message");
        fs::write(&message, &intent.message).expect("a file");
        let who = format!("{} <{}>", intent.author.name, intent.author.email);
        assert_eq!(who, "Ada <ada@example.org>", "as git knows the person here");
        let date = format!("@{} +0000", intent.at.as_second());
        self.bench.git_with(
            &[("GIT_AUTHOR_DATE", &date), ("GIT_COMMITTER_DATE", &date)],
            &[
                "commit-tree",
                intent.tree.as_str(),
                "-p",
                intent.parent.as_str(),
                "-F",
                message.to_str().expect("a path"),
            ],
        )
    }

    fn issues(&self) -> Vec<String> {
        let entries = fs::read_dir(self.bench.repo.join(".belay/issues")).into_iter().flatten();
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.ends_with(".md")).collect()
    }

    /// The remote has the branch as it is, and nothing else.
    fn check_remote(&self) -> Result<(), String> {
        let listed = self.bench.git(&["ls-remote", "origin"]);
        let branch = format!("refs/heads/belay/{}", script::IDEA);
        let wanted = format!("{}\t{branch}", self.bench.git(&["rev-parse", &branch]));
        hold(listed == wanted, || format!("on the remote: {listed}"))
    }

    /// No lock of git's is left for the person to stumble over.
    fn check_locks(&self) -> Result<(), String> {
        let git = self.bench.repo.join(".git");
        let mut locks = Vec::new();
        let mut open = vec![git.join("refs"), git.join("worktrees"), git.join("logs")];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    open.push(path);
                } else if path.extension().is_some_and(|end| end == "lock") {
                    locks.push(path);
                }
            }
        }
        hold(locks.is_empty(), || format!("locks are left: {locks:?}"))
    }
}
