//! The paths in a source, as far as they can be known without running anything.

use super::super::lexer::Token;

/// How deep a `concat!` may stand in another.
const DEEPEST: usize = 8;

/// A path as a source has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct PathText {
    /// It begins at the package's folder, not beside the source.
    pub(in super::super) from_package: bool,
    /// The path.
    pub(in super::super) text: String,
}

impl PathText {
    /// A path as it stands in a literal.
    pub(super) fn beside_source(text: &str) -> Self {
        match text.strip_prefix("$CARGO_MANIFEST_DIR").or_else(|| text.strip_prefix("${CARGO_MANIFEST_DIR}")) {
            Some(rest) => Self { from_package: true, text: rest.trim_start_matches('/').to_owned() },
            None => Self { from_package: false, text: text.to_owned() },
        }
    }

    /// The path, if it looks like one at all: of most texts no disk needs to be asked.
    pub(super) fn plausible(self) -> Option<Self> {
        let text = &self.text;
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/+@~ ".contains(&byte) || byte >= 0x80;
        let is_path = !text.is_empty() && text.len() <= 256 && text.bytes().all(is_word);
        (is_path && !text.starts_with(['/', ' ', '-']) && !text.ends_with(' ')).then_some(self)
    }
}

/// What a text in a build script may name: a path, one in an instruction to Cargo, or one put behind a folder.
pub(super) fn in_build_script(text: &str) -> Option<PathText> {
    let instruction = text.strip_prefix("cargo").map(|rest| rest.trim_start_matches(':'));
    let text = instruction.and_then(|rest| rest.strip_prefix("rerun-if-changed=")).unwrap_or(text);
    let text = match text.strip_prefix('{').and_then(|rest| rest.split_once("}/")) {
        Some((_, rest)) => rest,
        None => text,
    };
    PathText { from_package: true, text: text.trim_start_matches('/').to_owned() }.plausible()
}

/// Reads a literal, `concat!` or `env!("CARGO_MANIFEST_DIR")` at `at`; also tells what comes next. Nothing where the
/// path is only known to a compiler.
pub(super) fn read(tokens: &[Token], at: usize) -> Option<(PathText, usize)> {
    expression(tokens, at, 0)
}

fn expression(tokens: &[Token], at: usize, depth: usize) -> Option<(PathText, usize)> {
    match tokens.get(at..)? {
        [Token::Text(text), ..] => Some((PathText { from_package: false, text: text.clone().into_owned() }, at + 1)),
        [Token::Word("env"), Token::Sign(b'!'), Token::Sign(_), Token::Text(name), rest @ ..] => {
            // A message for the case that it is not set may follow.
            let close = rest.iter().position(|token| matches!(token, Token::Sign(b')' | b']' | b'}')))?;
            let path = PathText { from_package: true, text: String::new() };
            (name == "CARGO_MANIFEST_DIR").then_some((path, at + 4 + close + 1))
        }
        [Token::Word("concat"), Token::Sign(b'!'), Token::Sign(_), ..] if depth < DEEPEST => {
            concatenation(tokens, at + 3, depth + 1)
        }
        [Token::Word("std" | "core"), Token::Sign(b':'), Token::Sign(b':'), ..] if depth < DEEPEST => {
            expression(tokens, at + 3, depth + 1)
        }
        _ => None,
    }
}

fn concatenation(tokens: &[Token], mut at: usize, depth: usize) -> Option<(PathText, usize)> {
    let mut whole = PathText { from_package: false, text: String::new() };
    loop {
        if matches!(tokens.get(at)?, Token::Sign(b')' | b']' | b'}')) {
            break;
        }
        let (part, next) = expression(tokens, at, depth)?;
        if part.from_package && !whole.text.is_empty() {
            return None;
        }
        whole.from_package |= part.from_package;
        whole.text.push_str(&part.text);
        at = next;
        if tokens.get(at) == Some(&Token::Sign(b',')) {
            at += 1;
        }
    }
    if whole.from_package {
        whole.text = whole.text.trim_start_matches('/').to_owned();
    }
    Some((whole, at + 1))
}
