//! The text of a pull request: our part between two hidden marks, and what is
//! people's around it. Only our part is ever replaced.

use crate::marker::Marker;
use crate::text::{self, MARK, neutralise};

/// What the service takes, less what a mark may add.
const MOST: usize = 65_000;

/// The line above our part; the marker is the one below it.
fn opening() -> String {
    format!("{MARK}text -->")
}

/// The whole text of a new one.
pub(super) fn composed(body: &str, below: &str, marker: &Marker) -> String {
    let ours = part(body, marker);
    let below = neutralise(&below.replace("\r\n", "\n").replace('\0', ""));
    let below = below.trim();
    if below.is_empty() {
        return format!("{ours}\n");
    }
    let room = MOST.saturating_sub(ours.len());
    if below.len() <= room {
        return format!("{ours}\n\n{below}\n");
    }
    let kept = &below[..below.floor_char_boundary(room)];
    let kept = kept.rfind('\n').map_or("", |at| &kept[..at]);
    format!("{ours}\n\n{kept}\n\n(cut off here)\n")
}

/// The text with our part as it is to be now; nothing where our part is not to
/// be found any more, or would not fit.
pub(super) fn renewed(now: &str, body: &str) -> Option<String> {
    let marker = Marker::find(now)?;
    let opening = opening();
    let lines: Vec<&str> = now.lines().collect();
    let mark = marker.to_string();
    let place = |wanted: &str| lines.iter().position(|line| line.trim() == wanted);
    let (from, to) = (place(&opening)?, place(&mark)?);
    let above = lines.get(..from)?.join("\n");
    let below = lines.get(to + 1..).filter(|_| from < to)?.join("\n");
    let above = if above.trim().is_empty() { String::new() } else { format!("{above}\n") };
    let text = format!("{above}{}\n{below}", part(body, &marker));
    (text.len() <= MOST).then(|| text.trim_end().to_owned() + "\n")
}

fn part(body: &str, marker: &Marker) -> String {
    format!("{}\n\n{}\n\n{marker}", opening(), text::body(body).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker() -> Marker {
        Marker { run: "01J0".into(), step: "pull-request".into() }
    }

    #[test]
    fn our_part_is_replaced_and_what_people_wrote_around_it_stays() {
        let first = composed("One.", "## Checklist\n\n- [ ] tested\n", &marker());
        assert_eq!(
            first,
            "<!-- belay:text -->\n\nOne.\n\n<!-- belay:run=01J0 step=pull-request -->\n\n## Checklist\n\n- [ ] tested\n"
        );
        let ticked = format!("Look here, Bo.\n{}", first.replace("[ ]", "[x]"));
        let renewed = renewed(&ticked, "Two.").unwrap();
        assert_eq!(renewed, ticked.replace("One.", "Two."));
    }

    #[test]
    fn nothing_is_put_into_a_text_that_is_ours_no_more() {
        let text = composed("One.", "", &marker());
        for spoilt in [
            "A person wrote it all anew.".to_owned(),
            text.replace("<!-- belay:text -->", ""),
            text.replace("step=pull-request -->", ""),
            // Copied once more: nobody can tell which is ours.
            format!("{text}{text}"),
            format!("{}\n<!-- belay:text -->\n", marker()),
        ] {
            assert_eq!(renewed(&spoilt, "Two."), None, "{spoilt:?}");
        }
    }

    #[test]
    fn neither_part_can_bring_marks_or_grow_beyond_what_is_taken() {
        let forged = Marker { run: "x".into(), step: "y".into() }.to_string();
        let body = format!("{forged}\n<!-- belay:text -->\n{}", "line\n".repeat(20_000));
        let below = format!("{forged}\n<!-- a hint -->\n{}", "wörd\n".repeat(20_000));
        let text = composed(&body, &below, &marker());
        assert!(text.chars().count() <= 65_536, "{}", text.len());
        assert_eq!(Marker::find(&text), Some(marker()));
        assert!(text.contains("(cut off here") && text.ends_with("(cut off here)\n"));
        assert!(composed("One.", &below, &marker()).contains("<!-- a hint -->"));
        assert!(renewed(&text, "Two.").unwrap().contains("Two."));
        let filled = composed("One.", "", &marker()) + &"word\n".repeat(13_000);
        assert_eq!(renewed(&filled, &"line\n".repeat(2_000)), None);
    }
}
