//! Go's tokens, as far as package clauses and imports need them.
//!
//! What goes through many bytes is left to `memchr`, which is fast also where this crate is not optimised, as it is not
//! for `cargo xtask`.

use std::sync::LazyLock;

use memchr::{memchr, memchr_iter, memchr3, memmem};

use super::super::byte_set::ByteSet;
use super::{Fault, is_import_name};

/// A token of Go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A word: an identifier, a keyword, a number.
    Word(&'a str),
    /// A string, in its quotes.
    String(&'a str),
    /// Anything else, by its first byte.
    Sign(u8),
    /// The end of the file.
    End,
}

/// Goes through the beginning of a file.
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    is_whole: bool,
    ran_out: bool,
    position: usize,
    line: u32,
    /// The line that the last token begins on.
    start_line: u32,
    /// The line that the last token ends on; 0 before the first.
    token_line: u32,
    /// Whether a new line or a semicolon came since the last token.
    is_ended: bool,
    comment: Option<Comment<'a>>,
}

/// A run of comments on adjacent lines.
pub(super) struct Comment<'a> {
    first_line: u32,
    last_line: u32,
    start: usize,
    /// What it is written as, from the first comment to the end of the last.
    written: &'a [u8],
}

impl Comment<'_> {
    /// The line that it begins on, and the text in its comments.
    pub(super) fn text(&self) -> (u32, String) {
        let mut parts = Vec::new();
        let mut rest = self.written;
        // Between two comments stands nothing that has a slash.
        while let Some(start) = memchr(b'/', rest) {
            rest = &rest[start..];
            let length = comment_length(rest).unwrap_or(rest.len());
            let end = if rest[1] == b'*' { length - 2 } else { length };
            parts.push(&rest[2..end]);
            rest = &rest[length..];
        }
        (self.first_line, String::from_utf8_lossy(&parts.join(&b'\n')).into_owned())
    }
}

/// The length of the comment that a text begins with, without the end of its line; `None` where it has no end.
fn comment_length(text: &[u8]) -> Option<usize> {
    static END: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new("*/"));
    if text[1] == b'*' { END.find(&text[2..]).map(|at| at + 4) } else { memchr(b'\n', text) }
}

impl<'a> Scanner<'a> {
    /// Goes through `bytes`, which are a whole file or its beginning.
    pub(super) fn new(bytes: &'a [u8], is_whole: bool) -> Self {
        Self {
            bytes,
            is_whole,
            ran_out: false,
            position: 0,
            line: 1,
            start_line: 1,
            token_line: 0,
            is_ended: false,
            comment: None,
        }
    }

    /// Whether the bytes ended before the file did.
    pub(super) fn ran_out(&self) -> bool {
        self.ran_out
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// The line of the next token.
    pub(super) fn line(&self) -> u32 {
        self.line
    }

    /// The comment that ends on the line before `line`.
    pub(super) fn comment_before(&mut self, line: u32) -> Option<Comment<'a>> {
        // One on the line of the token before it belongs to that.
        let is_doc = |comment: &Comment| comment.last_line + 1 == line && comment.first_line != self.token_line;
        self.comment.take().filter(is_doc)
    }

    pub(super) fn expected(&self, what: &str, found: Token) -> Fault {
        let found = match found {
            Token::Word(text) | Token::String(text) => text.to_owned(),
            Token::Sign(byte) => char::from(byte).to_string(),
            Token::End => "the end of the file".to_owned(),
        };
        Fault::new(self.start_line, format!("expected {what}, found {found}"))
    }

    /// Takes the next token, and what stands between it and the one after that.
    pub(super) fn next(&mut self) -> Result<Token<'a>, Fault> {
        self.skip_comments()?;
        self.is_ended = false;
        self.comment = None;
        let token = self.token()?;
        self.token_line = self.line;
        self.skip_comments()?;
        Ok(token)
    }

    /// Whether the next token begins with this byte.
    pub(super) fn is_at(&mut self, byte: u8) -> bool {
        self.peek() == Some(byte)
    }

    /// Takes the next token if it is this sign.
    pub(super) fn take(&mut self, sign: u8) -> Result<bool, Fault> {
        if self.peek() != Some(sign) {
            return Ok(false);
        }
        self.next().map(|_| true)
    }

    /// A statement ends with its line, a semicolon or the file.
    pub(super) fn end_of_statement(&mut self) -> Result<(), Fault> {
        self.end_before(None)
    }

    /// A line in parentheses may end with them as well.
    pub(super) fn end_of_spec(&mut self) -> Result<(), Fault> {
        self.end_before(Some(b')'))
    }

    fn end_before(&mut self, sign: Option<u8>) -> Result<(), Fault> {
        let next = self.peek();
        if self.is_ended || next.is_none() || next == sign {
            return Ok(());
        }
        let found = self.token()?;
        Err(self.expected("a new line or a semicolon", found))
    }

    /// Takes an import as nearly all are written: a plain name or none, and a plain path, which end a line. Returns its
    /// line and path. Any other is left for [`Scanner::next`], that of C among them.
    pub(super) fn plain_import(&mut self) -> Result<Option<(u32, &'a str)>, Fault> {
        let rest = &self.bytes[self.position..];
        let name = IN_NAME.length_in(rest);
        if name > 0 && (rest.get(name) != Some(&b' ') || !is_import_name(ascii(&rest[..name]))) {
            return Ok(None);
        }
        let quote = if name > 0 { name + 1 } else { 0 };
        if rest.get(quote) != Some(&b'"') {
            return Ok(None);
        }
        let path = ascii(&rest[quote + 1..quote + 1 + IN_PATH.length_in(&rest[quote + 1..])]);
        let end = quote + 1 + path.len();
        if rest.get(end) != Some(&b'"') || rest.get(end + 1) != Some(&b'\n') || matches!(path, "" | "C") {
            return Ok(None);
        }
        let line = self.line;
        self.start_line = line;
        self.token_line = line;
        self.comment = None;
        self.position += end + 1;
        self.skip_comments()?;
        Ok(Some((line, path)))
    }

    /// Skips what is no token, and keeps the last comment.
    pub(super) fn skip_comments(&mut self) -> Result<(), Fault> {
        while self.position < self.bytes.len() {
            match self.bytes[self.position] {
                b'\n' => {
                    self.is_ended = true;
                    self.line += 1;
                    self.position += 1;
                }
                b';' => {
                    self.is_ended = true;
                    self.position += 1;
                }
                b' ' | b'\t' | b'\r' | 0x0c => self.position += 1,
                b'/' => match self.bytes.get(self.position + 1) {
                    Some(b'/' | b'*') => self.comment()?,
                    Some(_) => return Ok(()),
                    None => {
                        self.ran_out = !self.is_whole;
                        return Ok(());
                    }
                },
                _ => return Ok(()),
            }
        }
        self.ran_out |= !self.is_whole;
        Ok(())
    }

    fn comment(&mut self) -> Result<(), Fault> {
        let first_line = self.line;
        let rest = &self.bytes[self.position..];
        let is_block = rest[1] == b'*';
        let length = comment_length(rest).or((self.is_whole && !is_block).then_some(rest.len()));
        let Some(length) = length else {
            self.ran_out = !self.is_whole;
            self.position = self.bytes.len();
            return Err(Fault::new(first_line, "comment not terminated"));
        };
        if is_block {
            let lines = memchr_iter(b'\n', &rest[..length]).count() as u32;
            self.line += lines;
            self.is_ended |= lines > 0;
        }
        let start = self.position;
        self.position += length;
        match &mut self.comment {
            Some(run) if run.last_line + 1 >= first_line && run.first_line != self.token_line => {
                run.written = &self.bytes[run.start..self.position];
                run.last_line = self.line;
            }
            _ => self.comment = Some(Comment { first_line, last_line: self.line, start, written: &rest[..length] }),
        }
        Ok(())
    }

    fn peek(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.position).copied();
        self.ran_out |= byte.is_none() && !self.is_whole;
        byte
    }

    fn token(&mut self) -> Result<Token<'a>, Fault> {
        self.start_line = self.line;
        let rest = &self.bytes[self.position..];
        let Some(first) = self.peek() else { return Ok(Token::End) };
        let length = match first {
            b'"' | b'`' => self.string_length(rest, first)?,
            byte if IN_WORD.contains(byte) => {
                let length = IN_WORD.length_in(rest);
                self.ran_out |= length == rest.len() && !self.is_whole;
                length
            }
            _ => 1,
        };
        let taken = &rest[..length];
        let Ok(text) = std::str::from_utf8(taken) else {
            return Err(Fault::new(self.line, "illegal UTF-8 encoding"));
        };
        self.position += length;
        if first == b'`' {
            self.line += memchr_iter(b'\n', taken).count() as u32;
        }
        Ok(match first {
            b'"' | b'`' => Token::String(text),
            byte if IN_WORD.contains(byte) => Token::Word(text),
            byte => Token::Sign(byte),
        })
    }

    fn string_length(&mut self, rest: &[u8], quote: u8) -> Result<usize, Fault> {
        let mut at = 1;
        loop {
            let text = rest.get(at..).unwrap_or_default();
            let found = if quote == b'`' { memchr(b'`', text) } else { memchr3(b'"', b'\n', b'\\', text) };
            let Some(found) = found else {
                self.ran_out |= !self.is_whole;
                break;
            };
            at += found;
            match rest[at] {
                byte if byte == quote => return Ok(at + 1),
                b'\\' => at += 2,
                _ => break,
            }
        }
        Err(Fault::new(self.line, "string literal not terminated"))
    }
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// What words are made of; of a byte beyond ASCII no more needs to be known.
static IN_WORD: ByteSet = ByteSet::letters_digits_and(b"_").and_beyond_ascii();

/// What names are made of, as far as they are plain.
static IN_NAME: ByteSet = ByteSet::letters_digits_and(b"_");

/// What import paths are made of, as far as they are plain.
static IN_PATH: ByteSet = ByteSet::letters_digits_and(b"_-./");
