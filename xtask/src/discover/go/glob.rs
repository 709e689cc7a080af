//! Patterns for one element of a path, as Go's `path.Match` has them.

/// A pattern that was found to be well-formed.
#[derive(Debug)]
pub(super) struct Glob(Vec<Unit>);

#[derive(Debug)]
enum Unit {
    /// `*`
    Anything,
    /// `?`
    One,
    Literal(char),
    /// `[a-z]`
    Class {
        is_negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// Whether a pattern means more than the path that it spells.
pub(super) fn has_meta(pattern: &str) -> bool {
    pattern.contains(['*', '?', '[', '\\'])
}

impl Glob {
    /// Reads a pattern; `None` where it is malformed.
    pub(super) fn parse(pattern: &str) -> Option<Self> {
        let mut units = Vec::new();
        let mut rest = pattern.chars().peekable();
        while let Some(character) = rest.next() {
            units.push(match character {
                '*' => Unit::Anything,
                '?' => Unit::One,
                '\\' => Unit::Literal(rest.next()?),
                '[' => {
                    let is_negated = rest.next_if_eq(&'^').is_some();
                    let mut ranges = Vec::new();
                    while ranges.is_empty() || rest.next_if_eq(&']').is_none() {
                        let low = class_character(&mut rest)?;
                        let high = if rest.next_if_eq(&'-').is_some() { class_character(&mut rest)? } else { low };
                        ranges.push((low, high));
                    }
                    Unit::Class { is_negated, ranges }
                }
                other => Unit::Literal(other),
            });
        }
        Some(Self(units))
    }

    /// Whether it matches a whole name.
    pub(super) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut unit, mut at) = (0, 0);
        // Where to go on after a mismatch: behind the last star, one character further than the last time.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match self.0.get(unit) {
                Some(Unit::Anything) => {
                    retry = Some((unit + 1, at));
                    unit += 1;
                    continue;
                }
                Some(single) if name.get(at).is_some_and(|character| single.takes(*character)) => {
                    unit += 1;
                    at += 1;
                    continue;
                }
                None if at == name.len() => return true,
                _ => {}
            }
            match retry {
                Some((after_star, from)) if from < name.len() => {
                    retry = Some((after_star, from + 1));
                    unit = after_star;
                    at = from + 1;
                }
                _ => return false,
            }
        }
    }
}

impl Unit {
    fn takes(&self, character: char) -> bool {
        match self {
            Self::Anything => false,
            Self::One => character != '/',
            Self::Literal(literal) => *literal == character,
            Self::Class { is_negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&character)) != *is_negated
            }
        }
    }
}

/// A character of a class, of which something must follow.
fn class_character(rest: &mut std::iter::Peekable<std::str::Chars>) -> Option<char> {
    let character = match rest.next()? {
        '-' | ']' => return None,
        '\\' => rest.next()?,
        other => other,
    };
    rest.peek().map(|_| character)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the table of Go's `path.Match`, without the rows that hold a slash.
    #[test]
    fn patterns_match_as_in_go() {
        let table = [
            ("abc", "abc", Some(true)),
            ("*", "abc", Some(true)),
            ("*c", "abc", Some(true)),
            ("a*", "a", Some(true)),
            ("a*", "abc", Some(true)),
            ("a*b*c*d*e*", "axbxcxdxe", Some(true)),
            ("a*b?c*x", "abxbbxdbxebxczzx", Some(true)),
            ("a*b?c*x", "abxbbxdbxebxczzy", Some(false)),
            ("ab[c]", "abc", Some(true)),
            ("ab[b-d]", "abc", Some(true)),
            ("ab[e-g]", "abc", Some(false)),
            ("ab[^c]", "abc", Some(false)),
            ("ab[^b-d]", "abc", Some(false)),
            ("ab[^e-g]", "abc", Some(true)),
            ("a\\*b", "a*b", Some(true)),
            ("a\\*b", "ab", Some(false)),
            ("a?b", "a☺b", Some(true)),
            ("a[^a]b", "a☺b", Some(true)),
            ("a???b", "a☺b", Some(false)),
            ("[a-ζ]*", "α", Some(true)),
            ("*[a-ζ]", "A", Some(false)),
            ("[\\]a]", "]", Some(true)),
            ("[\\-]", "-", Some(true)),
            ("[x\\-]", "x", Some(true)),
            ("[x\\-]", "z", Some(false)),
            ("[\\-x]", "a", Some(false)),
            ("[]a]", "]", None),
            ("[-]", "-", None),
            ("[x-]", "x", None),
            ("[-x]", "x", None),
            ("\\", "a", None),
            ("[a-b-c]", "a", None),
            ("[", "a", None),
            ("[^", "a", None),
            ("[^bc", "a", None),
            ("a[", "a", None),
            ("a[", "ab", None),
            ("*x", "xxx", Some(true)),
        ];
        for (pattern, name, expected) in table {
            assert_eq!(Glob::parse(pattern).map(|glob| glob.matches(name)), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let glob = Glob::parse(&("a*".repeat(100) + "z")).expect("is well-formed");
        assert!(!glob.matches(&"a".repeat(5000)));
    }
}
