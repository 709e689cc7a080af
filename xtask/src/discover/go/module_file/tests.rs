use proptest::prelude::*;

use super::super::work_file::WorkFile;
use super::*;

#[test]
fn every_statement_is_read_alone_and_in_a_block() {
    let file = ModuleFile::parse(
        "// Deprecated: no.\nmodule \"example.com/a\" // why\r\n\ngo 1.26.0\ntoolchain go1.26.3\ngodebug default=go1.21\n\
         require example.com/b v1.2.3 // indirect\nrequire (\n\t\"example.com/c/v2\" v2.0.0\n\n\t// alone\n\
         \tgopkg.in/yaml.v3 v3.0.1 // indirect; other\n\tgithub.com/old v3.0.0+incompatible\n)\nexclude example.com/b v1.2.2\n\
         replace example.com/b => ../b\nreplace (\n\texample.com/c/v2 v2.0.0 => example.com/d/v2 v2.1.0\n)\n\
         retract [v1.0.0, v1.1.0] // broken\nretract v1.2.0\nignore ./web\nignore (\n\tnode_modules\n)\n\
         tool example.com/a/tools/gen\nexclude ( )\n",
    )
    .expect("parses");
    let module = |path: &str, version: &str, is_indirect| Requirement {
        path: path.to_owned(),
        version: version.to_owned(),
        is_indirect,
    };
    let expected = ModuleFile {
        module: Some("example.com/a".into()),
        go: Some("1.26.0".into()),
        toolchain: Some("go1.26.3".into()),
        requires: vec![
            module("example.com/b", "v1.2.3", true),
            module("example.com/c/v2", "v2.0.0", false),
            module("gopkg.in/yaml.v3", "v3.0.1", true),
            module("github.com/old", "v3.0.0+incompatible", false),
        ],
        excludes: vec![module("example.com/b", "v1.2.2", false)],
        replaces: vec![
            Replacement {
                line: 16,
                path: "example.com/b".into(),
                version: None,
                target: Target::Folder("../b".into()),
            },
            Replacement {
                line: 18,
                path: "example.com/c/v2".into(),
                version: Some("v2.0.0".into()),
                target: Target::Module { path: "example.com/d/v2".into(), version: "v2.1.0".into() },
            },
        ],
        ignores: vec!["./web".into(), "node_modules".into()],
        tools: vec!["example.com/a/tools/gen".into()],
    };
    assert_eq!(file, expected);
}

#[test]
fn what_go_refuses_is_told_with_its_line() {
    let table = [
        ("module a\nmodule b", 2, "a second module line"),
        ("module a b", 1, "usage: module module/path"),
        ("go 1.26\ngo 1.25", 2, "a second go line"),
        ("go 1.26.x", 1, "invalid go version `1.26.x`: expected the form 1.23.0"),
        ("toolchain 1.26", 1, "invalid toolchain `1.26`: expected go1.23.0 or default"),
        ("requires a v1.0.0", 1, "unknown directive: requires"),
        ("\ngo (\n1.26\n)", 2, "unknown block type: go"),
        ("require a b (\n)", 1, "unknown block type: require a b"),
        ("require (\n\ta v1.0.0", 1, "the block that starts here has no end"),
        ("require (\n) x", 2, "expected a new line after the closing parenthesis"),
        ("require a", 1, "usage: require module/path v1.2.3"),
        ("require a master", 1, "a: invalid version `master`: expected the form v1.2.3"),
        ("require a v2.0.0", 1, "a: invalid version `v2.0.0`: expected v0 or v1"),
        ("require a/v2 v1.0.0", 1, "a/v2: invalid version `v1.0.0`: expected v2"),
        ("require a/v1 v1.0.0", 1, "invalid module path `a/v1`"),
        ("replace a => b", 1, "`b` has no version, so it must be a folder: rooted, or starting with ./ or ../"),
        ("replace a => ./b v1.0.0", 1, "the folder `./b` cannot have a version"),
        ("replace a b", 1, "usage: replace module/path [v1.2.3] => other/module v1.4.0, or => ../local/directory"),
        ("module \"a", 1, "a string has no end"),
        ("module a'b", 1, "a string without quotes cannot hold one: a'b"),
        ("/* comment */", 1, "comments start with //, not with /*"),
        ("module a/*b*/", 1, "comments start with //, not with /*"),
        ("\u{feff}module a", 1, "unexpected input character '\\u{feff}'"),
        ("retract [v1.0.0]", 1, "usage: retract v1.2.3, or retract [v1.0.0, v1.2.3]"),
        ("godebug x", 1, "usage: godebug key=value"),
    ];
    for (text, line, message) in table {
        assert_eq!(ModuleFile::parse(text), Err(Fault::new(line, message)), "{text}");
    }
}

#[test]
fn a_file_without_a_module_line_is_no_error() {
    let file = ModuleFile::parse("// This folder is no part of the module around it.\n").expect("parses");
    assert_eq!(file, ModuleFile::default());
}

#[test]
fn a_dependencys_file_may_say_what_this_tool_does_not_know() {
    let text = "module a\ngo1.13\ngo 1.99rc\nfuture (\n\tx y\n)\nreplace b => c\nrequire b v1.0.0\n";
    let file = ModuleFile::parse_dependency(text).expect("parses");
    assert_eq!((file.module.as_deref(), file.go.as_deref()), (Some("a"), None));
    assert_eq!(file.requires.len(), 1);
    assert_eq!(file.replaces, []);
}

#[test]
fn a_workspace_names_its_modules() {
    let text = "go 1.26\n\nuse ./a/\nuse (\n\t\"b c\"\n\t. // here\n)\nreplace x v1.0.0 => ./x\n";
    let file = WorkFile::parse(text).expect("parses");
    assert_eq!(file.uses, [(3, "./a/".to_owned()), (5, "b c".to_owned()), (6, ".".to_owned())]);
    assert_eq!(file.replaces.len(), 1);
    let fault = WorkFile::parse("go 1.26\nrequire a v1.0.0\n").expect_err("is refused");
    assert_eq!(fault, Fault::new(2, "unknown directive: require"));
}

/// Pieces of module files, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "module ",
            "go ",
            "toolchain ",
            "require ",
            "replace ",
            "exclude ",
            "retract ",
            "use ",
            "tool ",
            "ignore ",
            "godebug ",
            "example.com/a",
            "/v2",
            "gopkg.in/a.v1",
            "v1.2.3",
            "v2.0.0+incompatible",
            "1.26.0",
            "go1.26",
            "=>",
            "./a",
            "../..",
            "(",
            ")",
            "[",
            "]",
            ",",
            "\n",
            "\r\n",
            " ",
            "\t",
            "//",
            "/*",
            "\"",
            "`",
            "\\",
            "=",
            "// indirect",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_panics(text in pieces()) {
        // What it says does not matter here; that it says something does.
        let lines = text.matches('\n').count() as u32 + 1;
        for fault in [ModuleFile::parse(&text).err(), ModuleFile::parse_dependency(&text).err(), WorkFile::parse(&text).err()] {
            prop_assert!(fault.is_none_or(|fault| (1..=lines).contains(&fault.line)));
        }
    }
}
