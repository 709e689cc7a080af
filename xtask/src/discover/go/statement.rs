//! The lines of a `go.mod` or `go.work`: both have one syntax, that of golang.org/x/mod/modfile.

use std::sync::LazyLock;

use memchr::{memchr3, memmem};

use super::byte_set::ByteSet;
use super::fault::Fault;
use super::quote::unquote;

/// A directive with its arguments, as `require example.com/a v1.0.0`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// Its line, from 1.
    pub(super) line: u32,
    pub(super) verb: String,
    /// The words after it; strings still in their quotes.
    pub(super) arguments: Vec<String>,
    /// Whether the comment that ends the line begins with the word `indirect`.
    pub(super) is_indirect: bool,
}

impl Statement {
    pub(super) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(self.line, message)
    }

    /// The only argument.
    pub(super) fn only(&self, usage: &str) -> Result<&str, Fault> {
        match self.arguments.as_slice() {
            [argument] => Ok(argument),
            _ => Err(self.fault(format!("usage: {usage}"))),
        }
    }

    /// The value of an argument.
    pub(super) fn value(&self, argument: &str) -> Result<String, Fault> {
        if argument.starts_with('"') {
            return unquote(argument).ok_or_else(|| self.fault(format!("invalid quoted string: {argument}")));
        }
        if memchr3(b'"', b'\'', b'`', argument.as_bytes()).is_some() {
            return Err(self.fault(format!("a string without quotes cannot hold one: {argument}")));
        }
        Ok(argument.to_owned())
    }
}

/// Splits a file into statements. Only the verbs of `blocks`, if given, may be followed by lines in parentheses.
pub(super) fn statements(text: &str, blocks: Option<&[&str]>) -> Result<Vec<Statement>, Fault> {
    let mut statements = Vec::new();
    let mut block: Option<(u32, String)> = None;
    for (line, text) in (1..).zip(text.split('\n')) {
        let (mut words, comment) = words(line, text)?;
        let is_indirect = is_indirect(comment);
        if let Some((_, verb)) = &block {
            match words.first().map(String::as_str) {
                None => {}
                Some(")") if words.len() == 1 => block = None,
                Some(")") => return Err(Fault::new(line, "expected a new line after the closing parenthesis")),
                Some(_) => statements.push(Statement { line, verb: verb.clone(), arguments: words, is_indirect }),
            }
            continue;
        }
        let opens = words.len() > 1 && words.last().is_some_and(|word| word == "(");
        let is_empty = words.len() > 2 && words.ends_with(&["(".to_owned(), ")".to_owned()]);
        if opens || is_empty {
            words.truncate(words.len() - if opens { 1 } else { 2 });
            let header = words.join(" ");
            if blocks.is_some_and(|blocks| !blocks.contains(&header.as_str())) {
                return Err(Fault::new(line, format!("unknown block type: {header}")));
            }
            block = opens.then_some((line, header));
        } else if !words.is_empty() {
            let verb = words.remove(0);
            statements.push(Statement { line, verb, arguments: words, is_indirect });
        }
    }
    match block {
        Some((line, _)) => Err(Fault::new(line, "the block that starts here has no end")),
        None => Ok(statements),
    }
}

/// The words of a line, and the comment that ends it.
fn words(line: u32, text: &str) -> Result<(Vec<String>, &str), Fault> {
    let mut words = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r']);
        let Some(first) = rest.chars().next() else { return Ok((words, "")) };
        if let Some(comment) = rest.strip_prefix("//") {
            return Ok((words, comment));
        }
        let length = match first {
            '(' | ')' | '[' | ']' | '{' | '}' | ',' => 1,
            '"' | '`' => string_length(rest, first).ok_or_else(|| Fault::new(line, "a string has no end"))?,
            _ => word_length(rest),
        };
        if length == 0 {
            return Err(Fault::new(line, format!("unexpected input character {first:?}")));
        }
        let (word, after) = rest.split_at(length);
        if after.starts_with("/*") || word.starts_with("/*") {
            return Err(Fault::new(line, "comments start with //, not with /*"));
        }
        words.push(word.to_owned());
        rest = after;
    }
}

fn string_length(text: &str, quote: char) -> Option<usize> {
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return Some(at + 1);
        }
        if character == '\\' && quote == '"' {
            characters.next();
        }
    }
    None
}

fn word_length(text: &str) -> usize {
    static USUAL: ByteSet = ByteSet::letters_digits_and(b"-._~+=>/");
    static COMMENT: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new("//"));
    let (usual, rest) = text.as_bytes().split_at(USUAL.length_in(text.as_bytes()));
    if !usual.is_empty() && matches!(rest, [] | [b' ' | b'\t', ..]) && COMMENT.find(usual).is_none() {
        return usual.len();
    }
    let ends = |(at, character): (usize, char)| {
        let is_word = !character.is_whitespace() && !"()[]{},".contains(character) && is_printable(character);
        let is_comment = text[at..].starts_with("//") || text[at..].starts_with("/*");
        (!is_word || is_comment).then_some(at)
    };
    let length = text.char_indices().find_map(ends).unwrap_or(text.len());
    // A word that begins with `/*` is refused by its beginning.
    if length == 0 && text.starts_with("/*") { 2 } else { length }
}

/// Go's `unicode.IsPrint`, of which only the invisible marks that editors leave behind matter here.
fn is_printable(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Whether a comment says that no package of the module itself imports what is required.
fn is_indirect(comment: &str) -> bool {
    let comment = comment.trim();
    comment == "indirect" || comment.starts_with("indirect;")
}
