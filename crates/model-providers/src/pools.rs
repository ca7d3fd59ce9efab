//! Which models have something in common that runs out: a credential, or a coding agent's part of it
//! for a family of models.
//!
//! A rest by provider asks the same empty account under another name; one that outlives a changed
//! key keeps a paid account idle. So what rests is named by a hash of what is sent, or of the
//! account that a program is logged in to, and every endpoint that draws on it rests with it.

use std::time::Duration;

use circuit_breaker::Clock as _;
use sha2::{Digest, Sha256};

use crate::failure::Failure;
use crate::family::family;
use crate::providers::Route;
use crate::rests::{Rest, UNTIL_THE_END};
use crate::settings::Endpoint;
use crate::{Class, ModelId, Providers};

/// Stands between the model and the hash of its credential in a key.
const MARK: char = '#';
const NO_CREDENTIAL: &str = "none";

impl Providers {
    /// Names provider, model and credential; the credential by a hash alone.
    pub(crate) fn model_key(&self, model: &ModelId) -> String {
        format!("{model}{MARK}{}", self.credential(&model.provider))
    }

    /// Names the starts of a program, as the key of a model that stands for all of its models.
    pub(crate) fn launch_key(&self, provider: &str) -> String {
        let all = ModelId { provider: provider.to_owned(), name: "*".to_owned() };
        self.model_key(&all)
    }

    /// Names a credential, whichever provider it is used with; without one, the provider.
    pub(crate) fn credential_key(&self, provider: &str) -> String {
        match self.credential(provider) {
            NO_CREDENTIAL => format!("provider {provider}"),
            hash => format!("credential {hash}"),
        }
    }

    /// Names what a coding agent uses up: a credential's part for a family of models.
    fn pool_key(&self, model: &ModelId) -> String {
        format!("{} family {}", self.credential_key(&model.provider), family(&model.name))
    }

    fn credential(&self, provider: &str) -> &str {
        self.credentials.get(provider).map_or(NO_CREDENTIAL, String::as_str)
    }

    /// All that a model may rest by.
    pub(crate) fn rest_keys(&self, model: &ModelId) -> [String; 3] {
        [self.model_key(model), self.credential_key(&model.provider), self.pool_key(model)]
    }

    /// Why and how long a model rests yet.
    pub(crate) fn resting(&self, model: &ModelId) -> Option<(Class, Duration)> {
        let keys = self.rest_keys(model);
        let keys = keys.iter().map(String::as_str);
        self.rests().resting(keys, self.clock.now())
    }

    /// Lays the rest that a failure of one of these classes means, and says how long it is.
    pub(crate) fn rest(&self, route: Route<'_>, failure: &Failure) -> Duration {
        let model = route.model;
        let now = self.clock.now();
        // A program's account has a part for each family, and a limit that says when it ends is
        // one of that part.
        let by_pool = route.endpoint.program.is_some();
        let key = match failure.class {
            Class::RateLimited if by_pool && failure.retry_after.is_some() => self.pool_key(model),
            Class::RateLimited => self.model_key(model),
            Class::QuotaExhausted if by_pool => self.pool_key(model),
            _ => self.credential_key(&model.provider),
        };
        let mut rests = self.rests();
        let retry_in = match (failure.class, failure.retry_after) {
            (Class::Auth, _) => UNTIL_THE_END,
            (_, Some(told)) => told,
            (Class::QuotaExhausted, None) => self.settings.breaker.max_reset_timeout,
            (_, None) => rests.backoff(&key, now),
        };
        let rest = Rest { class: failure.class, until: now.saturating_add(retry_in) };
        rests.lay(&key, rest);
        retry_in
    }
}

/// The model of a model's key.
pub(crate) fn model_of(key: &str) -> Option<ModelId> {
    key.rsplit_once(MARK)?.0.parse().ok()
}

/// Names what is sent as the credential, or else the account of a program, without giving it away.
pub(crate) fn hash_of(endpoint: &Endpoint) -> String {
    let account = endpoint.program.as_ref().and_then(|program| program.account());
    let account = account.filter(|_| endpoint.api_key.is_none());
    if endpoint.api_key.is_none() && endpoint.headers.is_empty() && account.is_none() {
        return NO_CREDENTIAL.to_owned();
    }
    let mut hash = Sha256::new();
    hash.update(endpoint.api_key.as_ref().map_or("", |key| key.expose()));
    if let Some(account) = account {
        hash.update(format!("\nlogin {account}"));
    }
    for (name, value) in &endpoint.headers {
        hash.update(format!("\n{name}: {value}"));
    }
    let digest = hash.finalize();
    digest.iter().take(6).map(|b| format!("{b:02x}")).collect()
}
