//! Which repository, with which token, over which way.

use std::fmt;
use std::time::Duration;

use url::Url;

use crate::error::Error;

/// What [`GitHub`](crate::GitHub) goes by.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The repository's owner.
    pub owner: String,
    /// The repository's name.
    pub name: String,
    /// Where the service listens: `https://api.github.com`, or that of an
    /// Enterprise server.
    pub api_url: Url,
    /// Who we are.
    pub token: Token,
    /// Who issues are assigned to. Whoever cannot be is left out, and told once.
    pub assignees: Vec<String>,
    /// The way there. Servers on this machine are reached without it.
    pub proxy: Option<Proxy>,
    /// A wait that the service asks for is waited out up to this. Longer ones
    /// put the work off.
    pub patience: Duration,
    /// How long one request may take.
    pub request_limit: Duration,
    /// Between two writes: the service takes about 80 a minute.
    pub pace: Duration,
    /// When the service counts as gone.
    pub breaker: circuit_breaker::Settings,
}

impl Settings {
    /// With the usual limits.
    pub fn new(owner: String, name: String, api_url: Url, token: Token) -> Self {
        Self {
            owner,
            name,
            api_url,
            token,
            assignees: Vec::new(),
            proxy: None,
            patience: Duration::from_secs(5),
            request_limit: Duration::from_secs(10),
            pace: Duration::from_secs(1),
            breaker: circuit_breaker::Settings::default(),
        }
    }

    /// `owner/name`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

/// A proxy.
#[derive(Clone)]
pub struct Proxy {
    /// Its address, perhaps with name and password.
    pub url: Url,
    /// Hosts that are reached without it, as in `NO_PROXY`.
    pub except: String,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

/// A token that is never shown: not by Debug, and not in what the service says.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Takes the token without the blanks around it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what cannot be a token; it is not shown.
    pub fn new(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Invalid("a token is one word of plain characters"));
        }
        Ok(Self(text.to_owned()))
    }

    /// For the one place that sends it.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// The text on one line, bounded, and without the token.
    pub(super) fn clean(&self, text: &str) -> String {
        const MOST: usize = 300;
        let text = text.replace(&self.0, "[secret]");
        let words = text.split(|c: char| c.is_whitespace() || c.is_control());
        let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        line.chars().take(MOST).collect()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows_the_token() {
        let token = Token::new(" ghp_hunter2\n").unwrap();
        let api = Url::parse("https://api.github.com").unwrap();
        let mut settings = Settings::new("o".into(), "r".into(), api, token.clone());
        let url = Url::parse("http://ada:hunter2@proxy:3128").unwrap();
        settings.proxy = Some(Proxy { url, except: String::new() });
        let shown = format!("{settings:?} {token:?}");
        assert!(!shown.contains("hunter"), "{shown}");
        assert_eq!(token.clean("bad\n token ghp_hunter2!"), "bad token [secret]!");
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_no_token() {
        for text in ["", "  ", "a b", "a\nb", "tökén", "a\0"] {
            let refused = Token::new(text);
            assert!(matches!(refused, Err(Error::Invalid(_))), "{text:?}");
        }
    }
}
