//! What was found around the process, gathered by the caller, so that reading a config is a pure
//! function of its text and this, and a test can be any machine.

use std::collections::BTreeMap;
use std::fmt;

use model_providers::Secret;

/// What was found around the process.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    /// The environment variables.
    pub(crate) vars: BTreeMap<String, String>,
    /// The coding-agent programs found on PATH: of opencode, claude, codex and gemini.
    pub(crate) programs: Vec<String>,
    /// The logins of these programs, by preset.
    pub(crate) logins: BTreeMap<String, Login>,
    /// The servers that answered on this machine.
    pub(crate) local: LocalServers,
}

/// What a program is logged in to, without what it proves that with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    /// `a ChatGPT account`
    pub(crate) kind: String,
    /// Which one, where that can be seen.
    pub(crate) id: Option<String>,
    /// The services that it can ask with it, where these are several.
    pub(crate) sources: Vec<String>,
}

/// The model servers on this machine; `None` means that nobody answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LocalServers {
    /// The names of Ollama's models.
    pub(crate) ollama: Option<Vec<String>>,
    /// The names of the models that llama.cpp's server has loaded.
    pub(crate) llama_cpp: Option<Vec<String>>,
}

/// Names only: a value may be a key.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.vars.keys().collect();
        f.debug_struct("Environment")
            .field("vars", &names)
            .field("programs", &self.programs)
            .field("logins", &self.logins.keys())
            .field("local", &self.local)
            .finish()
    }
}

impl Environment {
    /// The key that a variable holds, or why it holds none. Blanks around it, as the line end of
    /// a key read from a file, are no part of it. An empty value, as a workflow gives it for a
    /// secret that does not exist, is none.
    pub(super) fn key(&self, variable: &str) -> Result<Secret, &'static str> {
        let value = self.vars.get(variable).map(|value| value.trim()).ok_or("is not set")?;
        if value.is_empty() {
            return Err("is empty");
        }
        if !value.chars().all(|c| c.is_ascii_graphic()) {
            return Err("holds characters that no key has");
        }
        Ok(Secret::new(value.to_owned()))
    }
}
