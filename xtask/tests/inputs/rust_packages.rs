//! Which packages are compiled, with which features.

use std::fs;

use crate::support::Repository;
use crate::workspace::{explained, has_inputs, unpack};

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
