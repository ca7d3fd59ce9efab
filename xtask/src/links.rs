//! Relative links of the Markdown files: a page that was moved leaves the others pointing at
//! nothing, and nobody clicks through all of them by hand.

use crate::code::line_of;
use crate::files::File;
use crate::problem::Problem;

/// Links of the readmes and everything in `docs/` whose file does not exist.
pub(crate) fn check(files: &[File], exists: &dyn Fn(&str) -> bool) -> Vec<Problem> {
    let pages = files.iter().filter(|file| is_page(&file.path));
    pages.flat_map(|page| broken(page, exists)).collect()
}

fn is_page(path: &str) -> bool {
    let readme =
        path == "README.md" || (path.starts_with("crates/") && path.ends_with("/README.md"));
    readme || (path.starts_with("docs/") && path.ends_with(".md"))
}

fn broken(page: &File, exists: &dyn Fn(&str) -> bool) -> Vec<Problem> {
    let text = without_code(&page.text);
    let missing = targets(&text).into_iter().filter_map(|(at, target)| {
        let path = relative(target)?;
        let message = format!("the link to {target} leads nowhere");
        let problem = || Problem::at(&page.path, line_of(&text, at), message);
        match resolve(&page.path, path) {
            Some(full) if exists(&full) => None,
            _ => Some(problem()),
        }
    });
    missing.collect()
}

/// Fenced blocks and code spans blanked: what stands there is shown, not linked.
fn without_code(text: &str) -> String {
    let mut fenced = false;
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let fence = line.trim_start().starts_with("```");
        if fence || fenced {
            lines.push(String::new());
        } else {
            let spans = line.split('`').enumerate();
            let shown = spans.filter(|(number, _)| number % 2 == 0);
            lines.push(shown.map(|(_, part)| part).collect::<Vec<_>>().join(" "));
        }
        fenced ^= fence;
    }
    lines.join("\n")
}

/// Where links point to, as `[a](target)`, `[a]: target`, `href="target"` and `src="target"`.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let forms = [
        ("](", &[')', ' '][..]),
        ("]: ", &['\n', ' '][..]),
        ("href=\"", &['"'][..]),
        ("src=\"", &['"'][..]),
    ];
    let found = forms.iter().flat_map(|(start, ends)| {
        text.match_indices(start).filter_map(|(at, start)| {
            let rest = text.get(at + start.len()..)?;
            let end = rest.find(*ends).unwrap_or(rest.len());
            Some((at, rest.get(..end)?.trim()))
        })
    });
    found.collect()
}

/// The path of a link into this repository; `None` for other places and for the same page.
fn relative(target: &str) -> Option<&str> {
    let elsewhere = target.contains("://") || target.starts_with("mailto:");
    let path = target.split(['#', '?']).next().unwrap_or_default();
    (!elsewhere && !path.is_empty()).then_some(path)
}

/// Relative to the repository's top; `None` if it leads out of it.
fn resolve(page: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn finds(path: &str, text: &str, expected: &[&str]) {
        let page = File { path: path.to_owned(), text: text.to_owned() };
        let there = ["LICENSE", "docs", "docs/a.md", "docs/deep/b.md"];
        let problems = check(&[page], &|path| there.contains(&path));
        let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        let text = "[a](docs/a.md#part) [l](LICENSE) [d](docs/) [x](https://example.org/x)\n\
                    [same](#part) <img src=\"LICENSE\"> [m](mailto:a@example.org)\n\n[r]: docs/a.md";
        finds("README.md", text, &[]);
        finds("docs/a.md", "[b](deep/b.md) [l](../LICENSE \"title\")", &[]);
        finds("docs/deep/b.md", "[a](../a.md)", &[]);
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let nowhere =
            |place: &str, target: &str| format!("{place}: the link to {target} leads nowhere");
        finds("README.md", "a\n[b](docs/gone.md)", &[&nowhere("README.md:2", "docs/gone.md")]);
        finds("README.md", "<a href=\"gone\">", &[&nowhere("README.md:1", "gone")]);
        finds("README.md", "![p](gone.png)", &[&nowhere("README.md:1", "gone.png")]);
        finds("README.md", "[r]: gone.md", &[&nowhere("README.md:1", "gone.md")]);
        finds("docs/a.md", "[b](b.md)", &[&nowhere("docs/a.md:1", "b.md")]);
        finds("README.md", "[o](../LICENSE)", &[&nowhere("README.md:1", "../LICENSE")]);
    }

    #[test]
    fn the_readmes_of_crates_are_looked_at_too() {
        let text = "[d](../../docs/a.md) [o](../b/README.md)";
        let expected = "crates/a/README.md:1: the link to ../b/README.md leads nowhere";
        finds("crates/a/README.md", text, &[expected]);
    }

    #[test]
    fn what_is_shown_as_code_is_not_a_link() {
        finds("README.md", "```\n[a](gone)\n```\n`[b](gone)`", &[]);
        let after = "```\n```\n[a](gone)";
        finds("README.md", after, &["README.md:3: the link to gone leads nowhere"]);
    }

    #[test]
    fn other_files_are_not_read() {
        finds("crates/a/notes.md", "[a](gone)", &[]);
    }
}
