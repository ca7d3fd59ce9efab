//! `belay demo`: the main job against simulated models with faults, in a folder
//! of its own, by the very code of `belay run`.

use std::path::PathBuf;
use std::sync::Arc;

use simulated_models::Server;
use tokio::time::Instant;

use crate::args::{DemoArgs, Global, ResumeArgs, RunArgs, WorkArgs};
use crate::commands::run;
use crate::demo::evidence::{self, Evidence};
use crate::demo::folder::Folder;
use crate::demo::{closing, kill, script};
use crate::environment::Surroundings;
use crate::error::{Code, CommandError, CommandResult, fail};
use crate::exit::Exit;
use crate::printer::{Printer, Tone};
use crate::project::Project;

/// How long a model of the demo may be silent.
const FIRST_TOKEN: &str = "2s";

/// `belay demo`. Ends with 1 if anything that it promises did not come out.
pub(crate) async fn run(
    global: &Global,
    surroundings: Surroundings,
    printer: Arc<Printer>,
    args: DemoArgs,
    started: Instant,
) -> CommandResult {
    if global.repo.is_some() {
        return Err(fail(
            Code::Flag,
            "the demo makes a repository of its own: name its folder with --dir",
        ));
    }
    let program = std::env::current_exe()?;
    let folder = Folder::make(args.dir.as_deref(), &surroundings).await?;
    let server = Server::start(script::script()).await?;
    folder.configure(&script::config(&server.base_url(), FIRST_TOKEN, "auto"))?;
    printer.say(Tone::Plain, &format!("[DEMO] everything happens in {}", folder.top.display()));
    let demo = Demo { global, folder, server, program, printer };
    let evidence = demo.work(args.kill, started).await?;
    closing::shown(&evidence).iter().for_each(|line| demo.tell(line));
    let commands = closing::commands(&evidence, &demo.folder, &demo.program, &surroundings);
    commands.iter().for_each(|line| demo.tell_verbatim(line));
    let Demo { server, .. } = demo;
    server.stop().await;
    judge(&evidence)
}

fn judge(evidence: &Evidence) -> CommandResult {
    match evidence.promises.iter().find(|promise| !promise.kept) {
        None => Ok(Exit::Success),
        Some(broken) => {
            Err(fail(Code::Demo, format!("the demo did not show that {}", broken.what)))
        }
    }
}

struct Demo<'a> {
    global: &'a Global,
    folder: Folder,
    server: Server,
    program: PathBuf,
    printer: Arc<Printer>,
}

impl Demo<'_> {
    /// Works on the idea to its end, by way of a kill if that is asked for.
    async fn work(&self, killed: bool, started: Instant) -> Result<Evidence, CommandError> {
        let mut of_the_kill = None;
        if killed {
            let project = self.project().await?;
            let killed =
                kill::run_and_kill(&self.folder, &project, &self.server, &self.program).await?;
            let args = ResumeArgs { run: None, work: WorkArgs::unattended() };
            run::resume(self.project().await?, args, started).await?;
            of_the_kill = Some(killed);
        } else {
            let idea = Some(script::IDEA.to_owned());
            let args = RunArgs { idea, fresh: false, work: WorkArgs::unattended(), resume: false };
            run::run(self.project().await?, args, started).await?;
        }
        let found = evidence::gather(&self.project().await?).await?;
        let mut evidence = found.ok_or_else(|| anyhow::anyhow!("the demo's run left no state"))?;
        evidence
            .promises
            .extend(of_the_kill.iter().flat_map(|killed| killed.promises(&self.server)));
        Ok(evidence)
    }

    /// The demo's project, opened as any other.
    async fn project(&self) -> Result<Project, CommandError> {
        let global = Global {
            repo: Some(self.folder.project.clone()),
            config: Some(self.folder.project.join("belay.yaml")),
            ..self.global.clone()
        };
        let surroundings = self.folder.surroundings.clone();
        Project::open(&global, surroundings, Arc::clone(&self.printer)).await
    }

    /// As [`Demo::tell`], for lines that are there to be copied.
    fn tell_verbatim(&self, line: &str) {
        if self.printer.json() {
            self.printer.say(Tone::Plain, line);
        } else {
            self.printer.verbatim(line);
        }
    }

    /// Data for people; with json, standard output is the run's events alone.
    fn tell(&self, line: &str) {
        if self.printer.json() {
            self.printer.say(Tone::Plain, line);
        } else {
            self.printer.out(line);
        }
    }
}
