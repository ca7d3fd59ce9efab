//! The forms in which servers complain, read into one.
//!
//! Only the places where a program puts its errors are read. A phrase in an answer's text decides
//! nothing: an essay about rate limits is not a rate limit.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::redact::bounded;

/// Codes kept of one complaint.
const MOST_CODES: usize = 16;
/// Of the text in which a gateway quotes the server behind it.
const QUOTED: usize = 1_000;

/// What a server said, whatever its form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) message: String,
    /// Codes, types and reasons, in lower case.
    pub(crate) codes: Vec<String>,
    /// Whether it was an error object and not a page or a bare text.
    pub(crate) is_structured: bool,
    /// A status that stands inside the object.
    status: Option<u16>,
    /// As in `32s` or a stamp in milliseconds.
    delay: Option<Duration>,
    reset_at: Option<u64>,
}

impl Complaint {
    pub(crate) fn read(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::of(&value).unwrap_or_else(|| Self::text(body)),
            Err(_) => Self::text(body),
        }
    }

    /// The complaint of a JSON value, if it is one.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        let outer = Self::flat(value)?;
        // Some gateways quote the whole object of the server behind them as their message.
        let quoted = serde_json::from_str::<Value>(&outer.message).ok();
        let inner = quoted.filter(Value::is_object).as_ref().and_then(Self::flat);
        Some(inner.unwrap_or(outer))
    }

    fn flat(value: &Value) -> Option<Self> {
        // Gemini puts its object into a list.
        let value = value.get(0).unwrap_or(value);
        let mut complaint = Self { is_structured: true, ..Self::default() };
        match value.get("error") {
            Some(Value::String(text)) => {
                complaint.message.clone_from(text);
                complaint.codes_of(value, &["error_type", "code"]);
            }
            Some(error @ Value::Object(_)) => complaint.object(error),
            _ => complaint.bare(value)?,
        }
        Some(complaint)
    }

    fn object(&mut self, error: &Value) {
        self.message = text(error, &["message", "detail", "error"]).unwrap_or_default();
        self.codes_of(error, &["code", "type", "status", "reason"]);
        if let Some(inner) = error.get("innererror") {
            self.codes_of(inner, &["code"]);
        }
        // Gemini: what kind of limit, and when it ends.
        let details = error.get("details").and_then(Value::as_array);
        for detail in details.into_iter().flatten().take(MOST_CODES) {
            self.codes_of(detail, &["reason"]);
            self.delay = self.delay.or_else(|| delay(detail.get("retryDelay")?));
        }
        if let Some(metadata) = error.get("metadata") {
            self.metadata(metadata);
        }
        // The parameter is named by some only in a field of its own.
        if let Some(param) = text(error, &["param"]).filter(|p| !self.message.contains(p)) {
            self.message = format!("{} (parameter {param})", self.message);
        }
    }

    /// OpenRouter: why a text was flagged, when the limit ends, what the server behind it said.
    fn metadata(&mut self, metadata: &Value) {
        if metadata.get("reasons").is_some_and(|r| !r.is_null()) {
            self.codes.push("flagged".to_owned());
        }
        let reset = metadata.pointer("/headers/X-RateLimit-Reset");
        self.reset_at = reset.and_then(|at| at.as_u64().or_else(|| at.as_str()?.parse().ok()));
        if let Some(raw) = text(metadata, &["raw"]) {
            self.message = format!("{}: {}", self.message, bounded(&raw, QUOTED));
        }
    }

    /// Forms without an `error`: older vLLM, FastAPI, Azure's gateway, Mistral.
    fn bare(&mut self, value: &Value) -> Option<()> {
        let details = value.get("detail").and_then(Value::as_array);
        let details = details.into_iter().flatten().take(MOST_CODES);
        let listed: Vec<String> = details.map(validation_error).collect();
        self.message = match text(value, &["message", "detail", "error_message", "msg"]) {
            Some(message) => message,
            None if !listed.is_empty() => listed.join("; "),
            None => return None,
        };
        self.codes_of(value, &["code", "type", "error_code"]);
        Some(())
    }

    fn text(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let is_page = text.trim_start().starts_with('<');
        let message =
            if is_page { format!("a page: {}", without_tags(&text)) } else { text.into_owned() };
        Self { message, ..Self::default() }
    }

    fn codes_of(&mut self, object: &Value, fields: &[&str]) {
        for field in fields {
            let code = match object.get(field) {
                Some(Value::String(code)) => code.to_lowercase(),
                Some(Value::Number(code)) => code.to_string(),
                _ => continue,
            };
            if let Ok(status @ 400..600) = code.parse::<u16>() {
                self.status = self.status.or(Some(status));
            } else if self.codes.len() < MOST_CODES && !code.is_empty() {
                self.codes.push(code);
            }
        }
    }

    /// A status given inside the object.
    pub(crate) fn status(&self) -> Option<u16> {
        self.status
    }

    /// How long to wait, where the object says it.
    pub(crate) fn retry_after(&self, wall: SystemTime) -> Option<Duration> {
        self.delay.or_else(|| {
            let reset = UNIX_EPOCH.checked_add(Duration::from_millis(self.reset_at?))?;
            reset.duration_since(wall).ok()
        })
    }
}

fn text(object: &Value, fields: &[&str]) -> Option<String> {
    let mut texts = fields.iter().filter_map(|field| object.get(field)?.as_str());
    texts.next().map(str::to_owned)
}

/// `{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}`
fn validation_error(detail: &Value) -> String {
    let path = detail.get("loc").and_then(Value::as_array);
    let path: Vec<String> = path
        .into_iter()
        .flatten()
        .map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned))
        .collect();
    let said = text(detail, &["msg", "message"]).unwrap_or_default();
    format!("{}: {said}", path.join("."))
}

/// Google's way to write a duration: `32s` or `3.5s`.
fn delay(value: &Value) -> Option<Duration> {
    let seconds: f64 = value.as_str()?.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

fn without_tags(page: &str) -> String {
    let mut text = String::new();
    for part in page.split('<').take(200) {
        let after = part.split_once('>').map_or("", |(_, after)| after);
        text.push_str(after);
        text.push(' ');
    }
    bounded(&text, QUOTED)
}
