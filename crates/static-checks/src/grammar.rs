//! Parses code by tree-sitter within a bound of work. Grammars recover from any
//! input, and recovery from hostile input can take time that grows with its
//! square; a check that can be made to hang would stop a whole run.
//!
//! The bound is counted in the parser's own steps, not in time, so that a slow
//! machine finds the same as a fast one.

use std::ops::ControlFlow;

use tree_sitter::{Node, ParseOptions, ParseState, Parser, Tree, TreeCursor};

use crate::language::file_name;

/// Larger files are made by programs, and are not parsed.
pub(crate) const LARGEST: usize = 256 * 1024;

/// Reports of the parser (one for a hundred steps) that every file is granted.
const REPORTS: usize = 300;
/// One more for each so many bytes. Code takes up to one for 25 bytes.
const BYTES_PER_REPORT: usize = 20;
/// What a report counts while the parser has lost its way: such steps take longer.
const LOST: usize = 4;
/// Places looked at for one file; more would say nothing new.
const FLAWS: usize = 200;

/// A language that is parsed. Each has the grammar that its own project keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grammar {
    Rust,
    Python,
    /// With JSX.
    JavaScript,
    TypeScript,
    Tsx,
    Go,
}

impl Grammar {
    pub(crate) fn of(path: &str) -> Option<Self> {
        let name = file_name(path).to_ascii_lowercase();
        match name.rsplit_once('.')?.1 {
            "rs" => Some(Self::Rust),
            "py" | "pyi" => Some(Self::Python),
            "js" | "jsx" | "mjs" | "cjs" => Some(Self::JavaScript),
            "ts" | "mts" | "cts" => Some(Self::TypeScript),
            "tsx" => Some(Self::Tsx),
            "go" => Some(Self::Go),
            _ => None,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
            Self::TypeScript => "TypeScript",
            Self::Tsx => "TypeScript with JSX",
            Self::Go => "Go",
        }
    }

    fn language(self) -> tree_sitter::Language {
        match self {
            Self::Rust => tree_sitter_rust::LANGUAGE,
            Self::Python => tree_sitter_python::LANGUAGE,
            Self::JavaScript => tree_sitter_javascript::LANGUAGE,
            Self::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
            Self::Tsx => tree_sitter_typescript::LANGUAGE_TSX,
            Self::Go => tree_sitter_go::LANGUAGE,
        }
        .into()
    }
}

/// A place that the grammar cannot make sense of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flaw<'a> {
    /// Where it starts, in bytes.
    pub(crate) start: usize,
    /// What stands there; empty when something is missing.
    pub(crate) text: &'a str,
    /// What should stand there, as the grammar calls it.
    pub(crate) missing: Option<String>,
    /// Whether the grammar is known to lag behind the language in such places.
    pub(crate) is_gap: bool,
}

/// What a parse says.
#[derive(Debug, Default)]
pub(crate) struct Parsed<'a> {
    /// The places where the text does not parse, in their order; at most 200.
    pub(crate) flaws: Vec<Flaw<'a>>,
    /// A bracket that is not closed, and where it stands, in bytes.
    pub(crate) open: Option<(char, usize)>,
}

/// `None` when the parser was stopped because the text asks too much of it.
pub(crate) fn parse(grammar: Grammar, text: &str) -> Option<Parsed<'_>> {
    let tree = tree(grammar, text)?;
    if !tree.root_node().has_error() {
        return Some(Parsed::default());
    }
    let mut cursor = tree.walk();
    let mut above: Vec<&str> = Vec::new();
    let mut flaws = Vec::new();
    let mut brackets = Brackets::default();
    loop {
        let node = cursor.node();
        if (node.is_missing() || node.is_error()) && flaws.len() < FLAWS {
            let found = text.get(node.byte_range()).unwrap_or_default();
            flaws.push(Flaw {
                start: node.start_byte(),
                text: found,
                missing: node.is_missing().then(|| node.kind().to_owned()),
                is_gap: !node.is_missing() && is_gap(grammar, &above, found),
            });
        }
        if !node.is_missing() {
            brackets.see(node, text);
        }
        if !next(&mut cursor, &mut above) {
            break;
        }
    }
    flaws.sort_by_key(|flaw| flaw.start);
    Some(Parsed { flaws, open: brackets.open() })
}

/// How the brackets of the code stand. A parser meets a lost bracket only where
/// nothing else can follow, often at the end of the file; indentation tells
/// where it was lost.
#[derive(Default)]
struct Brackets {
    /// Each with its place, its row, and the indent of that row.
    open: Vec<(char, usize, usize, usize)>,
    suspect: Option<(char, usize)>,
    /// The row last seen, and its indent.
    row: Option<usize>,
    indent: usize,
    /// A bracket is closed by one of another kind.
    crossed: bool,
    /// One is closed that was never opened: the parser knows better where.
    stray: bool,
}

impl Brackets {
    fn see(&mut self, node: Node<'_>, text: &str) {
        let kind = match node.kind() {
            "${" | "#{" => '{',
            kind => match kind.parse::<char>() {
                Ok(kind) => kind,
                Err(_) => return,
            },
        };
        let (start, place) = (node.start_byte(), node.start_position());
        if self.row != Some(place.row) {
            // Once a row: a hostile one has many brackets behind much space.
            let row = text.get(start.saturating_sub(place.column)..).unwrap_or_default();
            self.indent = row.len() - row.trim_start_matches([' ', '\t']).len();
            self.row = Some(place.row);
        }
        let indent = self.indent;
        match kind {
            '(' | '[' | '{' => self.open.push((kind, start, place.row, indent)),
            ')' | ']' | '}' => {
                let Some((open, at, line, before)) = self.open.pop() else {
                    self.stray = true;
                    return;
                };
                let crosses = !matches!((open, kind), ('(', ')') | ('[', ']') | ('{', '}'));
                self.crossed |= crosses;
                let leads = place.column == indent && line != place.row;
                if crosses || (leads && indent != before) {
                    self.suspect = self.suspect.or(Some((open, at)));
                }
            }
            _ => {}
        }
    }

    fn open(&self) -> Option<(char, usize)> {
        let last = self.open.last().map(|(bracket, start, ..)| (*bracket, *start));
        let lost = !self.stray && (self.crossed || last.is_some());
        self.suspect.or(last).filter(|_| lost)
    }
}

/// Goes on to the next node, downwards first. A cursor needs no call for each
/// level, however deep the tree.
fn next<'t>(cursor: &mut TreeCursor<'t>, above: &mut Vec<&'t str>) -> bool {
    let node = cursor.node();
    if cursor.goto_first_child() {
        above.push(node.kind());
        return true;
    }
    while !cursor.goto_next_sibling() {
        if !cursor.goto_parent() {
            return false;
        }
        above.pop();
    }
    true
}

fn tree(grammar: Grammar, text: &str) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(&grammar.language()).ok()?;
    let bytes = text.as_bytes();
    let mut left = REPORTS + bytes.len() / BYTES_PER_REPORT;
    let mut report =
        |state: &ParseState| match left.checked_sub(if state.has_error() { LOST } else { 1 }) {
            Some(less) => {
                left = less;
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        };
    let options = ParseOptions::new().progress_callback(&mut report);
    let mut read = |at: usize, _| bytes.get(at..).unwrap_or_default();
    parser.parse_with_options(&mut read, None, Some(options))
}

/// What compilers take and the grammar does not. In Rust: any token within a
/// macro, types and `safe fn` in `extern` blocks, attributes on expressions,
/// `raw` and `str!` as names, a `where` after the fields of a tuple.
fn is_gap(grammar: Grammar, above: &[&str], text: &str) -> bool {
    const AROUND: [&str; 5] =
        ["token_tree", "token_tree_pattern", "macro_rule", "macro_definition", "foreign_mod_item"];
    match grammar {
        Grammar::Rust => {
            above.iter().any(|kind| AROUND.contains(kind))
                || text == "!"
                || text.ends_with("<raw")
                || ["#[", "where", "safe"].iter().any(|start| text.starts_with(start))
        }
        // `in` and `out` before a type parameter.
        Grammar::TypeScript | Grammar::Tsx => {
            !text.contains('\n')
                && above.iter().rev().take(2).any(|kind| kind.starts_with("type_parameter"))
        }
        Grammar::Python | Grammar::JavaScript | Grammar::Go => false,
    }
}
