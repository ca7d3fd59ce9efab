//! What a child prints, shown line by line while it runs: a program that goes
//! round in circles is found by what it says, and by then its output may be
//! all that the time it was given can hold.

/// The most bytes of one line that are shown. What is longer is shown cut, and
/// its end is lost for the watcher, not for the output.
pub(crate) const LONGEST_LINE: usize = 1024 * 1024;

/// Is called with each line of a child's standard output, without its end. It
/// is called while the pipes are read, so it must not block.
pub type Watch<'w> = &'w mut (dyn FnMut(&[u8]) + Send);

/// Cuts a stream into lines. Only a line that has begun and not ended is
/// copied.
#[derive(Default)]
pub(crate) struct Lines<'w> {
    watch: Option<Watch<'w>>,
    begun: Vec<u8>,
}

impl<'w> Lines<'w> {
    pub(crate) fn to(watch: Watch<'w>) -> Self {
        Self { watch: Some(watch), begun: Vec::new() }
    }

    pub(crate) fn push(&mut self, chunk: &[u8]) {
        let Some(watch) = &mut self.watch else {
            return;
        };
        let mut pieces = chunk.split(|byte| *byte == b'\n');
        // After the last line end there is always a piece, if an empty one.
        let last = pieces.next_back().unwrap_or_default();
        for piece in pieces {
            if self.begun.is_empty() {
                watch(&piece[..piece.len().min(LONGEST_LINE)]);
            } else {
                begin(&mut self.begun, piece);
                watch(&self.begun);
                self.begun.clear();
            }
        }
        begin(&mut self.begun, last);
    }

    /// The stream is over; a last line may lack its end.
    pub(crate) fn finish(&mut self) {
        if let Some(watch) = self.watch.as_mut().filter(|_| !self.begun.is_empty()) {
            watch(&self.begun);
            self.begun.clear();
        }
    }
}

fn begin(line: &mut Vec<u8>, piece: &[u8]) {
    let room = LONGEST_LINE.saturating_sub(line.len());
    line.extend_from_slice(&piece[..piece.len().min(room)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(chunks: &[&[u8]]) -> Vec<String> {
        let mut seen = Vec::new();
        let mut watch = |line: &[u8]| seen.push(String::from_utf8_lossy(line).into_owned());
        let mut lines = Lines::to(&mut watch);
        for chunk in chunks {
            lines.push(chunk);
        }
        lines.finish();
        seen
    }

    #[test]
    fn every_line_is_shown_once_wherever_the_chunks_end() {
        let text = b"one\n\ntwo and more\nthree";
        for size in 1..=text.len() {
            let chunks: Vec<&[u8]> = text.chunks(size).collect();
            let lines: Vec<String> = seen(&chunks).into_iter().filter(|l| !l.is_empty()).collect();
            assert_eq!(lines, ["one", "two and more", "three"], "{size}");
        }
        assert_eq!(seen(&[b"a\n\nb\n"]), ["a", "", "b"]);
        assert_eq!(seen(&[b"", b"a\n", b"", b"b"]), ["a", "b"]);
    }

    #[test]
    fn a_line_without_end_costs_no_more_than_its_bound() {
        let much = vec![b'x'; LONGEST_LINE / 2 + 1];
        let lines = seen(&[&much, &much, &much, b"\nshort\n"]);
        let lengths: Vec<usize> = lines.iter().map(String::len).collect();
        assert_eq!(lengths, [LONGEST_LINE, 5]);
        let whole = vec![b'x'; 2 * LONGEST_LINE];
        assert_eq!(seen(&[&whole, b"\n"])[0].len(), LONGEST_LINE);
    }
}
