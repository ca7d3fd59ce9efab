//! The power goes: belay and git die at one instant, and of what they had
//! written and not synced any part is lost. The state opens, nothing that was
//! shown is lost, and the run goes on.
//!
//! What was synced stays, and so does a name once its file was synced. Of
//! everything else each write is kept or dropped by chance, also a later one
//! without an earlier one, and also half of one; a new file may be gone.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::finish::hold;
use super::scene::Scene;
use super::shim::{self, Stop};
use super::table::Outcome;
use super::{Undisturbed, all, is_possible, undisturbed};
use crate::dice::{Dice, number};

/// What a disk may keep half of.
const SECTOR: usize = 512;

enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Cut { length: usize },
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Cut { length } => content.resize(*length, 0),
            Self::Write { at, bytes } => {
                content.resize(content.len().max(at + bytes.len()), 0);
                content[*at..at + bytes.len()].copy_from_slice(bytes);
            }
        }
    }

    /// The part of it that reaches the disk, if any does.
    fn survives(&self, dice: &mut Dice) -> Option<Self> {
        match (dice.up_to(4), self) {
            (1 | 2, _) => None,
            (3, Self::Write { at, bytes }) if bytes.len() > SECTOR => {
                let kept = dice.up_to(bytes.len() / SECTOR) * SECTOR;
                Some(Self::Write { at: *at, bytes: bytes[..kept].to_vec() })
            }
            (_, Self::Write { at, bytes }) => Some(Self::Write { at: *at, bytes: bytes.clone() }),
            (_, Self::Cut { length }) => Some(Self::Cut { length: *length }),
        }
    }
}

/// A file that was made in this run.
#[derive(Default)]
struct File {
    synced: Option<Vec<u8>>,
    since: Vec<Change>,
    /// It took the place of another: one of the two is there.
    replaces: bool,
}

impl File {
    fn sync(&mut self) {
        self.synced = Some(self.written());
        self.since.clear();
    }

    fn written(&self) -> Vec<u8> {
        let mut content = self.synced.clone().unwrap_or_default();
        self.since.iter().for_each(|change| change.apply(&mut content));
        content
    }

    /// What is found after the power came back; `None` if it is gone.
    fn found(&self, dice: &mut Dice) -> Option<Vec<u8>> {
        if self.synced.is_none() && !self.replaces && dice.up_to(3) == 1 {
            return None;
        }
        let mut content = self.synced.clone().unwrap_or_default();
        let kept = self.since.iter().filter_map(|change| change.survives(dice));
        kept.for_each(|change| change.apply(&mut content));
        Some(content)
    }
}

/// Every file that was made, by its number on the disk.
fn read(trace: &[u8]) -> HashMap<u64, File> {
    let mut files = HashMap::new();
    let mut rest = trace;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let head = std::str::from_utf8(&rest[..end]).expect("a head");
        let fields: Vec<&str> = head.split(' ').collect();
        let [kind, inode, at, length] = fields.try_into().expect("four fields");
        let number = |text: &str| text.parse::<usize>().expect("a number");
        let inode = number(inode) as u64;
        let (at, length) = (number(at), number(length));
        rest = &rest[end + 1..];
        // The last one may have been cut off by the kill.
        let Some((bytes, after)) = rest.split_at_checked(length) else { break };
        rest = after;
        if kind == "C" {
            files.insert(inode, File::default());
        }
        let Some(file) = files.get_mut(&inode) else { continue };
        match kind {
            "W" => file.since.push(Change::Write { at, bytes: bytes.to_vec() }),
            "T" => file.since.push(Change::Cut { length: at }),
            "S" => file.sync(),
            "R" => file.replaces = true,
            _ => {}
        }
    }
    files
}

/// What was done to the files below a folder.
#[derive(Default)]
struct Lost {
    changed: Vec<PathBuf>,
    gone: Vec<PathBuf>,
}

fn lose(folder: &Path, files: &HashMap<u64, File>, dice: &mut Dice, lost: &mut Lost) {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let facts = fs::symlink_metadata(&path).expect("a file");
        if facts.is_dir() {
            lose(&path, files, dice, lost);
            continue;
        }
        let Some(file) = files.get(&facts.ino()).filter(|_| facts.is_file()) else { continue };
        let there = fs::read(&path).expect("a file");
        // Written in a way that was not seen, as SQLite's shared memory is.
        if file.since.is_empty() && file.synced.is_some() || there != file.written() {
            continue;
        }
        match file.found(dice) {
            None => {
                fs::remove_file(&path).expect("a file less");
                lost.gone.push(path);
            }
            Some(content) if content != there => {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
                fs::write(&path, content).expect("a file");
                fs::set_permissions(&path, facts.permissions()).expect("ours");
                lost.changed.push(path);
            }
            Some(_) => {}
        }
    }
}

/// A git of the bench's own, which notes what it writes.
fn traced_git(scene: &Scene, trace: &Path) {
    let git = std::env::var("PATH").expect("a PATH");
    let mut found = git.split(':').map(|folder| Path::new(folder).join("git"));
    let git = found.find(|path| path.is_file()).expect("git");
    let bin = scene.bench.root().join("bin");
    fs::create_dir(&bin).expect("a folder");
    let text = format!(
        "#!/bin/sh\nLD_PRELOAD='{}' SHIM_ROOT='{}' SHIM_TRACE='{}' exec '{}' \"$@\"\n",
        shim::library().expect("a library").display(),
        scene.bench.root().display(),
        trace.display(),
        git.display(),
    );
    fs::write(bin.join("git"), text).expect("a program");
    fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).expect("ours");
}

#[derive(Debug)]
struct Cut {
    nth: usize,
    seed: u64,
}

async fn cut(cut: Cut, undisturbed: Undisturbed) -> Outcome {
    let mut outcome = Outcome::of("the power goes");
    let mut lost = Lost::default();
    outcome.result = go_on(&cut, &undisturbed, &mut outcome.killed, &mut lost).await;
    if outcome.result.is_err() {
        outcome.case = format!("{cut:?}, changed {:?}, gone {:?}", lost.changed, lost.gone);
    }
    outcome
}

async fn go_on(
    cut: &Cut,
    undisturbed: &Undisturbed,
    times: &mut usize,
    lost: &mut Lost,
) -> Result<(), String> {
    let scene = Scene::new().await;
    let trace = scene.bench.root().join("trace");
    traced_git(&scene, &trace);
    let orders =
        [("SHIM_STOP", Stop::Nth(cut.nth).order()), ("SHIM_TRACE", trace.display().to_string())];
    let ran = scene.work(&orders).await;
    hold(matches!(ran.code, None | Some(0)), || format!("{:?}: {}", ran.code, ran.stderr))?;
    scene.end_all().await;
    fs::remove_dir_all(scene.bench.root().join("bin")).expect("the machine's git again");
    *times += usize::from(ran.code.is_none());

    let files = read(&fs::read(&trace).expect("a trace"));
    let mut dice = Dice(cut.seed);
    lose(&scene.bench.repo, &files, &mut dice, lost);
    lose(&scene.bench.root().join("cache"), &files, &mut dice, lost);

    let verified = scene.bench.belay(&["runs", "verify"]).await;
    hold(verified.code == Some(0), || format!("verify: {}{}", verified.stdout, verified.stderr))?;
    let known = scene.known().await;
    let shown: Vec<Value> =
        ran.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let journal = scene.journal().await;
    for event in shown {
        let row = journal.iter().find(|entry| event["seq"] == entry.seq);
        let stands = row.is_some_and(|row| event["event"] == row.kind.as_str());
        hold(stands, || format!("shown and lost: {event}"))?;
    }
    if !known.ended {
        let ran = scene.work(&[]).await;
        hold(ran.code == Some(0), || format!("resumed: {:?}: {}", ran.code, ran.stderr))?;
        hold(scene.known().await.ended, || format!("not ended: {}", ran.stderr))?;
    }
    scene.check(&undisturbed.wanted, &[known]).await?;
    scene.bench.git(&["fsck", "--strict"]);
    Ok(())
}

/// `BELAY_CUTS` says how many (20), `BELAY_SEED` which (1).
#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_unsynced_writes_are_lost_loses_nothing_that_was_shown() {
    if !is_possible() {
        return;
    }
    let undisturbed = undisturbed().await;
    let mut dice = Dice(number("BELAY_SEED", 1) as u64);
    let total = undisturbed.points.total();
    let cuts = number("BELAY_CUTS", 20);
    // One in each of as many equal parts of the run.
    let nth = |part: usize, dice: &mut Dice| total * part / cuts + dice.up_to(total / cuts);
    let cases =
        (0..cuts).map(|part| Cut { nth: nth(part, &mut dice), seed: dice.roll() }).collect();
    let table = all(cases, move |case| cut(case, undisturbed.clone())).await;
    table.show("unsynced writes are lost", "kills");
    table.all_well();
}
