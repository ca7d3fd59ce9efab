//! The logins that coding-agent programs have on this machine, as far as their own files tell.
//!
//! A program without a login is started, fails and is left, in every run again; one whose account
//! is known shares its rests with whatever else uses that account. Only which account it is and of
//! which kind is taken from these files: no token leaves this module, not even as a hash that
//! changes whenever the program renews it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use crate::config::Login;

/// Claude Code keeps its history beside its account.
const MOST_BYTES: u64 = 32 * 1024 * 1024;
/// Of an account's name.
const LONGEST: usize = 120;
/// Of the services that a program is logged in to.
const MOST_SOURCES: usize = 20;

/// By preset.
pub(crate) fn found(vars: &BTreeMap<String, String>) -> BTreeMap<String, Login> {
    let folder = |name: &str| {
        let given = vars.get(name).filter(|text| !text.is_empty()).map(PathBuf::from);
        given.filter(|path| path.is_absolute())
    };
    let Some(home) = folder("HOME") else {
        return BTreeMap::new();
    };
    let data = folder("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"));
    let codex = folder("CODEX_HOME").unwrap_or_else(|| home.join(".codex"));
    let claude = folder("CLAUDE_CONFIG_DIR");
    let about_claude = claude.as_ref().unwrap_or(&home).join(".claude.json");
    let claude = claude.unwrap_or_else(|| home.join(".claude"));
    let logins = [
        ("opencode", opencode(&data.join("opencode/auth.json"))),
        ("claude-code", claude_code(&claude.join(".credentials.json"), &about_claude)),
        ("codex", codex_login(&codex.join("auth.json"))),
        ("gemini-cli", gemini(&home.join(".gemini"))),
    ];
    logins.into_iter().filter_map(|(name, login)| Some((name.to_owned(), login?))).collect()
}

/// What a file holds; nothing if it is not there or is something else.
fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    let file = File::open(path).ok()?;
    // A pipe of this name would never end.
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[derive(Deserialize)]
struct CodexAuth {
    #[serde(rename = "OPENAI_API_KEY")]
    key: Option<String>,
    tokens: Option<CodexTokens>,
}

#[derive(Deserialize)]
struct CodexTokens {
    account_id: Option<String>,
}

fn codex_login(file: &Path) -> Option<Login> {
    let auth: CodexAuth = read(file)?;
    match (auth.tokens, auth.key) {
        (Some(tokens), _) => Some(login("a ChatGPT account", tokens.account_id)),
        (None, Some(key)) if !key.is_empty() => Some(login("an API key", Some(of_key(&key)))),
        (None, _) => None,
    }
}

#[derive(Deserialize)]
struct ClaudeCredentials {
    #[serde(rename = "claudeAiOauth")]
    account: Option<ClaudeAccount>,
}

#[derive(Deserialize)]
struct ClaudeAccount {
    #[serde(rename = "subscriptionType")]
    subscription: Option<String>,
}

#[derive(Deserialize)]
struct AboutClaude {
    #[serde(rename = "oauthAccount")]
    account: Option<AboutAccount>,
    #[serde(rename = "primaryApiKey")]
    key: Option<String>,
}

#[derive(Deserialize)]
struct AboutAccount {
    #[serde(rename = "accountUuid")]
    id: Option<String>,
}

/// On some systems the credentials are elsewhere, and only the account is in a file.
fn claude_code(credentials: &Path, about: &Path) -> Option<Login> {
    let account = read::<ClaudeCredentials>(credentials).and_then(|found| found.account);
    let about: Option<AboutClaude> = read(about);
    let (known, key) = about.map_or((None, None), |about| (about.account, about.key));
    if account.is_none() && known.is_none() {
        let key = key.filter(|key| !key.is_empty())?;
        return Some(login("an API key", Some(of_key(&key))));
    }
    let plan = account.and_then(|account| account.subscription).map(|plan| bounded(&plan));
    let kind = plan
        .map_or_else(|| "a Claude account".to_owned(), |plan| format!("a Claude account ({plan})"));
    Some(login(&kind, known.and_then(|known| known.id)))
}

#[derive(Deserialize)]
struct GoogleAccounts {
    active: Option<String>,
}

fn gemini(folder: &Path) -> Option<Login> {
    let _: BTreeMap<String, IgnoredAny> = read(&folder.join("oauth_creds.json"))?;
    let accounts: Option<GoogleAccounts> = read(&folder.join("google_accounts.json"));
    Some(login("a Google account", accounts.and_then(|accounts| accounts.active)))
}

#[derive(Deserialize)]
struct OpencodeAuth {
    #[serde(rename = "type")]
    kind: Option<String>,
    key: Option<String>,
    #[serde(rename = "accountId")]
    account: Option<String>,
}

/// One file with a login for each service.
fn opencode(file: &Path) -> Option<Login> {
    let services: BTreeMap<String, OpencodeAuth> = read(file)?;
    let mut found = login("", None);
    let mut ids = Vec::new();
    for (name, auth) in services.into_iter().take(MOST_SOURCES) {
        let name = bounded(&name);
        let key = auth.key.filter(|_| auth.kind.as_deref() == Some("api"));
        let id = key.map(|key| of_key(&key)).or(auth.account);
        ids.push(id.map_or_else(|| name.clone(), |id| format!("{name} {}", bounded(&id))));
        found.sources.push(name);
    }
    found.kind = format!("logins for {}", found.sources.join(", "));
    found.id = Some(ids.join(", "));
    (!found.sources.is_empty()).then_some(found)
}

fn login(kind: &str, id: Option<String>) -> Login {
    let id = id.map(|id| bounded(&id)).filter(|id| !id.is_empty());
    Login { kind: kind.to_owned(), id, sources: Vec::new() }
}

/// Of a stranger's file: one short line.
fn bounded(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

/// Tells keys apart and gives none away.
fn of_key(key: &str) -> String {
    let digest = Sha256::digest(key.trim());
    let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("key {hash}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn machine(
        files: &[(&str, &str)],
        more: &[(&str, &str)],
    ) -> (tempfile::TempDir, BTreeMap<String, Login>) {
        let home = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut vars = BTreeMap::from([("HOME".to_owned(), home.path().display().to_string())]);
        vars.extend(more.iter().map(|(name, below)| {
            ((*name).to_owned(), home.path().join(below).display().to_string())
        }));
        let found = found(&vars);
        (home, found)
    }

    fn shown(found: &BTreeMap<String, Login>) -> Vec<String> {
        let line = |(name, login): (&String, &Login)| {
            format!("{name}: {} / {}", login.kind, login.id.as_deref().unwrap_or("-"))
        };
        found.iter().map(line).collect()
    }

    const CODEX: &str = r#"{"OPENAI_API_KEY": null, "tokens": {"id_token": "secret-a", "access_token": "secret-b", "refresh_token": "secret-c", "account_id": "acc-1"}, "last_refresh": "now"}"#;
    const CLAUDE: &str = r#"{"claudeAiOauth": {"accessToken": "secret-d", "refreshToken": "secret-e", "expiresAt": 5, "scopes": [], "subscriptionType": "max"}}"#;
    const ABOUT: &str = r#"{"numStartups": 3, "oauthAccount": {"accountUuid": "uuid-2", "emailAddress": "me@home"}, "projects": {"/x": {"history": []}}}"#;
    const OPENCODE: &str = r#"{"anthropic": {"type": "oauth", "refresh": "secret-f", "access": "secret-g", "expires": 3}, "openai": {"type": "api", "key": "secret-h"}}"#;

    #[test]
    fn each_programs_login_is_found_without_its_secrets() {
        let (_home, found) = machine(
            &[
                (".codex/auth.json", CODEX),
                (".claude/.credentials.json", CLAUDE),
                (".claude.json", ABOUT),
                (".gemini/oauth_creds.json", r#"{"access_token": "secret-i"}"#),
                (".gemini/google_accounts.json", r#"{"active": "me@work", "old": []}"#),
                (".local/share/opencode/auth.json", OPENCODE),
            ],
            &[],
        );
        assert_eq!(
            shown(&found),
            [
                "claude-code: a Claude account (max) / uuid-2",
                "codex: a ChatGPT account / acc-1",
                "gemini-cli: a Google account / me@work",
                "opencode: logins for anthropic, openai / anthropic, openai key ec266476",
            ]
        );
        assert!(!format!("{found:?}").contains("secret"));
    }

    #[test]
    fn their_own_variables_say_where_the_files_are() {
        let (_home, found) = machine(
            &[
                ("c/auth.json", r#"{"OPENAI_API_KEY": "secret-k"}"#),
                ("d/.claude.json", ABOUT),
                ("x/opencode/auth.json", r#"{"openrouter": {"type": "api", "key": "secret-l"}}"#),
            ],
            &[("CODEX_HOME", "c"), ("CLAUDE_CONFIG_DIR", "d"), ("XDG_DATA_HOME", "x")],
        );
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found["claude-code"].id.as_deref(), Some("uuid-2"));
        assert_eq!(found["opencode"].sources, ["openrouter"]);
        assert_eq!(found["codex"].kind, "an API key");
    }

    /// A renewed token is the same account; another account is another.
    #[test]
    fn an_account_stays_the_same_while_its_tokens_change() {
        let of = |text: &str| machine(&[(".codex/auth.json", text)], &[]).1["codex"].clone();
        assert_eq!(of(CODEX), of(&CODEX.replace("secret-b", "renewed")));
        assert_ne!(of(CODEX), of(&CODEX.replace("acc-1", "acc-2")));
    }

    #[test]
    fn rubbish_and_absence_are_no_login() {
        for text in ["", "{", "[]", "{}", "{\"tokens\": 3}", "null"] {
            let files = [
                (".codex/auth.json", text),
                (".claude/.credentials.json", text),
                (".claude.json", text),
                (".gemini/google_accounts.json", text),
                (".local/share/opencode/auth.json", text),
            ];
            assert_eq!(shown(&machine(&files, &[]).1), Vec::<String>::new(), "{text}");
        }
        assert!(found(&BTreeMap::new()).is_empty());
    }
}
