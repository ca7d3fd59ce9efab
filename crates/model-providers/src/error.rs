//! What can be wrong with the settings; everything later is an attempt's class instead.

use crate::ModelId;

/// Settings that cannot be worked with. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A model names a provider that has no endpoint.
    #[error("{model} names the provider {:?}, which is not configured", model.provider)]
    UnknownProvider {
        /// The model as given.
        model: ModelId,
    },
    /// A spending limit in dollars is set and this model's price is not known.
    #[error("a limit in US dollars is set, but the price of {model} is not known")]
    UnknownPrice {
        /// The model as given.
        model: ModelId,
    },
    /// A price or limit that is negative or not a number.
    #[error("{what} must be a number of at least 0")]
    InvalidAmount {
        /// Which one.
        what: String,
    },
    /// An endpoint that cannot be asked.
    #[error("provider {provider:?}: {problem}")]
    InvalidEndpoint {
        /// The provider's name.
        provider: String,
        /// What is wrong with it; holds no secret.
        problem: String,
    },
    /// The HTTP client could not be built, for example for want of root certificates.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}
