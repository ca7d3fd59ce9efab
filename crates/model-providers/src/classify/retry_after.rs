//! When a server says to come back: seconds, milliseconds, or a date.
//!
//! A date read as nonsense would be a rest of zero, and the limit would be met again at once.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::HeaderMap;

/// The wait that the headers ask for. A date in the past is no wait; an unreadable one is none
/// at all.
pub(crate) fn from_headers(headers: &HeaderMap, wall: SystemTime) -> Option<Duration> {
    let read = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let milliseconds = read("retry-after-ms").and_then(|text| text.parse().ok());
    milliseconds.map(Duration::from_millis).or_else(|| parse(read("retry-after")?, wall))
}

fn parse(text: &str, wall: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = rfc2822::parse(text).ok()?.timestamp();
    let now = Timestamp::try_from(wall).ok()?;
    let wait = date.duration_since(now);
    Some(Duration::try_from(wait).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn seconds_and_dates_are_read() {
        let wall = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let table = [
            ("120", Some(120_000)),
            ("0", Some(0)),
            ("1.5", Some(1_500)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30_000)),
            ("Sun, 06 Nov 1994 08:40:00 GMT", Some(0)),
            ("-3", None),
            ("soon", None),
            ("1e300", None),
            ("NaN", None),
        ];
        for (text, expected) in table {
            let wait = parse(text, wall).map(|wait| wait.as_millis());
            assert_eq!(wait, expected, "{text}");
        }
    }

    #[test]
    fn milliseconds_win_over_seconds() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", "2".parse().unwrap());
        headers.insert("retry-after-ms", "1250".parse().unwrap());
        let wait = from_headers(&headers, UNIX_EPOCH);
        assert_eq!(wait, Some(Duration::from_millis(1250)));
    }
}
