//! What a child wrote, in bounded memory. A child that prints for ever must
//! cost neither memory nor quadratic time, and the two ends of its output are
//! what a reader needs: the start says what ran, the end says how it failed.

use std::collections::VecDeque;

/// One output stream of a child, possibly with its middle left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// The bytes kept, as the child wrote them; not necessarily UTF-8. When
    /// `dropped` is not zero the first half is the stream's head and the
    /// second half its tail.
    pub bytes: Vec<u8>,
    /// How many bytes were left out between head and tail.
    pub dropped: u64,
}

impl Captured {
    /// The bytes as text: what is not UTF-8 is replaced, and a line of its own
    /// marks the place where bytes were dropped.
    #[must_use]
    pub fn text(&self) -> String {
        if self.dropped == 0 {
            return String::from_utf8_lossy(&self.bytes).into_owned();
        }
        let (head, tail) = self.bytes.split_at(self.bytes.len() / 2);
        format!(
            "{}\n[... {} bytes dropped ...]\n{}",
            String::from_utf8_lossy(head),
            self.dropped,
            String::from_utf8_lossy(tail)
        )
    }
}

/// Keeps the first and the last half of `limit` bytes of a stream of any
/// length, in time linear in what is pushed.
#[derive(Debug)]
pub(crate) struct HeadTail {
    head: Vec<u8>,
    head_limit: usize,
    tail: VecDeque<u8>,
    tail_limit: usize,
    dropped: u64,
}

impl HeadTail {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            head: Vec::new(),
            head_limit: limit / 2,
            tail: VecDeque::new(),
            tail_limit: limit - limit / 2,
            dropped: 0,
        }
    }

    pub(crate) fn push(&mut self, chunk: &[u8]) {
        let (first, rest) = chunk.split_at(chunk.len().min(self.head_limit - self.head.len()));
        self.head.extend_from_slice(first);
        let surplus = (self.tail.len() + rest.len()).saturating_sub(self.tail_limit);
        let from_tail = surplus.min(self.tail.len());
        self.tail.drain(..from_tail);
        let (skipped, kept) = rest.split_at(surplus - from_tail);
        self.tail.extend(kept);
        self.dropped += (from_tail + skipped.len()) as u64;
    }

    pub(crate) fn finish(self) -> Captured {
        let mut bytes = self.head;
        bytes.extend(self.tail);
        Captured { bytes, dropped: self.dropped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(limit: usize, chunks: &[&[u8]]) -> Captured {
        let mut buffer = HeadTail::new(limit);
        for chunk in chunks {
            buffer.push(chunk);
        }
        buffer.finish()
    }

    #[test]
    fn keeps_everything_up_to_the_limit() {
        let captured = capture(8, &[b"abc", b"", b"defgh"]);
        assert_eq!(captured.bytes, b"abcdefgh");
        assert_eq!(captured.text(), "abcdefgh");
        assert_eq!(captured.dropped, 0);
    }

    #[test]
    fn keeps_head_and_tail_and_counts_the_middle() {
        for chunks in [
            &[b"0123456789abcdef".as_slice()][..],
            &[b"0123", b"4567", b"89ab", b"cdef"],
            &[b"0", b"123456789abcde", b"f"],
        ] {
            let captured = capture(6, chunks);
            assert_eq!(captured.bytes, b"012def");
            assert_eq!(captured.dropped, 10);
            assert_eq!(captured.text(), "012\n[... 10 bytes dropped ...]\ndef");
        }
    }

    #[test]
    fn odd_and_tiny_limits_lose_nothing_but_the_middle() {
        assert_eq!(capture(0, &[b"abc"]).dropped, 3);
        assert_eq!(capture(1, &[b"abc"]).bytes, b"c");
        let captured = capture(5, &[b"abcdefgh"]);
        assert_eq!(captured.bytes, b"abfgh");
        assert_eq!(captured.text(), "ab\n[... 3 bytes dropped ...]\nfgh");
    }

    #[test]
    fn text_survives_what_is_not_utf8() {
        assert_eq!(capture(9, &[b"a\xff\xfeb"]).text(), "a\u{fffd}\u{fffd}b");
    }
}
