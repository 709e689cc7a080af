//! Attributes: conditions, modules' paths, and files that they name.

use std::sync::Arc;

use super::super::cfg::Cfg;
use super::super::lexer::Token;
use super::{PathText, What, includes, path};

/// How deep a `cfg_attr` may stand in another.
const DEEPEST: usize = 8;

/// Attributes whose texts name no file.
pub(super) const NAMING_NOTHING: [&str; 16] = [
    "allow",
    "cfg",
    "deny",
    "deprecated",
    "derive",
    "doc",
    "error",
    "expect",
    "export_name",
    "feature",
    "forbid",
    "link",
    "must_use",
    "should_panic",
    "warn",
    "cfg_attr",
];

/// Keys whose value is a path, whatever it looks like.
const PATH_KEYS: [&str; 4] = ["dir", "file", "folder", "path"];

/// What an attribute says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Attribute {
    /// The conditions of what it stands on.
    pub(super) when: Vec<Arc<Cfg>>,
    /// The values of `path`, each with the conditions of the `cfg_attr` around it.
    pub(super) paths: Vec<(Vec<Arc<Cfg>>, String)>,
    /// Files that it names, likewise.
    pub(super) names: Vec<(Vec<Arc<Cfg>>, What)>,
}

/// Reads the attribute whose `#` is at `at`, if it is one: with whether it is an inner one, and where it ends.
pub(super) fn read(tokens: &[Token], closes: &[usize], at: usize) -> Option<(Attribute, bool, usize)> {
    let is_inner = tokens.get(at + 1) == Some(&Token::Sign(b'!'));
    let open = at + 1 + usize::from(is_inner);
    if tokens.get(open) != Some(&Token::Sign(b'[')) {
        return None;
    }
    let close = closes[open];
    let mut attribute = Attribute::default();
    attribute.read(tokens.get(open + 1..close)?, &[], 0);
    Some((attribute, is_inner, close + 1))
}

impl Attribute {
    /// Reads what stands between the brackets; `when` are the conditions of the `cfg_attr` around it.
    fn read(&mut self, tokens: &[Token], when: &[Arc<Cfg>], depth: usize) {
        let path = tokens.iter().take_while(|token| matches!(token, Token::Word(_) | Token::Sign(b':'))).count();
        let Some(Token::Word(name)) = path.checked_sub(1).and_then(|last| tokens.get(last)) else { return };
        match (*name, &tokens[path..]) {
            ("cfg", [Token::Sign(b'('), inner @ .., Token::Sign(b')')]) => {
                self.when.push(Arc::new(implied(when, Cfg::from_tokens(inner))));
            }
            ("cfg_attr", [Token::Sign(b'('), inner @ .., Token::Sign(b')')]) if depth < DEEPEST => {
                let mut parts = top_level_parts(inner).into_iter();
                let mut when = when.to_vec();
                when.extend(parts.next().map(|condition| Arc::new(Cfg::from_tokens(condition))));
                for part in parts {
                    self.read(part, &when, depth + 1);
                }
            }
            ("path", [Token::Sign(b'='), Token::Text(value)]) if path == 1 => {
                self.paths.push((when.to_vec(), value.clone().into_owned()));
            }
            // Also of other crates: all of them end in the compiler's own, which is a condition.
            ("test" | "bench", _) => self.when.push(Arc::new(implied(when, Cfg::Name("test".to_owned())))),
            (name, arguments) => self.read_names(name, arguments, when),
        }
    }

    fn read_names(&mut self, name: &str, arguments: &[Token], when: &[Arc<Cfg>]) {
        for (at, token) in arguments.iter().enumerate() {
            match token {
                Token::Word(word) if arguments.get(at + 1) == Some(&Token::Sign(b'!')) => {
                    if let Some(is_rust) = includes(word)
                        && let Some((path, _)) = path::read(arguments, at + 3)
                    {
                        self.names.push((when.to_vec(), What::Include { path, is_rust }));
                    }
                }
                Token::Text(text) if !NAMING_NOTHING.contains(&name) => {
                    let key = match at.checked_sub(2).map(|key| &arguments[key..at]) {
                        Some([Token::Word(key), Token::Sign(b'=')]) => key,
                        _ => name,
                    };
                    let names_path = PATH_KEYS.contains(&key);
                    if (names_path || text.contains(['/', '.']))
                        && let Some(path) = PathText::beside_source(text).plausible()
                    {
                        let folder = names_path || path.text.contains('/');
                        self.names.push((when.to_vec(), What::Literal { path, folder }));
                    }
                }
                _ => {}
            }
        }
    }
}

/// A condition that only counts where the others hold.
fn implied(when: &[Arc<Cfg>], cfg: Cfg) -> Cfg {
    if when.is_empty() {
        return cfg;
    }
    let all = when.iter().map(|condition| (**condition).clone()).collect();
    Cfg::Any(vec![Cfg::Not(Box::new(Cfg::All(all))), cfg])
}

fn top_level_parts<'a, 'b>(tokens: &'a [Token<'b>]) -> Vec<&'a [Token<'b>]> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0usize, 0);
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign(b'(' | b'[' | b'{') => depth += 1,
            Token::Sign(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            Token::Sign(b',') if depth == 0 => {
                parts.push(&tokens[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tokens[start..]);
    parts
}
