//! Where every key of the config stands. The typed form knows what was said but not where, and a
//! message about a chain that names a missing provider is worth little without its line.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Location, Spanned};

use super::error::Place;

/// One key or list entry.
struct Entry {
    path: Vec<String>,
    /// The key's own place; for a list entry the value's.
    key: Place,
    value: Place,
    is_null: bool,
}

/// The places of all keys and list entries, in the order in which they are written.
#[derive(Default)]
pub(super) struct Outline {
    entries: Vec<Entry>,
    /// Whether the whole text says nothing: empty, only comments, or `null`.
    pub(super) is_blank: bool,
}

impl Outline {
    /// The outline of a parsed text.
    pub(super) fn of(root: &Node) -> Self {
        let mut outline = Self { entries: Vec::new(), is_blank: matches!(root, Node::Null) };
        outline.add(&[], root);
        outline
    }

    fn add(&mut self, at: &[String], node: &Node) {
        match node {
            Node::Null | Node::Scalar => {}
            Node::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let place = place_of(item.referenced);
                    self.enter(at, format!("[{index}]"), place, item);
                }
            }
            Node::Map(pairs) => {
                for (key, value) in pairs {
                    let place = place_of(key.referenced);
                    self.enter(at, key.value.clone(), place, value);
                }
            }
        }
    }

    fn enter(&mut self, at: &[String], name: String, key: Place, value: &Spanned<Node>) {
        let mut path = at.to_vec();
        path.push(name);
        let is_null = matches!(value.value, Node::Null);
        let entry = Entry { path: path.clone(), key, value: place_of(value.referenced), is_null };
        self.entries.push(entry);
        self.add(&path, &value.value);
    }

    /// Where the value of this path stands; else the nearest key above it that is written.
    pub(super) fn value_place(&self, path: &[String]) -> Option<Place> {
        if let Some(entry) = self.entries.iter().find(|entry| entry.path == path) {
            return Some(entry.value);
        }
        (1..path.len())
            .rev()
            .filter_map(|length| path.get(..length))
            .find_map(|above| self.entries.iter().find(|entry| entry.path == above))
            .map(|entry| entry.key)
    }

    /// Where the key of this path stands; else the nearest key above it that is written.
    pub(super) fn key_place(&self, path: &[String]) -> Option<Place> {
        match self.entries.iter().find(|entry| entry.path == path) {
            Some(entry) => Some(entry.key),
            None => self.value_place(path),
        }
    }

    /// Where a key stands that says something: `null` is the same as leaving it out.
    pub(super) fn said_at(&self, path: &[&str]) -> Option<Place> {
        let entry = self.entries.iter().find(|entry| entry.path.iter().eq(path))?;
        (!entry.is_null).then_some(entry.key)
    }

    /// The path of the key that is written at this place.
    pub(super) fn key_at(&self, place: Place) -> Option<&[String]> {
        self.find(|entry| entry.key == place).or_else(|| self.before(place))
    }

    /// The path of the value that begins at this place: the outermost, since a mapping begins
    /// where its first key does.
    pub(super) fn value_at(&self, place: Place) -> Option<&[String]> {
        self.find(|entry| entry.value == place)
            .or_else(|| self.find(|entry| entry.key == place))
            .or_else(|| self.before(place))
    }

    fn find(&self, is_wanted: impl Fn(&Entry) -> bool) -> Option<&[String]> {
        self.entries.iter().find(|entry| is_wanted(entry)).map(|entry| entry.path.as_slice())
    }

    /// The last entry that begins before a place at which nothing begins.
    fn before(&self, place: Place) -> Option<&[String]> {
        self.entries
            .iter()
            .rev()
            .find(|entry| entry.key <= place)
            .map(|entry| entry.path.as_slice())
    }

    /// The keys directly below this path, in the order in which they are written.
    pub(super) fn keys_below(&self, path: &[&str]) -> Vec<&str> {
        self.entries
            .iter()
            .filter_map(|entry| match entry.path.split_last() {
                Some((last, above)) if above.iter().eq(path.iter()) => Some(last.as_str()),
                _ => None,
            })
            .collect()
    }
}

/// A path as messages show it: `roles.planner.chain[1]`.
pub(super) fn dotted(path: &[String]) -> String {
    let mut text = String::new();
    for part in path {
        if !text.is_empty() && !part.starts_with('[') {
            text.push('.');
        }
        text.push_str(part);
    }
    text
}

/// The library's place as ours.
pub(super) fn place_of(location: Location) -> Place {
    Place { line: location.line(), column: location.column() }
}

/// The shape of the text without its values.
pub(super) enum Node {
    Null,
    Scalar,
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Shape)
    }
}

struct Shape;

impl<'de> Visitor<'de> for Shape {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(pair) = pairs.next_entry()? {
            map.push(pair);
        }
        Ok(Node::Map(map))
    }
}
