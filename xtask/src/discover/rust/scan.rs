//! What a Rust source says about other files: its modules, what it includes, and what its macros may read.
//!
//! Conditions are kept beside each finding and judged later, so that a file is read once for all services.

mod attribute;
mod frame;
mod path;
mod quiet;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::cfg::Cfg;
use super::lexer::{Token, tokens};
use attribute::Attribute;
use frame::{End, Frame, Item, Kind, closes, end_of};
pub(super) use path::PathText;

/// What a source says about other files, in its own order.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) findings: Vec<Finding>,
}

/// One word about another file, and the conditions under which it is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) what: What,
    pub(super) when: Vec<Arc<Cfg>>,
}

/// A word about another file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// `mod name;`
    Module(Module),
    /// A word in the arguments of a macro that may make a module of it.
    PerhapsModule(Module),
    /// `include!`, `include_str!`, `include_bytes!`.
    Include { path: PathText, is_rust: bool },
    /// A text that names a file, or with `folder` a folder, if there is one.
    Literal { path: PathText, folder: bool },
    /// A file or folder of the package or the workspace that a macro reads unasked.
    Implied(&'static str),
    /// A macro makes modules of names that cannot be known.
    AnyModule,
}

/// A module in a file of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Module {
    pub(super) name: String,
    /// The modules around it in the same file.
    pub(super) around: Vec<Around>,
    /// The values of `#[path]`, each with the conditions of the `cfg_attr` around it.
    pub(super) paths: Vec<(Vec<Arc<Cfg>>, String)>,
}

/// A module written out in its parent's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Around {
    /// Its name is a folder.
    Name(String),
    /// Its `#[path]` is.
    Path(String),
}

/// Keywords that may stand before a negation in parentheses, which looks like a macro.
const BEFORE_NEGATION: [&str; 11] =
    ["if", "while", "return", "match", "in", "break", "else", "for", "let", "move", "yield"];

/// How many delimiters may stand around a finding. No compiler follows any further either.
const DEEPEST: usize = 512;

/// How many tokens the condition of a `cfg_select!` arm may have.
const LONGEST_CONDITION: usize = 256;

/// What macros read that no argument names.
const IMPLIED: [(&str, &str); 9] = [
    ("embed_migrations", "migrations"),
    ("migrate", "migrations"),
    ("query", ".sqlx"),
    ("query_as", ".sqlx"),
    ("query_as_unchecked", ".sqlx"),
    ("query_file", ".sqlx"),
    ("query_file_as", ".sqlx"),
    ("query_scalar", ".sqlx"),
    ("query_unchecked", ".sqlx"),
];

/// Reads a source. In a build script every text may name a file.
pub(super) fn scan(text: &str, is_build_script: bool) -> Source {
    if !is_build_script && quiet::is_quiet(text) {
        return Source::default();
    }
    scan_tokens(text, is_build_script)
}

fn scan_tokens(text: &str, is_build_script: bool) -> Source {
    let tokens = tokens(text);
    let closes = closes(&tokens);
    let mut scanner = Scanner {
        tokens: &tokens,
        closes: &closes,
        at: 0,
        frames: vec![Frame::new(Kind::Module(None))],
        findings: Vec::new(),
        is_build_script,
    };
    while scanner.at < tokens.len() {
        scanner.step();
    }
    Source { findings: scanner.findings }
}

struct Scanner<'a> {
    tokens: &'a [Token<'a>],
    /// For each opening delimiter, where its closing one stands.
    closes: &'a [usize],
    at: usize,
    /// The innermost is last; the file itself is never closed.
    frames: Vec<Frame<'a>>,
    findings: Vec<Finding>,
    is_build_script: bool,
}

impl<'a> Scanner<'a> {
    fn step(&mut self) {
        let tokens = self.tokens;
        if tokens[self.at] == Token::Sign(b'#')
            && let Some((attribute, is_inner, next)) = attribute::read(tokens, self.closes, self.at)
        {
            self.attribute(attribute, is_inner);
            self.at = next;
            return;
        }
        let frame = self.frame();
        // Most tokens stand under no condition.
        if frame.may_have_conditions() {
            let at_arm = frame.item.is_none() && self.is_in_macro(&["cfg_select"]) && !self.sign(0, b',');
            if at_arm && self.select_arm() {
                return;
            }
            self.begin_item();
        }
        match &tokens[self.at] {
            Token::Word("mod") => self.module(),
            Token::Word(name) => self.word(name),
            Token::Text(text) => self.text(text),
            Token::Sign(b'(' | b'[' | b'{') => self.open(),
            Token::Sign(close @ (b')' | b']' | b'}')) => self.close(*close),
            Token::Sign(b';') => {
                self.end_item(&[End::Open, End::Semicolon, End::Block, End::Comma]);
                self.at += 1;
            }
            Token::Sign(b',') => {
                self.end_item(&[End::Open, End::Comma]);
                self.at += 1;
            }
            Token::Sign(_) | Token::Other => self.at += 1,
        }
    }

    fn frame(&mut self) -> &mut Frame<'a> {
        if self.frames.is_empty() {
            self.frames.push(Frame::new(Kind::Module(None)));
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    /// Whether the tokens are directly between the delimiters of one of these macros.
    fn is_in_macro(&self, names: &[&str]) -> bool {
        matches!(self.frames.last(), Some(Frame { kind: Kind::Macro(name), .. }) if names.contains(name))
    }

    fn sign(&self, ahead: usize, sign: u8) -> bool {
        self.tokens.get(self.at + ahead) == Some(&Token::Sign(sign))
    }

    fn is_open(&self, ahead: usize) -> bool {
        matches!(self.tokens.get(self.at + ahead), Some(Token::Sign(b'(' | b'[' | b'{')))
    }

    fn add(&mut self, what: What) {
        self.add_under(what, Vec::new());
    }

    /// Adds what is said under conditions of its own, beside those of all around it.
    fn add_under(&mut self, what: What, conditions: Vec<Arc<Cfg>>) {
        if self.frames.len() > DEEPEST {
            return;
        }
        let around = self.frames.iter().flat_map(|frame| {
            let item = frame.item.iter().flat_map(|item| &item.when);
            frame.when.iter().chain(item).cloned()
        });
        let when = around.chain(conditions).collect();
        self.findings.push(Finding { what, when });
    }

    fn attribute(&mut self, attribute: Attribute, is_inner: bool) {
        let names = attribute.names.clone();
        if is_inner {
            self.frame().when.extend(attribute.when);
        } else {
            self.frame().waiting.push(attribute);
        }
        for (conditions, what) in names {
            // An outer attribute's own conditions are those of the item that it stands on.
            let waiting = self.frame().waiting.iter().flat_map(|attribute| attribute.when.iter().cloned());
            let conditions = waiting.chain(conditions).collect();
            self.add_under(what, conditions);
        }
    }

    /// The first token after attributes begins the item that they are of.
    fn begin_item(&mut self) {
        let word = |ahead: usize| match self.tokens.get(self.at + ahead) {
            Some(Token::Word(word)) => Some(*word),
            _ => None,
        };
        let (word, next) = (word(0), word(1));
        let is_visibility = self.sign(0, b'(') && self.at > 0 && self.tokens[self.at - 1] == Token::Word("pub");
        let in_chain = self.is_in_macro(&["cfg_if"]);
        let frame = self.frame();
        if in_chain {
            match word {
                Some("else") => {
                    let others = frame.others.clone();
                    frame.waiting.push(Attribute { when: others, ..Attribute::default() });
                    return;
                }
                Some("if") if frame.waiting.is_empty() => return frame.others.clear(),
                Some("if") => return,
                _ => {}
            }
        }
        if frame.item.is_none() && frame.waiting.iter().any(|attribute| !attribute.when.is_empty()) {
            let when: Vec<_> = frame.waiting.iter().flat_map(|attribute| attribute.when.iter().cloned()).collect();
            frame.item = Some(Item { when, end: End::Open });
        }
        if let Some(item) = &mut frame.item
            && item.end == End::Open
            && !is_visibility
        {
            item.end = end_of(word, next);
        }
    }

    fn end_item(&mut self, ends: &[End]) {
        let in_chain = self.is_in_macro(&["cfg_if", "cfg_select"]);
        let frame = self.frame();
        frame.waiting.clear();
        if frame.item.as_ref().is_some_and(|item| ends.contains(&item.end))
            && let Some(item) = frame.item.take()
            && in_chain
        {
            // Its conditions begin with those of the branches before it, which a later one has anyway.
            let own = item.when.iter().skip(frame.others.len()).map(|cfg| (**cfg).clone()).collect();
            frame.others.push(Arc::new(Cfg::Not(Box::new(Cfg::All(own)))));
        }
    }

    /// An arm of `cfg_select!`: a condition or `_`, then `=>`.
    fn select_arm(&mut self) -> bool {
        let rest = &self.tokens[self.at..];
        let condition = rest.iter().take(LONGEST_CONDITION).take_while(|token| **token != Token::Sign(b'{')).count();
        let arrow = rest[..condition].windows(2).position(|pair| pair == [Token::Sign(b'='), Token::Sign(b'>')]);
        let Some(arrow) = arrow else { return false };
        let mut when = self.frame().others.clone();
        if rest[..arrow] != [Token::Word("_")] {
            when.push(Arc::new(Cfg::from_tokens(&rest[..arrow])));
        }
        self.frame().item = Some(Item { when, end: End::Comma });
        self.at += arrow + 2;
        true
    }

    /// At `mod`.
    fn module(&mut self) {
        let rest = &self.tokens[self.at + 1..];
        match rest {
            [Token::Word(name), Token::Sign(b';'), ..] => {
                let module = Module { name: (*name).to_owned(), around: self.around(), paths: self.paths() };
                self.add(What::Module(module));
                self.at += 2;
            }
            [Token::Word(name), Token::Sign(b'{'), ..] => {
                let path = self.paths().into_iter().find(|(when, _)| when.is_empty());
                let around = path.map_or_else(|| Around::Name((*name).to_owned()), |(_, path)| Around::Path(path));
                self.at += 3;
                self.frame().waiting.clear();
                self.frames.push(Frame::new(Kind::Module(Some(around))));
            }
            // Where the macro is used, the names stand among its arguments.
            [Token::Sign(b'$'), Token::Word(_), Token::Sign(b';' | b'{' | b':'), ..] => self.at += 1,
            [Token::Sign(b'$' | b'['), ..] => {
                self.add(What::AnyModule);
                self.at += 1;
            }
            _ => self.at += 1,
        }
    }

    fn around(&self) -> Vec<Around> {
        if self.frames.len() > DEEPEST {
            return Vec::new();
        }
        let around = self.frames.iter().filter_map(|frame| match &frame.kind {
            Kind::Module(around) => around.clone(),
            _ => None,
        });
        around.collect()
    }

    fn paths(&mut self) -> Vec<(Vec<Arc<Cfg>>, String)> {
        self.frame().waiting.iter().flat_map(|attribute| attribute.paths.iter().cloned()).collect()
    }

    fn word(&mut self, name: &'a str) {
        if !self.sign(1, b'!') || BEFORE_NEGATION.contains(&name) {
            self.at += 1;
            return;
        }
        let named = usize::from(name == "macro_rules" && matches!(self.tokens.get(self.at + 2), Some(Token::Word(_))));
        if !self.is_open(2 + named) {
            self.at += 1;
            return;
        }
        let arguments = self.at + 3 + named;
        if let Some(is_rust) = includes(name)
            && let Some((path, _)) = path::read(self.tokens, arguments)
        {
            self.add(What::Include { path, is_rust });
        }
        if name == "concat"
            && self.is_read()
            && let Some((path, _)) = path::read(self.tokens, self.at)
        {
            self.literal(path, true);
        }
        if let Some((_, implied)) = IMPLIED.into_iter().find(|(macro_name, _)| *macro_name == name) {
            self.add(What::Implied(implied));
        }
        if name != "macro_rules" && !reads_nothing(name) && self.is_at_item() {
            self.perhaps_modules(arguments);
        }
        self.frames.push(Frame::new(Kind::Macro(name)));
        self.at = arguments;
    }

    /// Whether a macro is invoked where an item may stand: not in a body, and behind the end of another item.
    fn is_at_item(&self) -> bool {
        let at_modules = self.frames.iter().all(|frame| matches!(frame.kind, Kind::Module(_)));
        let path = |token: &Token| matches!(token, Token::Word(_) | Token::Sign(b':'));
        let before = self.tokens[..self.at].iter().rev().find(|token| !path(token));
        at_modules && matches!(before, None | Some(Token::Sign(b';' | b'{' | b'}' | b']')))
    }

    /// The words directly among a macro's arguments, which begin at `arguments`.
    fn perhaps_modules(&mut self, arguments: usize) {
        let around = self.around();
        let mut at = arguments;
        while at < self.closes[arguments - 1] {
            if let Token::Word(name) = self.tokens[at] {
                let name = name.to_owned();
                self.add(What::PerhapsModule(Module { name, around: around.clone(), paths: Vec::new() }));
            }
            // What stands between delimiters of its own is passed over.
            at = self.closes[at].max(at) + 1;
        }
    }

    /// Whether the tokens are arguments of a macro that may read files.
    fn is_read(&self) -> bool {
        match self.frames.last().map(|frame| &frame.kind) {
            Some(Kind::Macro(name) | Kind::InMacro(name)) => !reads_nothing(name),
            _ => false,
        }
    }

    fn text(&mut self, text: &str) {
        if self.is_build_script {
            if let Some(path) = path::in_build_script(text) {
                self.add(What::Literal { path, folder: true });
            }
        } else if self.is_read() {
            let is_direct = matches!(self.frames.last(), Some(Frame { kind: Kind::Macro(_), .. }));
            let closes =
                |ahead: usize| matches!(self.tokens.get(self.at + ahead), Some(Token::Sign(b')' | b']' | b'}')));
            let opens = matches!(self.tokens.get(self.at.wrapping_sub(1)), Some(Token::Sign(b'(' | b'[' | b'{')));
            let is_alone = is_direct && opens && (closes(1) || self.sign(1, b',') && closes(2));
            self.literal(PathText::beside_source(text), is_alone);
        }
        self.at += 1;
    }

    fn literal(&mut self, path: PathText, may_be_folder: bool) {
        if let Some(path) = path.plausible() {
            let folder = may_be_folder || path.text.contains('/');
            self.add(What::Literal { path, folder });
        }
    }

    fn open(&mut self) {
        let kind = match self.frames.last().map(|frame| &frame.kind) {
            Some(Kind::Macro(name) | Kind::InMacro(name)) => Kind::InMacro(name),
            _ => Kind::Plain,
        };
        self.frames.push(Frame::new(kind));
        self.at += 1;
    }

    fn close(&mut self, close: u8) {
        if self.frames.len() > 1 {
            self.frames.pop();
        }
        if close == b'}' {
            self.end_item(&[End::Open, End::Block, End::Comma]);
        }
        self.at += 1;
    }
}

/// Whether a macro includes a file, and whether as Rust.
fn includes(name: &str) -> Option<bool> {
    match name {
        "include" => Some(true),
        "include_str" | "include_bytes" => Some(false),
        _ => None,
    }
}

/// Whether a macro is one of std or of a well-known crate that reads no file: a text in it is a message.
#[expect(clippy::match_like_matches_macro, reason = "a match is laid out in a few lines")]
fn reads_nothing(macro_name: &str) -> bool {
    match macro_name {
        "anyhow" | "assert" | "assert_eq" | "assert_ne" | "bail" | "cfg" | "cfg_if" | "cfg_select" | "concat"
        | "dbg" | "debug" | "debug_assert" | "debug_assert_eq" | "debug_assert_ne" | "debug_span" | "ensure"
        | "env" | "eprint" | "eprintln" | "error" | "format" | "format_args" | "include" | "include_bytes"
        | "include_str" | "info" | "info_span" | "json" | "log" | "matches" | "option_env" | "panic" | "print"
        | "println" | "select" | "span" | "stringify" | "todo" | "trace" | "unimplemented" | "unreachable" | "vec"
        | "warn" | "write" | "writeln" => true,
        _ => false,
    }
}
