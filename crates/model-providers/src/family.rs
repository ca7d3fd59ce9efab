//! The family of a model, by its name.
//!
//! What an account may use is counted by family: a coding agent whose week with one model is over
//! has none left with its sisters either, and may still have all of another maker's.

/// Words of models' names, without the digits behind them, and the family that each tells of.
/// The first word of a name that stands here decides.
const WORDS: &[(&str, &str)] = &[
    ("claude", "claude"),
    ("sonnet", "claude"),
    ("opus", "claude"),
    ("haiku", "claude"),
    ("gpt", "gpt"),
    ("chatgpt", "gpt"),
    ("codex", "gpt"),
    ("o", "gpt"),
    ("gemini", "gemini"),
    ("grok", "grok"),
    ("qwen", "qwen"),
    ("deepseek", "deepseek"),
    ("mistral", "mistral"),
    ("codestral", "mistral"),
    ("devstral", "mistral"),
    ("llama", "llama"),
    ("kimi", "kimi"),
    ("glm", "glm"),
];

/// The family of a model; of one that nobody knows, its name.
pub(crate) fn family(model: &str) -> String {
    let name = model.to_ascii_lowercase();
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let known = words.filter(|word| !word.is_empty()).find_map(|word| {
        let letters = word.split(|c: char| c.is_ascii_digit()).next()?;
        // One letter is a family with its number only: `o3`.
        let is_name = letters.len() > 1 || word.len() > 1;
        let named = WORDS.iter().find(|(known, _)| is_name && *known == letters);
        named.map(|(_, family)| (*family).to_owned())
    });
    known.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_family() {
        for (model, expected) in [
            ("sonnet", "claude"),
            ("claude-opus-4-6", "claude"),
            ("anthropic/claude-haiku-4.5", "claude"),
            ("us.anthropic.claude-sonnet-4", "claude"),
            ("Opus", "claude"),
            ("gpt-5.4", "gpt"),
            ("gpt4o", "gpt"),
            ("openai/o3-mini", "gpt"),
            ("codex-mini-latest", "gpt"),
            ("gemini-3-pro", "gemini"),
            ("qwen3:8b", "qwen"),
            ("o", "o"),
            ("My-Own:7b", "my-own:7b"),
            ("", ""),
        ] {
            assert_eq!(family(model), expected, "{model}");
        }
    }
}
