//! Is the new content text of a bearable size? Everything else reads lines, so
//! bytes that are not text stop here with a finding instead of confusing it.

use crate::{Change, Finding, Rule, Settings, Severity};

/// The new content as text without a byte order mark.
///
/// `Ok(None)` when there is nothing to look at: a deletion, or no change but to blanks at the end,
/// after which a grammar may only recover from an old flaw in another way.
/// The error is the one finding such a file gets.
pub(crate) fn text<'a>(
    change: &Change<'a>,
    settings: &Settings,
) -> Result<Option<&'a str>, Box<Finding>> {
    let Some(after) = change.after else {
        return Ok(None);
    };
    if change.before == Some(after) {
        return Ok(None);
    }
    if let Some(finding) = oversized(change, after, settings.max_file_bytes) {
        return Err(Box::new(finding));
    }
    let before = change.before.and_then(decode).map(str::trim_end);
    match decode(after) {
        Some(text) if before == Some(text.trim_end()) => Ok(None),
        Some(text) => Ok(Some(text)),
        None => Err(Box::new(binary(change.path, after))),
    }
}

/// Bytes as text: UTF-8, no NUL, a byte order mark taken off.
pub(crate) fn decode(bytes: &[u8]) -> Option<&str> {
    if bytes.contains(&0) {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    Some(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// A file that was too large already and did not grow is not this change's doing.
fn oversized(change: &Change<'_>, after: &[u8], limit: u64) -> Option<Finding> {
    let size = after.len() as u64;
    let already = change.before.map_or(0, |before| before.len() as u64);
    (size > limit && size > already).then(|| Finding {
        path: change.path.to_owned(),
        line: None,
        severity: Severity::High,
        rule: Rule::Oversized,
        message: format!("The file has {size} bytes, more than the limit of {limit}."),
        suggestion:
            "Split the file, or generate its content in a build step instead of committing it."
                .to_owned(),
    })
}

fn binary(path: &str, after: &[u8]) -> Finding {
    let message = if after.contains(&0) {
        "The content holds NUL bytes: it is binary, not text."
    } else {
        "The content is not valid UTF-8 text."
    };
    Finding {
        path: path.to_owned(),
        line: None,
        severity: Severity::High,
        rule: Rule::Binary,
        message: message.to_owned(),
        suggestion: "Write the file as UTF-8 text; binary files are for a person to add."
            .to_owned(),
    }
}
