//! What a scan keeps in mind between delimiters.

use std::sync::Arc;

use super::super::cfg::Cfg;
use super::super::lexer::Token;
use super::Around;
use super::attribute::Attribute;

/// What stands between two delimiters.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) kind: Kind<'a>,
    /// The conditions of all that follows in it.
    pub(super) when: Vec<Arc<Cfg>>,
    /// The attributes of the item to come.
    pub(super) waiting: Vec<Attribute>,
    /// The item that conditions apply to.
    pub(super) item: Option<Item>,
    /// The branches of a chain of conditions that do not hold where a later one does.
    pub(super) others: Vec<Arc<Cfg>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// A file, or a module written out.
    Module(Option<Around>),
    /// The arguments of a macro, by its name.
    Macro(&'a str),
    /// Something between delimiters in a macro's arguments; the macro's name.
    InMacro(&'a str),
    /// The rest: bodies, expressions, lists.
    Plain,
}

/// An item under conditions.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) when: Vec<Arc<Cfg>>,
    pub(super) end: End,
}

/// Where an item ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Not known before its first word that is no modifier.
    Open,
    /// At a semicolon.
    Semicolon,
    /// At a semicolon or after its block.
    Block,
    /// Also at a comma: a field, an arm, an expression.
    Comma,
}

impl<'a> Frame<'a> {
    pub(super) fn new(kind: Kind<'a>) -> Self {
        Self { kind, when: Vec::new(), waiting: Vec::new(), item: None, others: Vec::new() }
    }

    /// Whether what comes next may be under conditions of its own.
    pub(super) fn may_have_conditions(&self) -> bool {
        !self.waiting.is_empty() || self.item.is_some() || matches!(self.kind, Kind::Macro("cfg_if" | "cfg_select"))
    }
}

/// Where an item ends whose first word that is no modifier is `word`.
pub(super) fn end_of(word: Option<&str>, next: Option<&str>) -> End {
    match word {
        Some("pub" | "unsafe" | "async" | "default" | "crate" | "safe" | "auto") => End::Open,
        Some("const") if matches!(next, Some("fn" | "unsafe" | "async" | "extern")) => End::Open,
        Some("const" | "static" | "type" | "use" | "let") => End::Semicolon,
        Some("fn" | "impl" | "mod" | "trait" | "struct" | "enum" | "union" | "extern" | "macro_rules" | "macro") => {
            End::Block
        }
        _ => End::Comma,
    }
}

/// For each opening delimiter the place of its closing one, or of the end; 0 for every other token.
pub(super) fn closes(tokens: &[Token]) -> Vec<usize> {
    let mut closes = vec![0; tokens.len()];
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign(b'(' | b'[' | b'{') => open.push(at),
            Token::Sign(b')' | b']' | b'}') => {
                if let Some(opened) = open.pop() {
                    closes[opened] = at;
                }
            }
            _ => {}
        }
    }
    for opened in open {
        closes[opened] = tokens.len();
    }
    closes
}
