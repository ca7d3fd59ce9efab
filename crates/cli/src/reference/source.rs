//! Reads the few kinds of declarations that the page lists, with their comments, out of formatted
//! source: no derive keeps the comments of events and exit states.

/// A variant of an enum, or a struct as a whole.
#[derive(Debug, Default)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) doc: String,
    pub(super) fields: Vec<Field>,
}

/// A field, with its type as it is written.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: String,
    /// Its own fields stand in its place.
    pub(super) is_flat: bool,
    /// It is left out where it says nothing.
    pub(super) may_be_missing: bool,
}

/// The variants of an enum.
pub(super) fn variants(source: &str, name: &str) -> Vec<Declared> {
    let mut found = Vec::new();
    let mut doc = String::new();
    let mut open: Option<Declared> = None;
    let mut attributes = String::new();
    for line in body(source, &format!("enum {name} {{")) {
        let (text, depth) = (line.trim(), line.len() - line.trim_start().len());
        match (&mut open, depth) {
            (None, 4) if text.starts_with("///") => add(&mut doc, text),
            (None, 4) if text.starts_with('#') => {}
            (None, 4) => {
                let (name, inner) = text.split_once(' ').unwrap_or((text, ""));
                let inner = inner.strip_prefix("{ ").and_then(|inner| inner.strip_suffix(" },"));
                let on_the_line = inner.into_iter().flat_map(|inner| inner.split(", "));
                let declared = Declared {
                    name: name.trim_end_matches(',').to_owned(),
                    doc: std::mem::take(&mut doc),
                    fields: on_the_line.filter_map(|text| field(text, "")).collect(),
                };
                if text.ends_with('{') {
                    open = Some(declared);
                } else {
                    found.push(declared);
                }
            }
            (Some(_), 4) => found.extend(open.take()),
            (Some(_), 8) if text.starts_with('#') => attributes.push_str(text),
            (Some(declared), 8) => {
                declared.fields.extend(field(text, &std::mem::take(&mut attributes)));
            }
            _ => {}
        }
    }
    assert!(!found.is_empty(), "enum {name} is not where it was");
    found
}

/// The fields of a struct.
pub(super) fn fields(source: &str, name: &str) -> Vec<Field> {
    let mut attributes = String::new();
    let mut found = Vec::new();
    for line in body(source, &format!("struct {name} {{")) {
        let text = line.trim();
        if text.starts_with('#') {
            attributes.push_str(text);
        } else {
            found.extend(field(text, &std::mem::take(&mut attributes)));
        }
    }
    assert!(!found.is_empty(), "struct {name} is not where it was");
    found
}

fn body<'a>(source: &'a str, opening: &str) -> impl Iterator<Item = &'a str> {
    let (_, body) = source.split_once(opening).unwrap_or(("", ""));
    body.lines().skip(1).take_while(|line| *line != "}")
}

fn add(doc: &mut String, line: &str) {
    if !doc.is_empty() {
        doc.push(' ');
    }
    doc.push_str(line.trim_start_matches('/').trim());
}

fn field(text: &str, attributes: &str) -> Option<Field> {
    if text.starts_with("//") {
        return None;
    }
    let (name, kind) = text.trim_end_matches(',').split_once(": ")?;
    Some(Field {
        name: name.trim_start_matches("pub ").to_owned(),
        kind: kind.to_owned(),
        is_flat: attributes.contains("flatten"),
        may_be_missing: attributes.contains("skip_serializing_if"),
    })
}

/// `MilestoneRolledBack` as `milestone_rolled_back`.
pub(super) fn snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}
