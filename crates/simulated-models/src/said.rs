//! One answer of a model as it is before any language: text, calls of tools, why it ended and
//! what it took. Each language writes it in its plain and its streamed form, so that no two
//! forms can say different things.
use crate::asked::{Asked, tokens};
use crate::tool::Call;

/// Characters of content in one streamed piece.
const PIECE_CHARACTERS: usize = 40;

/// What tells one answer from another.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    seed: u64,
    number: u64,
    /// Seconds since the epoch.
    pub(crate) created: u64,
}

impl Stamp {
    pub(crate) fn new(seed: u64, number: u64, created: u64) -> Self {
        Self { seed, number, created }
    }

    /// The id of the answer, or of its `part`-th part, behind a language's prefix.
    pub(crate) fn id(&self, prefix: &str, part: usize) -> String {
        let part = u64::try_from(part).unwrap_or(u64::MAX).rotate_left(32);
        format!("{prefix}{}", letters(self.seed, self.number ^ part))
    }
}

/// 28 letters and digits, well mixed (splitmix64) and always the same for the same input.
fn letters(seed: u64, number: u64) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut state = seed ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (0..28)
        .map(|_| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            char::from(ALPHABET[((mixed ^ (mixed >> 31)) % 62) as usize])
        })
        .collect()
}

/// Why a model stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// It has said all.
    Stop,
    /// It waits for the results of its calls.
    Calls,
    /// It reached the limit of its output.
    Length,
    /// The provider's filter stopped it.
    Filter,
}

/// One answer of a model.
#[derive(Clone, Debug)]
pub(crate) struct Said<'a> {
    pub(crate) asked: &'a Asked,
    pub(crate) stamp: &'a Stamp,
    pub(crate) content: String,
    /// The content is a refusal and stands in the field for it.
    pub(crate) refusal: bool,
    pub(crate) calls: Vec<Call>,
    pub(crate) finish: Option<Finish>,
}

impl Said<'_> {
    /// Tokens that went in and came out.
    pub(crate) fn usage(&self) -> (u64, u64) {
        let calls: usize = self.calls.iter().map(|call| call.input.text().len()).sum();
        (self.asked.input_tokens, tokens(self.content.len() + calls))
    }
}

/// A text in pieces of some tens of characters.
pub(crate) fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(PIECE_CHARACTERS).map(|piece| piece.iter().collect()).collect()
}
