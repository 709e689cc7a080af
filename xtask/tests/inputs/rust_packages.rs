//! Which packages are compiled, and which files tell Cargo how.

use std::fs;

use crate::support::Repository;
use crate::workspace::{explained, has_inputs, unpack};

const OFFLINE: [&str; 2] = ["--offline", "--bins"];

#[test]
fn a_dependency_by_path_that_is_not_for_the_image_has_only_its_manifest_read() {
    let repository = unpack(
        r#"
-- Cargo.toml --
[workspace]
members = ["api"]
resolver = "2"
[workspace.dependencies]
base = { path = "base" }
-- api/Cargo.toml --
[package]
name = "api"
edition = "2021"
[dependencies]
base.workspace = true
wide = { path = "../wide", optional = true }
[dev-dependencies]
tested = { path = "../tested" }
[target.'cfg(windows)'.dependencies]
win = { path = "../win" }
[target.x86_64-pc-windows-msvc.dependencies]
msvc = { path = "../msvc" }
[target.'cfg(all(unix, not(target_os = "macos")))'.dependencies]
nix = { path = "../nix" }
-- api/src/main.rs --
fn main() { base::x(); nix::x() }
-- base/Cargo.toml --
[package]
name = "base"
edition = "2021"
[dependencies]
deep = { path = "../deep" }
-- base/src/lib.rs --
pub use deep::x;
-- deep/Cargo.toml --
[package]
name = "deep"
edition = "2021"
-- deep/src/lib.rs --
pub fn x() {}
-- nix/Cargo.toml --
[package]
name = "nix"
edition = "2021"
-- nix/src/lib.rs --
pub fn x() {}
-- wide/Cargo.toml --
[package]
name = "wide"
edition = "2021"
-- wide/src/lib.rs --
-- tested/Cargo.toml --
[package]
name = "tested"
edition = "2021"
-- tested/src/lib.rs --
-- win/Cargo.toml --
[package]
name = "win"
edition = "2021"
-- win/src/lib.rs --
-- msvc/Cargo.toml --
[package]
name = "msvc"
edition = "2021"
-- msvc/src/lib.rs --
"#,
    );
    has_inputs(
        &repository,
        "api",
        "",
        &["--offline", "-p", "api"],
        &[
            "Cargo.toml",
            "api/Cargo.toml",
            "api/src/main.rs",
            "base/Cargo.toml",
            "base/src/lib.rs",
            "deep/Cargo.toml",
            "deep/src/lib.rs",
            "msvc/Cargo.toml",
            "nix/Cargo.toml",
            "nix/src/lib.rs",
            "tested/Cargo.toml",
            "wide/Cargo.toml",
            "win/Cargo.toml",
        ],
    );
    let explained = |file: &str| explained(&repository, "api", file);
    insta::assert_snapshot!(
        [
            "deep/src/lib.rs", "deep/Cargo.toml", "wide/src/lib.rs", "tested/src/lib.rs", "win/src/lib.rs", "win/Cargo.toml",
        ]
        .map(explained)
        .concat(),
        @r"
        deep/src/lib.rs is in: api depends on base by path, base on deep; src/lib.rs is its library
        deep/Cargo.toml is in: api depends on base by path, base on deep; this is its manifest
        wide/src/lib.rs is out: it belongs to wide, which api depends on with a feature that is off; Cargo only wants it to exist
        tested/src/lib.rs is out: it belongs to tested, which api depends on for tests only; Cargo only wants it to exist
        win/src/lib.rs is out: it belongs to win, which api depends on for another platform: cfg(windows); Cargo only wants it to exist
        win/Cargo.toml is in: Cargo reads every manifest that the workspace . may need
        ",
    );
}

#[test]
fn features_of_the_service_turn_dependencies_on_and_those_of_others_do_not() {
    let repository = unpack(
        r#"
-- Cargo.toml --
[workspace]
members = ["api", "job", "base", "a", "b", "c", "d"]
resolver = "2"
-- api/Cargo.toml --
[package]
name = "api"
edition = "2021"
[features]
json = ["dep:a", "base?/x"]
[dependencies]
a = { path = "../a", optional = true }
base = { path = "../base", default-features = false, optional = true }
[package.metadata.image]
features = ["json", "base"]
-- api/src/main.rs --
fn main() { #[cfg(feature = "json")] a::x(); base::x() }
-- job/Cargo.toml --
[package]
name = "job"
edition = "2021"
[dependencies]
renamed = { path = "../base", package = "base", default-features = false, features = ["y"] }
-- job/src/main.rs --
fn main() { renamed::x() }
-- base/Cargo.toml --
[package]
name = "base"
edition = "2021"
[features]
default = ["z"]
x = ["b"]
y = ["dep:c"]
z = ["dep:d"]
[dependencies]
b = { path = "../b", optional = true }
c = { path = "../c", optional = true }
d = { path = "../d", optional = true }
-- base/src/lib.rs --
#[cfg(feature = "b")] mod with_b;
#[cfg(not(feature = "y"))] mod without_y;
pub fn x() {}
-- base/src/with_b.rs --
-- base/src/without_y.rs --
-- a/Cargo.toml --
[package]
name = "a"
edition = "2021"
-- a/src/lib.rs --
pub fn x() {}
-- b/Cargo.toml --
[package]
name = "b"
edition = "2021"
-- b/src/lib.rs --
-- c/Cargo.toml --
[package]
name = "c"
edition = "2021"
-- c/src/lib.rs --
-- d/Cargo.toml --
[package]
name = "d"
edition = "2021"
-- d/src/lib.rs --
"#,
    );
    has_inputs(
        &repository,
        "api",
        "",
        &["--offline", "-p", "api", "--features", "api/json,api/base", "--bin", "api"],
        &[
            "Cargo.toml",
            "a/Cargo.toml",
            "a/src/lib.rs",
            "api/Cargo.toml",
            "api/src/main.rs",
            "b/Cargo.toml",
            "b/src/lib.rs",
            "base/Cargo.toml",
            "base/src/lib.rs",
            "base/src/with_b.rs",
            "base/src/without_y.rs",
            "c/Cargo.toml",
            "d/Cargo.toml",
            "job/Cargo.toml",
        ],
    );
}

/// A build script wants a feature of a library that the binary uses without it.
fn split_by_resolver(resolver: &str) -> Repository {
    unpack(
        &r#"
-- Cargo.toml --
[workspace]
members = ["api"]
resolver = "RESOLVER"
-- api/Cargo.toml --
[package]
name = "api"
edition = "2021"
[dependencies]
base = { path = "../base" }
macros = { path = "../macros" }
[build-dependencies]
base = { path = "../base", features = ["x"] }
[dev-dependencies]
base = { path = "../base", features = ["tested"] }
-- api/build.rs --
fn main() { base::x() }
-- api/src/main.rs --
fn main() { base::x(); macros::nothing!() }
-- base/Cargo.toml --
[package]
name = "base"
edition = "2021"
[features]
x = []
tested = []
-- base/src/lib.rs --
#[cfg(feature = "x")] mod on;
#[cfg(not(feature = "x"))] mod off;
#[cfg(feature = "tested")] mod tested;
pub fn x() {}
-- base/src/on.rs --
-- base/src/off.rs --
-- base/src/tested.rs --
-- macros/Cargo.toml --
[package]
name = "macros"
edition = "2021"
[lib]
proc-macro = true
[dependencies]
base = { path = "../base", features = ["x"] }
-- macros/src/lib.rs --
#[proc_macro] pub fn nothing(_: proc_macro::TokenStream) -> proc_macro::TokenStream { Default::default() }
"#
        .replace("RESOLVER", resolver),
    )
}

#[test]
fn a_build_script_has_features_of_its_own() {
    has_inputs(
        &split_by_resolver("2"),
        "api",
        "",
        &["--offline", "-p", "api"],
        &[
            "Cargo.toml",
            "api/Cargo.toml",
            "api/build.rs",
            "api/src/main.rs",
            "base/Cargo.toml",
            "base/src/lib.rs",
            "base/src/off.rs",
            "base/src/on.rs",
            "macros/Cargo.toml",
            "macros/src/lib.rs",
        ],
    );
}

#[test]
fn before_resolver_2_all_features_are_unified() {
    has_inputs(
        &split_by_resolver("1"),
        "api",
        "",
        &["--offline", "-p", "api"],
        &[
            "Cargo.toml",
            "api/Cargo.toml",
            "api/build.rs",
            "api/src/main.rs",
            "base/Cargo.toml",
            "base/src/lib.rs",
            "base/src/on.rs",
            "base/src/tested.rs",
            "macros/Cargo.toml",
            "macros/src/lib.rs",
        ],
    );
}

#[test]
fn only_the_binaries_of_the_image_are_compiled() {
    let repository = unpack(
        r#"
-- api/Cargo.toml --
[package]
name = "api"
edition = "2021"
default-run = "api"
[package.metadata.image]
image-per-binary = true
-- api/src/lib.rs --
pub mod shared;
-- api/src/shared.rs --
-- api/src/main.rs --
mod only_main;
fn main() {}
-- api/src/only_main.rs --
-- api/src/bin/migrate.rs --
fn main() { let _ = include_str!("../../tests/schema.sql"); }
-- api/src/bin/other/main.rs --
mod inside;
fn main() {}
-- api/src/bin/other/inside.rs --
-- api/tests/schema.sql --
-- api/tests/it.rs --
-- api/benches/b.rs --
-- api/examples/e.rs --
fn main() {}
"#,
    );
    let files = |files: &[&'static str]| [&["api/Cargo.toml"], files].concat();
    let check = |name: &str, expected: &[&'static str]| {
        fs::remove_dir_all(repository.base.join("target")).ok();
        fs::remove_dir_all(repository.base.join("copy")).ok();
        fs::remove_file(repository.root.join("api/Cargo.lock")).ok();
        has_inputs(&repository, name, "api", &["--offline", "--bin", name], &files(expected));
    };
    check("api", &["api/src/lib.rs", "api/src/main.rs", "api/src/only_main.rs", "api/src/shared.rs"]);
    check("migrate", &["api/src/bin/migrate.rs", "api/src/lib.rs", "api/src/shared.rs", "api/tests/schema.sql"]);
    check(
        "other",
        &["api/src/bin/other/inside.rs", "api/src/bin/other/main.rs", "api/src/lib.rs", "api/src/shared.rs"],
    );
    let explained = |file: &str| explained(&repository, "api", file);
    insta::assert_snapshot!(
        ["api/src/bin/migrate.rs", "api/src/bin/other/inside.rs", "api/tests/it.rs", "api/benches/b.rs"]
            .map(explained)
            .concat(),
        @r"
        api/src/bin/migrate.rs is out: it starts a binary of api that is not in the image
        api/src/bin/other/inside.rs is out: no `mod` and no target that is compiled for api leads to it
        api/tests/it.rs is out: it belongs to the tests of api, which go into no image
        api/benches/b.rs is out: it belongs to the benches of api, which go into no image
        ",
    );
}

#[test]
fn workspaces_depend_on_each_other_and_leave_packages_out() {
    let repository = unpack(
        r#"
-- shop/Cargo.toml --
[workspace]
members = ["api"]
exclude = ["fuzz"]
resolver = "2"
-- shop/api/Cargo.toml --
[package]
name = "api"
edition = "2021"
[dependencies]
log = { path = "../../common/log" }
alone = { path = "../../alone" }
hidden = { path = "../../.hidden" }
-- shop/api/src/main.rs --
fn main() { log::x(); alone::x(); hidden::x() }
-- shop/fuzz/Cargo.toml --
[package]
name = "api-fuzz"
[dependencies]
api = { path = "../api" }
-- shop/fuzz/src/main.rs --
fn main() {}
-- common/Cargo.toml --
[workspace]
members = ["log", "unused"]
[workspace.package]
edition = "2021"
-- common/log/Cargo.toml --
[package]
name = "log"
edition.workspace = true
-- common/log/src/lib.rs --
pub fn x() {}
-- common/unused/Cargo.toml --
[package]
name = "unused"
edition.workspace = true
-- common/unused/src/lib.rs --
-- alone/Cargo.toml --
[package]
name = "alone"
edition = "2021"
-- alone/src/lib.rs --
pub fn x() {}
-- .hidden/Cargo.toml --
[package]
name = "hidden"
edition = "2021"
-- .hidden/src/lib.rs --
pub fn x() {}
"#,
    );
    has_inputs(
        &repository,
        "api",
        "shop",
        &OFFLINE,
        &[
            ".hidden/Cargo.toml",
            ".hidden/src/lib.rs",
            "alone/Cargo.toml",
            "alone/src/lib.rs",
            "common/Cargo.toml",
            "common/log/Cargo.toml",
            "common/log/src/lib.rs",
            "shop/Cargo.toml",
            "shop/api/Cargo.toml",
            "shop/api/src/main.rs",
        ],
    );
    let list = repository.xtask(&["list", "--json"]).succeeds().json();
    assert_eq!(list["problems"], serde_json::json!([]));
}

#[test]
fn a_patch_stands_in_for_a_package_of_the_lock_file() {
    let repository = unpack(
        r#"
-- Cargo.toml --
[workspace]
members = ["api"]
resolver = "2"
[patch.crates-io]
itoa = { path = "patches/itoa" }
unused = { path = "patches/unused" }
-- api/Cargo.toml --
[package]
name = "api"
edition = "2021"
[dependencies]
itoa = "1"
-- api/src/main.rs --
fn main() { itoa::x() }
-- patches/itoa/Cargo.toml --
[package]
name = "itoa"
version = "1.0.99"
edition = "2021"
[dependencies]
more = { path = "../more" }
-- patches/itoa/src/lib.rs --
pub fn x() { more::x() }
-- patches/more/Cargo.toml --
[package]
name = "more"
edition = "2021"
-- patches/more/src/lib.rs --
pub fn x() {}
-- patches/unused/Cargo.toml --
[package]
name = "unused"
version = "1.0.0"
edition = "2021"
-- patches/unused/src/lib.rs --
-- Cargo.lock --
version = 4

[[package]]
name = "api"
version = "0.0.0"
dependencies = [
 "itoa",
]

[[package]]
name = "itoa"
version = "1.0.99"
dependencies = [
 "more",
]

[[package]]
name = "more"
version = "0.0.0"

[[patch.unused]]
name = "unused"
version = "1.0.0"
"#,
    );
    has_inputs(
        &repository,
        "api",
        "",
        &["--offline", "--locked", "-p", "api"],
        &[
            "Cargo.lock",
            "Cargo.toml",
            "api/Cargo.toml",
            "api/src/main.rs",
            "patches/itoa/Cargo.toml",
            "patches/itoa/src/lib.rs",
            "patches/more/Cargo.toml",
            "patches/more/src/lib.rs",
            "patches/unused/Cargo.toml",
        ],
    );
    let list = repository.xtask(&["list", "--json"]).succeeds().json();
    assert_eq!(list["problems"], serde_json::json!([]));
    let explained = |file: &str| explained(&repository, "api", file);
    insta::assert_snapshot!(
        ["patches/itoa/src/lib.rs", "patches/more/src/lib.rs", "patches/unused/src/lib.rs"].map(explained).concat(),
        @r"
        patches/itoa/src/lib.rs is in: itoa stands in for a dependency by `[patch]`; src/lib.rs is its library
        patches/more/src/lib.rs is in: itoa stands in for a dependency by `[patch]` and depends on more by path; src/lib.rs is its library
        patches/unused/src/lib.rs is out: it belongs to unused, which api does not depend on; Cargo only wants it to exist
        ",
    );
}

#[test]
fn configuration_and_toolchain_come_from_the_folders_above() {
    let repository = unpack(
        r#"
-- .cargo/config.toml --
[alias]
xtask = "run --package xtask"
-- rust-toolchain.toml --
[toolchain]
channel = "1.95.0"
-- group/.cargo/config.toml --
[build]
rustflags = ["--cfg", "special"]
[env]
TABLE = { value = "table.txt", relative = true }
-- group/table.txt --
-- group/shop/rust-toolchain --
1.95.0
-- group/shop/Cargo.toml --
[workspace]
members = ["api"]
-- group/shop/api/Cargo.toml --
[package]
name = "api"
edition = "2021"
-- group/shop/api/src/main.rs --
#[cfg(special)] mod special;
#[cfg(unusual)] mod unusual;
fn main() {}
-- group/shop/api/src/special.rs --
-- group/shop/api/src/unusual.rs --
"#,
    );
    has_inputs(
        &repository,
        "api",
        "group/shop",
        &OFFLINE,
        &[
            "group/.cargo/config.toml",
            "group/shop/Cargo.toml",
            "group/shop/api/Cargo.toml",
            "group/shop/api/src/main.rs",
            "group/shop/api/src/special.rs",
            "group/shop/rust-toolchain",
            "group/table.txt",
        ],
    );
}

#[test]
fn settings_add_globs_and_files_of_the_image() {
    let repository = unpack(
        r#"
-- Cargo.toml --
[workspace]
members = ["services/api"]
[workspace.metadata.images]
require-budget = false
-- services/api/Cargo.toml --
[package]
name = "api"
edition = "2021"
[package.metadata.image]
inputs = ["../../proto/**", "*.sql"]
files = [{ from = "static", to = "/static" }, { from = "../flags.json", to = "/flags.json" }, { from = "/x", to = "/x", image = "busybox" }]
-- services/api/src/main.rs --
fn main() {}
-- services/api/schema.sql --
-- services/api/notes.txt --
-- services/api/static/index.html --
-- services/api/static/.well-known/a --
-- services/flags.json --
-- proto/a.proto --
-- proto/v1/b.proto --
"#,
    );
    has_inputs(
        &repository,
        "api",
        "",
        &OFFLINE,
        &[
            "Cargo.toml",
            "proto/a.proto",
            "proto/v1/b.proto",
            "services/api/Cargo.toml",
            "services/api/schema.sql",
            "services/api/src/main.rs",
            "services/api/static/.well-known/a",
            "services/api/static/index.html",
            "services/flags.json",
        ],
    );
    let explained = |file: &str| explained(&repository, "api", file);
    insta::assert_snapshot!(
        ["proto/v1/b.proto", "services/flags.json", "services/api/notes.txt", "Cargo.toml"].map(explained).concat(),
        @r"
        proto/v1/b.proto is in: `inputs` names it: `../../proto/**`
        services/flags.json is in: `files` copies it into the image: `../flags.json`
        services/api/notes.txt is out: no source that is compiled of api names it
        Cargo.toml is in: it is the manifest of the workspace .
        ",
    );
}

#[test]
fn a_package_at_the_root_of_the_repository() {
    let repository = unpack(
        r#"
-- Cargo.toml --
[package]
name = "api"
edition = "2021"
[dependencies]
base = { path = "crates/base" }
-- src/main.rs --
fn main() { base::x(); let _ = include_str!("../assets/a.txt"); }
-- assets/a.txt --
-- assets/b.txt --
-- tests/it.rs --
-- crates/base/Cargo.toml --
[package]
name = "base"
edition = "2021"
-- crates/base/src/lib.rs --
pub fn x() {}
"#,
    );
    let expected = ["Cargo.toml", "assets/a.txt", "crates/base/Cargo.toml", "crates/base/src/lib.rs", "src/main.rs"];
    has_inputs(&repository, "api", "", &OFFLINE, &expected);
}

#[test]
fn what_lies_outside_the_repository_is_named_with_its_manifest() {
    let repository = unpack(
        r#"
-- shop/Cargo.toml --
[workspace]
members = ["api"]
-- shop/api/Cargo.toml --
[package]
name = "api"
edition = "2021"
[dependencies]
elsewhere = { path = "../../../elsewhere" }
-- shop/api/src/main.rs --
fn main() {}
-- fine/Cargo.toml --
[package]
name = "fine"
edition = "2021"
-- fine/src/main.rs --
fn main() {}
"#,
    );
    let elsewhere = repository.base.join("elsewhere");
    fs::create_dir_all(elsewhere.join("src")).expect("creates");
    fs::write(elsewhere.join("Cargo.toml"), "[package]\nname = \"elsewhere\"\n").expect("writes");
    fs::write(elsewhere.join("src/lib.rs"), "").expect("writes");
    let list = repository.xtask(&["list", "--json"]).succeeds().json();
    let problem = &list["problems"][0];
    assert_eq!(problem["place"], "shop/api/Cargo.toml");
    let message = problem["message"].as_str().expect("is text");
    assert_eq!(message, format!("the dependency `elsewhere` is in {elsewhere}, which lies outside the repository"));
    assert_eq!(list["services"][0]["name"], "fine");
    let stderr = repository.xtask(&["generate"]).fails(2);
    assert!(stderr.starts_with("error: shop/api/Cargo.toml: the dependency `elsewhere` is in "), "{stderr}");
}

#[test]
fn a_broken_manifest_hides_only_its_own_workspace() {
    let repository = unpack(
        r#"
-- shop/Cargo.toml --
[workspace]
members = ["api", "job"]
-- shop/api/Cargo.toml --
[package]
name = "api"
edition = "2021"
-- shop/api/src/main.rs --
fn main() {}
-- shop/job/Cargo.toml --
[package]
name = "job"
edition = 
-- shop/job/src/main.rs --
fn main() {}
-- fine/Cargo.toml --
[package]
name = "fine"
edition = "2021"
-- fine/src/main.rs --
fn main() {}
"#,
    );
    let list = repository.xtask(&["list", "--json"]).succeeds().json();
    insta::assert_json_snapshot!(list["problems"], @r#"
        [
          {
            "message": "string values must be quoted, expected literal string",
            "place": "shop/job/Cargo.toml:3"
          }
        ]
        "#);
    assert_eq!(list["services"].as_array().expect("is a list").len(), 1);
    assert_eq!(list["services"][0]["name"], "fine");
    let ended = repository.xtask(&["inputs", "job"]).ends();
    assert_eq!(ended.code, Some(2), "{ended}");
    assert!(ended.stderr.contains("shop/job/Cargo.toml:3: "), "{ended}");
}
