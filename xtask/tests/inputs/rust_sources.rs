//! Which sources and other files a target's compilation reads.

use std::os::unix::fs::symlink;

use crate::support::Repository;
use crate::workspace::{explained, has_inputs, unpack};

/// A package `api` at the top of the repository in the folder `api`, with files of it.
fn package(files: &str) -> Repository {
    unpack(&format!("-- api/Cargo.toml --\n[package]\nname = \"api\"\nedition = \"2021\"\n{files}"))
}

#[track_caller]
fn reads(repository: &Repository, expected: &[&str]) {
    let mut expected = [&["api/Cargo.toml"], expected].concat();
    expected.sort_unstable();
    has_inputs(repository, "api", "api", &["--offline", "--bins"], &expected);
}

#[test]
fn modules_in_their_files() {
    let repository = package(
        r#"
-- api/src/main.rs --
mod a;
pub(crate) mod b;
mod r#type;
mod inline { pub mod inner; pub mod deeper { pub mod inner; } }
#[path = "elsewhere/c.rs"] mod c;
#[path = "odd"] mod odd { pub mod inner; #[path = "named.rs"] mod other; }
/* mod commented; */
// mod commented;
const TEXT: &str = "mod commented;";
const QUOTE: char = '"'; mod after_quote; const END: char = '"';
fn main() {}
-- api/src/a.rs --
mod nested;
#[path = "beside.rs"] mod beside;
mod inline { mod x; #[path = "y.rs"] mod y; }
-- api/src/a/nested.rs --
-- api/src/beside.rs --
-- api/src/a/inline/x.rs --
-- api/src/a/inline/y.rs --
-- api/src/b/mod.rs --
mod nested;
-- api/src/b/nested.rs --
-- api/src/type.rs --
-- api/src/inline/inner.rs --
-- api/src/inline/deeper/inner.rs --
-- api/src/elsewhere/c.rs --
mod d;
-- api/src/elsewhere/d.rs --
-- api/src/odd/inner.rs --
-- api/src/odd/named.rs --
-- api/src/after_quote.rs --
-- api/src/commented.rs --
-- api/src/nested.rs --
"#,
    );
    reads(
        &repository,
        &[
            "api/src/a.rs",
            "api/src/a/inline/x.rs",
            "api/src/a/inline/y.rs",
            "api/src/a/nested.rs",
            "api/src/after_quote.rs",
            "api/src/b/mod.rs",
            "api/src/b/nested.rs",
            "api/src/beside.rs",
            "api/src/elsewhere/c.rs",
            "api/src/elsewhere/d.rs",
            "api/src/inline/deeper/inner.rs",
            "api/src/inline/inner.rs",
            "api/src/main.rs",
            "api/src/odd/inner.rs",
            "api/src/odd/named.rs",
            "api/src/type.rs",
        ],
    );
}

#[test]
fn modules_under_conditions() {
    let repository = package(
        r#"
-- api/src/main.rs --
#[cfg(test)] mod tests;
#[cfg(windows)] mod windows;
#[cfg(unix)] mod unix;
#[cfg(all(unix, not(feature = "x")))] mod without;
#[cfg_attr(unix, path = "imp_unix.rs")] #[cfg_attr(windows, path = "imp_windows.rs")] mod imp;
#[cfg(windows)] mod inline { mod inner; }
#[cfg(test)] mod checks { const A: &str = include_str!("test.txt"); mod deep; }
#[cfg(test)] const A: &str = include_str!("test.txt");
const B: &str = include_str!("b.txt");
#[test] fn a() { include_str!("test.txt"); }
#[cfg(test)] fn generic<A, B>(a: A) -> (A, Option<B>) { (a, include_str!("test.txt")) }
#[cfg(debug_assertions)] mod debug;
#[cfg(loom)] mod loom;
mod whole;
mod after;
fn main() {
    let _ = [#[cfg(windows)] include_str!("windows.txt"), include_str!("c.txt")];
    #[cfg(windows)] { include_str!("windows.txt"); }
    #[cfg(windows)] let _ = include_str!("windows.txt");
    let _ = include_str!("d.txt");
}
-- api/src/whole.rs --
#![cfg(windows)]
mod never;
-- api/src/whole/never.rs --
-- api/src/tests.rs --
-- api/src/windows.rs --
-- api/src/unix.rs --
-- api/src/without.rs --
-- api/src/imp_unix.rs --
-- api/src/imp_windows.rs --
-- api/src/imp.rs --
-- api/src/inline/inner.rs --
-- api/src/checks/deep.rs --
-- api/src/debug.rs --
-- api/src/loom.rs --
-- api/src/after.rs --
-- api/src/test.txt --
-- api/src/windows.txt --
-- api/src/b.txt --
-- api/src/c.txt --
-- api/src/d.txt --
"#,
    );
    reads(
        &repository,
        &[
            "api/src/after.rs",
            "api/src/b.txt",
            "api/src/c.txt",
            "api/src/d.txt",
            "api/src/debug.rs",
            "api/src/imp_unix.rs",
            "api/src/main.rs",
            "api/src/unix.rs",
            "api/src/whole.rs",
            "api/src/without.rs",
        ],
    );
    let explained = |file: &str| explained(&repository, "api", file);
    insta::assert_snapshot!(
        ["api/src/unix.rs", "api/src/tests.rs", "api/src/inline/inner.rs", "api/src/whole/never.rs", "api/src/test.txt"]
            .map(explained)
            .concat(),
        @r"
        api/src/unix.rs is in: src/unix.rs is a module of api
        api/src/tests.rs is out: it is a module with cfg(test), which does not hold in an image
        api/src/inline/inner.rs is out: it is a module with cfg(windows), which does not hold in an image
        api/src/whole/never.rs is out: it is a module with cfg(windows), which does not hold in an image
        api/src/test.txt is out: no source that is compiled of api names it
        ",
    );
}

#[test]
fn modules_in_macros() {
    let repository = package(
        r#"
-- api/src/main.rs --
macro_rules! modules { ($($name:ident),*) => { $(pub mod $name;)* } }
macro_rules! cfg_if {
    (if #[cfg($a:meta)] { $($x:item)* } else if #[cfg($b:meta)] { $($y:item)* } else { $($z:item)* }) => {
        $(#[cfg($a)] $x)* $(#[cfg(all(not($a), $b))] $y)* $(#[cfg(not(any($a, $b)))] $z)*
    };
}
macro_rules! cfg_unix { ($($item:item)*) => { $(#[cfg(unix)] $item)* } }
modules!(a, b);
cfg_if! {
    if #[cfg(windows)] { mod on_windows; } else if #[cfg(unix)] { mod on_unix; } else { mod on_others; }
}
cfg_unix! { mod more; }
mod tests_of { #[cfg(test)] mod c; }
thread_local! { static C: u8 = const { 0 }; }
fn main() { C.with(|_| ()) }
-- api/src/a.rs --
-- api/src/b/mod.rs --
-- api/src/c.rs --
-- api/src/on_windows.rs --
-- api/src/on_unix.rs --
-- api/src/on_others.rs --
-- api/src/more.rs --
-- api/src/tests_of/c.rs --
"#,
    );
    reads(
        &repository,
        &["api/src/a.rs", "api/src/b/mod.rs", "api/src/main.rs", "api/src/more.rs", "api/src/on_unix.rs"],
    );
}

#[test]
fn files_that_are_compiled_in() {
    let repository = package(
        r#"
-- api/src/main.rs --
#![doc = include_str!("../README.md")]
mod deep;
const A: &str = include_str!("../../shared/a.txt");
const B: &[u8] = include_bytes!(
    // "not-this.txt"
    concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/", "b.bin"),
);
const C: &str = std::include_str!(r"c d.txt");
include!("generated.rs");
fn main() { std::fs::read("not-this.txt").ok(); println!("not-this.txt"); }
-- api/src/deep/mod.rs --
const A: &str = include_str!("here.txt");
-- api/src/deep/here.txt --
-- api/src/generated.rs --
const D: &str = include_str!("d.txt");
-- api/src/d.txt --
-- api/src/c d.txt --
-- api/src/not-this.txt --
-- api/not-this.txt --
-- api/README.md --
-- shared/a.txt --
-- shared/b.bin --
-- shared/not-this.txt --
"#,
    );
    reads(
        &repository,
        &[
            "api/README.md",
            "api/src/c d.txt",
            "api/src/d.txt",
            "api/src/deep/here.txt",
            "api/src/deep/mod.rs",
            "api/src/generated.rs",
            "api/src/main.rs",
            "shared/a.txt",
            "shared/b.bin",
        ],
    );
}

#[test]
fn files_that_macros_and_attributes_name() {
    let repository = package(
        r#"
-- api/src/main.rs --
macro_rules! embed { ($path:literal) => { include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $path)) } }
macro_rules! migrate { () => { include_str!("../migrations/1.sql") } }
macro_rules! note { ($($text:tt)*) => {} }
const A: &str = embed!("static/a.html");
const B: &str = migrate!();
note! { #[folder = "assets"] struct Assets; }
note! { #[template(path = "page.html")] struct Page; }
note! { #[rename = "static"] struct NotAFolder; }
fn main() {}
-- api/static/a.html --
-- api/static/unused.html --
-- api/migrations/1.sql --
-- api/migrations/2.sql --
-- api/assets/logo.svg --
-- api/assets/.hidden/x --
-- api/templates/page.html --
-- api/templates/base.html --
"#,
    );
    reads(
        &repository,
        &[
            "api/assets/.hidden/x",
            "api/assets/logo.svg",
            "api/migrations/1.sql",
            "api/migrations/2.sql",
            "api/src/main.rs",
            "api/static/a.html",
            "api/templates/base.html",
            "api/templates/page.html",
        ],
    );
}

#[test]
fn where_a_macro_makes_names_up_all_sources_may_be_modules() {
    let repository = package(
        r#"
-- api/src/main.rs --
macro_rules! made_up { ($($name:ident)*) => { note! { $(mod [<$name _impl>];)* } } }
macro_rules! note { ($($text:tt)*) => {} }
made_up!(a);
#[path = "a_impl.rs"] mod a_impl;
fn main() {}
-- api/src/a_impl.rs --
"#,
    );
    reads(&repository, &["api/src/a_impl.rs", "api/src/main.rs"]);
    repository.write("api/src/deep/b.rs", "");
    let explained = explained(&repository, "api", "api/src/deep/b.rs");
    assert_eq!(explained, "api/src/deep/b.rs is in: src/deep/b.rs is a module of api\n");
}

#[test]
fn files_that_a_build_script_names() {
    let repository = package(
        r#"
build = "build/main.rs"
-- api/build/main.rs --
mod helper;
use std::{env, fs, path::Path};
fn main() {
    println!("cargo::rerun-if-changed=routes.txt");
    println!("cargo:rerun-if-changed=build");
    // "not-this.txt" 'x
    let root = env::var("CARGO_MANIFEST_DIR").unwrap();
    fs::read_to_string(format!("{root}/../proto/service.proto")).unwrap();
    fs::read_dir(Path::new(&root).join("../schema")).unwrap();
    fs::read_to_string("routes.txt").unwrap();
    helper::help(&[".", "..", "src/main.rs"]);
}
-- api/build/helper.rs --
pub fn help(_: &[&str]) { std::fs::read("template.txt").unwrap(); }
-- api/src/main.rs --
fn main() {}
-- api/routes.txt --
-- api/not-this.txt --
-- api/template.txt --
-- proto/service.proto --
import "types.proto";
import "google/protobuf/empty.proto";
-- proto/types.proto --
-- proto/other.proto --
-- schema/a.sql --
-- schema/v1/b.sql --
"#,
    );
    reads(
        &repository,
        &[
            "api/build/helper.rs",
            "api/build/main.rs",
            "api/routes.txt",
            "api/src/main.rs",
            "api/template.txt",
            "proto/service.proto",
            "proto/types.proto",
            "schema/a.sql",
            "schema/v1/b.sql",
        ],
    );
    let explained = |file: &str| explained(&repository, "api", file);
    insta::assert_snapshot!(
        ["api/routes.txt", "proto/types.proto", "proto/other.proto", "api/build/main.rs", "api/not-this.txt"]
            .map(explained)
            .concat(),
        @r"
        api/routes.txt is in: build/main.rs names it
        proto/types.proto is in: build/main.rs names it
        proto/other.proto is out: it lies outside every package, and no source or manifest of api names it
        api/build/main.rs is in: build/main.rs is api's build script
        api/not-this.txt is out: no source that is compiled of api names it
        ",
    );
}

#[test]
fn links_and_what_they_lead_to() {
    let repository = package(
        r#"
-- api/src/main.rs --
mod linked;
mod folder;
fn main() {}
-- shared/linked.rs --
-- shared/folder/mod.rs --
mod inner;
-- shared/folder/inner.rs --
-- shared/folder/unused.rs --
"#,
    );
    symlink("../../shared/linked.rs", repository.root.join("api/src/linked.rs")).expect("links");
    symlink("../../shared/folder", repository.root.join("api/src/folder")).expect("links");
    reads(
        &repository,
        &[
            "api/src/folder",
            "api/src/linked.rs",
            "api/src/main.rs",
            "shared/folder/inner.rs",
            "shared/folder/mod.rs",
            "shared/linked.rs",
        ],
    );
}

#[test]
fn targets_whose_first_file_lies_elsewhere() {
    let repository = package(
        r#"
[lib]
path = "../shared/lib.rs"
[[bin]]
name = "api"
path = "program/start.rs"
-- api/program/start.rs --
mod part;
fn main() {}
-- api/program/part.rs --
-- shared/lib.rs --
mod other;
-- shared/other.rs --
"#,
    );
    reads(&repository, &["api/program/part.rs", "api/program/start.rs", "shared/lib.rs", "shared/other.rs"]);
}

#[test]
fn files_in_packages_and_folders_that_are_not_compiled() {
    let repository = unpack(
        r#"
-- Cargo.toml --
[workspace]
members = ["crates/other"]
[package]
name = "api"
edition = "2021"
-- src/main.rs --
#[path = "../crates/other/src/shared.rs"] mod shared;
const A: &str = include_str!("../crates/other/data.txt");
const B: &str = include_str!("../tests/data.json");
fn main() {}
-- tests/data.json --
-- tests/it.rs --
-- crates/other/Cargo.toml --
[package]
name = "other"
edition = "2021"
-- crates/other/src/lib.rs --
-- crates/other/src/shared.rs --
-- crates/other/data.txt --
"#,
    );
    let expected = [
        "Cargo.toml",
        "crates/other/Cargo.toml",
        "crates/other/data.txt",
        "crates/other/src/shared.rs",
        "src/main.rs",
        "tests/data.json",
    ];
    has_inputs(&repository, "api", "", &["--offline", "-p", "api", "--bins"], &expected);
}

#[test]
fn a_new_source_in_a_known_package_changes_no_generated_file() {
    let repository = package(
        "-- api/src/main.rs --\nfn main() {}\n-- api/Cargo.lock --\n[[package]]\nname = \"api\"\nversion = \"0.0.0\"\n",
    );
    repository.xtask(&["generate"]).succeeds();
    repository.write("api/src/main.rs", "mod new;\nfn main() {}\n");
    repository.write("api/src/new.rs", "const TEXT: &str = include_str!(\"new.txt\");\n");
    repository.write("api/src/new.txt", "");
    repository.xtask(&["generate", "--check"]).succeeds();
    let answer = repository.xtask(&["inputs", "api"]).succeeds();
    assert_eq!(answer.stdout, "api/Cargo.lock\napi/Cargo.toml\napi/src/main.rs\napi/src/new.rs\napi/src/new.txt\n");
    assert_eq!(answer.stderr, "");
}
