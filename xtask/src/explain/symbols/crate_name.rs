//! The crate that a Rust symbol belongs to: of an `impl`, the crate that it stands in.

/// The crate in the name of a symbol, mangled in either of Rust's ways; `None` where it is no Rust symbol.
pub(super) fn of_symbol(symbol: &str) -> Option<&str> {
    if let Some(path) = symbol.strip_prefix("_R") {
        return V0 { rest: path.trim_start_matches(|character: char| character.is_ascii_digit()) }.path(0);
    }
    let path = symbol.strip_prefix("_ZN")?;
    // Rust's names of this form end in a hash, which C++'s do not have.
    let hash = path.find("17h").map(|_| path.rfind("17h"))??;
    let is_hash = path[hash + 3..].bytes().take(16).all(|byte| byte.is_ascii_hexdigit()) && path.len() >= hash + 20;
    is_hash.then(|| legacy(path)).flatten()
}

/// The first part of a path as `4core3fmt…`; where it is a type with a trait, `56_$LT$alloc..vec..Vec…`, the type's crate.
fn legacy(path: &str) -> Option<&str> {
    let digits = path.find(|character: char| !character.is_ascii_digit())?;
    let length: usize = path[..digits].parse().ok()?;
    let first = path.get(digits..digits.checked_add(length)?)?;
    // `core::ops::function::FnOnce::call_once{{vtable.shim}}` and the like start with a crate as they are.
    let mut name = first.strip_prefix('_').filter(|rest| rest.starts_with('$')).unwrap_or(first);
    // `<`, `&`, `*`, `(`, `[`, and words before a path.
    loop {
        let before = name.len();
        for mark in ["$LT$", "$RF$", "$BP$", "$LP$", "$u5b$", "$u7b$", "$u20$", "mut$u20$", "const$u20$", "dyn$u20$"] {
            name = name.strip_prefix(mark).unwrap_or(name);
        }
        if name.len() == before {
            break;
        }
    }
    let end = name.find(|character: char| !character.is_ascii_alphanumeric() && character != '_').unwrap_or(name.len());
    let (name, after) = name.split_at(end);
    // A type parameter or a type of the language itself: the trait behind `as` tells more.
    if !after.starts_with("..") && first.starts_with("_$") {
        let of_trait = after.split("$u20$as$u20$").nth(1)?;
        let end = of_trait.find("..")?;
        return Some(&of_trait[..end]).filter(|name| is_name(name));
    }
    Some(name).filter(|name| is_name(name))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A path in the grammar of Rust's second way of mangling (RFC 2603), as far as it takes to find its crate.
#[derive(Clone, Copy)]
struct V0<'a> {
    rest: &'a str,
}

/// No name that a compiler makes nests deeper.
const DEEPEST: usize = 100;

impl<'a> V0<'a> {
    fn path(&mut self, depth: usize) -> Option<&'a str> {
        if depth > DEEPEST {
            return None;
        }
        let tag = self.rest.bytes().next()?;
        self.rest = self.rest.get(1..)?;
        match tag {
            // A crate.
            b'C' => {
                self.disambiguator()?;
                self.identifier()
            }
            // Something in a namespace of a path.
            b'N' => {
                self.rest = self.rest.get(1..)?;
                self.path(depth + 1)
            }
            // An `impl`, without a trait and with one: first comes the path that it stands in.
            b'M' | b'X' => {
                self.disambiguator()?;
                self.path(depth + 1)
            }
            // A path with type arguments.
            b'I' => self.path(depth + 1),
            // A type's method that its trait provides: the type comes first. A type of the language itself has no crate.
            b'Y' => self.type_name(depth + 1),
            _ => None,
        }
    }

    fn type_name(&mut self, depth: usize) -> Option<&'a str> {
        match self.rest.bytes().next()? {
            b'R' | b'Q' | b'P' | b'O' | b'S' | b'A' if depth <= DEEPEST => {
                self.rest = self.rest.get(1..)?;
                self.type_name(depth + 1)
            }
            // A type of the language itself, then the trait.
            b'a'..=b'z' => {
                self.rest = self.rest.get(1..)?;
                self.path(depth + 1)
            }
            _ => self.path(depth),
        }
    }

    /// `s` and a number in base 62, ended by `_`; mostly nothing.
    fn disambiguator(&mut self) -> Option<()> {
        if let Some(number) = self.rest.strip_prefix('s') {
            self.rest = number.split_once('_')?.1;
        }
        Some(())
    }

    fn identifier(&mut self) -> Option<&'a str> {
        let text = self.rest.strip_prefix('u').unwrap_or(self.rest);
        let digits = text.find(|character: char| !character.is_ascii_digit())?;
        let length: usize = text[..digits].parse().ok()?;
        let name = text[digits..].strip_prefix('_').unwrap_or(&text[digits..]);
        let name = name.get(..length)?;
        self.rest = "";
        is_name(name).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::of_symbol;
    use proptest::prelude::*;

    #[test]
    fn the_crate_of_a_symbol() {
        for (symbol, name) in [
            ("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", Some("core")),
            (
                "_ZN58_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..clone..Clone$GT$5clone17h0123456789abcdefE",
                Some("alloc"),
            ),
            ("_ZN44_$LT$$RF$T$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE", Some("core")),
            ("_ZN3std2io5Write9write_fmtE", None),
            ("_RNvNtCs1234_7mycrate3foo3bar", Some("mycrate")),
            ("_RNvCskwGfYPst2Cb_3foo16example_function", Some("foo")),
            ("_RNvXs_Cs1234_7mycrateNtB2_5ThingNtNtCs5678_4core3fmt7Display3fmt", Some("mycrate")),
            ("_RNvMs_NtCs1234_5tokio7runtimeNtB4_7Runtime3new", Some("tokio")),
            ("_RINvNtCsgStHSCytQ6I_4core3ptr13drop_in_placeNtCs1_3foo3BarEBK_", Some("core")),
            ("main", None),
            ("_start", None),
            ("_R", None),
            ("", None),
        ] {
            assert_eq!(of_symbol(symbol), name, "{symbol}");
        }
    }

    proptest! {
        #[test]
        fn no_name_makes_it_panic(name in "\\PC*", rust in "(_R|_ZN)[A-Za-z0-9_$.é]{0,40}") {
            of_symbol(&name);
            of_symbol(&rust);
        }
    }
}
