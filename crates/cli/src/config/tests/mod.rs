//! Configs as a person writes them, and what belay makes of them or says about them.

mod checks;
mod detection;
mod documented;
mod keys;
mod programs;
mod refused;
mod shown;
mod text;

use model_providers::ModelId;

use super::*;

/// A machine on which these variables are set, each to a key.
fn with_keys(variables: &[&str]) -> Environment {
    Environment {
        vars: variables
            .iter()
            .map(|name| ((*name).to_owned(), format!("secret-of-{name}")))
            .collect(),
        ..Environment::default()
    }
}

/// What belay makes of a config on a machine.
fn loaded(text: &str, environment: &Environment) -> Loaded {
    match load(Some(("belay.yaml", text)), environment) {
        Ok(loaded) => loaded,
        Err(error) => panic!("{error}\n{text}"),
    }
}

/// The line with which a config is refused on a machine.
fn refusal(text: &str, environment: &Environment) -> String {
    match load(Some(("belay.yaml", text)), environment) {
        Ok(_) => panic!("this was taken:\n{text}"),
        Err(error) => error.to_string(),
    }
}

/// The lines with which configs are refused on a machine with OpenAI's key, one a config.
fn refusals(texts: &[&str]) -> String {
    let environment = with_keys(&["OPENAI_API_KEY"]);
    let lines: Vec<String> = texts.iter().map(|text| refusal(text, &environment)).collect();
    for line in &lines {
        assert_eq!(line.lines().count(), 1, "more than one line: {line}");
    }
    lines.join("\n")
}

/// A chain as one line.
fn chain(loaded: &Loaded, role: Role) -> String {
    let names: Vec<String> = loaded.config.chain(role).iter().map(ModelId::to_string).collect();
    names.join(" ")
}

/// All chains, one a line.
fn chains(loaded: &Loaded) -> String {
    Role::ALL.map(|role| format!("{role}: {}", chain(loaded, role))).join("\n")
}
