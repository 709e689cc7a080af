//! The tables of Go's own tests in go/build, and what must hold for any text.

use proptest::prelude::*;

use super::*;
use crate::discover::go::Flags;
use crate::discover::go::platforms::Platforms;

fn header(text: &str) -> Header {
    Header::read_go(text.as_bytes()).expect("can be read")
}

fn paths(header: &Header) -> Vec<&str> {
    header.imports.iter().map(|import| import.path.as_str()).collect()
}

/// Whether a file is built where just the tag `yes` is set.
fn is_built(text: &str) -> bool {
    let flags = Flags { goarchs: vec!["amd64".into()], cgo: false, tags: vec!["yes".into()], go_minor: 26 };
    let platforms = Platforms::new(&flags);
    header(text).constraints.iter().all(|constraint| platforms.matching(constraint) != 0)
}

/// Go's TestShouldBuild.
#[test]
fn constraints_are_found_where_go_finds_them() {
    let table = [
        ("// +build yes\n\npackage main\n", true),
        ("//go:build yes\npackage main\n", true),
        ("// +build no yes\n\npackage main\n", true),
        ("//go:build no || yes\npackage main\n", true),
        ("// +build no,yes\n\npackage main\n", false),
        ("//go:build no && yes\npackage main\n", false),
        ("// +build cgo\n\n// Copyright\n\n// This parses tags like\n// +build tag1\npackage build", false),
        ("//go:build cgo\n// Copyright\n\n// This parses tags like\n// +build tag1\npackage build", false),
        ("// Copyright\n\npackage build\n\n// checks\n// +build tag\n//go:build tag\nfunc f()\n", true),
        ("// +build yes\npackage main\n", true),
        ("//go:build yes\npackage main\n", true),
        ("// +build no\npackage main\n", true),
        ("//go:build no\npackage main\n", false),
        ("//go:binary-only-package\n// +build yes\npackage main\n", true),
        ("//go:binary-only-package\n//go:build no\npackage main\n", false),
        ("// +build yes\n\n//go:build no\npackage main\n", false),
        ("/* */\n// +build yes\n\n//go:build no\npackage main\n", false),
        ("/*\n//go:build no\n*/\n\npackage main\n", true),
        ("/*\ntext\n*/\n\n//go:build no\npackage main\n", false),
        ("/*/*/ /* hi *//* \ntext\n*/\n\n//go:build no\npackage main\n", false),
        ("/**///go:build no\npackage main\n", true),
        ("/**/\n//go:build no\npackage main\n", false),
        // Not in Go's table: line ends and marks of other systems, old lines that add up.
        ("//go:build no\r\n\r\npackage main\r\n", false),
        ("\u{feff}//go:build no\n\npackage main\n", false),
        ("// +build yes\n// +build no\n\npackage main\n", false),
        ("//+build no\n\npackage main\n", false),
        ("// +buildno\n\npackage main\n", true),
        ("//go:buildno\n\npackage main\n", true),
    ];
    for (text, expected) in table {
        assert_eq!(is_built(text), expected, "{text}");
    }
}

#[test]
fn constraints_that_go_cannot_read_are_told() {
    let table = [
        ("//go:build yes\n//go:build no\npackage p", 2, "multiple //go:build comments"),
        ("\n//go:build yes &&\npackage p", 2, "parsing //go:build line: unexpected end of expression"),
        ("//go:build\npackage p", 1, "parsing //go:build line: unexpected end of expression"),
        ("//go:build (yes\npackage p", 1, "parsing //go:build line: missing close paren"),
        ("//go:build !!yes\npackage p", 1, "parsing //go:build line: double negation not allowed"),
        ("//go:build a & b\npackage p", 1, "parsing //go:build line: invalid syntax at &"),
        ("//go:build a b\npackage p", 1, "parsing //go:build line: unexpected token b"),
        ("package p\n\0", 2, "unexpected NUL in input"),
    ];
    for (text, line, message) in table {
        assert_eq!(header(text).unreadable, Some(Fault::new(line, message)), "{text}");
    }
}

/// Go's TestReadGoInfo.
#[test]
fn imports_are_read_in_every_form() {
    let table: [(&str, &[&str]); 8] = [
        ("package p", &[]),
        ("package p; import \"x\"", &["x"]),
        ("package p; import . \"x\"", &["x"]),
        ("package p; import \"x\";var x = 1", &["x"]),
        (
            "package p\n\n// comment\n\nimport \"x\"\nimport _ \"x\"\nimport a \"x\"\n\n/* comment */\n\nimport (\n\t\"x\" \
             /* comment */\n\t_ \"x\"\n\ta \"x\" // comment\n\t`x`\n\t_ /*comment*/ `x`\n\ta `x`\n)\nimport (\n)\nimport \
             ()\nimport();import();import()\n\nvar x = 1\n",
            &["x", "x", "x", "x", "x", "x", "x", "x", "x"],
        ),
        ("\u{feff}package p; import \"x\";var x = 1", &["x"]),
        ("package p\r\n\r\nimport (\r\n\t\"a\"\r\n\tb \"c/d\"\r\n)\r\n", &["a", "c/d"]),
        ("/* a */ package /* b */ p /* c\n*/ import /* d */ \"x\" /* e */; import (\"y\"; \"z\")", &["x", "y", "z"]),
    ];
    for (text, expected) in table {
        let header = header(text);
        assert_eq!((header.fault.as_ref(), header.package.as_str()), (None, "p"), "{text}");
        assert_eq!(paths(&header), expected, "{text}");
    }
}

/// Go's TestReadFailuresIgnored, and more.
#[test]
fn what_is_no_go_is_told_with_its_line() {
    let endings = ["", "\"", "`\n\n", "\"x", "_", "_ \"", "_ \"x", ".", ". \"", ". \"x", "(", "(\"", "(\"x", "(\"x\""];
    for ending in endings {
        let text = format!("package p; import {ending}");
        assert!(header(&text).fault.is_some(), "{text}");
    }
    let table = [
        ("package", 1, "expected the package's name, found the end of the file"),
        ("// only\n// comments\n", 3, "expected `package`, found the end of the file"),
        ("\npackag p", 2, "expected `package`, found packag"),
        ("package _", 1, "expected the package's name, found _"),
        ("package func", 1, "expected the package's name, found func"),
        ("package p import \"x\"", 1, "expected a new line or a semicolon, found import"),
        ("package p\nimport \"a\" import \"b\"", 2, "expected a new line or a semicolon, found import"),
        ("package p\nimport (\n\t\"a\" \"b\"\n)", 3, "expected a new line or a semicolon, found \"b\""),
        ("package p\nimport \"a b\"", 2, "invalid import path: \"a b\""),
        ("package p\nimport \"\"", 2, "invalid import path: \"\""),
        ("package p\nimport 'x'", 2, "expected an import path, found '"),
        ("package p\n/* never", 2, "comment not terminated"),
        ("package p\nimport \"x\n", 2, "string literal not terminated"),
    ];
    for (text, line, message) in table {
        assert_eq!(header(text).fault, Some(Fault::new(line, message)), "{text}");
    }
    // Go itself stops reading at what follows the clause or the imports, and leaves it to the compiler.
    assert_eq!(header("package foo.go").fault, None);
    assert_eq!(header("package p; import \"x\" var y int").fault, None);
}

#[test]
fn text_that_is_not_utf8_is_told() {
    let header = Header::read_go(&b"// caf\xe9\npackage p\n"[..]).expect("can be read");
    assert_eq!(header.fault, Some(Fault::new(1, "illegal UTF-8 encoding")));
}

/// Go's TestReadEmbed.
#[test]
fn embed_patterns_are_found_after_the_imports() {
    let embed = "package p\nimport \"embed\"\n";
    let table: [(String, &[(u32, &str)]); 14] = [
        ("package p\n".into(), &[]),
        (format!("{embed}var i int\n//go:embed x y z\nvar files embed.FS"), &[(4, "x"), (4, "y"), (4, "z")]),
        (format!("{embed}var i int\n//go:embed x \"\\x79\" `z`\nvar files embed.FS"), &[(4, "x"), (4, "y"), (4, "z")]),
        (format!("{embed}var i int\n//go:embed x y\n//go:embed z\nvar f embed.FS"), &[(4, "x"), (4, "y"), (5, "z")]),
        (format!("{embed}var i int\n\t //go:embed x y\n\t //go:embed z\n\t var f"), &[(4, "x"), (4, "y"), (5, "z")]),
        (format!("{embed}//go:embed x y z\nvar files embed.FS"), &[(3, "x"), (3, "y"), (3, "z")]),
        (format!("\u{feff}{embed}//go:embed x y z\nvar files embed.FS"), &[(3, "x"), (3, "y"), (3, "z")]),
        (format!("{embed}var s = \"/*\"\n//go:embed x\nvar files embed.FS"), &[(4, "x")]),
        (format!("{embed}var s = \"\\\"\\\\\\\\\"\n//go:embed x\nvar files embed.FS"), &[(4, "x")]),
        (format!("{embed}var s = `/*`\n//go:embed x\nvar files embed.FS"), &[(4, "x")]),
        (format!("{embed}var s = z/ *y\n//go:embed pointer\nvar pointer embed.FS"), &[(4, "pointer")]),
        (format!("{embed}var r = '\"'\n//go:embed \"a b\"\r\nvar s string"), &[(4, "a b")]),
        ("package p\n//go:embed x y z\nvar files embed.FS".into(), &[]),
        (format!("{embed}/*\n//go:embed x\n*/\n//go:embedded y\n//go:embed \"z\"w"), &[]),
    ];
    for (text, expected) in table {
        let found = header(&text).embeds;
        let found: Vec<_> = found.iter().map(|pattern| (pattern.line, pattern.text.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn the_comment_over_import_c_is_kept() {
    let table = [
        (
            "package p\n\n// #include <a.h>\n// #cgo LDFLAGS: -la\nimport \"C\"",
            Some(" #include <a.h>\n #cgo LDFLAGS: -la"),
        ),
        ("package p\n\n/*\n#include <a.h>\n*/\nimport \"C\"", Some("\n#include <a.h>\n")),
        ("package p\n\n/* a */\n\nimport \"C\"", None),
        ("package p // a\nimport \"C\"", None),
        ("package p\n// a\nimport (\n\t\"C\"\n)", Some(" a")),
        ("package p\n// a\nimport (\n\t\"fmt\"\n\t// b\n\t\"C\"\n)", Some(" b")),
        ("package p\n// a\nimport (\n\t\"fmt\"\n\t\"C\"\n)", None),
    ];
    for (text, expected) in table {
        let header = header(text);
        assert!(header.is_cgo(), "{text}");
        assert_eq!(header.preambles.first().map(|(_, text)| text.as_str()), expected, "{text}");
    }
}

#[test]
fn no_more_is_read_than_the_imports() {
    let mut text = String::from("package p\nimport \"a\"\n");
    text.push_str(&"// a comment that is not read\n".repeat(20_000));
    text.push_str("var s = \"never closed");
    let mut file = text.as_bytes();
    let header = Header::read_go(&mut file).expect("can be read");
    assert_eq!(paths(&header), ["a"]);
    let mut file = &b"package p\nimport \"a\"\nvar x = 1\n".repeat(10_000)[..];
    let whole = file.len();
    Header::read_go(&mut file).expect("can be read");
    assert_eq!(whole - file.len(), FIRST_READ, "the first block is enough");
}

/// Pieces of Go, in any order.
/// Found by fuzzing.
#[test]
fn the_byte_after_a_fault_is_waited_for() {
    let beginning = b"package p\nimport (\"a\"{";
    assert_eq!(Header::parse_go(beginning, false), None);
    let whole = Header::parse_go(&[&beginning[..], b"\0"].concat(), true).expect("is whole");
    assert!(whole.unreadable.is_some());
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "package p",
            "package ",
            "import ",
            "import (",
            ")",
            "\"a/b\"",
            "`x`",
            "\"embed\"",
            "\"C\"",
            "\"",
            "`",
            "'",
            "\n",
            "\r\n",
            ";",
            " ",
            "\t",
            "//go:build ",
            "//go:embed ",
            "// +build ",
            "//",
            "/*",
            "*/",
            "linux",
            "&&",
            "||",
            "!",
            "(",
            "\\",
            "_ ",
            ". ",
            "all:dir/*",
            "#include \"a.h\"",
            "\u{feff}",
            "é",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in pieces()) {
        Header::read_go(&bytes[..]).expect("can be read");
        Header::read_other(&bytes[..]).expect("can be read");
    }

    /// A file is read in pieces; what its beginning says never changes with what follows.
    #[test]
    fn the_beginning_says_what_the_whole_says(bytes in pieces(), rest in pieces(), cut in any::<prop::sample::Index>()) {
        let whole: Vec<u8> = [&bytes[..], &rest[..]].concat();
        let cut = cut.index(whole.len() + 1);
        if let Some(beginning) = Header::parse_go(&whole[..cut], false) {
            prop_assert_eq!(Some(beginning), Header::parse_go(&whole, true));
        }
        if let Some(beginning) = Header::parse_other(&whole[..cut], false) {
            prop_assert_eq!(Some(beginning), Header::parse_other(&whole, true));
        }
    }
}
