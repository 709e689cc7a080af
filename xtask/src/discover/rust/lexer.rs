//! Rust's tokens, as far as finding files in a source needs them.
//!
//! Comments are left out, strings come with their content, and what says nothing about files (numbers, characters,
//! lifetimes) is only told to be there. Any text has tokens: what does not compile is the compiler's to refuse.

use std::borrow::Cow;

/// A token of a Rust source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// An identifier or keyword; a raw one without its `r#`.
    Word(&'a str),
    /// A string literal's content.
    Text(Cow<'a, str>),
    /// One character of punctuation, or a delimiter.
    Sign(u8),
    /// A number, a character or a lifetime.
    Other,
}

/// The tokens of a source, in order.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lexer = Lexer { text, bytes: text.as_bytes(), at: 0, tokens: Vec::with_capacity(text.len() / 6) };
    lexer.skip_shebang();
    while lexer.at < lexer.bytes.len() {
        lexer.step();
    }
    lexer.tokens
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn step(&mut self) {
        let byte = self.bytes[self.at];
        match byte {
            b'/' if self.peek(1) == b'/' => self.skip_line(),
            b'/' if self.peek(1) == b'*' => self.skip_block_comment(),
            b'"' => self.string(1),
            b'\'' => self.quote(),
            b'0'..=b'9' => self.number(),
            _ if is_word(byte) => self.word(),
            _ => {
                self.at += 1;
                if !byte.is_ascii_whitespace() {
                    self.tokens.push(Token::Sign(byte));
                }
            }
        }
    }

    /// The byte `ahead` of the current one; 0 past the end.
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// `#!` begins an interpreter's line, unless it is the beginning of an inner attribute.
    fn skip_shebang(&mut self) {
        let attribute = |rest: &str| rest.trim_start().starts_with('[');
        if self.text.strip_prefix("#!").is_some_and(|rest| !attribute(rest)) {
            self.skip_line();
        }
    }

    fn skip_line(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 0usize;
        while self.at < self.bytes.len() {
            match (self.bytes[self.at], self.peek(1)) {
                (b'/', b'*') => (depth, self.at) = (depth + 1, self.at + 2),
                (b'*', b'/') => (depth, self.at) = (depth - 1, self.at + 2),
                _ => self.at += 1,
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// A literal with escapes whose quote stands `prefix - 1` bytes ahead.
    fn string(&mut self, prefix: usize) {
        let start = self.at + prefix;
        let mut end = start;
        while end < self.bytes.len() && self.bytes[end] != b'"' {
            end += if self.bytes[end] == b'\\' { 2 } else { 1 };
        }
        let end = end.min(self.bytes.len());
        self.at = end + 1;
        // An escape that the end of the text cuts short may leave `end` inside a character.
        let content = self.text.get(start..end).unwrap_or_default();
        self.tokens.push(Token::Text(unescaped(content)));
    }

    /// A raw literal whose hashes begin `prefix` bytes ahead; `false` where there is none.
    fn raw_string(&mut self, prefix: usize) -> bool {
        let after = &self.bytes[self.at + prefix..];
        let hashes = after.iter().take_while(|byte| **byte == b'#').count();
        if after.get(hashes) != Some(&b'"') {
            return false;
        }
        let start = self.at + prefix + hashes + 1;
        let rest = &self.text[start..];
        let close = format!("\"{}", "#".repeat(hashes));
        let length = rest.find(&close).unwrap_or(rest.len());
        self.tokens.push(Token::Text(Cow::Borrowed(&rest[..length])));
        self.at = start + length + close.len();
        true
    }

    /// A character or a lifetime.
    fn quote(&mut self) {
        self.tokens.push(Token::Other);
        let rest = &self.text[self.at + 1..];
        let mut characters = rest.chars();
        match (characters.next(), characters.next()) {
            (Some('\\'), _) => self.character(),
            (Some(first), Some('\'')) => self.at += 2 + first.len_utf8(),
            _ => {
                let raw = if rest.starts_with("r#") { 2 } else { 0 };
                let name = rest.as_bytes()[raw..].iter().take_while(|byte| is_word(**byte)).count();
                self.at += 1 + raw + name;
            }
        }
    }

    /// The rest of a character that begins with an escape.
    fn character(&mut self) {
        self.at += 3;
        while self.at < self.bytes.len() && self.bytes[self.at] != b'\'' && self.bytes[self.at] != b'\n' {
            self.at += 1;
        }
        self.at += 1;
    }

    fn number(&mut self) {
        self.tokens.push(Token::Other);
        self.skip_word();
        if self.peek(0) == b'.' && self.peek(1).is_ascii_digit() {
            self.at += 1;
            self.skip_word();
        }
    }

    fn skip_word(&mut self) {
        let mut at = self.at;
        while at < self.bytes.len() && is_word(self.bytes[at]) {
            at += 1;
        }
        self.at = at;
    }

    fn word(&mut self) {
        let start = self.at;
        self.skip_word();
        let word = &self.text[start..self.at];
        let (length, next) = (word.len(), self.peek(0));
        let is_raw = matches!(word, "r" | "br" | "cr") && matches!(next, b'"' | b'#');
        let is_string = matches!(word, "b" | "c") && next == b'"';
        let is_byte = word == "b" && next == b'\'';
        if is_raw || is_string || is_byte {
            self.at = start;
            if is_string {
                return self.string(length + 1);
            }
            if is_byte {
                self.at += 1;
                return self.quote();
            }
            if self.raw_string(length) {
                return;
            }
            self.at += length;
            if word == "r" && next == b'#' && is_word(self.peek(1)) {
                // A raw identifier: the next step reads its name.
                self.at += 1;
                return;
            }
        }
        self.tokens.push(Token::Word(word));
    }
}

/// Whether a byte can be part of an identifier; those of other scripts all can.
pub(super) fn is_word(byte: u8) -> bool {
    WORD[usize::from(byte)]
}

/// By byte: the tool is compiled without optimisation for most of its runs, and most bytes of a source are asked about.
/// A constant would be copied each time.
static WORD: [bool; 256] = {
    let mut word = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        word[byte] = (byte as u8).is_ascii_alphanumeric() || byte == b'_' as usize || byte >= 0x80;
        byte += 1;
    }
    word
};

fn unescaped(content: &str) -> Cow<'_, str> {
    if !content.contains('\\') {
        return Cow::Borrowed(content);
    }
    let mut text = String::with_capacity(content.len());
    let mut rest = content;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(escape) = rest.chars().next() else { break };
        rest = &rest[escape.len_utf8()..];
        match escape {
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            '0' => text.push('\0'),
            'x' => rest = push_code(&mut text, rest, rest.get(..2), 2),
            'u' => {
                let digits = rest.strip_prefix('{').and_then(|digits| digits.split('}').next());
                rest = push_code(&mut text, rest, digits, digits.map_or(0, |digits| digits.len() + 2));
            }
            '\n' | '\r' => rest = rest.trim_start(),
            same => text.push(same),
        }
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Pushes the character with this hexadecimal code and returns what follows its `length` bytes.
fn push_code<'a>(text: &mut String, rest: &'a str, digits: Option<&str>, length: usize) -> &'a str {
    let code = digits.and_then(|digits| u32::from_str_radix(&digits.replace('_', ""), 16).ok());
    text.extend(code.and_then(char::from_u32));
    rest.get(length..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(source: &str) -> Vec<String> {
        let texts = tokens(source).into_iter().filter_map(|token| match token {
            Token::Text(text) => Some(text.into_owned()),
            _ => None,
        });
        texts.collect()
    }

    #[test]
    fn strings_are_told_from_what_looks_like_them() {
        let cases: &[(&str, &[&str])] = &[
            (r#"a("x", 'y', "z")"#, &["x", "z"]),
            (r#"let quote = '"'; f("x")"#, &["x"]),
            (r#"let quote = '\''; f("x")"#, &["x"]),
            (r#"let byte = b'"'; f(b"x", c"y", br"z")"#, &["x", "y", "z"]),
            (r#"// say "hello" and don't"#, &[]),
            ("/* a /* nested */ \" */ f(\"x\")", &["x"]),
            (r#"fn f<'a>(text: &'a str) -> &'static str { "x" }"#, &["x"]),
            (r###"f(r#"a "quoted" word"#, r"\n")"###, &["a \"quoted\" word", "\\n"]),
            (r#"f("a \" b")"#, &["a \" b"]),
            (r#"f("\x41\u{1F6_00}\t\\")"#, &["A\u{1F600}\t\\"]),
            ("f(\"a\\\n      b\")", &["ab"]),
            ("f(\"never ends", &["never ends"]),
            ("f(\"never ends\\", &["never ends"]),
            ("f(r#\"never ends\"", &["never ends\""]),
            ("'\\u{1}' \"x\"", &["x"]),
        ];
        for (source, expected) in cases {
            assert_eq!(texts(source), *expected, "{source}");
        }
    }

    #[test]
    fn words_and_signs() {
        use Token::{Other, Sign, Word};
        let expected = [Word("mod"), Word("fn"), Sign(b';'), Word("r"), Sign(b'.'), Other, Other, Word("größe")];
        assert_eq!(tokens("#!/usr/bin/env x\nmod r#fn; r.0 'a größe"), expected);
        assert_eq!(tokens("#![x]"), [Sign(b'#'), Sign(b'!'), Sign(b'['), Word("x"), Sign(b']')]);
        assert_eq!(tokens("1.5e3 0..n"), [Other, Other, Sign(b'.'), Sign(b'.'), Word("n")]);
    }

    /// What another lexer says: words, strings' sources and delimiters.
    fn by_proc_macro2(stream: proc_macro2::TokenStream, found: &mut Vec<String>) {
        use proc_macro2::{Delimiter, TokenTree};
        let mut after_quote = false;
        for tree in stream {
            let is_lifetime = std::mem::take(&mut after_quote);
            match tree {
                TokenTree::Punct(sign) => after_quote = sign.as_char() == '\'',
                TokenTree::Ident(_) if is_lifetime => {}
                TokenTree::Ident(word) => found.push(word.to_string().trim_start_matches("r#").to_owned()),
                TokenTree::Literal(literal) if is_text(&literal.to_string()) => found.push("text".to_owned()),
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::None => ("", ""),
                    };
                    found.push(open.to_owned());
                    by_proc_macro2(group.stream(), found);
                    found.push(close.to_owned());
                }
                _ => {}
            }
        }
    }

    fn is_text(literal: &str) -> bool {
        literal
            .trim_start_matches(|character: char| character.is_ascii_alphabetic() || character == '#')
            .starts_with('"')
    }

    fn by_us(source: &str) -> Vec<String> {
        let found = tokens(source).into_iter().filter_map(|token| match token {
            Token::Word(word) => Some(word.to_owned()),
            Token::Text(_) => Some("text".to_owned()),
            Token::Sign(sign @ (b'(' | b')' | b'[' | b']' | b'{' | b'}')) => Some(char::from(sign).to_string()),
            _ => None,
        });
        found.collect()
    }

    proptest! {
        #[test]
        fn any_text_has_tokens(text in "\\PC*") {
            tokens(&text);
        }

        #[test]
        fn any_mix_of_quotes_has_tokens(text in "[rbc#'\"\\\\/*!ux{}a0\n ü]{0,40}") {
            tokens(&text);
        }

        #[test]
        fn agrees_with_proc_macro2(parts in proptest::collection::vec(part(), 0..30)) {
            let source = parts.join(" ");
            let stream: proc_macro2::TokenStream = source.parse().expect("is Rust");
            let mut expected = Vec::new();
            by_proc_macro2(stream, &mut expected);
            prop_assert_eq!(by_us(&source), expected);
        }
    }

    /// A piece of Rust with balanced delimiters.
    fn part() -> impl Strategy<Value = String> {
        let pieces = [
            "mod a;",
            "r#type",
            "'a",
            "'\"'",
            "b'\\''",
            "'\\u{41}'",
            "\"a // b\"",
            "\"\\\\\"",
            "r\"\\\"",
            "r##\"a\"#b\"##",
            "br#\"\"\"#",
            "c\"x\"",
            "b\"\\\"\"",
            "cr\"y\"",
            "// it's \"\n",
            "/* \" /* ' */ */",
            "1.0e-5",
            "0x_f",
            "1..2",
            "x.0.1",
            "&'static str",
            "#[path = \"x\"]",
            "{ ( [ ] ) }",
            "a!('x', \"y\")",
            "größe",
            "_",
            "b",
            "r",
            "br",
            "'r#a",
        ];
        proptest::sample::select(pieces.to_vec()).prop_map(str::to_owned)
    }
}
