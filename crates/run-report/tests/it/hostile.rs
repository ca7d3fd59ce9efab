//! Whatever a model, an issue or a repository wrote: it stays text.

use serde_json::json;

use crate::story::{Row, begun, committed, failed, page, planned};

const EVIL: &str = "</pre></title></style><script>alert(1)</script><img src=x onerror='alert(2)'>\"' {{ 7*7 }} {% raw %}\u{202e}x";

fn evil() -> String {
    let mut rows: Vec<Row> = vec![begun(EVIL), planned(EVIL)];
    rows.extend(committed(EVIL));
    rows.push(failed("a/x<script>y", "timeout", EVIL));
    rows.push(("issue_created", json!({ "kind": "manual_task", "url": "javascript:alert(3)", "title": EVIL, "milestone": null, "item": null, "marker": "m" })));
    rows.push(("issue_created", json!({ "kind": "manual_task", "url": "https://example.org/\"onclick=\"alert(4)", "title": EVIL, "milestone": null, "item": null, "marker": "n" })));
    rows.push((
        "breaker_opened",
        json!({ "role": "coder", "model": "a/x<script>y", "state": EVIL, "retry_in_ms": null }),
    ));
    page(&rows, &format!("diff --git a/{EVIL} b/x\n@@ -1 +1 @@\n+{EVIL}\n"))
}

#[test]
fn what_others_wrote_is_never_markup() {
    let html = evil();
    assert_eq!(html.matches("<script").count(), 0, "{html}");
    assert_eq!(html.matches("<img").count(), 0, "{html}");
    assert_eq!(html.matches("</style>").count(), 1);
    assert_eq!(html.matches("</title>").count() - html.matches("<title>").count(), 0);
    assert!(!html.contains("onclick=\""), "no attribute is left: {html}");
    assert!(html.contains("{{ 7*7 }}") && !html.contains("49"), "no template is run: {html}");
}

#[test]
fn a_link_leads_to_an_address_and_runs_nothing() {
    let html = evil();
    assert!(!html.contains("href=\"javascript:"), "{html}");
    assert!(
        html.contains("href=\"https:&#x2f;&#x2f;example.org&#x2f;&quot;onclick=&quot;alert(4)\""),
        "{html}"
    );
}

#[test]
fn what_turns_text_round_is_shown_by_its_number() {
    let html = evil();
    assert!(!html.contains('\u{202e}'));
    assert!(html.contains("&lt;U+202E&gt;"), "{html}");
}

#[test]
fn nothing_comes_from_elsewhere_and_a_policy_forbids_it() {
    let html = evil();
    assert!(html.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\""));
    for source in ["<link", "<iframe", "<object", "@import", " src=", "url(http", "url(//"] {
        assert!(!html.replace("src=x", "").contains(source), "{source}");
    }
}

#[test]
fn the_template_marks_nothing_as_safe() {
    let template = include_str!("../../src/report.html");
    for way in ["|safe", "| safe", "autoescape"] {
        assert!(!template.contains(way), "{way} stands in the template");
    }
}

#[test]
fn what_nobody_is_to_be_shown_is_taken_out() {
    let mut rows: Vec<Row> = vec![begun("hunter2"), planned("hunter2")];
    rows.extend(committed("hunter2"));
    rows.push(failed("a/b", "timeout", "key hunter2 refused"));
    let html = page(&rows, "+hunter2\n");
    assert!(!html.contains("hunter2"), "{html}");
    assert!(html.contains("key *** refused"), "{html}");
}
