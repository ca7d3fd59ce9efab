//! `--drill`: every position of every chain as if all before it were dead. An outage is a bad time
//! to learn that the fallback had the same key as the primary, or that its program was never there.
//!
//! Nobody is asked: config, keys, programs, breakers and rests say it. A link stands in for dead
//! ones unless it has one provider, credential or host with all of them.

use std::path::Path;
use std::sync::Arc;

use model_providers::{Endpoint, ModelId, Providers};
use url::Host;

use super::{Check, Patient, programs};
use crate::config::{Config, Role};

/// Chains that are walked, or why they are not.
pub(super) async fn checks(patient: &Patient) -> Vec<Check> {
    let Some(config) = &patient.config else {
        let said = "not walked while the config cannot be used";
        return vec![Check::fail("drill", said, "correct the config first")];
    };
    let (providers, unread) = learned(patient).await;
    let walked = Role::ALL.into_iter().flat_map(|role| {
        let links = links(config, &patient.top, role, providers.as_deref());
        let left_out = config.roles.get(role).left_out.iter().map(|model| {
            let provider = config.providers.get(&model.provider);
            let variable = provider.and_then(|provider| provider.key_variable.as_deref());
            let variable = variable.unwrap_or("the variable of its key");
            let said = format!("{model} is no link of the chain: {variable} holds no key");
            Check::warn(role.name(), said, format!("put the key into {variable}"))
        });
        left_out.chain(walk(role, &links, &Rules::of(config))).collect::<Vec<_>>()
    });
    unread.into_iter().chain(walked).collect()
}

/// What runs learned of the models, where there were any.
async fn learned(patient: &Patient) -> (Option<Arc<Providers>>, Option<Check>) {
    let Some(project) = patient.project().filter(|project| project.has_state()) else {
        return (None, None);
    };
    let opened = match project.open_store().await {
        Ok(store) => project.providers(Some(&store)).await,
        Err(error) => Err(error),
    };
    match opened {
        Ok(providers) => (Some(providers), None),
        Err(error) => {
            let said = format!("breakers and rests cannot be read: {}", error.line());
            (None, Some(Check::warn("drill", said, "see the state below `belay doctor`")))
        }
    }
}

/// One model of a chain, as far as others may fall with it.
struct Link {
    /// From one.
    position: usize,
    model: String,
    provider: String,
    /// Compared, never shown.
    credential: Option<String>,
    host: Option<String>,
    /// Why it could not answer now, and the mend.
    out: Option<(String, String)>,
}

fn links(config: &Config, top: &Path, role: Role, providers: Option<&Providers>) -> Vec<Link> {
    let settings = config.provider_settings(top);
    let numbered = config.chain(role).iter().enumerate();
    let link = |(index, model): (usize, &ModelId)| {
        let endpoint = settings.endpoints.get(&model.provider);
        Link {
            position: index + 1,
            model: model.to_string(),
            provider: model.provider.clone(),
            credential: endpoint.and_then(credential),
            host: endpoint.and_then(host),
            out: endpoint
                .and_then(|endpoint| no_program(&model.provider, endpoint))
                .or_else(|| providers.and_then(|providers| held_off(providers, model))),
        }
    };
    numbered.map(link).collect()
}

/// The key, or the account of a program that has none.
fn credential(endpoint: &Endpoint) -> Option<String> {
    let key = endpoint.api_key.as_ref().map(|key| key.expose().to_owned());
    key.or_else(|| endpoint.program.as_ref()?.login.clone())
}

/// Two servers on this machine are two; elsewhere a name is one place.
fn host(endpoint: &Endpoint) -> Option<String> {
    let host = endpoint.base_url.host()?;
    let is_here = match &host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let port = endpoint.base_url.port_or_known_default().filter(|_| is_here);
    Some(port.map_or_else(|| host.to_string(), |port| format!("{host}:{port}")))
}

fn no_program(provider: &str, endpoint: &Endpoint) -> Option<(String, String)> {
    let program = endpoint.program.as_ref()?;
    let name = program.command.first().map_or("", String::as_str);
    let path = program.env.get("PATH").map_or("", String::as_str);
    if programs::is_there(name, path) {
        return None;
    }
    let mend = format!("install it on the PATH of this process, or correct providers.{provider}");
    Some((format!("{name} is not there"), mend))
}

/// By its breaker, or by a rest that its provider asked for.
fn held_off(providers: &Providers, model: &ModelId) -> Option<(String, String)> {
    let health = providers.health(model);
    let seconds = |wait: std::time::Duration| wait.as_secs();
    if let Some(rest) = health.resting {
        let mend = format!("wait, or end the rest: belay breaker reset {model}");
        return Some((format!("it rests {} s yet", seconds(rest)), mend));
    }
    let wait = health.status.retry_in.filter(|wait| !wait.is_zero())?;
    let mend = format!("wait, or close it: belay breaker reset {model}");
    Some((format!("its breaker is open for {} s yet", seconds(wait)), mend))
}

/// What of the config decides how far a chain is walked, and what stands at its end.
struct Rules {
    failover: bool,
    most: usize,
    template: bool,
}

impl Rules {
    fn of(config: &Config) -> Self {
        Self {
            failover: config.failover.enabled,
            most: config.failover.max_models,
            template: config.degradation.enabled,
        }
    }

    fn asked(&self) -> usize {
        if self.failover { self.most } else { 1 }
    }

    /// At the end of every chain.
    fn end(&self) -> &'static str {
        if self.template { "nothing but the template" } else { "nothing: the run fails" }
    }
}

/// A chain from its first position to its last.
fn walk(role: Role, links: &[Link], rules: &Rules) -> Vec<Check> {
    let out = links.iter().filter_map(|link| {
        let (why, mend) = link.out.as_ref()?;
        let said = format!("{} cannot answer: {why}", link.model);
        Some(Check::warn(&at(role, link), said, mend))
    });
    let mut checks: Vec<Check> = out.collect();
    let (asked, beyond) = links.split_at(links.len().min(rules.asked()));
    let able: Vec<&Link> = asked.iter().filter(|link| link.out.is_none()).collect();
    let Some((last, before)) = able.split_last() else {
        let said = format!("no model can answer: {}", rules.end());
        checks.push(Check::fail(role.name(), said, mend(role, beyond, rules)));
        return checks;
    };
    for (index, link) in before.iter().enumerate() {
        let (dead, behind) = able.split_at(index + 1);
        checks.push(position(role, link, dead, behind, &mend(role, beyond, rules), rules));
    }
    checks.push(if before.is_empty() {
        let said = format!("{} dead: {}", last.model, rules.end());
        Check::fail(&at(role, last), said, mend(role, beyond, rules))
    } else if rules.template {
        Check::ok(&at(role, last), "all dead: the template answers")
    } else {
        let said = "all dead: the run fails, as templates are off";
        Check::warn(&at(role, last), said, "set degradation.enabled: true")
    });
    checks.extend(as_a_whole(role, &able));
    checks
}

fn at(role: Role, link: &Link) -> String {
    format!("{role} {}", link.position)
}

fn position(
    role: Role,
    link: &Link,
    dead: &[&Link],
    behind: &[&Link],
    mend: &str,
    rules: &Rules,
) -> Check {
    let names = match dead {
        [first] => first.model.clone(),
        [first, last] => format!("{} and {}", first.model, last.model),
        [first, .., last] => format!("{} to {}", first.model, last.model),
        [] => String::new(),
    };
    if let Some(next) = behind.iter().find(|next| shared(next, dead).is_none()) {
        return Check::ok(&at(role, link), format!("{names} dead: {} answers", next.model));
    }
    let falls = |next: &&Link| Some(format!("{} has the same {}", next.model, shared(next, dead)?));
    let falls: Vec<String> = behind.iter().filter_map(falls).collect();
    let said = format!("{names} dead: {} ({})", rules.end(), falls.join(", "));
    Check::fail(&at(role, link), said, mend)
}

/// What a link has in common with every one of the others, so that it falls with them.
fn shared(link: &Link, others: &[&Link]) -> Option<&'static str> {
    let all = |same: &dyn Fn(&Link) -> bool| others.iter().all(|other| same(other));
    let credential =
        || link.credential.is_some() && all(&|other| other.credential == link.credential);
    let host = || link.host.is_some() && all(&|other| other.host == link.host);
    match () {
        () if all(&|other| other.provider == link.provider) => Some("provider"),
        () if credential() => Some("credential"),
        () if host() => Some("host"),
        () => None,
    }
}

/// Whether one outage, or one refused key, takes all of it. A chain of one link is told by that.
fn as_a_whole(role: Role, able: &[&Link]) -> Option<Check> {
    let (first, others) = able.split_first().filter(|(_, others)| !others.is_empty())?;
    let Some(what) = shared(first, others) else {
        let said = format!("no single provider, credential or host has all {} links", able.len());
        return Some(Check::ok(role.name(), said));
    };
    let name = match what {
        "provider" => format!("provider {}", first.provider),
        "host" => format!("host {}", first.host.as_deref().unwrap_or_default()),
        _ => format!("the credential of {}", first.provider),
    };
    let mend = format!("give roles.{role}.chain a model with another {what}");
    Some(Check::fail(role.name(), format!("one dead {what} takes the whole chain: {name}"), mend))
}

fn mend(role: Role, beyond: &[Link], rules: &Rules) -> String {
    if !rules.failover {
        return "set failover.enabled: true; without it only the first model is asked".to_owned();
    }
    beyond.first().map_or_else(
        || format!("put a model of another provider into roles.{role}.chain"),
        |next| {
            format!(
                "raise failover.max_models, {}, so that {} is asked, too",
                rules.most, next.model
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL_ON: Rules = Rules { failover: true, most: 3, template: true };

    /// `provider/model`, then `key=` and `host=` where they are not the provider's own, and `out`.
    fn chain(text: &str) -> Vec<Link> {
        let link = |(index, text): (usize, &str)| {
            let mut words = text.split(' ');
            let model = words.next().expect("a model").to_owned();
            let provider = model.split('/').next().expect("a provider").to_owned();
            let of = |name: &str| {
                text.split(' ').find_map(|word| word.strip_prefix(name)).map(str::to_owned)
            };
            Link {
                position: index + 1,
                credential: of("key=").or_else(|| Some(format!("key-of-{provider}"))),
                host: of("host=").or_else(|| Some(format!("{provider}.example"))),
                out: text.ends_with(" out").then(|| ("it is out".to_owned(), "mend it".to_owned())),
                model,
                provider,
            }
        };
        text.split(", ").filter(|text| !text.is_empty()).enumerate().map(link).collect()
    }

    fn walked(text: &str, rules: &Rules) -> String {
        let checks = walk(Role::Coder, &chain(text), rules);
        let line =
            |check: &Check| format!("{} {}: {}", check.state.name(), check.name, check.message);
        checks.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn each_position_says_who_stands_in() {
        insta::assert_snapshot!(walked("a/x, b/y, a/z", &ALL_ON), @r"
        ok coder 1: a/x dead: b/y answers
        ok coder 2: a/x and b/y dead: a/z answers
        ok coder 3: all dead: the template answers
        ok coder: no single provider, credential or host has all 3 links
        ");
    }

    #[test]
    fn what_falls_with_those_before_is_nothing_behind_them() {
        let rows = [
            "a/x, a/y, b/z",
            "a/x, a/y",
            "a/x, b/y key=key-of-a",
            "a/x, b/y host=a.example",
            "a/x, b/y out",
            "a/x out, b/y",
            "a/x",
            "a/x out",
            "",
        ];
        let told: Vec<String> =
            rows.iter().map(|row| format!("[{row}]\n{}", walked(row, &ALL_ON))).collect();
        insta::assert_snapshot!(told.join("\n\n"));
    }

    #[test]
    fn what_the_config_switches_off_is_not_there() {
        let rules = [
            Rules { failover: false, ..ALL_ON },
            Rules { most: 1, ..ALL_ON },
            Rules { template: false, ..ALL_ON },
        ];
        let told: Vec<String> = rules.iter().map(|rules| walked("a/x, b/y", rules)).collect();
        insta::assert_snapshot!(told.join("\n\n"));
    }
}
