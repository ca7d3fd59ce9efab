//! A key that cannot be printed by accident.
//!
//! A key in a log, an issue or an error text is a leaked key, and the usual way there is a
//! `{:?}` of some struct around it.

use std::fmt;

/// An API key or another credential. Debug prints `[secret]`; there is no Display and no
/// Serialize, so it is only ever written out where somebody calls [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text as it is.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_it() {
        let secret = Some(Secret::new("sk-12345".into()));
        assert_eq!(format!("{secret:?}"), "Some([secret])");
    }
}
