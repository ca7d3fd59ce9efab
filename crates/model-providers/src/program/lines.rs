//! The event lines of a program, read by rules that are data.
//!
//! A program prints its answer, its noise and its errors as lines of one stream, and says in one
//! of their fields whether it worked. A reader that trusts the exit status, or looks for words in
//! the text, takes failures for answers and answers that quote an error for failures. A line that
//! no rule names is passed over: programs add new ones with every version.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::classify::{Complaint, refused};
use crate::failure::Failure;
use crate::redact::bounded;
use crate::rests::LONGEST;
use crate::wire::{Arriving, Finish};
use crate::{Class, Tokens};

/// Of an error's own text, this much is kept.
const LONGEST_SAID: usize = 2_000;
/// Headers of an error that are looked at.
const MOST_HEADERS: usize = 100;

/// What a line that fits means. Places in it are JSON pointers.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Rule {
    /// Each place holds this value, or one of a list.
    when: BTreeMap<String, Value>,
    /// What was said so far is not the answer.
    begin: bool,
    text: Option<String>,
    /// Numbers that are added up.
    input: Vec<String>,
    output: Vec<String>,
    /// US dollars, added up. Zero is what a program says that knows no price.
    usd: Option<String>,
    /// Why the model stopped, and the words for a whole answer.
    finish: Option<String>,
    whole: Vec<String>,
    /// The answer is whole, unless the finish says otherwise.
    done: bool,
    error: Option<ErrorAt>,
    /// When a limit ends, in seconds since 1970.
    resets_at: Option<String>,
}

/// A line of which there may be so many; one more ends the program.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cap {
    when: BTreeMap<String, Value>,
    pub(super) most: u32,
    /// What such a line is, in the plural.
    pub(super) what: String,
}

impl Cap {
    pub(super) fn counts(&self, line: &Value) -> bool {
        fits(&self.when, line)
    }
}

/// Where a program puts what went wrong.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ErrorAt {
    /// The first that is there.
    message: Vec<String>,
    status: Option<String>,
    /// In the message, a status stands behind one of these.
    status_after: Vec<String>,
    /// What the server said to the program, as it came.
    body: Option<String>,
    /// In the message, it stands between these two.
    body_between: Option<(String, String)>,
    headers: Option<String>,
    /// Seconds.
    retry_after: Option<String>,
    /// In the message, the seconds stand between these two.
    retry_after_between: Option<(String, String)>,
    name: Option<String>,
    names: BTreeMap<String, Class>,
}

/// An error as far as the lines told of it.
#[derive(Debug, Default)]
struct Told {
    message: String,
    status: Option<u16>,
    class: Option<Class>,
    body: Option<String>,
    headers: HeaderMap,
    retry_after: Option<Duration>,
}

/// What the lines said.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) arriving: Arriving,
    told: Option<Told>,
    resets_at: Option<u64>,
}

impl Heard {
    pub(super) fn of(rules: &[Rule], output: &str) -> Self {
        let mut heard = Self::default();
        for line in output.lines().map(str::trim).filter(|line| line.starts_with('{')) {
            let Ok(value) = serde_json::from_str::<Value>(line) else {
                // Cut off or damaged: it may have held some of the answer.
                heard.arriving.damage();
                continue;
            };
            for rule in rules.iter().filter(|rule| rule.fits(&value)) {
                heard.take(rule, &value);
            }
        }
        heard
    }

    fn take(&mut self, rule: &Rule, line: &Value) {
        let arriving = &mut self.arriving;
        if rule.begin {
            arriving.text.clear();
            arriving.holes.clear();
            arriving.finish = None;
        }
        let text = rule.text.as_ref().and_then(|at| line.pointer(at)?.as_str());
        arriving.text.push_str(text.unwrap_or_default());
        let (input, output) = (sum(line, &rule.input), sum(line, &rule.output));
        if input.is_some() || output.is_some() {
            let used =
                Tokens { input: input.unwrap_or_default(), output: output.unwrap_or_default() };
            *arriving.tokens.get_or_insert_default() += used;
        }
        let usd = rule.usd.as_ref().and_then(|at| line.pointer(at)?.as_f64());
        if let Some(usd) = usd.filter(|usd| usd.is_finite() && *usd > 0.0) {
            *arriving.usd.get_or_insert_default() += usd;
        }
        let reason = rule.finish.as_ref().and_then(|at| line.pointer(at)?.as_str());
        if let Some(reason) = reason {
            arriving.finish = match Finish::named(reason) {
                // An unknown word is no promise of a whole answer.
                Finish::Whole => rule.whole.iter().any(|w| w == reason).then_some(Finish::Whole),
                other => Some(other),
            };
        }
        if rule.done {
            arriving.finish.get_or_insert(Finish::Whole);
        }
        let resets_at = rule.resets_at.as_ref().and_then(|at| line.pointer(at)?.as_u64());
        self.resets_at = resets_at.or(self.resets_at);
        if let Some(at) = &rule.error {
            self.told.get_or_insert_default().hear(at, line);
        }
    }

    /// The failure that the lines tell of, if they do.
    /// What its exit status means counts where they have no class of their own.
    pub(super) fn failure(&mut self, exit: Option<Class>, wall: SystemTime) -> Option<Failure> {
        let mut told = self.told.take()?;
        told.class = told.class.or(exit);
        let resets_in = self.resets_at.and_then(|seconds| {
            let at = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
            at.duration_since(wall).ok()
        });
        let mut failure = told.failure(wall);
        let limited = matches!(failure.class, Class::RateLimited | Class::QuotaExhausted);
        let wait = failure.retry_after.or(resets_in.filter(|_| limited));
        failure.retry_after = wait.map(|wait| wait.min(LONGEST));
        Some(failure.with_usage(self.arriving.usage()))
    }
}

impl Told {
    /// A later line may know what an earlier one did not.
    fn hear(&mut self, at: &ErrorAt, line: &Value) {
        let text = |place: &String| line.pointer(place)?.as_str();
        if let Some(message) = at.message.iter().find_map(text) {
            self.message = bounded(message, LONGEST_SAID);
        }
        let status = at.status.as_ref().and_then(|place| number(line.pointer(place)?));
        let status = status.or_else(|| written(&self.message, &at.status_after));
        let status = status.and_then(|status| u16::try_from(status).ok());
        self.status = status.filter(|status| (400..600).contains(status)).or(self.status);
        let name = at.name.as_ref().and_then(text);
        self.class = name.and_then(|name| at.names.get(name).copied()).or(self.class);
        if let Some(body) = at.body.as_ref().and_then(text) {
            self.body = Some(body.to_owned());
        }
        if let Some((before, after)) = &at.body_between {
            let quoted = self.message.strip_prefix(before.as_str());
            let quoted = quoted.and_then(|quoted| quoted.strip_suffix(after.as_str()));
            self.body = quoted.map(str::to_owned).or(self.body.take());
        }
        let wait = at.retry_after.as_ref().and_then(|place| number(line.pointer(place)?));
        let wait = wait.or_else(|| seconds(&self.message, at.retry_after_between.as_ref()?));
        self.retry_after = wait.map(Duration::from_secs).or(self.retry_after);
        let headers = at.headers.as_ref().and_then(|place| line.pointer(place)?.as_object());
        for (name, value) in headers.into_iter().flatten().take(MOST_HEADERS) {
            let value = value.as_str().and_then(|value| HeaderValue::from_str(value).ok());
            if let (Ok(name), Some(value)) = (HeaderName::try_from(name.as_str()), value) {
                self.headers.insert(name, value);
            }
        }
    }

    /// With a status, the one table decides as it does for a server's own answer.
    fn failure(self, wall: SystemTime) -> Failure {
        let quoted = self.body.as_ref().map(|body| Complaint::read(body.as_bytes()));
        let status = self.status.or_else(|| quoted.as_ref()?.status());
        let mut failure = match (status, self.class) {
            (Some(status), _) => {
                let own = || json!({ "error": { "message": self.message } }).to_string();
                let body = self.body.unwrap_or_else(own);
                refused(status, &self.headers, body.as_bytes(), wall)
            }
            (None, class) => {
                let class = class.unwrap_or(Class::Unavailable);
                Failure::new(class, format!("the program says: {}", self.message))
            }
        };
        failure.retry_after = self.retry_after.or(failure.retry_after);
        failure
    }
}

impl Rule {
    pub(super) fn tells_cost(&self) -> bool {
        self.usd.is_some()
    }

    fn fits(&self, line: &Value) -> bool {
        fits(&self.when, line)
    }
}

fn fits(when: &BTreeMap<String, Value>, line: &Value) -> bool {
    when.iter().all(|(place, wanted)| match (line.pointer(place), wanted) {
        (Some(there), Value::Array(any)) => any.contains(there),
        (Some(there), wanted) => there == wanted,
        (None, _) => false,
    })
}

fn sum(line: &Value, places: &[String]) -> Option<u64> {
    let numbers = places.iter().filter_map(|place| line.pointer(place)?.as_u64());
    numbers.reduce(u64::saturating_add)
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The three digits behind one of the marks.
fn written(message: &str, marks: &[String]) -> Option<u64> {
    let behind = marks.iter().find_map(|mark| message.split_once(mark.as_str()));
    let (_, behind) = behind?;
    behind.get(..3)?.parse().ok()
}

/// The seconds between two marks, the last time that they stand there.
fn seconds(message: &str, (before, after): &(String, String)) -> Option<u64> {
    let (_, behind) = message.rsplit_once(before.as_str())?;
    let (number, _) = behind.split_once(after.as_str())?;
    let seconds: f64 = number.parse().ok().filter(|seconds| (0.0..1e9).contains(seconds))?;
    Some(seconds.ceil() as u64)
}
