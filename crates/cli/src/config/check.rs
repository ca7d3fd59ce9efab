//! From one typed value to one meant value, with the place and the key in every refusal. Checks
//! written out at each key would forget the place at one of them.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::duration;
use super::error::{ConfigError, Place, quoted};
use super::outline::{Outline, dotted};
use super::typed::DurationText;

/// The text that is being checked.
pub(super) struct Source<'a> {
    /// None without a file.
    pub(super) file: Option<&'a str>,
    pub(super) outline: &'a Outline,
}

impl<'a> Source<'a> {
    /// The mapping at this path.
    pub(super) fn section(&'a self, path: &[&str]) -> Section<'a> {
        Section { source: self, path: path.iter().map(|part| (*part).to_owned()).collect() }
    }

    fn error(&self, place: Option<Place>, path: &[String], message: String) -> ConfigError {
        ConfigError { file: self.file.map(str::to_owned), place, key: dotted(path), message }
    }
}

/// One mapping of the config, whose keys are checked one by one.
pub(super) struct Section<'a> {
    source: &'a Source<'a>,
    path: Vec<String>,
}

impl<'a> Section<'a> {
    /// The mapping below this one.
    pub(super) fn below(&self, key: &str) -> Self {
        Self { source: self.source, path: self.path_of(key) }
    }

    fn path_of(&self, key: &str) -> Vec<String> {
        let mut path = self.path.clone();
        path.push(key.to_owned());
        path
    }

    /// What is wrong with the value of a key.
    pub(super) fn wrong(&self, key: &str, message: impl Into<String>) -> ConfigError {
        let path = self.path_of(key);
        let place = self.source.outline.value_place(&path);
        self.source.error(place, &path, message.into())
    }

    /// What is wrong with one entry of a list.
    pub(super) fn wrong_entry(
        &self,
        key: &str,
        index: usize,
        message: impl Into<String>,
    ) -> ConfigError {
        self.below(key).wrong(&format!("[{index}]"), message)
    }

    /// What is wrong with this mapping itself, such as a key that it lacks.
    pub(super) fn lacking(&self, message: impl Into<String>) -> ConfigError {
        let place = self.source.outline.key_place(&self.path);
        self.source.error(place, &self.path, message.into())
    }

    /// A whole number within a range.
    pub(super) fn whole<T>(
        &self,
        key: &str,
        typed: Option<i64>,
        default: T,
        range: RangeInclusive<i64>,
    ) -> Result<T, ConfigError>
    where
        T: TryFrom<i64>,
    {
        let Some(number) = typed else {
            return Ok(default);
        };
        let refusal = || {
            let (from, to) = (range.start(), range.end());
            let message = if *to == i64::MAX {
                format!("must be {from} or more, is {number}")
            } else {
                format!("must be from {from} to {to}, is {number}")
            };
            self.wrong(key, message)
        };
        if !range.contains(&number) {
            return Err(refusal());
        }
        T::try_from(number).map_err(|_| refusal())
    }

    /// The same for a key that has no default.
    pub(super) fn optional_whole(
        &self,
        key: &str,
        typed: Option<i64>,
        range: RangeInclusive<i64>,
    ) -> Result<Option<u64>, ConfigError> {
        typed.map(|number| self.whole(key, Some(number), 0, range)).transpose()
    }

    /// A number from 0 to 1.
    pub(super) fn share(
        &self,
        key: &str,
        typed: Option<f64>,
        default: f64,
    ) -> Result<f64, ConfigError> {
        match typed {
            None => Ok(default),
            Some(number) if (0.0..=1.0).contains(&number) => Ok(number),
            Some(number) => Err(self.wrong(key, format!("must be from 0 to 1, is {number}"))),
        }
    }

    /// An amount of money or a price, 0 or more.
    pub(super) fn dollars(
        &self,
        key: &str,
        typed: Option<f64>,
    ) -> Result<Option<f64>, ConfigError> {
        match typed {
            Some(number) if !(number.is_finite() && number >= 0.0) => {
                Err(self.wrong(key, format!("must be 0 or more, is {number}")))
            }
            fine => Ok(fine),
        }
    }

    /// A duration within a range.
    pub(super) fn duration(
        &self,
        key: &str,
        typed: Option<&DurationText>,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Result<Duration, ConfigError> {
        match typed {
            None => Ok(default),
            Some(DurationText(text)) => self.duration_text(key, text, range),
        }
    }

    /// The same for a text that has already been told from other words.
    pub(super) fn duration_text(
        &self,
        key: &str,
        text: &str,
        range: RangeInclusive<Duration>,
    ) -> Result<Duration, ConfigError> {
        let parsed = duration::parse(text).map_err(|error| {
            let message = format!(
                "{} is not a duration: {error}; write for example `30s`, `5m` or `1m30s`",
                quoted(text)
            );
            self.wrong(key, message)
        })?;
        if range.contains(&parsed) {
            return Ok(parsed);
        }
        let (from, to) = (duration::text(*range.start()), duration::text(*range.end()));
        Err(self.wrong(key, format!("must be from {from} to {to}, is {text}")))
    }

    /// A text that says something and keeps to one line.
    pub(super) fn line(
        &self,
        key: &str,
        typed: Option<String>,
    ) -> Result<Option<String>, ConfigError> {
        match typed {
            Some(text) if text.trim().is_empty() => Err(self.wrong(key, "must not be empty")),
            Some(text) if text.chars().any(char::is_control) => {
                Err(self.wrong(key, "must be one line without control characters"))
            }
            fine => Ok(fine),
        }
    }

    /// A path; what it is relative to is the reader's part.
    pub(super) fn path(
        &self,
        key: &str,
        typed: Option<String>,
    ) -> Result<Option<PathBuf>, ConfigError> {
        Ok(self.line(key, typed)?.map(PathBuf::from))
    }

    /// An http or https address without a credential in it.
    pub(super) fn url(&self, key: &str, text: &str) -> Result<Url, ConfigError> {
        let refuse = |why: &str| self.wrong(key, why.to_owned());
        // The text is not repeated: it may hold a credential.
        let url = Url::parse(text).map_err(|_| {
            refuse("is not an address; write for example `https://api.example.com/v1`")
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            let message =
                format!("must begin with http:// or https://, not {}", quoted(url.scheme()));
            return Err(self.wrong(key, message));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("must not hold a credential; name its variable in api_key_env"));
        }
        if url.fragment().is_some() {
            return Err(refuse("must not hold a `#`"));
        }
        Ok(url)
    }

    /// The name of an environment variable. A key pasted in its place is not repeated.
    pub(super) fn variable(&self, key: &str, name: &str) -> Result<(), ConfigError> {
        let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if letters && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(());
        }
        Err(self.wrong(
            key,
            "must be the name of an environment variable (letters, digits, `_`), never the key itself",
        ))
    }

    /// Globs, each of which can be compiled.
    pub(super) fn globs(
        &self,
        key: &str,
        typed: Option<Vec<String>>,
        default: Vec<String>,
    ) -> Result<Vec<String>, ConfigError> {
        let Some(globs) = typed else {
            return Ok(default);
        };
        for (index, glob) in globs.iter().enumerate() {
            if glob.trim().is_empty() {
                return Err(self.wrong_entry(key, index, "must not be empty"));
            }
            if let Err(error) = globset::Glob::new(glob) {
                let message = format!("{} is not a glob: {}", quoted(glob), error.kind());
                return Err(self.wrong_entry(key, index, message));
            }
        }
        Ok(globs)
    }

    /// A template whose places in braces are all known.
    pub(super) fn braces(&self, key: &str, text: &str, known: &[&str]) -> Result<(), ConfigError> {
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (_, from) = rest.split_at(at);
            let Some((name, after)) = from.strip_prefix('{').and_then(|from| from.split_once('}'))
            else {
                return Err(self.wrong(key, "has a brace without its partner"));
            };
            if !known.contains(&name) {
                let hint = super::nearest::suggestion(name, known);
                let message =
                    format!("{} is not a name that can stand here in braces{hint}", quoted(name));
                return Err(self.wrong(key, message));
            }
            rest = after;
        }
        Ok(())
    }

    /// A warning about a key, as a line that begins like an error's.
    pub(super) fn warning(&self, key: &str, message: impl Into<String>) -> String {
        self.wrong(key, message).to_string()
    }
}
