//! The end of a step's log, put together from chunks of bytes.

use std::collections::{BTreeMap, VecDeque};

use super::LOG_LINES;

/// No tool writes longer lines for people to read, and a binary written to the terminal should not fill the memory.
const LINE_BYTES: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Log {
    lines: VecDeque<String>,
    /// Stream → the bytes since its last line end. Output and errors are cut into chunks independently.
    partial: BTreeMap<i64, Vec<u8>>,
}

impl Log {
    /// Takes a chunk and returns the lines that it completes.
    pub(super) fn push(&mut self, stream: i64, chunk: &[u8]) -> Vec<String> {
        let partial = self.partial.entry(stream).or_default();
        let mut complete = Vec::new();
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE_BYTES.saturating_sub(partial.len());
            partial.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                complete.push(plain_text(&std::mem::take(partial)));
            }
        }
        for line in &complete {
            if self.lines.len() == LOG_LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(line.clone());
        }
        complete
    }

    /// The last lines, with those that have no end yet.
    pub(super) fn tail(&self) -> Vec<String> {
        let unfinished = self.partial.values().filter(|bytes| !bytes.is_empty()).map(|bytes| plain_text(bytes));
        let mut lines: Vec<String> = self.lines.iter().cloned().chain(unfinished).collect();
        lines.drain(..lines.len().saturating_sub(LOG_LINES));
        lines
    }
}

/// A line as it would look on a terminal, without what moves the cursor or changes colours.
fn plain_text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches(['\n', '\r']);
    // A progress bar returns to the start of its line to draw over it.
    let text = text.rsplit('\r').next().unwrap_or(text);
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            skip_escape(&mut characters);
        } else if character == '\t' || !character.is_control() {
            plain.push(character);
        }
    }
    plain.truncate(plain.trim_end().len());
    plain
}

/// Skips the rest of an escape sequence: `[` parameters and a final letter, or a single character.
fn skip_escape(characters: &mut std::str::Chars<'_>) {
    if characters.next() == Some('[') {
        let _ = characters.find(|character| ('@'..='~').contains(character));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_that_cut_lines_and_characters() {
        let mut log = Log::default();
        let check = "✓".as_bytes();
        assert!(log.push(2, &check[..1]).is_empty());
        assert_eq!(log.push(1, b"out\n"), ["out"]);
        assert_eq!(log.push(2, &[&check[1..], b" ok\nmore"].concat()), ["✓ ok"]);
        assert_eq!(log.tail(), ["out", "✓ ok", "more"]);
    }

    #[test]
    fn what_only_a_terminal_understands_is_left_out() {
        let mut log = Log::default();
        let text = b"\x1b[1m\x1b[31merror\x1b[0m: no\tsuch file\r\n 10%\r 99%\r100%\n";
        assert_eq!(log.push(1, text), ["error: no\tsuch file", "100%"]);
    }

    #[test]
    fn only_the_end_is_kept_and_no_line_is_endless() {
        let mut log = Log::default();
        log.push(1, "x\n".repeat(LOG_LINES * 3).as_bytes());
        log.push(1, "y".repeat(LINE_BYTES * 3).as_bytes());
        let tail = log.tail();
        assert_eq!((tail.len(), tail[LOG_LINES - 1].len()), (LOG_LINES, LINE_BYTES));
    }
}
