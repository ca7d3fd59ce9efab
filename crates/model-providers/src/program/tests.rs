//! Recorded lines of each program, and what is made of them.

use std::time::{Duration, SystemTime};

use subprocess::{Captured, Ended, Output as Ran};

use super::prompt::{fill, text};
use super::start::{Asked, understood};
use super::*;
use crate::budget::Usage;
use crate::failure::Failure;
use crate::wire::Completion;
use crate::{Message, MessageRole, Tokens};

fn asked(program: &Program) -> Asked<'_> {
    Asked { program, key: None, model: "m", limited: limited(), folder: None, launch: None }
}

fn limited() -> Limited {
    Limited {
        total: Duration::from_secs(9),
        idle: Duration::from_secs(3),
        most_bytes: 1 << 20,
        wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000),
    }
}

fn ran(ended: Ended, stdout: &str, stderr: &str) -> Ran {
    let captured = |text: &str| Captured { bytes: text.as_bytes().to_vec(), dropped: 0 };
    Ran {
        ended,
        stdout: captured(stdout),
        stderr: captured(stderr),
        elapsed: Duration::ZERO,
        confined: None,
    }
}

fn read(preset: &str, code: i32, lines: &str) -> Result<Completion, Failure> {
    let program = Program::preset(preset).unwrap();
    understood(asked(&program), &ran(Ended::Exited(code), lines, ""))
}

/// The answer's first words and tokens, or the class.
fn shown(outcome: Result<Completion, Failure>) -> String {
    match outcome {
        Ok(whole) => {
            let words: Vec<&str> = whole.text.split_whitespace().take(3).collect();
            match whole.usage {
                Usage::Known(Tokens { input, output }) => {
                    format!("{} ({input} in, {output} out)", words.join(" "))
                }
                Usage::Billed { tokens: Some(Tokens { input, output }), usd } => {
                    format!("{} ({input} in, {output} out, ${usd:.5})", words.join(" "))
                }
                Usage::Billed { tokens: None, usd } => format!("{} (${usd})", words.join(" ")),
                Usage::Estimated { .. } => format!("{} (estimated)", words.join(" ")),
            }
        }
        Err(failure) => match failure.status {
            Some(status) => format!("{} {status}", failure.class),
            None => failure.class.to_string(),
        },
    }
}

macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("../../fixtures/agent-lines/", $name, ".jsonl"))
    };
}

#[test]
fn the_file_is_read_and_dated() {
    let read = preset::read().unwrap();
    assert!(read._dated.parse::<jiff::civil::Date>().is_ok());
    for name in Program::presets() {
        assert_eq!(Program::preset(name).unwrap().check(), Ok(()), "{name}");
        assert!(!preset::lines(name).0.is_empty(), "{name} has no rules for its lines");
    }
    assert!(!EventLines::plain().0.is_empty());
}

#[test]
fn each_known_program_works_in_a_folder_with_its_safety_on() {
    for name in Program::presets() {
        let program = Program::preset(name).unwrap();
        let works = program.workspace.unwrap();
        assert!((works.command != program.command) || !works.env.is_empty(), "{name}");
        let words = format!("{:?} {:?}", works.command, works.env.values()).to_lowercase();
        for loose in ["danger", "bypass", "skip-permissions", "yolo", "full-access"] {
            assert!(!words.contains(loose), "{name}: {loose}");
        }
    }
}

#[test]
fn recorded_lines_become_answers_and_classes() {
    for (preset, code, lines, expected) in [
        ("opencode", 0, recorded!("opencode-1.18.33-tool"), "Hello from the (22 in, 14 out)"),
        ("opencode", 0, recorded!("opencode-1.18.33-cut-off"), "invalid_output"),
        ("opencode", 143, recorded!("opencode-1.18.33-cut-loop"), "unavailable"),
        ("opencode", 0, recorded!("opencode-1.18.33-cut-loop"), "unavailable"),
        ("opencode", 1, recorded!("opencode-1.18.33-status-500"), "unavailable 500"),
        ("opencode", 1, recorded!("opencode-1.18.33-status-401"), "auth 401"),
        ("claude-code", 1, recorded!("claude-code-2.1.197-status-401"), "auth 401"),
        ("claude-code", 1, recorded!("claude-code-2.1.197-status-429"), "rate_limited 429"),
        ("codex", 1, recorded!("codex-0.169.0-status-401"), "auth 401"),
        ("gemini-cli", 145, recorded!("gemini-cli-0.61.0-status-401"), "auth"),
        ("codex", 1, recorded!("codex-0.169.0-status-429"), "rate_limited 429"),
        (
            "claude-code",
            0,
            recorded!("claude-code-2.1.197-answer"),
            "<system-reminder> This will (162 in, 28 out, $0.00150)",
        ),
        (
            "claude-code",
            0,
            recorded!("claude-code-2.1.197-tool"),
            "Hello from the (22 in, 14 out, $0.00046)",
        ),
        // It says `success` there, and ends with status 0 in some versions.
        ("claude-code", 0, recorded!("claude-code-2.1.197-status-500"), "unavailable 500"),
        ("codex", 0, recorded!("codex-0.169.0-answer"), "Hi, I'm a (4778 in, 46 out)"),
        ("codex", 0, recorded!("codex-0.169.0-tool"), "Hello from the (22 in, 14 out)"),
        ("codex", 1, recorded!("codex-0.169.0-status-500"), "unavailable"),
        ("codex", 0, recorded!("codex-0.169.0-cut"), "unavailable"),
        ("gemini-cli", 0, recorded!("gemini-cli-0.61.0-answer"), "Hello from the (11 in, 7 out)"),
    ] {
        assert_eq!(shown(read(preset, code, lines)), expected, "{preset}: {lines}");
    }
}

/// Each program wrote a file by a tool, and then its model failed. Where it stalled, it is asked what
/// would be made of its lines if it had ended well.
#[test]
fn recorded_lines_of_work_become_answers_and_classes() {
    for (preset, code, lines, expected) in [
        ("opencode", 0, recorded!("opencode-1.18.33-work-ok"), "The file is"),
        ("opencode", 1, recorded!("opencode-1.18.33-work-status-429"), "rate_limited 429"),
        ("opencode", 1, recorded!("opencode-1.18.33-work-status-500"), "unavailable 500"),
        ("opencode", 1, recorded!("opencode-1.18.33-work-status-401"), "auth 401"),
        ("opencode", 0, recorded!("opencode-1.18.33-work-stalled"), "unavailable"),
        ("opencode", 0, recorded!("opencode-1.18.33-work-cut"), "unavailable"),
        ("claude-code", 0, recorded!("claude-code-2.1.197-work-ok"), "The file is"),
        ("claude-code", 1, recorded!("claude-code-2.1.197-work-status-429"), "rate_limited 429"),
        ("claude-code", 1, recorded!("claude-code-2.1.197-work-status-500"), "unavailable 500"),
        ("claude-code", 1, recorded!("claude-code-2.1.197-work-status-401"), "auth 401"),
        ("claude-code", 0, recorded!("claude-code-2.1.197-work-stalled"), "unavailable"),
        ("claude-code", 0, recorded!("claude-code-2.1.197-work-cut"), "unavailable"),
        ("codex", 0, recorded!("codex-0.169.0-work-ok"), "The file is"),
        ("codex", 1, recorded!("codex-0.169.0-work-status-429"), "rate_limited 429"),
        ("codex", 1, recorded!("codex-0.169.0-work-status-500"), "unavailable"),
        ("codex", 1, recorded!("codex-0.169.0-work-status-401"), "auth 401"),
        ("codex", 0, recorded!("codex-0.169.0-work-stalled"), "unavailable"),
        ("codex", 0, recorded!("codex-0.169.0-work-cut"), "unavailable"),
        ("gemini-cli", 0, recorded!("gemini-cli-0.61.0-work-ok"), "The file is"),
        ("gemini-cli", 173, recorded!("gemini-cli-0.61.0-work-status-429"), "rate_limited"),
        ("gemini-cli", 244, recorded!("gemini-cli-0.61.0-work-status-500"), "unavailable"),
        ("gemini-cli", 145, recorded!("gemini-cli-0.61.0-work-status-401"), "auth"),
        ("gemini-cli", 0, recorded!("gemini-cli-0.61.0-work-stalled"), "unavailable"),
        ("gemini-cli", 0, recorded!("gemini-cli-0.61.0-work-cut"), "unavailable"),
    ] {
        let shown = shown(read(preset, code, lines));
        assert!(shown.starts_with(expected), "{preset}: {shown}: {lines}");
    }
}

/// In the fields where each program puts a status, a name or a reset, as its lines have them.
#[test]
fn errors_have_their_class_from_fields() {
    let opencode = |status: u16, headers: &str, body: &str| {
        format!(
            r#"{{"type":"error","error":{{"name":"APIError","data":{{"message":"x","statusCode":{status},"responseHeaders":{headers},"responseBody":{body:?}}}}}}}"#
        )
    };
    let claude = |status: u16| {
        format!(
            r#"{{"type":"result","subtype":"success","is_error":true,"api_error_status":{status},"result":"no"}}"#
        )
    };
    let codex =
        |message: &str| format!(r#"{{"type":"turn.failed","error":{{"message":"{message}"}}}}"#);
    for (preset, lines, expected) in [
        ("opencode", opencode(401, "{}", "{}"), "auth 401"),
        ("opencode", opencode(429, r#"{"retry-after":"7"}"#, "{}"), "rate_limited 429 7s"),
        (
            "opencode",
            opencode(429, "{}", r#"{"error":{"code":"insufficient_quota","message":"m"}}"#),
            "quota_exhausted 429",
        ),
        (
            "opencode",
            opencode(400, "{}", r#"{"error":{"code":"context_length_exceeded","message":"m"}}"#),
            "context_overflow 400",
        ),
        ("opencode", r#"{"type":"error","error":{"name":"ProviderAuthError"}}"#.into(), "auth"),
        ("claude-code", claude(401), "auth 401"),
        ("claude-code", claude(529), "unavailable 529"),
        (
            "claude-code",
            format!(
                "{}\n{}",
                r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1060}}"#,
                claude(429)
            ),
            "rate_limited 429 60s",
        ),
        (
            "claude-code",
            format!(
                "{}\n{}",
                r#"{"type":"assistant","error":"authentication_failed","message":{"content":[{"type":"text","text":"no login"}]}}"#,
                r#"{"type":"result","subtype":"success","is_error":true,"result":"no login"}"#
            ),
            "auth",
        ),
        ("codex", codex("unexpected status 401 Unauthorized: no key"), "auth 401"),
        ("codex", codex("exceeded retry limit, last status: 429 Too Many Requests"), "rate_limited 429"),
        ("codex", codex("a wording that nobody has seen: 429"), "unavailable"),
        (
            "gemini-cli",
            r#"{"type":"result","status":"error","error":{"type":"FatalAuthenticationError","message":"m"}}"#.into(),
            "auth",
        ),
    ] {
        let failure = read(preset, 0, &lines).unwrap_err();
        let wait = failure.retry_after.map(|wait| format!(" {wait:?}")).unwrap_or_default();
        assert_eq!(format!("{}{wait}", shown(Err(failure))), expected, "{lines}");
    }
    assert_eq!(shown(read("gemini-cli", 41, "")), "auth");
    let gemini = |body: &str| {
        let message = format!("[API Error: {body}]");
        format!(
            r#"{{"type":"result","status":"error","error":{{"type":"unknown","message":{message:?}}}}}"#
        )
    };
    let own = gemini(r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#);
    assert_eq!(shown(read("gemini-cli", 173, &own)), "rate_limited 429");
    let asked_to_wait = recorded!("gemini-cli-0.61.0-work-status-429");
    let failure = read("gemini-cli", 173, asked_to_wait).unwrap_err();
    assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
    let other = gemini(r#"{"error":{"message":"m"}}"#);
    assert_eq!(shown(read("gemini-cli", 145, &other)), "auth");
    assert_eq!(shown(read("gemini-cli", 1, &other)), "unavailable");
}

/// Trap 44: an answer that quotes an error is an answer.
#[test]
fn an_answer_that_speaks_of_errors_is_an_answer() {
    let lines = r#"{"type":"item.completed","item":{"type":"agent_message","text":"401 429 error"}}
{"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":2}}"#;
    assert_eq!(shown(read("codex", 0, lines)), "401 429 error (1 in, 2 out)");
}

#[test]
fn unknown_lines_are_passed_over_and_no_evidence_is_no_answer() {
    let whole = "Loading...\n{\"type\":\"new.kind\",\"text\":\"noise\"}\n[1]\n{\"type\":\"text\",\"text\":\"yes\"}\n{\"type\":\"done\"}\n";
    let mut program = Program::new(vec!["a".to_owned()]);
    program.output = Output::Events(EventLines::plain());
    let of = |ended, lines: &str| shown(understood(asked(&program), &ran(ended, lines, "why")));
    assert_eq!(of(Ended::Exited(0), whole), "yes (estimated)");
    assert_eq!(of(Ended::Exited(1), whole), "unavailable");
    assert_eq!(of(Ended::Signaled(9), whole), "unavailable");
    assert_eq!(of(Ended::Idle, whole), "timeout");
    assert_eq!(of(Ended::TimedOut, whole), "timeout");
    for empty in ["", "{\"type\":\"done\"}", "{\"type\":\"text\",\"text\":\"half\"}"] {
        assert_eq!(of(Ended::Exited(0), empty), "unavailable", "{empty}");
    }
}

#[test]
fn text_is_the_answer_only_of_a_program_that_ends_well() {
    let mut program = Program::new(vec!["a".to_owned()]);
    program.exits.insert(75, Class::RateLimited);
    let of = |code, said| understood(asked(&program), &ran(Ended::Exited(code), said, "oh\nno"));
    assert_eq!(of(0, "yes").unwrap().text, "yes");
    assert_eq!(shown(of(0, " \n")), "unavailable");
    assert_eq!(shown(of(1, "yes")), "unavailable");
    assert_eq!(shown(of(75, "yes")), "rate_limited");
    assert!(of(1, "").unwrap_err().raw().contains("status 1: oh\nno"));
}

/// Trap 44: only where errors stand, and only if there was one.
#[test]
fn a_text_means_a_class_on_standard_error_of_a_program_that_failed() {
    let mut program = Program::new(vec!["a".to_owned()]);
    program.errors.insert("Quota".to_owned(), Class::RateLimited);
    program.errors.insert("quota exceeded".to_owned(), Class::QuotaExhausted);
    program.exits.insert(3, Class::Auth);
    for (code, stdout, stderr, expected) in [
        (1, "", "error: Quota Exceeded (429)", "quota_exhausted"),
        (1, "", "this quota is low", "rate_limited"),
        (1, "quota exceeded", "no", "unavailable"),
        (3, "", "quota exceeded", "auth"),
        (0, " ", "quota exceeded", "quota_exhausted"),
        (0, "yes", "quota exceeded", "yes (estimated)"),
    ] {
        let ran = ran(Ended::Exited(code), stdout, stderr);
        assert_eq!(shown(understood(asked(&program), &ran)), expected, "{stdout} {stderr}");
    }
    program.output = Output::Events(EventLines::plain());
    let told = r#"{"type":"error","class":"refused","message":"m"}"#;
    let ran = ran(Ended::Exited(1), told, "quota exceeded");
    assert_eq!(shown(understood(asked(&program), &ran)), "refused");
}

#[test]
fn output_with_a_gap_is_no_answer() {
    let mut ran = ran(Ended::Exited(0), "yes", "");
    ran.stdout.dropped = 1;
    let program = Program::new(vec!["a".to_owned()]);
    assert_eq!(shown(understood(asked(&program), &ran)), "unavailable");
}

fn filled(program: &Program, prompt: &str) -> (Vec<String>, String) {
    let file = std::path::Path::new("/f/question.txt");
    let filled = fill(program, "m/x", prompt, file).unwrap();
    let line = std::iter::once(filled.program).chain(filled.args).collect();
    (line, filled.stdin)
}

/// The way of the original system, word for word.
#[test]
fn opencode_is_called_as_ever() {
    let opencode = Program::preset("opencode").unwrap();
    let (line, stdin) = filled(&opencode, "do {model} it");
    let expected = ["opencode", "run", "--model", "m/x", "--format", "json", "do {model} it"];
    assert_eq!((line, stdin.as_str()), (expected.map(str::to_owned).to_vec(), ""));
    let long = "x".repeat(200_000);
    let (line, stdin) = filled(&opencode, &long);
    assert_eq!((line, stdin), (expected[..6].iter().map(|s| (*s).to_owned()).collect(), long));
}

#[test]
fn the_input_goes_by_the_arguments() {
    let command =
        |parts: &[&str]| Program::new(parts.iter().map(|part| (*part).to_owned()).collect());
    assert_eq!(filled(&command(&["a", "-p={prompt}"]), "q").0, ["a", "-p=q"]);
    assert_eq!(filled(&command(&["a", "{prompt}"]), "--help").0, ["a", "\n--help"]);
    assert_eq!(filled(&command(&["a", "{prompt}"]), "q\0r").0, ["a", "qr"]);
    assert_eq!(filled(&command(&["a", "{file}", "{}"]), "q").0, ["a", "/f/question.txt", "{}"]);
    assert_eq!(
        filled(&command(&["a", "{model}"]), "q"),
        (vec!["a".into(), "m/x".into()], "q".into())
    );
    let long = "x".repeat(200_000);
    let refused = fill(&command(&["a", "{prompt}"]), "m", &long, std::path::Path::new("f"));
    assert_eq!(refused.unwrap_err().class, Class::ContextOverflow);
}

#[test]
fn roles_become_one_text() {
    let said = |role, content: &str| Message { role, content: content.to_owned() };
    let messages = [
        said(MessageRole::System, "rules"),
        said(MessageRole::User, "q"),
        said(MessageRole::Assistant, "{}"),
        said(MessageRole::User, "again"),
    ];
    assert_eq!(text(&messages), "rules\n\nq\n\nYour earlier answer was:\n{}\n\nagain");
}
