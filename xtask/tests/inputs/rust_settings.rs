//! Which files tell Cargo and the tool how to build.

use crate::workspace::{explained, has_inputs, unpack};

const OFFLINE: [&str; 2] = ["--offline", "--bins"];

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
