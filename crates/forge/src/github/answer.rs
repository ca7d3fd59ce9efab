//! What an answer of the service means, by its status, its headers, and only
//! then by its words.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::error::Error;

use super::settings::Settings;

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) told: Told,
    /// Null where it was none.
    pub(super) body: Value,
}

/// What the headers say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Seconds to wait.
    pub(super) retry_after: Option<Duration>,
    /// No request is left in this hour; until then.
    pub(super) used_up: Option<Duration>,
    /// The rights that would do.
    pub(super) needs: Option<String>,
    /// An organisation wants the token to be authorised for it.
    pub(super) needs_sign_on: bool,
    /// Where it is now.
    pub(super) location: Option<String>,
}

/// The longest that a header may keep us away.
const LONGEST: Duration = Duration::from_hours(2);

impl Told {
    /// `wall` counts where the answer has no date of its own: only the service's
    /// clock says when its hour is over.
    pub(super) fn read(headers: &HeaderMap, wall: SystemTime) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let number = |name: &str| text(name).and_then(|text| text.trim().parse::<i64>().ok());
        let seconds =
            |span: i64| Duration::from_secs(u64::try_from(span).unwrap_or(0)).min(LONGEST);
        let date = text("date").and_then(seconds_of).unwrap_or_else(|| unix(wall));
        let reset = number("x-ratelimit-reset").map(|reset| seconds(reset.saturating_sub(date)));
        let used_up = number("x-ratelimit-remaining") == Some(0);
        let needs =
            text("x-accepted-github-permissions").or_else(|| text("x-accepted-oauth-scopes"));
        Self {
            retry_after: number("retry-after").map(seconds),
            used_up: reset.filter(|_| used_up),
            needs: needs.map(str::trim).filter(|needs| !needs.is_empty()).map(str::to_owned),
            needs_sign_on: text("x-github-sso").is_some(),
            location: text("location").map(str::to_owned),
        }
    }
}

fn seconds_of(date: &str) -> Option<i64> {
    let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok();
    parsed.map(Timestamp::as_second)
}

fn unix(wall: SystemTime) -> i64 {
    let since = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) fn is_redirect(&self) -> bool {
        matches!(self.status, 301 | 302 | 307 | 308)
    }

    /// The service's own words.
    pub(super) fn said(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    /// Whether we are throttled, and for how long if that is told.
    pub(super) fn throttled(&self) -> Option<Option<Duration>> {
        let by_words = self.said().to_ascii_lowercase().contains("rate limit");
        let by_headers = self.told.retry_after.is_some() || self.told.used_up.is_some();
        let is_throttled = self.status == 429 || self.status == 403 && (by_headers || by_words);
        is_throttled.then_some(self.told.retry_after.or(self.told.used_up))
    }

    /// Why a request that was answered was not done.
    pub(super) fn refusal(&self, action: &'static str, settings: &Settings) -> Error {
        let said = settings.token.clean(self.said());
        let words = said.to_ascii_lowercase();
        let repository = settings.repository();
        match self.status {
            401 => Error::BadToken { said },
            403 if words.contains("archived") => Error::Archived { repository },
            403 if words.contains("not permitted to create or approve pull requests") => {
                Error::JobsMayNotOpen
            }
            403 if words.contains("locked") => Error::Locked { action },
            403 => Error::Forbidden { action, right: self.right(said) },
            404 => Error::UnknownRepository { repository },
            410 => Error::IssuesDisabled { repository },
            status => Error::Rejected { action, status, said },
        }
    }

    fn right(&self, said: String) -> String {
        match &self.told.needs {
            _ if self.told.needs_sign_on => {
                "the single sign-on of the organisation: authorise the token for it".to_owned()
            }
            Some(needs) => needs.clone(),
            None if said.is_empty() => "a right that GitHub does not name".to_owned(),
            None => said,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use url::Url;

    use super::*;
    use crate::Token;

    fn settings() -> Settings {
        let api = Url::parse("https://api.github.com").unwrap();
        Settings::new("o".into(), "r".into(), api, Token::new("ghp_hunter2").unwrap())
    }

    fn told(pairs: &[(&'static str, &str)]) -> Told {
        let headers = pairs.iter().map(|(name, value)| {
            (reqwest::header::HeaderName::from_static(name), value.parse().unwrap())
        });
        Told::read(&headers.collect(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000))
    }

    fn answer(status: u16, message: &str, headers: &[(&'static str, &str)]) -> Answer {
        Answer { status, told: told(headers), body: json!({"message": message}) }
    }

    #[test]
    fn throttling_is_known_by_status_headers_or_words() {
        let minutes = |minutes| Some(Some(Duration::from_mins(minutes)));
        let left_none = ("x-ratelimit-remaining", "0");
        for (status, message, headers, wanted) in [
            (429, "", &[("retry-after", "60")][..], minutes(1)),
            (403, "", &[("retry-after", "60")][..], minutes(1)),
            (
                403,
                "API rate limit exceeded",
                &[left_none, ("x-ratelimit-reset", "1300")][..],
                minutes(5),
            ),
            (403, "You have exceeded a secondary rate limit.", &[][..], Some(None)),
            (429, "", &[][..], Some(None)),
            (403, "Resource not accessible", &[("x-ratelimit-remaining", "7")][..], None),
            (404, "", &[("retry-after", "60")][..], None),
            (403, "", &[("retry-after", "999999")][..], minutes(120)),
            (403, "", &[("retry-after", "-5")][..], minutes(0)),
        ] {
            let answer = answer(status, message, headers);
            assert_eq!(answer.throttled(), wanted, "{status} {message} {headers:?}");
        }
    }

    /// Our clock may be hours off: the service's own date counts.
    #[test]
    fn the_services_clock_says_when_its_hour_is_over() {
        let told = told(&[
            ("date", "Fri, 15 Jan 2027 08:00:00 GMT"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1800000090"),
        ]);
        assert_eq!(told.used_up, Some(Duration::from_secs(90)));
    }

    #[test]
    fn a_refusal_says_what_a_person_can_mend() {
        let needs = [("x-accepted-github-permissions", "issues=write")];
        for (answer, wanted) in [
            (
                answer(401, "Bad credentials ghp_hunter2", &[]),
                "GitHub does not take the token: Bad credentials [secret]",
            ),
            (
                answer(403, "Resource not accessible", &needs),
                "the token may not make an issue; it lacks issues=write",
            ),
            (
                answer(403, "x", &[("x-github-sso", "required")]),
                "the token may not make an issue; it lacks the single sign-on of the organisation: authorise the token for it",
            ),
            (
                answer(403, "Repository was archived so is read-only.", &[]),
                "o/r is archived: nothing can be written there",
            ),
            (
                answer(403, "Unable to create comment because issue is locked.", &[]),
                "the issue is locked: nobody may make an issue",
            ),
            (
                answer(404, "Not Found", &[]),
                "there is no repository o/r, or the token may not see it",
            ),
            (
                answer(410, "Issues are disabled for this repo", &[]),
                "issues are switched off in o/r",
            ),
            (
                answer(422, "Validation Failed", &[]),
                "GitHub refused to make an issue (422): Validation Failed",
            ),
        ] {
            let error = answer.refusal("make an issue", &settings());
            assert_eq!(error.to_string(), wanted);
            assert!(!error.is_passing(), "{error}");
        }
    }
}
