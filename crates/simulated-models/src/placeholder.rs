//! The answer of a lazy model: the right shape around code that is not there. It must look
//! like the real thing, since a check that only knows one invented word proves nothing.
use serde_json::{Value, json};

/// Replaces the code in a `changes` answer, or any text in another, by a placeholder.
pub(crate) fn lazy(schema: Option<&str>, content: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(content) else {
        return "TODO: answer this.".to_owned();
    };
    if schema == Some("changes") {
        let files = value.get_mut("files").and_then(Value::as_array_mut);
        for file in files.into_iter().flatten() {
            spoil_file(file);
        }
    } else {
        spoil_texts(&mut value);
    }
    value.to_string()
}

fn spoil_file(file: &mut Value) {
    let stub = stub(file["path"].as_str().unwrap_or_default());
    if file["content"].is_string() {
        file["content"] = json!(stub);
    }
    for edit in file["edits"].as_array_mut().into_iter().flatten() {
        edit["replace"] = json!(stub);
    }
}

fn spoil_texts(value: &mut Value) {
    let Value::Object(fields) = value else { return };
    for (name, field) in fields {
        match field {
            Value::Array(items) => items.iter_mut().for_each(spoil_texts),
            Value::String(text) if name == "description" || name == "understanding" => {
                "TODO: describe this.".clone_into(text);
            }
            _ => {}
        }
    }
}

fn stub(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("rs") => "pub fn run() {\n    // TODO: implement this\n    todo!()\n}\n",
        Some("py") => "def run():\n    # TODO: implement this\n    raise NotImplementedError\n",
        Some("js" | "jsx" | "ts" | "tsx" | "mjs" | "cjs") => {
            "export function run() {\n  // TODO: implement this\n  throw new Error(\"Not implemented\");\n}\n"
        }
        Some("go") => {
            "package main\n\nfunc run() {\n\t// TODO: implement this\n\tpanic(\"not implemented\")\n}\n"
        }
        Some("md" | "txt") => "TODO: write this file.\n",
        _ => "# TODO: implement this\n# ... rest of the code here ...\n",
    }
}
