//! What the headers of an answer say of the limits of a credential: how much is left, until when.
//!
//! Who only listens when a limit is broken meets every limit, and each meeting costs an attempt.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use reqwest::header::HeaderMap;

/// What is left of one limit until its reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) amount: u64,
    pub(crate) reset_in: Duration,
}

/// What an answer's headers say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) requests: Option<Left>,
    pub(crate) tokens: Option<Left>,
}

/// The names that vendors have for what is left and for its reset.
const REQUESTS: [(&str, &str); 4] = [
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
];
const TOKENS: [(&str, &str); 2] = [
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
];
/// A reset further ahead is a stamp and no span.
const LONGEST_SPAN: f64 = 366.0 * 86_400.0;

impl Told {
    pub(crate) fn by(headers: &HeaderMap, wall: SystemTime) -> Self {
        let read = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
        let left = |(remaining, reset): &(&str, &str)| {
            let amount = read(remaining)?.parse::<f64>().ok().filter(|left| left.is_finite())?;
            let reset_in = reset_in(read(reset)?, wall)?;
            Some(Left { amount: whole(amount), reset_in })
        };
        Self { requests: REQUESTS.iter().find_map(left), tokens: TOKENS.iter().find_map(left) }
    }

    /// When a limit of which nothing is left is reset; of several the latest.
    pub(crate) fn exhausted_for(&self) -> Option<Duration> {
        let both = [self.requests, self.tokens].into_iter().flatten();
        both.filter(|left| left.amount == 0).map(|left| left.reset_in).max()
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
fn whole(amount: f64) -> u64 {
    amount.clamp(0.0, 1e15) as u64
}

/// `1.5`, `6m0s`, `20ms`, a stamp in seconds or milliseconds, or a date of RFC 3339.
fn reset_in(text: &str, wall: SystemTime) -> Option<Duration> {
    if let Ok(number) = text.parse::<f64>() {
        let seconds = if number > 1e11 { number / 1_000.0 } else { number };
        let span = Duration::try_from_secs_f64(seconds).ok()?;
        return match seconds > LONGEST_SPAN {
            true => Some(UNIX_EPOCH.checked_add(span)?.duration_since(wall).unwrap_or_default()),
            false => Some(span),
        };
    }
    if let Ok(stamp) = text.parse::<Timestamp>() {
        let wait = stamp.duration_since(Timestamp::try_from(wall).ok()?);
        return Some(Duration::try_from(wait).unwrap_or_default());
    }
    joined(text)
}

/// `1h2m3.5s`, as Go writes a duration.
fn joined(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut whole = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        let span = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()?;
        whole = whole.saturating_add(span);
        rest = after;
    }
    (!text.is_empty()).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-11-14T22:13:20Z
    fn wall() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }

    fn told(pairs: &[(&'static str, &str)]) -> Told {
        let pairs = pairs.iter().map(|(name, value)| {
            let name: reqwest::header::HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        });
        Told::by(&pairs.collect(), wall())
    }

    #[test]
    fn each_vendors_headers_are_read() {
        let openai = told(&[
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ]);
        let left = |amount, seconds| Some(Left { amount, reset_in: Duration::from_secs(seconds) });
        assert_eq!((openai.requests, openai.tokens), (left(59, 1), left(0, 360)));
        assert_eq!(openai.exhausted_for(), Some(Duration::from_secs(360)));
        let anthropic = told(&[
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2023-11-14T22:14:00Z"),
        ]);
        assert_eq!((anthropic.requests, anthropic.tokens), (left(0, 40), None));
        let router =
            told(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1700000030000")]);
        assert_eq!(router.requests, left(0, 30));
    }

    #[test]
    fn spans_stamps_and_rubbish() {
        for (text, milliseconds) in [
            ("20ms", Some(20)),
            ("1h2m3.5s", Some(3_723_500)),
            ("12", Some(12_000)),
            ("0.25", Some(250)),
            ("1700000010", Some(10_000)),
            ("1600000000", Some(0)),
            ("soon", None),
            ("1y", None),
            ("-4", None),
            ("", None),
            ("1.2.3s", None),
        ] {
            let read = reset_in(text, wall()).map(|span| span.as_millis());
            assert_eq!(read, milliseconds, "{text}");
        }
    }
}
