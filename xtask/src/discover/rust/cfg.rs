//! `cfg` conditions, of attributes in sources and of dependencies in manifests, and whether they can hold in an image.

use std::collections::BTreeSet;

use super::lexer::{Token, tokens};

/// How deep conditions are read; a deeper one is not understood.
const DEEPEST: usize = 32;

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cfg {
    /// `all(…)`.
    All(Vec<Cfg>),
    /// `any(…)`.
    Any(Vec<Cfg>),
    /// `not(…)`.
    Not(Box<Cfg>),
    /// `name`.
    Name(String),
    /// `key = "value"`.
    Value(String, String),
    /// `true` or `false`.
    Always(bool),
    /// What is not understood, and may hold or not.
    Unknown,
}

/// What a package is compiled with.
#[derive(Debug, Clone)]
pub struct Settings<'a> {
    /// The architecture, in Rust's words.
    pub arch: &'a str,
    /// The features of the package that are on; `None` where they are not known yet.
    pub features: Option<&'a BTreeSet<String>>,
    /// Names that rustc's flags set.
    pub flags: &'a BTreeSet<String>,
    /// Whether a build script may set names of its own.
    pub open: bool,
}

impl Cfg {
    /// Reads the content of `cfg(…)`.
    pub fn parse(text: &str) -> Self {
        Self::from_tokens(&tokens(text))
    }

    /// Reads the tokens between the parentheses of `cfg(…)`.
    pub(super) fn from_tokens(tokens: &[Token<'_>]) -> Self {
        let mut reader = Reader { tokens, at: 0 };
        let cfg = reader.predicate(0);
        reader.accept(b',');
        if reader.at == tokens.len() { cfg } else { Self::Unknown }
    }

    /// Whether it holds, where that is known.
    pub fn holds(&self, settings: &Settings) -> Option<bool> {
        match self {
            Self::All(parts) => fold(parts, settings, false),
            Self::Any(parts) => fold(parts, settings, true),
            Self::Not(part) => part.holds(settings).map(|holds| !holds),
            Self::Name(name) => name_holds(name, settings),
            Self::Value(key, value) => value_holds(key, value, settings),
            Self::Always(holds) => Some(*holds),
            Self::Unknown => None,
        }
    }
}

impl std::fmt::Display for Cfg {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut list = |name: &str, parts: &[Cfg]| {
            write!(formatter, "{name}(")?;
            for (index, part) in parts.iter().enumerate() {
                write!(formatter, "{}{part}", if index == 0 { "" } else { ", " })?;
            }
            write!(formatter, ")")
        };
        match self {
            Self::All(parts) => list("all", parts),
            Self::Any(parts) => list("any", parts),
            Self::Not(part) => write!(formatter, "not({part})"),
            Self::Name(name) => formatter.write_str(name),
            Self::Value(key, value) => write!(formatter, "{key} = \"{value}\""),
            Self::Always(holds) => write!(formatter, "{holds}"),
            Self::Unknown => formatter.write_str("…"),
        }
    }
}

/// `any` is decided by one that holds, `all` by one that does not.
fn fold(parts: &[Cfg], settings: &Settings, decisive: bool) -> Option<bool> {
    let mut answer = Some(!decisive);
    for part in parts {
        match part.holds(settings) {
            Some(holds) if holds == decisive => return Some(decisive),
            Some(_) => {}
            None => answer = None,
        }
    }
    answer
}

fn name_holds(name: &str, settings: &Settings) -> Option<bool> {
    match name {
        "unix" => Some(true),
        "windows" | "test" | "doc" | "doctest" | "miri" | "clippy" | "rustfmt" => Some(false),
        "debug_assertions" | "overflow_checks" | "ub_checks" | "proc_macro" | "target_thread_local" => None,
        _ if settings.flags.contains(name) => Some(true),
        _ if settings.open => None,
        _ => Some(false),
    }
}

fn value_holds(key: &str, value: &str, settings: &Settings) -> Option<bool> {
    let narrow = matches!(settings.arch, "arm" | "x86" | "riscv32" | "mips" | "mipsel" | "powerpc");
    let big = matches!(settings.arch, "s390x" | "powerpc" | "powerpc64" | "mips" | "mips64");
    match key {
        "feature" => settings.features.map(|features| features.contains(value)),
        "target_os" => Some(value == "linux"),
        "target_family" => Some(value == "unix"),
        "target_arch" => Some(value == settings.arch),
        "target_pointer_width" => Some(value == if narrow { "32" } else { "64" }),
        "target_endian" => Some(value == if big { "big" } else { "little" }),
        "target_vendor" => Some(value == "unknown"),
        "target_env" => match value {
            "gnu" | "musl" => None,
            _ => Some(false),
        },
        _ if key.starts_with("target_") || matches!(key, "panic" | "relocation_model" | "sanitize") => None,
        _ if settings.open || settings.flags.contains(key) => None,
        _ => Some(false),
    }
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
}

impl Reader<'_> {
    fn accept(&mut self, sign: u8) -> bool {
        let is_there = self.tokens.get(self.at) == Some(&Token::Sign(sign));
        self.at += usize::from(is_there);
        is_there
    }

    fn predicate(&mut self, depth: usize) -> Cfg {
        let Some(Token::Word(name)) = self.tokens.get(self.at) else { return Cfg::Unknown };
        self.at += 1;
        if self.accept(b'=') {
            let Some(Token::Text(value)) = self.tokens.get(self.at) else { return Cfg::Unknown };
            self.at += 1;
            return Cfg::Value((*name).to_owned(), value.clone().into_owned());
        }
        if !self.accept(b'(') {
            return match *name {
                "true" => Cfg::Always(true),
                "false" => Cfg::Always(false),
                name => Cfg::Name(name.to_owned()),
            };
        }
        if depth == DEEPEST {
            return Cfg::Unknown;
        }
        let mut parts = Vec::new();
        while !self.accept(b')') {
            let before = self.at;
            parts.push(self.predicate(depth + 1));
            self.accept(b',');
            if self.at == before {
                return Cfg::Unknown;
            }
        }
        match (*name, parts.len()) {
            ("all", _) => Cfg::All(parts),
            ("any", _) => Cfg::Any(parts),
            ("not", 1) => Cfg::Not(Box::new(parts.remove(0))),
            _ => Cfg::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(text: &str, open: bool) -> Option<bool> {
        let features = BTreeSet::from(["json".to_owned()]);
        let flags = BTreeSet::from(["tokio_unstable".to_owned()]);
        let settings = Settings { arch: "aarch64", features: Some(&features), flags: &flags, open };
        Cfg::parse(text).holds(&settings)
    }

    #[test]
    fn conditions_of_an_image() {
        for (text, expected) in [
            ("unix", Some(true)),
            ("windows", Some(false)),
            ("test", Some(false)),
            ("not(test)", Some(true)),
            ("all(unix, not(test))", Some(true)),
            ("all(test, anything)", Some(false)),
            ("any(target_os = \"macos\", target_os = \"linux\",)", Some(true)),
            ("target_arch = \"x86_64\"", Some(false)),
            ("target_arch = \"aarch64\"", Some(true)),
            ("target_env = \"musl\"", None),
            ("target_env = \"msvc\"", Some(false)),
            ("feature = \"json\"", Some(true)),
            ("feature = \"xml\"", Some(false)),
            ("debug_assertions", None),
            ("any(debug_assertions, unix)", Some(true)),
            ("tokio_unstable", Some(true)),
            ("loom", Some(false)),
            ("all()", Some(true)),
            ("any()", Some(false)),
            ("true", Some(true)),
            ("version(\"1.80\")", None),
            ("nonsense nonsense", None),
        ] {
            assert_eq!(holds(text, false), expected, "{text}");
        }
        assert_eq!(holds("loom", true), None);
        assert_eq!(holds("all(loom, windows)", true), Some(false));
    }

    #[test]
    fn a_condition_without_end_is_not_understood() {
        assert_eq!(Cfg::parse(&"not(".repeat(100_000)).holds(&settings()), None);
        assert_eq!(Cfg::parse("all(unix").holds(&settings()), None);
    }

    fn settings() -> Settings<'static> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        Settings { arch: "x86_64", features: None, flags: &NONE, open: false }
    }

    proptest! {
        #[test]
        fn any_text_is_a_condition(text in "[a-z(),=\" ]{0,40}") {
            Cfg::parse(&text).holds(&settings());
        }
    }
}
