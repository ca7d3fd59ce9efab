//! `belay status --watch`: the same again and again. In a terminal it is drawn in place each
//! second; elsewhere a whole one is printed whenever the store has something new.

use std::sync::Arc;
use std::time::Duration;

use model_providers::Providers;
use tokio::signal::unix::{SignalKind, signal};

use super::seen::{Looking, Seen};
use super::{data, lines};
use crate::clock;
use crate::error::{CommandError, CommandResult};
use crate::exit::Exit;
use crate::printer::broken;
use crate::printer::frame::Frame;
use crate::project::Project;

/// How often it is looked.
const BEAT: Duration = Duration::from_secs(1);

/// Runs until somebody ends it, which is what it is for: exit 0.
pub(super) async fn run(project: &Project, mut looking: Looking) -> CommandResult {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut shown = Shown::new(project);
    let result = loop {
        tokio::select! {
            _ = interrupted.recv() => break Ok(Exit::Success),
            _ = terminated.recv() => break Ok(Exit::Success),
            _ = beat.tick() => {}
        }
        match look(project, &mut looking, &mut shown).await {
            Ok(true) => {}
            // Nobody reads it any more.
            Ok(false) => break Ok(Exit::Success),
            Err(error) => break Err(error),
        }
    };
    shown.end(project);
    result
}

async fn look(
    project: &Project,
    looking: &mut Looking,
    shown: &mut Shown,
) -> Result<bool, CommandError> {
    let (seen, providers) = looking.look(project).await?;
    Ok(match shown {
        Shown::InPlace(frame) => in_place(project, frame, &seen, &providers),
        Shown::OneByOne(before) => {
            let marks = Some(looking.marks());
            if *before == marks {
                return Ok(true);
            }
            *before = marks;
            one_more(project, &seen, &providers)
        }
    })
}

/// Where the frames go.
enum Shown {
    InPlace(Frame),
    OneByOne(Option<Vec<(checkpoint_store::RunId, super::seen::Mark)>>),
}

impl Shown {
    fn new(project: &Project) -> Self {
        match project.printer.draws() {
            true => Self::InPlace(Frame::default()),
            false => Self::OneByOne(None),
        }
    }

    fn end(&self, project: &Project) {
        if let Self::InPlace(frame) = self {
            // The last one stays; where nobody reads there is nothing to give back.
            let _read = project.printer.draw(&frame.end());
        }
    }
}

fn in_place(project: &Project, frame: &mut Frame, seen: &Seen, providers: &Arc<Providers>) -> bool {
    let now = clock::stamp();
    let heading = format!("{}  belay status, Ctrl-C ends", now.strftime("%H:%M:%S UTC"));
    let mut lines = vec![heading];
    lines.extend(lines::all(project, providers, seen, Some(now)));
    let (columns, rows) = project.printer.size();
    let lines: Vec<String> = lines.iter().flat_map(|line| broken(line, columns)).collect();
    project.printer.draw(&frame.next(&lines, columns, rows)).is_ok()
}

fn one_more(project: &Project, seen: &Seen, providers: &Arc<Providers>) -> bool {
    let text = if project.printer.json() {
        format!("{}\n", data(project, providers, seen, clock::stamp()))
    } else {
        let mut lines = lines::all(project, providers, seen, None);
        lines.push(String::new());
        lines.iter().map(|line| project.printer.plain(line)).collect()
    };
    project.printer.draw(&text).is_ok()
}
