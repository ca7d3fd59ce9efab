//! One broken rule at one place, in the form that editors jump to.

use std::fmt;

use anyhow::bail;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// A path relative to the repository's top, with the line after a colon where there is one.
    pub(crate) place: String,
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }

    pub(crate) fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self::new(format!("{path}:{line}"), message)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// All of them at once: fixing one at a time would cost a run each.
pub(crate) fn none_of(mut problems: Vec<Problem>) -> anyhow::Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    problems.sort();
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    bail!("{} found\n{}", problems.len(), lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_named_in_order() {
        let problems = vec![Problem::at("b.rs", 2, "too long"), Problem::new("a", "wrong name")];
        let error = none_of(problems).unwrap_err().to_string();
        assert_eq!(error, "2 found\na: wrong name\nb.rs:2: too long");
        assert!(none_of(Vec::new()).is_ok());
    }
}
