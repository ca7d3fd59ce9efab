//! What belay is held against in the same round.
//!
//! The floor sends the very same requests in the same order and does nothing else. The naive loop
//! is the least program that ends with the same commits: it asks, writes the answers into the
//! checkout, runs the tests, and commits. It checks nothing, remembers nothing and survives
//! nothing; what belay takes longer than it is the price of that.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use reqwest::Client;
use serde_json::Value;
use simulated_models::Recorded;
use subprocess::{Command, Limits};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::models::Models;
use crate::phases::{critical_path, phases};
use crate::project::Project;
use crate::table::Measured;

/// How often the do-nothing process is started for its median.
const STARTS: usize = 21;

/// The requests of a run of belay: at once within a phase, one phase after the other.
pub(crate) struct Job {
    phases: Vec<Vec<Recorded>>,
}

/// Whether the coders of a milestone are asked together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coders {
    InTurn,
    AtOnce,
}

/// The time to start git and see it end, when it has nothing to do.
pub(crate) struct Processes {
    pub(crate) plain: Duration,
    /// Through the crate that belay starts processes with.
    pub(crate) watched: Duration,
}

impl Job {
    pub(crate) fn of(requests: &[Recorded]) -> Result<Self> {
        let phases = phases(requests)?.into_iter().map(|phase| phase.requests).collect();
        Ok(Self { phases })
    }
}

/// A client that talks to one server of ours.
#[derive(Clone)]
struct Asking {
    client: Client,
    url: String,
}

impl Asking {
    fn new(models: &Models) -> Result<Self> {
        let client = Client::builder().no_proxy().build()?;
        Ok(Self { client, url: format!("{}/chat/completions", models.server.base_url()) })
    }

    async fn ask(&self, body: &Value) -> Result<Vec<u8>> {
        let answer = self.client.post(&self.url).json(body).send().await?.error_for_status()?;
        Ok(answer.bytes().await?.to_vec())
    }

    /// The files of a change set, or none where the answer is none.
    async fn files(&self, request: &Recorded) -> Result<Vec<(String, String)>> {
        let mut body = request.body.clone();
        let fields = body.as_object_mut().context("a request is an object")?;
        fields.retain(|name, _| name != "stream" && name != "stream_options");
        let answer: Value = serde_json::from_slice(&self.ask(&body).await?)?;
        let content = answer["choices"][0]["message"]["content"].as_str().context("no content")?;
        let content: Value = serde_json::from_str(content)?;
        let files = content["files"].as_array().into_iter().flatten();
        let written =
            |file: &Value| Some((file["path"].as_str()?.into(), file["content"].as_str()?.into()));
        Ok(files.filter_map(written).collect())
    }
}

/// The same requests, as belay sent them, and nothing else.
pub(crate) async fn floor(job: &Job) -> Result<Measured> {
    let models = Models::start().await?;
    let begun = Instant::now();
    let asking = Asking::new(&models)?;
    for phase in &job.phases {
        at_once(phase, |request| {
            let asking = asking.clone();
            async move { asking.ask(&request.body).await }
        })
        .await?;
    }
    measured(models, begun.elapsed()).await
}

/// Asks, writes into the checkout, tests, commits.
pub(crate) async fn naive(job: &Job, coders: Coders) -> Result<Measured> {
    let project = Project::make()?;
    let models = Models::start().await?;
    let begun = Instant::now();
    let asking = Asking::new(&models)?;
    for phase in &job.phases {
        let answers = match coders {
            Coders::AtOnce => {
                at_once(phase, |request| {
                    let asking = asking.clone();
                    async move { asking.files(&request).await }
                })
                .await?
            }
            Coders::InTurn => {
                let mut answers = Vec::new();
                for request in phase {
                    answers.push(asking.files(request).await?);
                }
                answers
            }
        };
        for (path, content) in answers.iter().flatten() {
            project.write(path, content)?;
        }
        if phase.iter().any(|request| request.schema.as_deref() == Some("review")) {
            project.test()?;
            project.commit_all("Milestone")?;
        }
    }
    let wall = begun.elapsed();
    project.check("main")?;
    measured(models, wall).await
}

/// The answers to all requests of a phase, in the order in which they come.
async fn at_once<T, F>(phase: &[Recorded], ask: impl Fn(Recorded) -> F) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let asked: JoinSet<Result<T>> = phase.iter().cloned().map(ask).collect();
    asked.join_all().await.into_iter().collect()
}

async fn measured(models: Models, wall: Duration) -> Result<Measured> {
    // The client has the last byte before the server has written down that it was sent.
    models.server.wait_for_ended(models.server.requests().len()).await;
    let critical = critical_path(&phases(&models.server.requests())?);
    models.server.stop().await;
    Ok(Measured { wall, critical })
}

pub(crate) async fn processes() -> Result<Processes> {
    let project = Project::make()?;
    let (mut plain, mut watched) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let begun = Instant::now();
        project.git(&["version"])?;
        plain.push(begun.elapsed());
        let path = std::env::var("PATH").unwrap_or_default();
        let command = Command::new("git", &project.repo)
            .args(["version"])
            .env([("PATH", path)])
            .limits(Limits::default());
        let begun = Instant::now();
        subprocess::run(&command, &CancellationToken::new()).await?;
        watched.push(begun.elapsed());
    }
    let median = |times: Vec<Duration>| crate::table::median(times.into_iter());
    Ok(Processes { plain: median(plain), watched: median(watched) })
}
