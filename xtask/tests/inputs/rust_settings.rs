//! Which files tell Cargo and the tool how to build.

use crate::workspace::{explained, has_inputs, inputs, unpack};

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

#[test]
fn configuration_includes_files_and_replaces_packages() {
    let repository = unpack(
        r#"
-- .cargo/config.toml --
include = ["flags.toml", "../settings/patches.toml", { path = "absent.toml", optional = true }]
[http]
cainfo = "authority.pem"
-- authority.pem --
-- .cargo/flags.toml --
[build]
rustflags = ["--cfg", "from_include"]
-- settings/patches.toml --
[patch.crates-io]
itoa = { path = "patched" }
-- patched/Cargo.toml --
[package]
name = "itoa"
version = "1.0.99"
edition = "2021"
[workspace]
-- patched/src/lib.rs --
-- Cargo.toml --
[package]
name = "api"
edition = "2021"
[dependencies]
itoa = "1"
-- Cargo.lock --
version = 4
[[package]]
name = "api"
version = "0.0.0"
dependencies = ["itoa"]
[[package]]
name = "itoa"
version = "1.0.99"
-- src/main.rs --
#[cfg(from_include)] mod included;
fn main() {}
-- src/included.rs --
"#,
    );
    has_inputs(
        &repository,
        "api",
        "",
        &OFFLINE,
        &[
            ".cargo/config.toml",
            ".cargo/flags.toml",
            "Cargo.lock",
            "Cargo.toml",
            "authority.pem",
            "patched/Cargo.toml",
            "patched/src/lib.rs",
            "settings/patches.toml",
            "src/included.rs",
            "src/main.rs",
        ],
    );
}

#[test]
fn a_package_among_the_paths_of_the_configuration_is_an_input_where_its_name_is_locked() {
    let repository = unpack(
        r#"
-- .cargo/config.toml --
paths = ["used", "unused"]
-- used/Cargo.toml --
[package]
name = "itoa"
version = "1.0.99"
edition = "2021"
[workspace]
-- used/src/lib.rs --
-- unused/Cargo.toml --
[package]
name = "unused"
edition = "2021"
[workspace]
-- unused/src/lib.rs --
-- Cargo.toml --
[package]
name = "api"
version = "0.1.0"
edition = "2021"
[dependencies]
itoa = "1"
-- Cargo.lock --
version = 4
[[package]]
name = "api"
version = "0.1.0"
dependencies = ["itoa"]
[[package]]
name = "itoa"
version = "1.0.1"
source = "registry+https://github.com/rust-lang/crates.io-index"
-- src/main.rs --
fn main() {}
"#,
    );
    let (files, _) = inputs(&repository, "api");
    let files: Vec<_> = files.iter().map(|file| file.as_str()).filter(|file| file.ends_with("lib.rs")).collect();
    assert_eq!(files, ["used/src/lib.rs"]);
    repository.xtask(&["plan"]).succeeds();
}

#[test]
fn configuration_that_no_image_can_be_built_with_is_named_by_its_key() {
    let repository =
        unpack("-- Cargo.toml --\n[package]\nname = \"api\"\nedition = \"2021\"\n-- src/main.rs --\nfn main() {}\n");
    let mut said = String::new();
    for config in [
        "[build]\ntarget = \"x86_64-unknown-linux-musl\"\n",
        "[build]\ntarget = [\"x86_64-unknown-linux-gnu\", \"wasm32-wasip1\"]\n",
        "include = \"../../shared.toml\"\n",
        "[build\n",
        "[patch.crates-io]\nitoa = { path = \"../itoa\" }\n",
    ] {
        repository.write(".cargo/config.toml", config);
        said.push_str(&repository.xtask(&["plan"]).fails(2));
    }
    insta::assert_snapshot!(said, @r#"
    error: service api: `build.target` in .cargo/config.toml is x86_64-unknown-linux-musl, and images are compiled for aarch64-unknown-linux-gnu or x86_64-unknown-linux-gnu
    hint: remove `target` from [build] in .cargo/config.toml, and give --target to the commands that need it
    error: service api: `build.target` in .cargo/config.toml is x86_64-unknown-linux-gnu, wasm32-wasip1, and images are compiled for aarch64-unknown-linux-gnu or x86_64-unknown-linux-gnu
    hint: remove `target` from [build] in .cargo/config.toml, and give --target to the commands that need it
    error: service api: `include` in .cargo/config.toml: `../../shared.toml` lies outside the repository
    hint: copy that file into the repository, or mark it as optional: `{ path = "…", optional = true }`
    error: service api: .cargo/config.toml: unclosed table, expected `]`
    hint: fix it: every cargo command in . reads it
    error: service api: .cargo/config.toml: the patch `itoa` is in ../itoa, which lies outside the repository
    hint: a build sees the repository and nothing else: copy the package into it, or name its git repository
    "#);
    for config in [
        "[build]\ntarget = \"x86_64-unknown-linux-gnu\"\n",
        "include = [{ path = \"../../x.toml\", optional = true }]\n",
    ] {
        repository.write(".cargo/config.toml", config);
        repository.xtask(&["plan"]).succeeds();
    }
}

#[test]
fn configuration_that_would_be_in_the_way_of_a_builder_is_overruled_there() {
    let repository =
        unpack("-- Cargo.toml --\n[package]\nname = \"api\"\nedition = \"2021\"\n-- src/main.rs --\nfn main() {}\n");
    let config = "[build]\nbuild-dir = \"out\"\ntarget = \"x86_64-unknown-linux-gnu\"\nrustc-wrapper = \"sccache\"\n[net]\noffline = true\n";
    repository.write(".cargo/config.toml", config);
    repository.xtask(&["generate"]).succeeds();
    let dockerfile = repository.read("docker/api.Dockerfile");
    let lines: Vec<_> = dockerfile
        .lines()
        .map(str::trim)
        .filter(|line| line.contains("ENV ") || line.contains("cargo build"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    ENV CARGO_PROFILE_RELEASE_STRIP=symbols
    ENV CARGO_BUILD_BUILD_DIR=/target
    ENV CARGO_NET_OFFLINE=false
    ENV RUSTC_WRAPPER=
    sh /docker/limit.sh sh /docker/rust-skeleton.sh dependencies /cache/kept /target cargo build --release --offline --target "$(cat /rust-target)" --package third-party
    sh /docker/limit.sh cargo build --release --offline --target "$(cat /rust-target)" --target-dir /target --package api --package third-party --bin api && \
    RUSTC_WRAPPER=/with-symbols sh /docker/limit.sh cargo build --release --offline --target "$(cat /rust-target)" --target-dir /target --package api --package third-party --bin api && \
    "#);
}

#[test]
fn certificates_of_one_machine_are_refused_by_their_key() {
    let repository = unpack(
        r#"
-- api/Cargo.toml --
[package]
name = "api"
edition = "2021"
-- api/src/main.rs --
fn main() {}
"#,
    );
    for path in ["/home/me/authority.pem", "~/authority.pem", "../../authority.pem"] {
        repository.write("api/.cargo/config.toml", format!("[http]\ncainfo = \"{path}\"\n"));
        assert_eq!(
            repository.xtask(&["plan"]).fails(2),
            format!(
                "error: service api: `http.cainfo` in api/.cargo/config.toml is {path}, which is no file of the repository\n\
                 hint: remove `cainfo` from [http] in api/.cargo/config.toml, and build with `--ca-bundle FILE`\n"
            )
        );
    }
    repository.write(
        "api/.cargo/config.toml",
        "[http]\ncainfo = \"/etc/ssl/certs/ca-certificates.crt\"\n[net]\ngit-fetch-with-cli = true\n",
    );
    let plan = repository.xtask(&["plan"]).succeeds().json();
    assert_eq!(
        plan[0]["build"]["rust"]["config_settings"]["overruled"],
        serde_json::json!({ "CARGO_NET_GIT_FETCH_WITH_CLI": "false" })
    );
}
