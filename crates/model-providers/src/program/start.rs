//! One question to one program: started, bounded, and understood.
//!
//! How it ended is looked at in a fixed order: what stopped it from here, then what its own lines
//! say went wrong, then its exit status, and only then its text. Any other order believes one of
//! the programs that end well after a failure.

use std::path::Path;
use std::pin::pin;
use std::time::{Duration, SystemTime};

use subprocess::{Captured, Command, Ended};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::lines::Heard;
use super::watched::Watched;
use super::{Input, Output, Program, prompt};
use crate::budget::Usage;
use crate::failure::Failure;
use crate::launches::{Launch, MOMENTS};
use crate::wire::Completion;
use crate::{Class, Secret, estimate_tokens};

/// Where programs keep what is theirs, if not at home.
const OWN_FOLDERS: &[&str] = &["CODEX_HOME", "CLAUDE_CONFIG_DIR"];
/// Of what a program wrote to standard error, this much of its end is told.
const SHOWN_OF_ERRORS: usize = 400;

/// The bounds of one start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limited {
    pub(crate) total: Duration,
    /// How long it may print nothing.
    pub(crate) idle: Duration,
    pub(crate) most_bytes: usize,
    pub(crate) wall: SystemTime,
}

/// One question to a program.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) program: &'a Program,
    pub(crate) key: Option<&'a Secret>,
    pub(crate) model: &'a str,
    pub(crate) limited: Limited,
    /// The folder that it works in; `None` is an empty one of its own, for its answer.
    pub(crate) folder: Option<&'a Path>,
    pub(crate) launch: Option<&'a Launch>,
}

impl Asked<'_> {
    /// The program's answer, or last words, beside all that it printed. Dropping this ends the
    /// program with everything that it started.
    pub(crate) async fn ask(self, prompt: &str) -> (Result<Completion, Failure>, String) {
        // Dropped last: when it goes, nobody works in it any more.
        let folders = &self.program.folders;
        let folder = tempfile::Builder::new().prefix(Program::FOLDER).tempdir_in(folders);
        let folder = folder.map_err(|error| no_folder(&error));
        let started = folder.and_then(|folder| Ok((self.command(prompt, &folder)?, folder)));
        let (command, _folder) = match started {
            Ok(started) => started,
            Err(failure) => return (Err(failure), String::new()),
        };
        let (outcome, printed) = match self.run(&command).await {
            Ok((output, None)) => (understood(self, &output), self.printed(&output)),
            Ok((output, Some(over))) => {
                (Err(too_much(self.program, &output, over)), self.printed(&output))
            }
            Err(error) => (Err(not_run(&error)), String::new()),
        };
        let outcome = match self.launch {
            Some(launch) => shown(outcome, launch),
            None => outcome,
        };
        (outcome, printed)
    }

    /// Also says what there was too much of, if that ended it. Giving up is dropping, as with a
    /// connection.
    async fn run(
        self,
        command: &Command,
    ) -> Result<(subprocess::Output, Option<String>), subprocess::Error> {
        let cancel = CancellationToken::new();
        let mut watched = Watched::new(self.program, self.launch, &cancel, self.limited.most_bytes);
        let mut watch = |line: &[u8]| watched.line(line);
        let output = {
            let mut running = pin!(subprocess::run_watched(command, &cancel, &mut watch));
            match timeout(MOMENTS, &mut running).await {
                Ok(ended) => ended?,
                Err(_) => {
                    self.launch.inspect(|launch| launch.lives());
                    running.await?
                }
            }
        };
        Ok((output, watched.over()))
    }

    fn printed(self, output: &subprocess::Output) -> String {
        let both = |_| format!("{}{}", whole_words(&output.stdout), whole_words(&output.stderr));
        self.folder.map(both).unwrap_or_default()
    }

    fn command(self, prompt: &str, folder: &TempDir) -> Result<Command, Failure> {
        let Asked { program, limited, .. } = self;
        let (work, home) = (folder.path().join("work"), folder.path().join("home"));
        let own = folder.path().join("tmp");
        let file = folder.path().join("question.txt");
        let filled = prompt::fill(program, self.model, prompt, &file)?;
        let folders = [work.as_path(), own.as_path(), home.as_path()];
        prepare(program, folders, &file, prompt).map_err(|error| no_folder(&error))?;
        let mut env = program.env.clone();
        // What it leaves in its temporary folder goes with it.
        env.insert("TMPDIR".to_owned(), own.display().to_string());
        if program.isolate_home {
            env.retain(|name, _| {
                !name.starts_with("XDG_") && !OWN_FOLDERS.contains(&name.as_str())
            });
            env.insert("HOME".to_owned(), home.display().to_string());
        }
        if let (Some(variable), Some(key)) = (&program.key_variable, self.key) {
            env.insert(variable.clone(), key.expose().to_owned());
        }
        let limits = subprocess::Limits {
            total: limited.total,
            idle: Some(limited.idle),
            output: limited.most_bytes,
            ..subprocess::Limits::default()
        };
        let work = self.folder.map_or(work, Path::to_owned);
        Ok(Command::new(filled.program, work)
            .args(filled.args)
            .env(env)
            .stdin(filled.stdin)
            .limits(limits))
    }
}

/// Who goes round in circles does so again, so it is not asked once more.
fn too_much(program: &Program, output: &subprocess::Output, over: String) -> Failure {
    let mut failure = Failure::new(Class::Unavailable, over);
    failure.refused_connection = true;
    let usage = match &program.output {
        Output::Events(lines) => Heard::of(lines.0, &output.stdout.text()).arriving.usage(),
        Output::Text => Usage::Estimated { output: 0 },
    };
    failure.with_usage(usage)
}

/// What the end says of the start, if nothing did before. Who fails so soon and without a word
/// does so again at once; a failure of which more is known is none of the start, and work that was
/// done in silence is a life, too.
fn shown(outcome: Result<Completion, Failure>, launch: &Launch) -> Result<Completion, Failure> {
    let is_dead = !launch.has_shown();
    outcome.inspect(|_| launch.lives()).map_err(|mut failure| {
        match failure.class {
            Class::Unavailable if is_dead => {
                failure.refused_connection = true;
                launch.died();
            }
            // Stopped from here before it could show anything.
            Class::Timeout | Class::Cancelled => {}
            _ => launch.lives(),
        }
        failure
    })
}

/// Small and local, so not worth a thread of its own.
fn prepare(program: &Program, folders: [&Path; 3], file: &Path, text: &str) -> std::io::Result<()> {
    for folder in folders {
        std::fs::create_dir(folder)?;
    }
    if program.input == Input::File {
        std::fs::write(file, text)?;
    }
    Ok(())
}

fn no_folder(error: &std::io::Error) -> Failure {
    Failure::new(Class::Unavailable, format!("no folder for the program: {error}"))
}

/// Starting it again at once would end the same way.
fn not_run(error: &subprocess::Error) -> Failure {
    let mut failure = Failure::new(Class::Unavailable, error.to_string());
    failure.refused_connection = true;
    failure
}

pub(super) fn understood(
    asked: Asked<'_>,
    output: &subprocess::Output,
) -> Result<Completion, Failure> {
    let Asked { program, limited, .. } = asked;
    let said = output.stdout.text();
    let heard = match &program.output {
        Output::Events(rules) => Some(Heard::of(rules.0, &said)),
        Output::Text => None,
    };
    let usage = heard.as_ref().map_or_else(
        || Usage::Estimated { output: estimate_tokens(&said) },
        |heard| heard.arriving.usage(),
    );
    let failed = |class, message: String| Err(Failure::new(class, message).with_usage(usage));
    match output.ended {
        Ended::Exited(_) | Ended::Signaled(_) => {}
        Ended::Asked => {
            let asks = format!("{}{}", output.stdout.text(), output.stderr.text());
            let message = format!("it asks on the terminal, where nobody answers{}", end_of(&asks));
            let mut failure = Failure::new(Class::Unavailable, message);
            failure.refused_connection = true;
            return Err(failure.with_usage(usage));
        }
        Ended::Idle => {
            return failed(Class::Timeout, format!("silent for {:?}", limited.idle));
        }
        Ended::TimedOut => {
            let message = format!("not done within {:?}", limited.total);
            let mut failure = Failure::new(Class::Timeout, message);
            failure.out_of_time = true;
            return Err(failure.with_usage(usage));
        }
        Ended::Cancelled => return failed(Class::Cancelled, "the program was stopped".to_owned()),
    }
    let mut heard = heard;
    let named = named(program, output);
    if let Some(failure) = heard.as_mut().and_then(|heard| heard.failure(named, limited.wall)) {
        return Err(failure);
    }
    if output.ended != Ended::Exited(0) {
        // What it says for people, if it has said nothing about what went wrong.
        let is_silent = output.stderr.text().trim().is_empty();
        let is_text = matches!(program.output, Output::Text);
        let said = if is_silent && is_text { &output.stdout } else { &output.stderr };
        let message = ended_badly(output.ended, said);
        return failed(named.unwrap_or(Class::Unavailable), message);
    }
    if output.stdout.dropped > 0 {
        let message = format!("its output is longer than {} bytes", limited.most_bytes);
        return failed(Class::Unavailable, message);
    }
    let whole = match heard {
        Some(heard) => heard.arriving.conclude(None, limited.wall)?,
        None => Completion { text: said, usage, holes: Vec::new() },
    };
    // Of work the files tell, whatever is said of it.
    if whole.text.trim().is_empty() && asked.folder.is_none() {
        let message = ended_badly(output.ended, &output.stderr);
        let class = named.unwrap_or(Class::Unavailable);
        let failure = Failure::new(class, format!("an empty answer; {message}"));
        return Err(failure.with_usage(whole.usage));
    }
    Ok(whole)
}

/// What its exit status means, or else a text on its standard error: of several the longest, which
/// says most. Whether it failed is not decided here.
fn named(program: &Program, output: &subprocess::Output) -> Option<Class> {
    let by_exit = match output.ended {
        Ended::Exited(code) => program.exits.get(&code),
        _ => None,
    };
    by_exit.copied().or_else(|| {
        let stderr = output.stderr.text().to_lowercase();
        let there = program.errors.iter().filter(|(text, _)| stderr.contains(&text.to_lowercase()));
        there.max_by_key(|(text, _)| text.len()).map(|(_, class)| *class)
    })
}

fn ended_badly(ended: Ended, stderr: &Captured) -> String {
    let how = match ended {
        Ended::Exited(code) => format!("it ended with status {code}"),
        Ended::Signaled(signal) => format!("it was ended by signal {signal}"),
        _ => "it was stopped".to_owned(),
    };
    format!("{how}{}", end_of(&stderr.text()))
}

/// The end of what was printed, to stand behind what happened. It begins with a whole word: the rest
/// of a key that was cut in two would not be known again as one.
fn end_of(printed: &str) -> String {
    let printed = printed.trim();
    let cut = printed.char_indices().rev().nth(SHOWN_OF_ERRORS).map(|(at, _)| at);
    let end = match cut.and_then(|at| printed.get(at..)) {
        None => printed,
        Some(end) => end.split_once(char::is_whitespace).map_or("", |(_, whole)| whole.trim()),
    };
    match end {
        "" => String::new(),
        end => format!(": {end}"),
    }
}

/// What was captured, of whose middle nothing but whole words are kept.
fn whole_words(captured: &Captured) -> String {
    if captured.dropped == 0 {
        return captured.text();
    }
    let (head, tail) = captured.bytes.split_at(captured.bytes.len() / 2);
    let (head, tail) = (String::from_utf8_lossy(head), String::from_utf8_lossy(tail));
    let head = head.rsplit_once(char::is_whitespace).map_or("", |(whole, _)| whole);
    let tail = tail.split_once(char::is_whitespace).map_or("", |(_, whole)| whole);
    format!("{head}\n[... the middle is left out ...]\n{tail}")
}
