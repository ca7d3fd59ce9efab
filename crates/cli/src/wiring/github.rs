//! Whether issues go to GitHub: to which repository, with which token, over
//! which way.

use forge::{GitHub, Proxy, Settings, SystemClock, Token};
use std::sync::Arc;
use url::Url;
use worktree::Login;

use crate::config::{Choice, Config};
use crate::environment::Surroundings;
use crate::error::{Code, CommandError, fail};
use crate::project::Project;

/// Where GitHub itself listens.
const PUBLIC_API: &str = "https://api.github.com";
const PUBLIC_HOST: &str = "github.com";

/// What the config and the surroundings come to.
pub(crate) enum Use {
    /// Issues are files, and why.
    Off(String),
    /// Issues go to GitHub.
    On(Box<Settings>),
}

/// What is to be done; where `github.enabled` is true and that cannot be, why not.
pub(crate) async fn chosen(project: &Project) -> Result<Use, CommandError> {
    let enabled = project.config.github.enabled;
    if enabled == Choice::Never {
        return Ok(Use::Off("github.enabled is false".to_owned()));
    }
    match settings(project).await? {
        Ok(settings) => Ok(Use::On(Box::new(settings))),
        Err(why) if enabled == Choice::Auto => Ok(Use::Off(why)),
        Err(why) => Err(fail(Code::GitHub, format!("github.enabled is true, but {why}"))),
    }
}

/// The client, where issues go to GitHub.
pub(super) async fn client(project: &Project) -> Result<Option<GitHub>, CommandError> {
    match chosen(project).await? {
        Use::Off(_) => Ok(None),
        Use::On(settings) => GitHub::new(*settings, Arc::new(SystemClock))
            .map(Some)
            .map_err(|error| fail(Code::GitHub, format!("github: {error}"))),
    }
}

/// What git says to GitHub in a job there: the same token, with the name that GitHub takes for every
/// kind of token. Elsewhere people have a login of their own for git.
pub(crate) fn login(config: &Config, surroundings: &Surroundings) -> Option<Login> {
    let in_job = surroundings.var("GITHUB_ACTIONS") == Some("true");
    if !in_job || config.github.enabled == Choice::Never {
        return None;
    }
    let password = surroundings.var(&config.github.token_env)?.trim().to_owned();
    let api = config.github.api_url.clone().or_else(|| PUBLIC_API.parse().ok())?;
    let port = api.port().map(|port| format!(":{port}")).unwrap_or_default();
    let server = format!("{}://{}{port}", api.scheme(), web_host(&api));
    Some(Login { server, name: "x-access-token".to_owned(), password })
}

async fn settings(project: &Project) -> Result<Result<Settings, String>, CommandError> {
    let config = &project.config.github;
    let variable = &config.token_env;
    let Some(text) = project.surroundings.var(variable) else {
        return Ok(Err(format!("{variable} is not set")));
    };
    let Ok(token) = Token::new(text) else {
        return Ok(Err(format!("{variable} holds no token")));
    };
    let api = match &config.api_url {
        Some(url) => url.clone(),
        None => PUBLIC_API.parse().map_err(anyhow::Error::from)?,
    };
    let repository = match &config.repository {
        Some(repository) => Some(repository.clone()),
        None => of_remotes(project, &web_host(&api)).await?,
    };
    let Some((owner, name)) = repository.as_deref().and_then(|named| named.split_once('/')) else {
        let host = web_host(&api);
        return Ok(Err(format!(
            "no remote is a repository on {host}, and github.repository names none"
        )));
    };
    let proxy = proxy(&project.surroundings, &api);
    let mut settings = Settings::new(owner.to_owned(), name.to_owned(), api, token);
    settings.assignees.clone_from(&config.assignees);
    settings.proxy = proxy;
    Ok(Ok(settings))
}

/// The repository that a remote names: the one that is pushed to, else `origin`.
async fn of_remotes(project: &Project, host: &str) -> Result<Option<String>, CommandError> {
    let pushed = project.config.run.push.as_deref();
    for remote in pushed.into_iter().chain(["origin"]) {
        let url = project.repository.remote_url(remote).await?;
        if let Some(found) = url.and_then(|url| repository_of(&url, host)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The host of the pages that belong to an address of the interface.
fn web_host(api: &Url) -> String {
    let host = api.host_str().unwrap_or_default();
    host.strip_prefix("api.").unwrap_or(host).to_owned()
}

/// `owner/name` of a remote's address, if it is on this host.
fn repository_of(url: &str, host: &str) -> Option<String> {
    let (place, path) = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?,
        // As in `git@github.com:owner/name`.
        None => url.split_once(':')?,
    };
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let place = place.split_once(':').map_or(place, |(place, _)| place);
    let by_port_443 = host == PUBLIC_HOST && place.eq_ignore_ascii_case("ssh.github.com");
    if !by_port_443 && !place.eq_ignore_ascii_case(host) {
        return None;
    }
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let (owner, name) = path.split_once('/')?;
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    (plain(owner) && plain(name)).then(|| path.to_owned())
}

/// The way that the environment names, as every program on the machine goes.
fn proxy(surroundings: &Surroundings, api: &Url) -> Option<Proxy> {
    let first = |names: &[&str]| names.iter().find_map(|name| surroundings.var(name));
    // HTTP_PROXY may be a request's header where a web server starts programs.
    let named = match api.scheme() {
        "https" => first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
        _ => first(&["http_proxy", "all_proxy", "ALL_PROXY"]),
    }?;
    let url = Url::parse(named).ok().filter(Url::has_host);
    let url = url.or_else(|| Url::parse(&format!("http://{named}")).ok())?;
    let except = first(&["no_proxy", "NO_PROXY"]).unwrap_or_default().to_owned();
    Some(Proxy { url, except })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_remotes_address_names_its_repository() {
        for (url, wanted) in [
            ("https://github.com/octo/demo.git", Some("octo/demo")),
            ("https://github.com/octo/demo", Some("octo/demo")),
            ("https://GitHub.com/octo/demo/", Some("octo/demo")),
            ("https://x:y@github.com/octo/de.mo", Some("octo/de.mo")),
            ("git@github.com:octo/demo.git", Some("octo/demo")),
            ("github.com:octo/demo", Some("octo/demo")),
            ("ssh://git@github.com/octo/demo.git", Some("octo/demo")),
            ("ssh://git@ssh.github.com:443/octo/demo.git", Some("octo/demo")),
            ("https://github.com/octo", None),
            ("https://github.com/octo/demo/more", None),
            ("https://github.com.evil.example/octo/demo", None),
            ("https://evil.example/github.com/demo", None),
            ("git@gitlab.com:octo/demo.git", None),
            ("/srv/git/demo.git", None),
            ("../demo", None),
            ("", None),
        ] {
            assert_eq!(repository_of(url, PUBLIC_HOST).as_deref(), wanted, "{url}");
        }
        let own = repository_of("git@git.example:octo/demo.git", "git.example");
        assert_eq!(own.as_deref(), Some("octo/demo"));
    }

    #[test]
    fn the_pages_of_an_interface_are_beside_it() {
        for (api, wanted) in [
            (PUBLIC_API, "github.com"),
            ("https://git.example/api/v3", "git.example"),
            ("https://api.octo.ghe.com", "octo.ghe.com"),
        ] {
            assert_eq!(web_host(&api.parse().expect("an address")), wanted);
        }
    }

    #[test]
    fn the_way_is_the_one_that_the_environment_names() {
        let found = |pairs: &[(&str, &str)], api: &str| {
            let vars = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            let surroundings =
                Surroundings { vars: vars.collect(), here: PathBuf::from("/"), host: "h".into() };
            let found = proxy(&surroundings, &api.parse().expect("an address"));
            found.map(|proxy| (proxy.url.to_string(), proxy.except))
        };
        let way = |url: &str, except: &str| Some((url.to_owned(), except.to_owned()));
        let plain = [("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", "a,b")];
        assert_eq!(found(&plain, PUBLIC_API), way("http://proxy:3128/", "a,b"));
        assert_eq!(found(&plain, "http://git.example/api/v3"), None);
        assert_eq!(
            found(&[("https_proxy", "proxy:3128")], PUBLIC_API),
            way("http://proxy:3128/", "")
        );
        assert_eq!(found(&[("HTTP_PROXY", "http://proxy:3128")], "http://git.example"), None);
        assert_eq!(found(&[], PUBLIC_API), None);
    }
}
