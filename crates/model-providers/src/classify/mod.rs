//! From what a server said to the class of the failure.
//!
//! Every vendor words the same failure differently, and some dress one as another: a balance
//! error comes as a 429, a full context as a 400 or a 500. The reading of the forms stands in
//! [`body`], the decision in the one table of [`table`], and fixtures of each vendor hold both.

mod body;
mod retry_after;
mod table;
mod told;

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;

use crate::Class;
use crate::failure::Failure;
use crate::redact::bounded;
use crate::rests::LONGEST;
pub(crate) use body::Complaint;
pub(crate) use told::{Left, Told};

/// A page instead of an error object is shown this far.
const PAGE_SHOWN: usize = 200;

/// An answer with a status that is no success.
pub(crate) fn refused(status: u16, headers: &HeaderMap, body: &[u8], wall: SystemTime) -> Failure {
    let complaint = Complaint::read(body);
    let verdict = table::classify(Some(status), &complaint);
    let told = retry_after::from_headers(headers, wall).or(complaint.retry_after(wall));
    let told = told.or_else(|| Told::by(headers, wall).exhausted_for());
    let mut failure = Failure::new(verdict.class, message(status, headers, &complaint));
    failure.status = Some(status);
    failure.this_model_only = verdict.this_model_only;
    failure.retry_after = told.map(|wait: Duration| wait.min(LONGEST));
    failure
}

/// An error object inside an answer whose status was a success.
pub(crate) fn inside(complaint: &Complaint, wall: SystemTime) -> Failure {
    let verdict = table::classify(complaint.status(), complaint);
    let class = match verdict.class {
        // Unknown words inside a 200 are the server's trouble, not the request's.
        Class::InvalidRequest if !verdict.certain => Class::Unavailable,
        class => class,
    };
    let said = bounded(&complaint.message, 2_000);
    let mut failure = Failure::new(class, format!("an error inside the answer: {said}"));
    failure.this_model_only = verdict.this_model_only;
    failure.retry_after = complaint.retry_after(wall).map(|wait| wait.min(LONGEST));
    failure
}

fn message(status: u16, headers: &HeaderMap, complaint: &Complaint) -> String {
    if (300..400).contains(&status) {
        let to = headers.get("location").and_then(|to| to.to_str().ok());
        let to = to.unwrap_or("nowhere").split('?').next().unwrap_or_default();
        return format!("status {status}: redirects are not followed; it points to {to}");
    }
    if complaint.is_structured {
        format!("status {status}: {}", complaint.message)
    } else if complaint.message.is_empty() {
        format!("status {status} without a word")
    } else {
        format!("status {status}: {}", bounded(&complaint.message, PAGE_SHOWN))
    }
}

#[cfg(test)]
mod tests;
