//! The schemas of what models answer.

use super::keys::rows;
use super::table;

const HEAD: &str = "\
## What models are asked for

Each request names one of these schemas. In `changes`, `files[].path` is one of the work item's files.
";

pub(super) fn part() -> String {
    let mut text = HEAD.to_owned();
    for (name, schema) in agents::schemas() {
        text.push_str(&format!("\n### {name}\n\n"));
        text.push_str(&table(&["key", "takes", "meaning"]));
        rows(&schema, &schema, "", &mut text);
    }
    text
}
