//! Go's quoted strings.

use std::str::Chars;

use memchr::memchr3;

/// The value of a Go string literal, in double quotes or backquotes; `None` where it is none, or no text.
pub(super) fn unquote(literal: &str) -> Option<String> {
    let quote = literal.chars().next()?;
    let inner = literal.get(1..)?.strip_suffix(quote)?;
    match quote {
        '`' => (!inner.contains('`')).then(|| inner.replace('\r', "")),
        // Nearly every string is plain.
        '"' if memchr3(b'\\', b'"', b'\n', inner.as_bytes()).is_none() => Some(inner.to_owned()),
        '"' => unescape(inner),
        _ => None,
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '"' | '\n' => return None,
            '\\' => escape(&mut rest, &mut bytes)?,
            other => push(other, &mut bytes),
        }
    }
    String::from_utf8(bytes).ok()
}

/// Reads what follows a backslash.
fn escape(rest: &mut Chars, bytes: &mut Vec<u8>) -> Option<()> {
    let byte = match rest.next()? {
        'a' => 7,
        'b' => 8,
        't' => b'\t',
        'n' => b'\n',
        'v' => 11,
        'f' => 12,
        'r' => b'\r',
        '\\' => b'\\',
        '"' => b'"',
        'x' => u8::try_from(digits(rest, 2, 16)?).ok()?,
        octal @ '0'..='7' => u8::try_from(octal.to_digit(8)? * 64 + digits(rest, 2, 8)?).ok()?,
        kind @ ('u' | 'U') => {
            let count = if kind == 'u' { 4 } else { 8 };
            push(char::from_u32(digits(rest, count, 16)?)?, bytes);
            return Some(());
        }
        _ => return None,
    };
    bytes.push(byte);
    Some(())
}

fn digits(rest: &mut Chars, count: usize, radix: u32) -> Option<u32> {
    (0..count).try_fold(0u32, |value, _| value.checked_mul(radix)?.checked_add(rest.next()?.to_digit(radix)?))
}

fn push(character: char, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_have_the_values_that_go_gives_them() {
        let table = [
            (r#""""#, Some("")),
            (r#""a/b""#, Some("a/b")),
            (r#""\a\b\t\n\v\f\r\\\"""#, Some("\u{7}\u{8}\t\n\u{b}\u{c}\r\\\"")),
            (r#""\x41\101\u00e9\U0001F600""#, Some("AAé😀")),
            ("`a\\n\r`", Some("a\\n")),
            (r#""\'""#, None),
            (r#""\400""#, None),
            (r#""\xff""#, None),
            (r#""\u12""#, None),
            (r#""a"b""#, None),
            (r#"""#, None),
            ("`", None),
            ("a", None),
            ("", None),
        ];
        for (literal, value) in table {
            assert_eq!(unquote(literal).as_deref(), value, "{literal}");
        }
    }
}
