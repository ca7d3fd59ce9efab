//! Durations as people write them: `1m30s`. The unit must be written, since `timeout: 30` read as
//! milliseconds by one person and as minutes by another ends a run at the wrong time.

use std::fmt;
use std::time::Duration;

/// The units from the largest to the smallest, in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DurationError {
    /// Nothing was written.
    Empty,
    /// A number without its unit, as in `30` or `1m30`.
    UnitMissing {
        /// The number that lacks it.
        number: String,
    },
    /// A unit that does not exist, as in `3min`.
    UnknownUnit {
        /// What stood in its place.
        unit: String,
    },
    /// Anything else, as in `soon`, `-3s` or `1.5h`.
    NotANumber,
    /// More than a number of 64 bits can hold.
    TooLong,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::UnitMissing { number } => write!(f, "the unit after `{number}` is missing"),
            Self::UnknownUnit { unit } => write!(f, "`{unit}` is not a unit"),
            Self::NotANumber => f.write_str("only whole numbers with units make one"),
            Self::TooLong => f.write_str("it is too long"),
        }
    }
}

impl std::error::Error for DurationError {}

/// Reads `<integer>(ms|s|m|h|d)`, joined as in `1m30s`; the parts are added up.
pub(crate) fn parse(text: &str) -> Result<Duration, DurationError> {
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (number, after) = split_where(rest, |c| !c.is_ascii_digit());
        if number.is_empty() {
            return Err(DurationError::NotANumber);
        }
        let (unit, after) = split_where(after, |c| !c.is_ascii_alphabetic());
        if unit.is_empty() {
            return Err(match after.chars().next() {
                None => DurationError::UnitMissing { number: number.to_owned() },
                Some(_) => DurationError::NotANumber,
            });
        }
        let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(DurationError::UnknownUnit { unit: unit.to_owned() });
        };
        let part = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(*size))
            .ok_or(DurationError::TooLong)?;
        total = total.checked_add(part).ok_or(DurationError::TooLong)?;
        rest = after;
    }
    Ok(Duration::from_millis(total))
}

/// The shortest text that [`parse`] reads as this duration; parts below a millisecond are dropped.
pub(crate) fn text(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if left == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, size) in UNITS {
        if left >= size {
            text.push_str(&format!("{}{unit}", left / size));
            left %= size;
        }
    }
    text
}

fn split_where(text: &str, stop: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(stop).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, milliseconds) in [
            ("0s", 0),
            ("250ms", 250),
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("5m", 300_000),
            ("23m", 1_380_000),
            ("1h", 3_600_000),
            ("2d12h", 216_000_000),
            ("1m1ms", 60_001),
            ("90s1m", 150_000),
            ("007s", 7_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn says_what_is_missing() {
        let unit = |unit: &str| DurationError::UnknownUnit { unit: unit.to_owned() };
        let missing = |number: &str| DurationError::UnitMissing { number: number.to_owned() };
        for (text, error) in [
            ("", DurationError::Empty),
            ("30", missing("30")),
            ("1m30", missing("30")),
            ("3min", unit("min")),
            ("3S", unit("S")),
            ("1.5h", DurationError::NotANumber),
            ("-3s", DurationError::NotANumber),
            ("s", DurationError::NotANumber),
            ("1m 30s", DurationError::NotANumber),
            (" 1m", DurationError::NotANumber),
            ("٣s", DurationError::NotANumber),
            ("18446744073709551616ms", DurationError::TooLong),
            ("18446744073709551615s", DurationError::TooLong),
            ("18446744073709551615ms1ms", DurationError::TooLong),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn is_shown_in_its_shortest_form() {
        for (milliseconds, shown) in [(0, "0s"), (90_000, "1m30s"), (3_600_000, "1h"), (61, "61ms")]
        {
            assert_eq!(text(Duration::from_millis(milliseconds)), shown);
        }
        assert_eq!(text(Duration::from_micros(1500)), "1ms");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(milliseconds: u64) {
            let duration = Duration::from_millis(milliseconds);
            prop_assert_eq!(parse(&text(duration)), Ok(duration));
        }

        #[test]
        fn parts_add_up(parts in proptest::collection::vec((0_u64..100_000, 0_usize..5), 1..6)) {
            let written: String = parts
                .iter()
                .map(|(number, unit)| format!("{number}{}", UNITS[*unit].0))
                .collect();
            let sum = parts.iter().map(|(number, unit)| number * UNITS[*unit].1).sum();
            prop_assert_eq!(parse(&written), Ok(Duration::from_millis(sum)));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            if let Ok(duration) = parse(&text) {
                prop_assert!(duration <= Duration::from_millis(u64::MAX));
            }
        }
    }
}
