//! A repository larger than any window: prompts are chosen, not poured.

use serde_json::json;
use simulated_models::{Answers, FileAnswer, ModelScript, Script};

use crate::harness::{Bench, server};

/// Tokens, as the simulated server counts them (four bytes each).
const WINDOW: u64 = 16_000;

/// Four hundred modules of some two kilobytes each: twelve windows' worth.
fn files() -> Vec<(String, String)> {
    let body = |number: usize| {
        let mut text = format!("\"\"\"Module {number}: prices of shelf {number}.\"\"\"\n\n");
        for line in 0..40 {
            text.push_str(&format!(
                "def price_{number}_{line}(count):\n    return count * {}\n\n",
                number + line
            ));
        }
        text
    };
    let mut files: Vec<(String, String)> = (0..400)
        .map(|number| (format!("shop/area{}/shelf_{number:03}.py", number / 20), body(number)))
        .collect();
    files.push(("check.sh".into(), "true\n".into()));
    files.push(("README.md".into(), "# shop\n\nPrices by shelf.\n".into()));
    let idea = "# Discount on shelf 217\n\n## Description\n\nThe function `price_217_20` in `shop/area10/shelf_217.py` must give ten percent off.\n\n## Files\n\n- `shop/area10/shelf_217.py`\n";
    files.push(("ideas/backlog/001-discount.md".into(), idea.into()));
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn no_prompt_is_over_the_window_and_the_right_files_are_in_it() {
    let target = "shop/area10/shelf_217.py";
    let plan = json!({
        "milestones": [{
            "name": "Discount", "description": "Ten percent off.",
            "files": { "create": [], "modify": [target], "delete": [] },
            "read": ["shop/area10/shelf_216.py"], "tests": [],
        }],
        "risks": [], "success_criteria": [], "confidence": 0.9,
    });
    let analysis = json!({
        "understanding": "A discount.", "complexity": "low", "confidence": 0.9,
        "risks": [], "questions": [], "relevant_files": [target],
    });
    let edit = FileAnswer::edit(
        "def price_217_20(count):\n    return count * 237",
        "def price_217_20(count):\n    return count * 237 * 9 // 10",
    );
    let answers = Answers {
        analysis,
        plan,
        changes: [(target.to_owned(), edit)].into(),
        ..Answers::default()
    };
    let model = ModelScript::good().with_context_window(WINDOW);
    let server = server(Script::with_model("small", model).with_answers(answers)).await;
    let files = files();
    let bench =
        Bench::with_files(files.iter().map(|(path, content)| (path.as_str(), content.as_str())));
    bench.config(
        &server,
        &format!(
            "models:\n  a/small: {{ context_window: {WINDOW}, max_output_tokens: 2000 }}\nroles:\n  planner: {{ chain: [a/small] }}\n  coder: {{ chain: [a/small] }}\n  reviewer: {{ chain: [a/small] }}\nrun: {{ test_command: \"sh check.sh\" }}\n"
        ),
    );
    let ran = bench.belay(&["run", "--format", "json"]).await.exits(0);
    assert_eq!(ran.named("run_finished")[0]["status"], "completed", "{}", ran.stderr);
    assert_eq!(ran.named("run_finished")[0]["degraded"], false, "{}", ran.stderr);
    assert!(
        ran.named("attempt_failed").is_empty(),
        "the server refuses what is over its window: {}",
        ran.stderr
    );

    let requests = server.requests();
    let text = |schema: &str| {
        let request = requests
            .iter()
            .find(|request| request.schema.as_deref() == Some(schema))
            .expect(schema);
        let messages = request.body["messages"].as_array().expect("messages").iter();
        messages.filter_map(|message| message["content"].as_str()).collect::<Vec<_>>().join("\n")
    };
    for request in &requests {
        let size: usize = request.body["messages"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|message| message["content"].as_str())
            .map(str::len)
            .sum();
        assert!(size as u64 / 4 <= WINDOW, "{size} bytes asked for {:?}", request.schema);
    }
    let (analysis, plan, changes, review) =
        (text("analysis"), text("plan"), text("changes"), text("review"));
    assert!(
        analysis.contains(target),
        "the file that the idea is about is in the tree that is shown"
    );
    assert!(plan.contains("def price_217_20"), "the plan is made with the relevant file's content");
    assert!(changes.contains("def price_217_20"), "the coder sees its file");
    assert!(review.contains("9 // 10"), "the reviewer sees the change");
    assert!(
        !changes.contains("def price_3_1") && !changes.contains("def price_399_"),
        "and not the whole shop"
    );
    let changed = bench.show("belay/001-discount", target);
    assert_eq!(changed.matches("9 // 10").count(), 1);
    assert_eq!(changed.lines().count(), bench.show("main", target).lines().count());
    server.stop().await;
}
