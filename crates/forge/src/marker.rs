//! The hidden mark an issue is known by, so that it is made once: which run
//! made it, at which step.
//!
//! Where an issue is only text, the mark stands in the body as an HTML comment
//! that nobody sees. [`Marker::embed`] first takes the look-alikes out of the
//! body, so the one mark left is ours.

use std::fmt;

use crate::error::Error;
use crate::text::{MARK, neutralise};

/// The longest run or step, in bytes.
const MAX_BYTES: usize = 256;

/// Which run made an issue, at which step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Marker {
    /// The run.
    pub run: String,
    /// The step of the run; one issue each.
    pub step: String,
}

impl Marker {
    /// The body with this marker hidden in it, and no other.
    pub fn embed(&self, body: &str) -> String {
        format!("{}\n\n{self}\n", neutralise(body.trim_end()))
    }

    /// The marker hidden in a body. `None` if there is none, or if there are
    /// several: then somebody copied text around, and none can be trusted.
    pub fn find(body: &str) -> Option<Self> {
        let mut found = body.lines().filter_map(|line| Self::parse(line.trim()));
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// Reads what [`Display`](fmt::Display) wrote.
    fn parse(line: &str) -> Option<Self> {
        let inner = line.strip_prefix(MARK)?.strip_suffix(" -->")?;
        let (run, step) = inner.split_once(' ')?;
        let marker = Self {
            run: decode(run.strip_prefix("run=")?)?,
            step: decode(step.strip_prefix("step=")?)?,
        };
        marker.check().is_ok().then_some(marker)
    }

    /// # Errors
    /// [`Error::Invalid`] if a part is empty or too long to be a name.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for part in [&self.run, &self.step] {
            if part.is_empty() || part.len() > MAX_BYTES {
                return Err(Error::Invalid(
                    "the run and the step of a marker hold 1 to 256 bytes each",
                ));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Marker {
    /// As it is hidden in a body: `<!-- belay:run=... step=... -->`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (run, step) = (encode(&self.run), encode(&self.step));
        write!(f, "{MARK}run={run} step={step} -->")
    }
}

/// Percent-encodes whatever could end a word or a comment.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(after.get(..2)?, 16).ok()?);
        rest = &after[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(run: &str, step: &str) -> Marker {
        Marker { run: run.into(), step: step.into() }
    }

    #[test]
    fn a_marker_is_found_in_the_body_it_was_hidden_in() {
        for (run, step) in [
            ("01J00000000000000000000000", "manual_task/2"),
            ("a b", "100% --> <!-- belay:run=x step=y -->"),
            ("ü\n", " "),
        ] {
            let marker = marker(run, step);
            assert_eq!(Marker::find(&marker.embed("Do it.")), Some(marker));
        }
    }

    #[test]
    fn what_people_see_in_the_source_is_plain() {
        let body = marker("01J0", "plan").embed("Do it.\n");
        assert_eq!(body, "Do it.\n\n<!-- belay:run=01J0 step=plan -->\n");
    }

    /// Trap 36: text from outside does not pass for one of ours.
    #[test]
    fn a_body_cannot_bring_its_own_marker() {
        let forged = marker("other", "plan").to_string();
        let real = marker("01J0", "plan");
        assert_eq!(Marker::find(&real.embed(&forged)), Some(real.clone()));
        // Pasted in afterwards by hand: two marks, so neither counts.
        assert_eq!(Marker::find(&format!("{forged}\n{real}")), None);
    }

    #[test]
    fn what_is_not_quite_a_marker_is_none() {
        for body in [
            "",
            "<!-- belay:closed -->",
            "<!-- belay:run= step=x -->",
            "<!-- belay:run=x -->",
            "<!-- belay:run=x step=%zz -->",
            "<!-- belay:run=x step=%é -->",
            "<!-- belay:run=x step=%ff -->",
            "<!-- belay:run=x step=% -->",
            "said: <!-- belay:run=x step=y -->",
        ] {
            assert_eq!(Marker::find(body), None, "{body:?}");
        }
    }
}
