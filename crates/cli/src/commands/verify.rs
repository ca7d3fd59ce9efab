//! `belay runs verify [RUN] [--repair]`: says what is wrong with the state file
//! and with each run, and what would be done about it; does it only when told.
//!
//! The failure this prevents: damage that shows as a strange answer weeks
//! later, or a person who deletes everything since one run cannot be read.

use checkpoint_store::{
    Checkup, Error, Flaw, Repaired, RunHead, RunStore, Salvaged, Settings, SqliteStore,
    StorageClass,
};
use serde_json::{Value, json};

use crate::error::{CommandError, CommandResult};
use crate::exit::Exit;
use crate::project::Project;
use crate::records;
use crate::selection::{no_such_run, run_named};

/// What was found, and what was done about it.
#[derive(Default)]
struct Found {
    file_flaws: Vec<String>,
    salvaged: Option<Salvaged>,
    runs: Vec<Looked>,
}

/// A run that was looked at.
struct Looked {
    idea: String,
    checkup: Checkup,
    repaired: Option<Repaired>,
}

/// Runs the command.
pub(crate) async fn run(project: &Project, name: Option<&str>, repair: bool) -> CommandResult {
    let there = project.has_state();
    if let Some(name) = name.filter(|_| !there) {
        return Err(no_such_run(name));
    }
    let found = if there { look(project, name, repair).await? } else { Found::default() };
    let exit = found.exit();
    if project.printer.json() {
        project.printer.data(&found.data(project));
    } else {
        found.lines(project, repair).iter().for_each(|line| project.printer.out(line));
    }
    Ok(exit)
}

/// The state file first: runs are looked at only in one that is sound.
async fn look(project: &Project, name: Option<&str>, repair: bool) -> Result<Found, CommandError> {
    let mut found = Found::default();
    let dir = project.state_dir();
    let settings = Settings::new(&project.surroundings.host);
    let opened = match SqliteStore::open_with(&dir, settings.clone()).await {
        Ok(store) => match looked_at(&store, name, repair).await {
            Ok(Ok(runs)) => {
                found.runs = runs;
                return Ok(found);
            }
            Ok(Err(flaws)) => {
                store.close().await?;
                Ok(flaws)
            }
            Err(error) => return Err(error),
        },
        Err(error) => Err(error),
    };
    found.file_flaws = match opened {
        Ok(flaws) => flaws,
        Err(error) if is_corrupt(&error) => vec![error.to_string()],
        Err(error) => return Err(records::unopened(project, &error.into())),
    };
    if !repair {
        return Ok(found);
    }
    let salvaged = SqliteStore::salvage(&dir, settings.clone(), None).await;
    found.salvaged = Some(salvaged.map_err(|error| records::unopened(project, &error.into()))?);
    let store = SqliteStore::open_with(&dir, settings).await?;
    // Named or not: a new file is looked at whole.
    if let Ok(runs) = looked_at(&store, None, repair).await? {
        found.runs = runs;
    }
    Ok(found)
}

/// What is found in each run; in the inner result what is wrong with the file.
async fn looked_at(
    store: &SqliteStore,
    name: Option<&str>,
    repair: bool,
) -> Result<Result<Vec<Looked>, Vec<String>>, CommandError> {
    let flaws = store.check_file().await?;
    if !flaws.is_empty() {
        return Ok(Err(flaws));
    }
    let heads = store.runs().await?;
    let heads: Vec<&RunHead> = match name {
        Some(name) => vec![run_named(&heads, name)?],
        None => heads.iter().collect(),
    };
    let mut runs = Vec::new();
    for head in heads {
        let looked = async {
            let checkup = store.check(head.id).await?;
            let mend = repair && is_mendable(&checkup);
            let repaired = if mend { store.repair(head.id, None).await } else { Ok(None) };
            match repaired {
                Ok(repaired) => Ok(Looked { idea: head.subject.clone(), checkup, repaired }),
                // Somebody took it up in between: looked at again, it is held.
                Err(Error::Held { holder }) => {
                    let checkup = Checkup { holder: Some(holder), ..checkup };
                    Ok(Looked { idea: head.subject.clone(), checkup, repaired: None })
                }
                Err(error) => Err(error),
            }
        };
        match looked.await {
            Ok(looked) => runs.push(looked),
            // Deleted in between.
            Err(Error::UnknownRun) => {}
            Err(error) if is_corrupt(&error) => return Ok(Err(vec![error.to_string()])),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Ok(runs))
}

fn is_corrupt(error: &Error) -> bool {
    matches!(error, Error::Storage { class: StorageClass::Corrupt, .. })
}

fn is_newer(checkup: &Checkup) -> bool {
    checkup.flaws.iter().any(|flaw| matches!(flaw, Flaw::Newer { .. }))
}

fn is_mendable(checkup: &Checkup) -> bool {
    !checkup.flaws.is_empty() && checkup.holder.is_none() && !is_newer(checkup)
}

/// The file as a person finds it.
fn shown_file(project: &Project) -> String {
    let path = project.state_file();
    path.strip_prefix(project.top()).unwrap_or(&path).display().to_string()
}

impl Looked {
    fn is_left(&self) -> bool {
        !self.checkup.flaws.is_empty() && self.repaired.is_none()
    }

    fn data(&self) -> Value {
        let checkup = &self.checkup;
        let remedy = is_mendable(checkup)
            .then(|| json!({ "action": "cut_back", "cut_after": checkup.good, "set_aside": true }));
        json!({
            "run": checkup.run, "idea": self.idea, "good_records": checkup.good,
            "flaws": checkup.flaws, "held_by": checkup.holder, "remedy": remedy,
            "repaired": self.repaired,
        })
    }

    fn lines(&self, repair: bool) -> Vec<String> {
        let checkup = &self.checkup;
        let word = if checkup.flaws.is_empty() { "good" } else { "DAMAGED" };
        let word = if is_newer(checkup) { "NEWER" } else { word };
        let mut lines = vec![format!(
            "{}  {word:<7}  {:<20}  {} records",
            checkup.run, self.idea, checkup.good
        )];
        lines.extend(checkup.flaws.iter().map(|flaw| format!("    {flaw}")));
        if checkup.flaws.is_empty() {
            return lines;
        }
        if let Some(holder) = &checkup.holder {
            lines.push(format!(
                "    left alone: process {} on {} holds it since {}",
                holder.pid, holder.host, holder.since
            ));
        } else if let Some(repaired) = &self.repaired {
            lines.push(format!(
                "    repaired: it goes on after record {}; {} records are lost; as it was found it lies in {}",
                repaired.cut_after, repaired.lost, repaired.set_aside
            ));
        } else if !repair && is_mendable(checkup) {
            lines.push(format!(
                "    --repair sets a copy of it aside and lets it go on after record {}",
                checkup.good
            ));
        }
        lines
    }
}

impl Found {
    fn exit(&self) -> Exit {
        let file_is_left = !self.file_flaws.is_empty() && self.salvaged.is_none();
        if self.runs.iter().any(|run| is_newer(&run.checkup)) {
            Exit::Usage
        } else if file_is_left || self.runs.iter().any(Looked::is_left) {
            Exit::Failure
        } else {
            Exit::Success
        }
    }

    fn data(&self, project: &Project) -> Value {
        let salvaged = self.salvaged.as_ref().map(|salvaged| {
            json!({
                "runs": salvaged.runs.iter().map(|(run, records)| json!({ "run": run, "records": records })).collect::<Vec<_>>(),
                "lost": salvaged.lost, "set_aside": salvaged.set_aside,
            })
        });
        let runs: Vec<Value> = self.runs.iter().map(Looked::data).collect();
        json!({
            "file": shown_file(project), "file_flaws": self.file_flaws, "salvaged": salvaged,
            "runs": runs,
        })
    }

    fn lines(&self, project: &Project, repair: bool) -> Vec<String> {
        let file = shown_file(project);
        let mut lines: Vec<String> =
            self.file_flaws.iter().map(|flaw| format!("{file}: {flaw}")).collect();
        if let Some(salvaged) = &self.salvaged {
            let aside = salvaged.set_aside.as_ref().map(|name| format!("set aside as {name}; "));
            lines.push(format!(
                "    {}a new file holds the {} runs that could be read",
                aside.unwrap_or_default(),
                salvaged.runs.len()
            ));
            let lost = salvaged.lost.iter();
            lines.extend(lost.map(|run| format!("    lost: {run}; its branch keeps its commits")));
        } else if !self.file_flaws.is_empty() {
            lines.push(
                "    --repair sets the file aside and begins a new one with what can be read of it"
                    .to_owned(),
            );
            return lines;
        }
        lines.extend(self.runs.iter().flat_map(|run| run.lines(repair)));
        if self.runs.is_empty() {
            lines.push("No runs".to_owned());
        }
        lines
    }
}
