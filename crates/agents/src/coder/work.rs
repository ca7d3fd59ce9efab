//! A work item done by a program in a folder, turned into the answer that a model would have given.
//!
//! What git says was changed becomes the same entries that a model writes, and goes the same way:
//! the item's paths, the evidence that something was done, the static checks. A program earns no
//! trust by having tools.

use std::sync::Arc;

use async_trait::async_trait;
use model_providers::{Left, MessageRole, Opened, Prompt, Start, Workplace};
use serde_json::{Value, json};

use super::check::ItemRules;
use super::hand_over::{HandOver, HandOvers, Reader, Touched};
use crate::fit::Sheet;
use crate::place::{After, Found, Leaving, Place, WorkRules};

/// Folders that tools make by themselves and that are nobody's change.
const LEAVINGS: [&str; 11] = [
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    "node_modules",
    ".DS_Store",
    ".claude",
    ".codex",
    ".gemini",
    ".opencode",
    ".aider.tags.cache.v4",
];

/// One item, as a program meets it.
pub(super) struct ItemWork {
    pub(super) place: Arc<dyn Place>,
    pub(super) rules: Arc<ItemRules>,
    pub(super) sheet: Sheet,
    pub(super) left: Arc<HandOvers>,
    pub(super) settings: WorkRules,
}

impl ItemWork {
    /// What was asked, with what others left, as one text.
    fn prompt(&self, mend: Option<&str>) -> Result<String, String> {
        let sheet = match mend {
            Some(_) => self.sheet.clone(),
            None => self.left.onto(&self.sheet, Reader::Program),
        };
        let messages = sheet.messages(None).map_err(|error| error.to_string())?;
        let parts = messages.into_iter().filter(|message| message.role != MessageRole::Assistant);
        let mut text = parts.map(|message| message.content).collect::<Vec<_>>().join("\n\n");
        if let Some(why) = mend {
            text.push_str(&format!(
                "\n\nYour work on this stands in the files, and cannot be taken as it is: {why}\nMend it there. \
                 (Where this speaks of an answer, the files are meant; notes are your last words.)"
            ));
        }
        Ok(text)
    }

    async fn found(&self) -> Result<Vec<Found>, String> {
        let mut found = self.place.changed().await.map_err(|error| error.to_string())?;
        // What the base has is changed on purpose, whatever it is called.
        found.retain(|found| found.before.is_some() || !is_leaving(&found.path));
        Ok(found)
    }

    async fn handed_over(&self, left: &Left<'_>) -> HandOver {
        let found = self.found().await.unwrap_or_default();
        let is_untouched = |path: &&String| !found.iter().any(|found| &found.path == *path);
        HandOver {
            who: format!("{}: {}: {}", left.model, left.class, left.reason),
            untouched: self.rules.paths().filter(is_untouched).cloned().collect(),
            touched: found.iter().map(|found| self.touched(found)).collect(),
            note: left.note.map(str::to_owned).filter(|note| !note.trim().is_empty()),
            kept: None,
        }
    }

    fn touched(&self, found: &Found) -> Touched {
        let text = match &found.after {
            After::Text(text) => Some(text.clone()),
            After::Gone | After::Strange(_) => None,
        };
        let entry = entry(found).and_then(|entry| self.rules.judge(&entry));
        Touched { path: found.path.clone(), state: entry.map(|()| text) }
    }
}

#[async_trait]
impl Workplace for ItemWork {
    async fn open(&self, start: Start<'_>) -> Result<Opened, String> {
        let folder = match start.mend {
            Some(_) => self.place.again().await,
            None => self.place.fresh().await,
        };
        let folder = folder.map_err(|error| error.to_string())?;
        Ok(Opened { folder, prompt: self.prompt(start.mend)? })
    }

    async fn changed(&self, said: &str) -> Result<Value, String> {
        let found = self.found().await?;
        let entries: Result<Vec<Value>, String> = found.iter().map(entry).collect();
        let answer = json!({ "files": entries?, "notes": said });
        match self.place.refusal(&found).await {
            None => Ok(answer),
            Some(refusal) => Err(format!("{refusal}; put it back, or do it otherwise")),
        }
    }

    async fn leave(&self, left: Left<'_>) {
        let leaving = Leaving {
            model: left.model,
            class: left.class,
            reason: left.reason,
            transcript: left.transcript,
        };
        if !self.settings.hand_over {
            self.place.keep(leaving).await;
            return;
        }
        let mut handed_over = self.handed_over(&left).await;
        handed_over.kept = self.place.keep(leaving).await;
        self.left.push(handed_over);
    }
}

/// A change as a model would have written it, with the text that it began from.
fn entry(found: &Found) -> Result<Value, String> {
    let action = match (&found.before, &found.after) {
        (_, After::Strange(what)) => {
            return Err(format!("{} cannot be taken: {what}; put it back", found.path));
        }
        (_, After::Gone) => "delete",
        (None, After::Text(_)) => "create",
        (Some(_), After::Text(_)) => "modify",
    };
    let content = match &found.after {
        After::Text(text) => Some(text),
        _ => None,
    };
    Ok(json!({
        "path": found.path,
        "action": action,
        "content": content,
        "base": found.before,
        "explanation": "",
    }))
}

fn is_leaving(path: &str) -> bool {
    path.split('/').any(|part| LEAVINGS.contains(&part))
}
