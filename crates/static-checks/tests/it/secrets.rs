//! Planted credentials. The values are put together here, so that this file
//! holds none itself.

use static_checks::{Change, Rule, Settings, Severity, check};

use crate::found;

/// Looks random, is not.
const LETTERS: &str = "q7Zk2LmX9vB4nT8wR3yC6dF1hJ5sG0pAeUiOxNtMrKbVcYzWqE";

fn letters(count: usize) -> String {
    LETTERS.chars().cycle().take(count).collect()
}

fn upper(count: usize) -> String {
    letters(count).to_ascii_uppercase()
}

#[test]
fn credentials_are_high_and_never_repeated() {
    let key_body = letters(64);
    let cases = [
        ("AWS access key", format!("{}{}", "AKIA", upper(16))),
        ("AWS secret key", format!("aws_secret_access_key = \"{}\"", letters(40))),
        ("GitHub", format!("{}_{}", "ghp", letters(36))),
        ("GitHub", format!("{}_{}", "github_pat", letters(82))),
        ("GitLab", format!("{}-{}", "glpat", letters(20))),
        ("OpenAI", format!("{}-{}", "sk", letters(48))),
        ("OpenAI", format!("{}-proj-{}", "sk", letters(80))),
        ("Anthropic", format!("{}-ant-api03-{}", "sk", letters(90))),
        ("OpenRouter", format!("{}-or-v1-{}", "sk", "0a1b2c3d4e5f6978".repeat(4))),
        ("Slack token", format!("{}-{}", "xoxb", letters(40))),
        (
            "Slack webhook",
            format!("https://hooks.slack.com/services/T{}/B{}/{}", upper(9), upper(9), letters(24)),
        ),
        ("Google API", format!("{}{}", "AIza", letters(35))),
        ("Google client", format!("{}-{}", "GOCSPX", letters(28))),
        ("Stripe", format!("{}_live_{}", "sk", letters(24))),
        ("npm", format!("{}_{}", "npm", letters(36))),
        ("private key", format!("-----BEGIN RSA {} KEY-----\n{key_body}", "PRIVATE")),
        ("private key", format!("  k = \"-----BEGIN {} KEY-----\\n{key_body}\\n\"", "PRIVATE")),
        (
            "private key",
            format!("\"-----BEGIN EC {} KEY-----\\n\"\n    \"{key_body}\\n\"", "PRIVATE"),
        ),
        ("private key", format!("-----BEGIN OPENSSH {} KEY-----\n{key_body}", "PRIVATE")),
    ];
    for (name, secret) in cases {
        for path in ["src/a.rs", "a.md", ".env", "a.yaml"] {
            let after = format!("first line\nvalue: {secret} # end\n");
            let after =
                if name == "private key" { format!("first line\n{secret}\n") } else { after };
            let change = Change { path, before: None, after: Some(after.as_bytes()) };
            let findings: Vec<_> = check(&[change], &Settings::default())
                .into_iter()
                .filter(|finding| finding.rule == Rule::Secret)
                .collect();
            assert_eq!(findings.len(), 1, "{name} in {path}: {after}");
            assert_eq!(findings[0].severity, Severity::High);
            assert_eq!(findings[0].line, Some(2), "{name} in {path}");
            let whole = serde_json::to_string(&findings).unwrap();
            assert!(!whole.contains(&letters(8)), "{whole}");
            assert!(!whole.contains(&upper(8)), "{whole}");
        }
    }
}

#[test]
fn examples_and_lookalikes_are_left_alone() {
    let cases = [
        format!("{}IOSFODNN7EXAMPLE", "AKIA"),
        format!("{}{}", "AKIA", "X".repeat(16)),
        format!("{}-{}", "sk", "x".repeat(48)),
        format!("{}-ant-your-key-goes-here-0123456789abcdef", "sk"),
        format!("{}-1234567890abcdef1234567890abcdef", "sk"),
        format!("{}_{}", "ghp", "0".repeat(36)),
        format!("{}_short", "ghp"),
        "sk-fading-circle-animation-container-wrapper".to_owned(),
        "task-0a1b2c3d4e5f69780a1b2c3d4e5f6978".to_owned(),
        format!("if text.starts_with(\"-----BEGIN {} KEY-----\") {{", "PRIVATE"),
        format!("-----BEGIN {} KEY-----\n...\n", "PRIVATE"),
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA".to_owned(),
        "-----BEGIN CERTIFICATE-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA".to_owned(),
        "OPENAI_API_KEY=${OPENAI_API_KEY}".to_owned(),
        format!("sha512-{}==", letters(86)),
    ];
    for after in cases {
        assert_eq!(found(Rule::Secret, "a.txt", None, &after), [""; 0], "{after}");
    }
}

#[test]
fn a_secret_that_was_there_before_is_not_this_changes() {
    let secret = format!("{}_{}\n", "ghp", letters(36));
    let after = format!("new\n{secret}");
    assert_eq!(found(Rule::Secret, "a.txt", Some(&secret), &after), [""; 0]);
}

#[test]
fn one_is_found_at_the_end_of_a_huge_line() {
    let mut line = "a-sk-".repeat(150_000);
    line.push_str(&format!(" {}_{}", "ghp", letters(36)));
    assert_eq!(found(Rule::Secret, "a.js", None, &line), ["high 1"]);
}
