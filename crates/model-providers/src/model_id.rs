//! The name of a model, `provider/name`, parsed in one place.
//!
//! Names hold slashes themselves (`openrouter/meta-llama/llama-3-8b`), so splitting anywhere but
//! at the first one would ask the wrong provider.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A model of a provider, written `provider/name` and split at the first slash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelId {
    /// The provider's name as the settings have it.
    pub provider: String,
    /// The model's name as the provider knows it; may hold slashes.
    pub name: String,
}

/// A text that is not `provider/name`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a model: it is written provider/name, as in openai/gpt-4o")]
pub struct InvalidModelId {
    /// The text as given.
    pub text: String,
}

impl FromStr for ModelId {
    type Err = InvalidModelId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((provider, name)) if !provider.trim().is_empty() && !name.trim().is_empty() => {
                Ok(Self { provider: provider.to_owned(), name: name.to_owned() })
            }
            _ => Err(InvalidModelId { text: text.to_owned() }),
        }
    }
}

impl TryFrom<String> for ModelId {
    type Error = InvalidModelId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ModelId> for String {
    fn from(model: ModelId) -> Self {
        model.to_string()
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_the_first_slash() {
        let model: ModelId = "openrouter/meta-llama/llama-3".parse().unwrap();
        assert_eq!(model.provider, "openrouter");
        assert_eq!(model.name, "meta-llama/llama-3");
        assert_eq!(model.to_string(), "openrouter/meta-llama/llama-3");
    }

    #[test]
    fn a_part_that_is_missing_is_an_error() {
        for text in ["", "gpt-4o", "/gpt-4o", "openai/", " / "] {
            assert!(text.parse::<ModelId>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn is_one_string_in_json() {
        let model: ModelId = serde_json::from_str(r#""a/b/c""#).unwrap();
        assert_eq!(serde_json::to_string(&model).unwrap(), r#""a/b/c""#);
        assert!(serde_json::from_str::<ModelId>(r#""abc""#).is_err());
    }
}
