//! Which models are asked, and whether their keys are there. Of a key only its
//! variable's name is ever shown.

use super::{Check, Patient, endpoints, programs};
use crate::config::{Config, Role};

/// Chains, keys and endpoints.
pub(super) async fn checks(patient: &Patient) -> Vec<Check> {
    let Some(config) = &patient.config else {
        let said = "not looked at while the config cannot be used";
        return vec![Check::warn("models", said, "correct the config first")];
    };
    let mut checks = vec![chains(config, patient.offline)];
    checks.extend(config.providers.keys().filter_map(|name| key(config, name)));
    checks.extend(programs::checks(config, patient).await);
    if config.providers.values().any(|provider| provider.endpoint.program.is_none()) {
        checks.extend(endpoints::checks(config, patient).await);
    }
    checks
}

fn chains(config: &Config, offline: bool) -> Check {
    let count = |role: Role| match config.chain(role).len() {
        0 => format!("none for the {role}"),
        count => format!("{count} for the {role}"),
    };
    let counts: Vec<String> = Role::ALL.into_iter().map(count).collect();
    let said = counts.join(", ");
    let without: Vec<&str> =
        Role::ALL.iter().filter(|role| config.chain(**role).is_empty()).map(|r| r.name()).collect();
    if without.is_empty() {
        return Check::ok("models", said);
    }
    let looked = if offline { " (local servers were not looked for)" } else { "" };
    let mend =
        "set a key such as OPENAI_API_KEY, start Ollama, or name models under roles in the config";
    if config.degradation.enabled {
        let said = format!("{said}; templates answer for the rest{looked}");
        Check::warn("models", said, mend)
    } else {
        let said = format!("{said}; templates are off, so runs fail{looked}");
        Check::fail("models", said, mend)
    }
}

/// Whether a provider's key is there; nothing for one that needs none.
fn key(config: &Config, name: &str) -> Option<Check> {
    let provider = config.providers.get(name)?;
    let variable = provider.key_variable.as_deref()?;
    let check = format!("key {name}");
    if provider.is_usable() {
        return Some(Check::ok(&check, format!("{variable} is set")));
    }
    let said = format!("{variable} is not set, or holds no key: its models are left out");
    Some(Check::warn(&check, said, format!("put the key into {variable}")))
}
