//! Deeds of a script as calls of the tools that each language offers, and what comes after them.
#![expect(clippy::expect_used, reason = "test code outside of test functions")]
use serde_json::{Value, json};
use simulated_models::{Answers, Fault, ModelScript, Script, Server, Step, Work};

use crate::harness::{soon, start};
use crate::languages::{ALL, Spoken, events};

fn schema(names: &[&str]) -> Value {
    let properties: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
    json!({"type": "object", "properties": properties, "required": names})
}

/// The tools of the program that speaks this language.
fn tools(spoken: &Spoken) -> Value {
    match spoken.name {
        "chat" => json!([{"type": "function", "function":
            {"name": "write", "parameters": schema(&["content", "filePath"])}}]),
        "responses" => json!([{"type": "web_search"}, {"type": "custom", "name": "apply_patch"},
            {"type": "function", "name": "exec_command", "parameters": schema(&["cmd"])}]),
        "messages" => json!([{"name": "Write", "input_schema": schema(&["file_path", "content"])}]),
        _ => json!([{"functionDeclarations":
            [{"name": "write_file", "parametersJsonSchema": schema(&["file_path", "content"])}]}]),
    }
}

/// What a program adds to its request when a tool has run.
fn with_result(spoken: &Spoken, mut body: Value) -> Value {
    let (list, more) = match spoken.name {
        "chat" => (
            "messages",
            vec![
                json!({"role": "assistant", "content": null, "tool_calls": []}),
                json!({"role": "tool", "tool_call_id": "c", "content": "done"}),
            ],
        ),
        "responses" => (
            "input",
            vec![
                json!({"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": ""}),
                json!({"type": "custom_tool_call_output", "call_id": "c", "output": "done"}),
            ],
        ),
        "messages" => (
            "messages",
            vec![
                json!({"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "Write", "input": {}}]}),
                json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "done"}]}),
            ],
        ),
        _ => (
            "contents",
            vec![
                json!({"role": "model", "parts": [{"functionCall": {"name": "write_file", "args": {}}}]}),
                json!({"role": "user", "parts": [{"functionResponse": {"name": "write_file", "response": {}}}]}),
            ],
        ),
    };
    body[list].as_array_mut().expect("is a list").extend(more);
    body
}

/// The name and the input of the call that a stream holds, put together from its pieces.
fn called(spoken: &Spoken, stream: &str) -> (String, String) {
    let events = events(stream);
    let found = |at: &str| events.iter().find_map(|event| event.pointer(at)?.as_str());
    let joined = |at: &str| events.iter().filter_map(|event| event.pointer(at)?.as_str()).collect();
    let (name, input): (_, String) = match spoken.name {
        "chat" => (
            found("/choices/0/delta/tool_calls/0/function/name"),
            joined("/choices/0/delta/tool_calls/0/function/arguments"),
        ),
        "responses" => (found("/item/name"), joined("/delta")),
        "messages" => (found("/content_block/name"), joined("/delta/partial_json")),
        _ => {
            let at = "/candidates/0/content/parts/0/functionCall";
            let args = events.iter().find_map(|event| event.pointer(at)?.get("args"));
            let name = events.iter().find_map(|event| event.pointer(at)?.get("name")?.as_str());
            (name, args.expect("has arguments").to_string())
        }
    };
    (name.expect("has a name").to_owned(), input)
}

async fn writing(steps: ModelScript) -> Server {
    let work = Work::writing("made/it.txt", "one\ntwo\n", "It is done.").when("Please");
    let answers = Answers { works: vec![work], ..Answers::default() };
    start(Script::with_model("m", steps).with_answers(answers)).await
}

async fn asked(spoken: &Spoken, server: &Server, body: Value, streamed: bool) -> String {
    let mut raw = spoken.ask(server, body, streamed).await;
    raw.read_to_end().await.0
}

#[tokio::test]
async fn a_deed_is_a_call_of_the_tool_that_is_offered_and_the_word_comes_after_its_result() {
    let fields = |path: &str| json!({path: "made/it.txt", "content": "one\ntwo\n"});
    let patch = "*** Begin Patch\n*** Add File: made/it.txt\n+one\n+two\n*** End Patch\n";
    for (spoken, name, input) in [
        (&ALL[0], "write", fields("filePath")),
        (&ALL[1], "apply_patch", patch.into()),
        (&ALL[2], "Write", fields("file_path")),
        (&ALL[3], "write_file", fields("file_path")),
    ] {
        let server = writing(ModelScript::good()).await;
        let mut body = (spoken.body)();
        body["tools"] = tools(spoken);
        let stream = asked(spoken, &server, body.clone(), true).await;
        let (of, with) = called(spoken, &stream);
        let with = serde_json::from_str(&with).unwrap_or(Value::String(with));
        assert_eq!((of.as_str(), &with), (name, &input), "{}: {stream}", spoken.name);
        let plain = asked(spoken, &server, body.clone(), false).await;
        assert!(plain.contains(&format!("\"name\":\"{name}\"")), "{}: {plain}", spoken.name);
        let word = asked(spoken, &server, with_result(spoken, body), false).await;
        assert!(word.contains("It is done."), "{}: {word}", spoken.name);
        let results: Vec<u64> = server.requests().iter().map(|request| request.results).collect();
        assert_eq!(results, [0, 0, 1]);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_call_ends_with_each_languages_word_for_it() {
    let ends = [
        "\"finish_reason\":\"tool_calls\"",
        "response.completed",
        "\"stop_reason\":\"tool_use\"",
        "\"finishReason\":\"STOP\"",
    ];
    for (spoken, end) in ALL.iter().zip(ends) {
        let server = writing(ModelScript::good()).await;
        let mut body = (spoken.body)();
        body["tools"] = tools(spoken);
        let stream = asked(spoken, &server, body, true).await;
        assert!(stream.contains(end), "{}: {stream}", spoken.name);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_request_that_offers_no_tool_or_says_something_else_gets_the_text() {
    let server = writing(ModelScript::good()).await;
    for (text, tools) in [("Please.", json!([])), ("Write.", tools(&ALL[0]))] {
        let body =
            json!({"model": "m", "messages": [{"role": "user", "content": text}], "tools": tools});
        assert!(asked(&ALL[0], &server, body, false).await.contains("in plain text"));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_fault_in_the_middle_of_the_work_leaves_its_beginning_alone() {
    let server = writing(ModelScript::steps([Step::results(1, Fault::rate_limited("9"))])).await;
    for spoken in ALL {
        let mut body = (spoken.body)();
        body["tools"] = tools(&spoken);
        let begun = asked(&spoken, &server, body.clone(), true).await;
        assert!(begun.starts_with("HTTP/1.1 200 OK"), "{}", spoken.name);
        let then = asked(&spoken, &server, with_result(&spoken, body), true).await;
        assert!(then.starts_with("HTTP/1.1 429 "), "{}: {then}", spoken.name);
    }
    soon(server.wait_for_ended(8)).await;
    server.stop().await;
}
