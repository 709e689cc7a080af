//! What a source is taken to say, as one line for each finding.

use proptest::prelude::*;

use super::*;

fn said(source: &str) -> Vec<String> {
    scan(source, false).findings.iter().map(line).collect()
}

fn said_in_build_script(source: &str) -> Vec<String> {
    scan(source, true).findings.iter().map(line).collect()
}

fn line(finding: &Finding) -> String {
    let path = |path: &PathText| format!("{}{}", if path.from_package { "package/" } else { "" }, path.text);
    let module = |module: &Module| {
        let around = module.around.iter().map(|around| match around {
            Around::Name(name) => format!("{name}::"),
            Around::Path(path) => format!("<{path}>::"),
        });
        let paths = module.paths.iter().map(|(when, path)| format!(" at {path}{}", conditions(when)));
        format!("{}{}{}", around.collect::<String>(), module.name, paths.collect::<String>())
    };
    let what = match &finding.what {
        What::Module(it) => format!("mod {}", module(it)),
        What::PerhapsModule(it) => format!("mod? {}", module(it)),
        What::Include { path: it, is_rust: true } => format!("rust {}", path(it)),
        What::Include { path: it, is_rust: false } => format!("file {}", path(it)),
        What::Literal { path: it, folder: true } => format!("file or folder? {}", path(it)),
        What::Literal { path: it, folder: false } => format!("file? {}", path(it)),
        What::Implied(name) => format!("implied {name}"),
        What::AnyModule => "any module".to_owned(),
    };
    what + &conditions(&finding.when)
}

fn conditions(when: &[Arc<Cfg>]) -> String {
    when.iter().map(|cfg| format!(" if {cfg}")).collect()
}

#[test]
fn modules_with_their_folders_and_conditions() {
    for (source, expected) in [
        ("mod a; pub mod b; pub(in crate::x) mod c;", vec!["mod a", "mod b", "mod c"]),
        ("mod a { mod b { mod c; } } mod d;", vec!["mod a::b::c", "mod d"]),
        ("#[path = \"x\"] mod a { mod b; }", vec!["mod <x>::b"]),
        ("#[path = \"x.rs\"] pub(crate) mod a; mod b;", vec!["mod a at x.rs", "mod b"]),
        ("#[cfg(unix)] pub(crate) mod a; mod b;", vec!["mod a if unix", "mod b"]),
        ("#[cfg(unix)] mod a { mod b; } mod c;", vec!["mod a::b if unix", "mod c"]),
        ("mod a { #![cfg(unix)] mod b; } mod c;", vec!["mod a::b if unix", "mod c"]),
        ("#![cfg(unix)] mod a;", vec!["mod a if unix"]),
        ("#[cfg_attr(windows, path = \"w.rs\")] mod a;", vec!["mod a at w.rs if windows"]),
        ("#[cfg_attr(x, cfg(y))] mod a;", vec!["mod a if any(not(all(x)), y)"]),
        ("#[cfg(x)] #[cfg(y)] mod a;", vec!["mod a if x if y"]),
        ("#[cfg(x)] use a::{b, c}; mod d;", vec!["mod d"]),
        ("#[cfg(x)] const A: [u8; 2] = [0; 2]; mod d;", vec!["mod d"]),
        ("#[cfg(x)] const fn a() {} mod d;", vec!["mod d"]),
        ("struct A { #[cfg(x)] a: B, c: D } mod d;", vec!["mod d"]),
        ("mod;", vec![]),
        ("let r#mod = 1; module; amod b;", vec![]),
    ] {
        assert_eq!(said(source), expected, "{source}");
    }
}

#[test]
fn modules_in_macros() {
    for (source, expected) in [
        ("mods!(a, pub b);", vec!["mod? a", "mod? pub", "mod? b"]),
        ("x::mods![a { inner } b];", vec!["mod? a", "mod? b"]),
        ("fn f() { mods!(a) }", vec![]),
        ("static A: B = mods!(a);", vec![]),
        ("cfg_rt! { mod a; }", vec!["mod? mod", "mod? a", "mod a"]),
        ("macro_rules! m { ($n:ident) => { mod $n; } }", vec![]),
        ("macro_rules! m { (mod $n:ident;) => { $vis mod $n { } } }", vec![]),
        ("macro_rules! m { ($n:ident) => { mod [<$n _x>]; } }", vec!["any module"]),
        (
            "x::y! {} cfg_if! { if #[cfg(a)] { mod a; } else if #[cfg(b)] { mod b; } else { mod c; } } mod d;",
            vec!["mod a if a", "mod b if not(all(a)) if b", "mod c if not(all(a)) if not(all(b))", "mod d"],
        ),
        (
            "fn f() {} cfg_select! { unix => { mod a; } feature = \"b\" => { mod b; }, _ => { mod c; } }",
            vec![
                "mod a if unix",
                "mod b if not(all(unix)) if feature = \"b\"",
                "mod c if not(all(unix)) if not(all(feature = \"b\"))",
            ],
        ),
    ] {
        assert_eq!(said(source), expected, "{source}");
    }
}

#[test]
fn files_that_are_included_or_named() {
    for (source, expected) in [
        ("include_str!(\"a.txt\")", vec!["file a.txt"]),
        ("core::include_bytes! { r#\"a\"b\"# }", vec!["file a\"b"]),
        ("include!(concat!(env!(\"OUT_DIR\"), \"/a.rs\"));", vec![]),
        ("include!(concat!(env!(\"CARGO_MANIFEST_DIR\", \"no\"), \"/a\", \".rs\",));", vec!["rust package/a.rs"]),
        ("include_str!($path)", vec![]),
        ("println!(\"a.txt\"); f(\"a.txt\"); vec![\"a.txt\"];", vec![]),
        ("if !(a(\"b.txt\")) { return !(c(\"d.txt\")) }", vec![]),
        ("embed!(\"a\")", vec!["file or folder? a"]),
        ("embed!(\"a\", 1)", vec!["file? a"]),
        ("embed!(1, \"$CARGO_MANIFEST_DIR/a/b\")", vec!["file or folder? package/a/b"]),
        ("f(embed!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/a\")))", vec!["file or folder? package/a"]),
        ("f(embed!(format!(\"a.txt\")))", vec![]),
        ("embed!(\"https://example.org\", \"-x\", \"a\nb\", \"\", \"/etc/passwd\")", vec![]),
        ("sqlx::query!(\"select 1\")", vec!["implied .sqlx", "file or folder? select 1"]),
        ("#[folder = \"a\"] struct A;", vec!["file or folder? a"]),
        ("#[template(path = \"a.html\", escape = \"none\")] struct A;", vec!["file or folder? a.html"]),
        ("#[doc = \"a.txt\"] #[serde(rename = \"a\")] struct A;", vec![]),
        ("#[cfg(x)] #[doc = include_str!(\"a.md\")] struct A;", vec!["file a.md if x"]),
        ("#![cfg_attr(doc, doc = include_str!(\"a.md\"))]", vec!["file a.md if doc"]),
        ("#[tokio::test] async fn f() { include_str!(\"a\") } include_str!(\"b\")", vec!["file a if test", "file b"]),
        ("match a { #[cfg(x)] B => include_str!(\"b\"), C => include_str!(\"c\") }", vec!["file b if x", "file c"]),
        ("f(#[cfg(x)] include_str!(\"b\"), include_str!(\"c\"))", vec!["file b if x", "file c"]),
        ("#[cfg(x)] impl A<B, C> for D { const E: F = include_str!(\"b\"); }", vec!["file b if x"]),
    ] {
        assert_eq!(said(source), expected, "{source}");
    }
}

#[test]
fn texts_of_a_build_script() {
    for (source, expected) in [
        ("f(\"../proto/a.proto\")", vec!["file or folder? package/../proto/a.proto"]),
        ("println!(\"cargo:rerun-if-changed=a.txt\")", vec!["file or folder? package/a.txt"]),
        ("println!(\"cargo::rerun-if-changed=a b.txt\")", vec!["file or folder? package/a b.txt"]),
        ("println!(\"cargo::rerun-if-changed={path}\")", vec![]),
        (
            "println!(\"cargo::rustc-cfg=x\"); f(\"{root}/a\"); g(\"/b\")",
            vec!["file or folder? package/a", "file or folder? package/b"],
        ),
        (
            "#[cfg(windows)] f(\"a.rc\"); f(\"b\")",
            vec!["file or folder? package/a.rc if windows", "file or folder? package/b"],
        ),
    ] {
        assert_eq!(said_in_build_script(source), expected, "{source}");
    }
}

#[test]
fn what_is_nested_without_end_is_read_in_time() {
    for piece in [
        "mod a {",
        "#[",
        "#[cfg_attr(a, ",
        "a!(",
        "cfg_select! { a",
        "concat!(",
        "include!(concat!(",
        "(",
        "}",
        "#![cfg(not(",
    ] {
        scan(&piece.repeat(20_000), false);
    }
    let chain = format!("x!(); cfg_if! {{ if #[cfg(a)] {{ }} {} }}", "else if #[cfg(b)] { mod c; } ".repeat(200));
    assert_eq!(scan(&chain, false).findings.len(), 200);
}

#[test]
fn a_source_is_quiet_or_read_by_tokens() {
    for source in [
        "//! Of modules.\nfn f() {}".to_owned(),
        "#[cfg(test)]\nmod tests {\n    use super::*;\n    #[test]\n    fn f() { assert_eq!(1, 1); }\n}".to_owned(),
        "#[derive(Debug, Clone)]\n#[serde(default)]\npub struct A { model: u8 }".to_owned(),
        "fn f(a: bool) -> String { if !(a) { format!(\"a/b.txt\") } else { vec![!a]; panic!() } }".to_owned(),
        "#[doc = \"a/b.txt\"]\n#[error(\"no {0}\")]\nstruct A;".to_owned(),
    ] {
        assert!(quiet::is_quiet(&source), "{source}");
        assert!(scan_tokens(&source, false).findings.is_empty(), "{source}");
    }
    for source in [
        "\u{feff}mod a;",
        "mod /* b */ a;",
        "mod\na\n;",
        "query ! (a)",
        "query // format\n!(a)",
        "query /* format */ !(a)",
        "x! /* a */ (\"a/b\")",
        "x!{\"a/b\"}",
        "#[doc = include_str!(\"a\")]",
        "# [folder = \"a\"]",
        "#[error :: folder = \"a\"]",
        "#[x(']', folder = \"a\")]",
        "#[x([0], folder = \"a\")]",
        "#[cfg_attr(a, folder = \"a\")]",
        "#/* a */[folder = \"a\"]",
    ] {
        assert!(!quiet::is_quiet(source), "{source}");
    }
}

/// The tool's own sources: hundreds, of which nearly half are quiet.
#[test]
fn a_quiet_source_has_no_findings() {
    let mut waiting = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    let (mut quiet, mut loud) = (0, 0);
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source");
                let is_quiet = quiet::is_quiet(&text);
                assert!(!is_quiet || scan_tokens(&text, false).findings.is_empty(), "{}", path.display());
                *if is_quiet { &mut quiet } else { &mut loud } += 1;
            }
        }
    }
    assert!(quiet > 50 && loud > 50, "{quiet} quiet, {loud} loud");
}

proptest! {
    #[test]
    fn any_mix_of_pieces_is_read(pieces in proptest::collection::vec(piece(), 0..40)) {
        scan(&pieces.concat(), false);
        scan(&pieces.concat(), true);
    }

    #[test]
    fn no_mix_of_pieces_is_taken_for_quiet(pieces in proptest::collection::vec(piece(), 0..12)) {
        let source = pieces.concat();
        prop_assert!(!quiet::is_quiet(&source) || scan_tokens(&source, false).findings.is_empty());
    }
}

fn piece() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "mod ",
        "a",
        ";",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "#",
        "!",
        "#[cfg(",
        "#![",
        "path",
        "=",
        "\"x\"",
        ",",
        "include_str!(",
        "cfg_if!{",
        "cfg_select!{",
        "if ",
        "else ",
        "=>",
        "_",
        "macro_rules! ",
        "$",
        "concat!(",
        "env!(\"CARGO_MANIFEST_DIR\")",
        "cfg_attr(",
        "const ",
        "fn ",
        "'",
        "r#",
        "/*",
        "*/",
        "//",
        "\n",
        " ",
        "mod",
        "folder",
        "x!(",
        "query!",
        "format",
        "\u{feff}",
        "tests {",
    ])
}
