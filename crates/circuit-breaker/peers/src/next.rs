//! The fifth question: what the next process knows of an outage. It is another process, which gets
//! nothing from this one but the name of a file.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::peers::{self, Answer, Make};
use crate::probes::{now, open};

/// Long enough for a process to start in between.
const OPEN: Duration = Duration::from_secs(2);

/// Opened here, handed on after half of its time, and looked at there.
pub fn process(make: Make) -> String {
    let peer = make(OPEN);
    open(&*peer);
    let opened_at = Instant::now();
    let Some(saved) = peer.save() else {
        return "has no way to".to_owned();
    };
    sleep(OPEN / 2);
    let file = std::env::temp_dir().join(format!("circuit-breaker-peers-{}", std::process::id()));
    std::fs::write(&file, saved).expect("the folder for temporary files can be written");
    let answers = of_another(peer.name(), &file);
    std::fs::remove_file(&file).expect("it was written here");
    match &answers[..] {
        [(Answer::Success, _)] => "begins closed",
        [(Answer::Rejected, _), (Answer::Success, at)] if *at - opened_at < OPEN * 5 / 4 => {
            "stays open for the rest of its time"
        }
        [(Answer::Rejected, _), (Answer::Success, _)] => "stays open, its time begins anew",
        other => panic!("{} answers {other:?}", peer.name()),
    }
    .to_owned()
}

/// What it answered and when, each answer that is another one than that before.
fn of_another(name: &str, file: &Path) -> Vec<(Answer, Instant)> {
    let program = std::env::current_exe().expect("this program has a path");
    let mut next = Command::new(program)
        .args(["next", name])
        .arg(file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be started once more");
    let lines = BufReader::new(next.stdout.take().expect("it is piped")).lines();
    let answers = lines.map_while(Result::ok).map(|line| {
        let answer = if line == "rejected" { Answer::Rejected } else { Answer::Success };
        (answer, Instant::now())
    });
    let answers = answers.collect();
    assert!(next.wait().is_ok_and(|status| status.success()), "{name} fails in the next process");
    answers
}

/// The next process: takes over, and asks until it is let through.
pub fn take_over(name: &str, file: &str) {
    let mut made = peers::all().into_iter().map(|make| make(OPEN));
    let mut peer = made.find(|peer| peer.name() == name).expect("the name is one of these");
    peer.take_over(&std::fs::read_to_string(file).expect("the process before wrote it"));
    let mut was_rejected = false;
    let began_at = Instant::now();
    while began_at.elapsed() < OPEN * 4 {
        match now(&*peer, true) {
            Answer::Rejected if was_rejected => sleep(Duration::from_millis(5)),
            Answer::Rejected => {
                println!("rejected");
                was_rejected = true;
            }
            _ => {
                println!("let through");
                return;
            }
        }
    }
}
