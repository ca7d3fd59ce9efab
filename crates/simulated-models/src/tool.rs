//! The tools that a request offers, and which of them does a deed of the script. Every program
//! names its tools differently, so a script says what is to be done and not how it is called.
use serde_json::{Map, Value, json};

use crate::work::Deed;

/// Names of tools that write a whole file, and of those that run a command.
const WRITERS: [&str; 2] = ["write", "write_file"];
const RUNNERS: [&str; 5] = ["bash", "shell", "shell_command", "exec_command", "run_shell_command"];
const PATCHER: &str = "apply_patch";
/// Names of their parameters.
const PATHS: [&str; 3] = ["file_path", "filePath", "path"];
const CONTENTS: [&str; 1] = ["content"];
const COMMANDS: [&str; 2] = ["command", "cmd"];
/// Ends the text of a file within a command; no text of a script should hold it.
const END: &str = "END_OF_THE_FILE";

/// A tool as a request offers it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tool {
    pub(crate) name: String,
    /// The schema of its arguments; none where it takes one text.
    pub(crate) parameters: Option<Value>,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) input: Input,
}

/// What a tool is called with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Input {
    /// An object.
    Fields(Value),
    /// One text.
    Text(String),
}

impl Input {
    /// The text that is sent in pieces.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Fields(fields) => fields.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    /// As an object, whatever it is.
    pub(crate) fn fields(&self) -> Value {
        match self {
            Self::Fields(fields) => fields.clone(),
            Self::Text(text) => json!({"input": text}),
        }
    }
}

/// The call that does the deed, if one of the tools can.
pub(crate) fn call(deed: &Deed, tools: &[Tool]) -> Option<Call> {
    match deed {
        Deed::Write { path, content } => {
            let given = [(&PATHS[..], path.as_str()), (&CONTENTS[..], content.as_str())];
            with_fields(tools, &WRITERS, &given)
                .or_else(|| patch(path, content, tools))
                .or_else(|| run(&written_by_a_command(path, content), tools))
        }
        Deed::Run { command } => run(command, tools),
    }
}

fn run(command: &str, tools: &[Tool]) -> Option<Call> {
    with_fields(tools, &RUNNERS, &[(&COMMANDS[..], command)])
}

/// Calls the first tool of one of these names that has a parameter for each value.
fn with_fields(tools: &[Tool], names: &[&str], values: &[(&[&str], &str)]) -> Option<Call> {
    let named = tools.iter().filter(|tool| is_named(tool, names));
    named.into_iter().find_map(|tool| {
        let schema = tool.parameters.as_ref()?;
        let mut fields = Map::new();
        for (parameters, value) in values {
            let known = |name: &&&str| schema.pointer(&format!("/properties/{name}")).is_some();
            let name = parameters.iter().find(known)?;
            fields.insert((*name).to_owned(), typed(schema, name, value));
        }
        for name in required(schema) {
            fields.entry(name).or_insert_with(|| "As the script says".into());
        }
        Some(Call { name: tool.name.clone(), input: Input::Fields(fields.into()) })
    })
}

fn is_named(tool: &Tool, names: &[&str]) -> bool {
    names.iter().any(|name| tool.name.eq_ignore_ascii_case(name))
}

fn required(schema: &Value) -> impl Iterator<Item = &str> {
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str)
}

/// A command may be wanted as the list of its words.
fn typed(schema: &Value, name: &str, value: &str) -> Value {
    match schema.pointer(&format!("/properties/{name}/type")).and_then(Value::as_str) {
        Some("array") => json!(["bash", "-c", value]),
        _ => value.into(),
    }
}

fn patch(path: &str, content: &str, tools: &[Tool]) -> Option<Call> {
    let tool = tools.iter().find(|tool| is_named(tool, &[PATCHER]))?;
    let lines: String = content.lines().map(|line| format!("+{line}\n")).collect();
    let text = format!("*** Begin Patch\n*** Add File: {path}\n{lines}*** End Patch\n");
    let input = match &tool.parameters {
        None => Input::Text(text),
        Some(_) => Input::Fields(json!({"input": text})),
    };
    Some(Call { name: tool.name.clone(), input })
}

fn written_by_a_command(path: &str, content: &str) -> String {
    let path = format!("'{}'", path.replace('\'', r"'\''"));
    let line_end = if content.is_empty() || content.ends_with('\n') { "" } else { "\n" };
    format!(
        "mkdir -p -- \"$(dirname -- {path})\" && cat > {path} <<'{END}'\n{content}{line_end}{END}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, parameters: Value) -> Tool {
        Tool { name: name.to_owned(), parameters: Some(parameters) }
    }

    fn takes(names: &[&str]) -> Value {
        let properties: Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
        json!({"type": "object", "properties": properties, "required": names})
    }

    fn write() -> Deed {
        Deed::Write { path: "a/it's.txt".to_owned(), content: "one\ntwo\n".to_owned() }
    }

    #[track_caller]
    fn check(deed: &Deed, tools: &[Tool], name: &str, fields: Value) {
        let called = call(deed, tools).expect("one of the tools can do it");
        assert_eq!((called.name.as_str(), called.input), (name, Input::Fields(fields)));
    }

    #[test]
    fn a_file_is_written_by_the_tool_for_it_under_each_programs_names() {
        let bash = tool("Bash", takes(&["command"]));
        for (name, path) in [("Write", "file_path"), ("write", "filePath"), ("write_file", "path")]
        {
            let tools = [bash.clone(), tool(name, takes(&[path, "content"]))];
            check(&write(), &tools, name, json!({path: "a/it's.txt", "content": "one\ntwo\n"}));
        }
    }

    #[test]
    fn a_file_is_written_by_a_patch_or_a_command_where_no_tool_is_for_it() {
        let run = tool("exec_command", takes(&["cmd"]));
        let patcher = Tool { name: "apply_patch".to_owned(), parameters: None };
        let called = call(&write(), &[run.clone(), patcher]).expect("can");
        let text = "*** Begin Patch\n*** Add File: a/it's.txt\n+one\n+two\n*** End Patch\n";
        assert_eq!(called.input, Input::Text(text.to_owned()));
        let command = "mkdir -p -- \"$(dirname -- 'a/it'\\''s.txt')\" && cat > 'a/it'\\''s.txt' <<'END_OF_THE_FILE'\none\ntwo\nEND_OF_THE_FILE";
        check(&write(), &[run], "exec_command", json!({"cmd": command}));
    }

    #[test]
    fn a_command_has_the_type_that_is_wanted_and_what_else_is_required() {
        let deed = Deed::Run { command: "make".to_owned() };
        let schema = json!({"properties": {"command": {"type": "array"}}, "required": ["command"]});
        check(&deed, &[tool("shell", schema)], "shell", json!({"command": ["bash", "-c", "make"]}));
        let tools = [tool("run_shell_command", takes(&["command", "description"]))];
        let fields = json!({"command": "make", "description": "As the script says"});
        check(&deed, &tools, "run_shell_command", fields);
    }

    #[test]
    fn nothing_is_called_where_no_tool_can_do_it() {
        assert_eq!(call(&write(), &[]), None);
        assert_eq!(call(&write(), &[tool("Read", takes(&["file_path"]))]), None);
        // It has the name and not the parameters.
        assert_eq!(call(&write(), &[tool("write", takes(&["chars"]))]), None);
    }
}
