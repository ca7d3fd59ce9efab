//! Programs that change files instead of answering: what lies in the folder is what counts, and what
//! a failed one left is given back before the next begins.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use model_providers::{
    Answer, Chain, Left, ModelId, Opened, Output, Providers, Start, Unanswered, Workplace, Works,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::bench::{by, request};
use crate::programs::Agents;

/// A folder with one file that is asked for, and a list of what happened to it.
struct Desk {
    folder: PathBuf,
    happened: Mutex<Vec<String>>,
}

impl Desk {
    fn note(&self, what: String) {
        self.happened.lock().unwrap().push(what);
    }

    fn happened(&self) -> Vec<String> {
        self.happened.lock().unwrap().clone()
    }
}

#[async_trait]
impl Workplace for Desk {
    async fn open(&self, start: Start<'_>) -> Result<Opened, String> {
        if start.mend.is_none() {
            std::fs::remove_dir_all(&self.folder).ok();
            std::fs::create_dir(&self.folder).map_err(|error| error.to_string())?;
        }
        self.note(format!("open for {}, mend: {:?}", start.model, start.mend));
        let prompt = format!("write it{}", start.mend.map(|_| " again").unwrap_or_default());
        Ok(Opened { folder: self.folder.clone(), prompt })
    }

    async fn changed(&self, said: &str) -> Result<Value, String> {
        self.note(format!("changed, said {:?}", said.trim()));
        match std::fs::read_to_string(self.folder.join("result")) {
            Ok(text) if text.trim() == "bad" => Err("it is bad".to_owned()),
            Ok(text) => Ok(json!({"understanding": text.trim()})),
            Err(_) => Ok(json!({})),
        }
    }

    async fn leave(&self, left: Left<'_>) {
        let Left { model, class, note, .. } = left;
        let there = std::fs::read_to_string(self.folder.join("result")).unwrap_or_default();
        self.note(format!("{model} left {:?} as {class}, note {note:?}", there.trim()));
    }
}

struct Bench {
    agents: Agents,
    desk: Arc<Desk>,
}

impl Bench {
    fn new(scripts: &[(&str, &str)]) -> Self {
        let mut agents = Agents::new();
        agents.settings.failover.repair_attempts = 1;
        for (name, script) in scripts {
            let program = agents.add(name, Output::Text, script);
            let (command, env) = (program.command.clone(), program.env.clone());
            program.workspace = Some(Works { command, env });
        }
        let folder = agents.path("desk");
        Self { agents, desk: Arc::new(Desk { folder, happened: Mutex::default() }) }
    }

    fn chain(&self) -> Chain {
        let providers = Providers::new(self.agents.settings.clone()).unwrap();
        let names = self.agents.settings.endpoints.keys();
        let models: Vec<ModelId> = names.map(|name| format!("{name}/m").parse().unwrap()).collect();
        providers.chain(&models, Duration::from_secs(60)).unwrap()
    }

    async fn ask(&self, cancel: &CancellationToken) -> Result<Answer, Unanswered> {
        let mut request = request();
        request.validate = Some(Arc::new(|value| match value["understanding"].as_str() {
            Some(_) => Ok(()),
            None => Err("nothing was changed".to_owned()),
        }));
        request.workplace = Some(Arc::clone(&self.desk) as Arc<dyn Workplace>);
        self.chain().ask(&request, None, cancel, &()).await
    }
}

#[tokio::test]
async fn what_lies_in_the_folder_is_the_answer_whatever_is_said() {
    let bench = Bench::new(&[("a", "cat > asked; echo whole > result; echo '{\"no\": 1}'")]);
    let answer = bench.ask(&CancellationToken::new()).await.unwrap();
    assert_eq!(answer.value, json!({"understanding": "whole"}));
    let asked = std::fs::read_to_string(bench.desk.folder.join("asked")).unwrap();
    assert_eq!(asked, "write it");
    assert_eq!(
        bench.desk.happened(),
        ["open for a/m, mend: None", "changed, said \"{\\\"no\\\": 1}\""]
    );
}

#[tokio::test]
async fn what_is_not_taken_may_be_mended_where_it_stands() {
    let script = "if [ -e result ]; then echo good > result; else echo bad > result; fi";
    let bench = Bench::new(&[("a", script)]);
    assert_eq!(by(&bench.ask(&CancellationToken::new()).await), "a/m");
    assert_eq!(
        bench.desk.happened(),
        [
            "open for a/m, mend: None",
            "changed, said \"\"",
            "a/m left \"bad\" as invalid_output, note Some(\"\")",
            "open for a/m, mend: Some(\"it is bad\")",
            "changed, said \"\"",
        ]
    );
}

#[tokio::test]
async fn what_a_failed_one_left_is_given_back_and_the_next_begins_afresh() {
    let half = "echo half > result; echo begun; exit 1";
    let bench = Bench::new(&[("a", half), ("b", "ls -A > ../seen; echo whole > result")]);
    let outcome = bench.ask(&CancellationToken::new()).await;
    assert_eq!(by(&outcome), "b/m");
    assert_eq!(std::fs::read_to_string(bench.agents.path("seen")).unwrap(), "");
    let happened = bench.desk.happened();
    let left = "a/m left \"half\" as unavailable, note None".to_owned();
    // Once more at once, as for any that is unavailable, and afresh.
    assert_eq!(happened.iter().filter(|what| **what == left).count(), 2, "{happened:?}");
    assert_eq!(happened[2], "open for a/m, mend: None");
}

#[tokio::test]
async fn nothing_changed_is_no_answer() {
    let bench = Bench::new(&[("a", "echo all is done"), ("b", "echo whole > result")]);
    let outcome = bench.ask(&CancellationToken::new()).await;
    assert_eq!(by(&outcome), "b/m");
    let first = &outcome.unwrap().attempts[0];
    assert_eq!(first.message.as_deref(), Some("nothing was changed"));
}

/// The owner finds the folder as it was when the program was ended.
#[tokio::test]
async fn on_cancellation_the_program_is_ended_and_its_folder_stays() {
    let bench = Bench::new(&[("a", "echo half > result; echo up > ../up; exec sleep 600")]);
    let cancel = CancellationToken::new();
    let up = bench.agents.path("up");
    let begun = async {
        while !up.exists() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(bench.ask(&cancel), begun);
    outcome.unwrap_err();
    let left = std::fs::read_to_string(bench.desk.folder.join("result")).unwrap();
    assert_eq!(left, "half\n");
    assert_eq!(bench.desk.happened(), ["open for a/m, mend: None"]);
    bench.agents.left_nothing();
}
