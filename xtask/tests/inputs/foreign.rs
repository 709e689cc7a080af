//! Reading a checkout that means harm.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::workspace::unpack;

/// A program that leaves a trace.
const EVIL: &str = "#!/bin/sh\ntouch \"$(dirname \"$0\")/ran\"\nexit 1\n";

#[test]
fn none_of_its_programs_run_and_nothing_is_written() {
    let repository = unpack(
        r#"
-- .cargo/config.toml --
[build]
rustc = "evil"
rustc-wrapper = "evil"
rustc-workspace-wrapper = "evil"
[alias]
metadata = "run --bin evil"
[registries.ours]
index = "sparse+https://registry.invalid/index/"
[registry]
global-credential-providers = ["evil"]
[env]
PATH = { value = ".", relative = true, force = true }
[term]
verbose = "not a bool: to obey this file is to fail"
-- rust-toolchain.toml --
[toolchain]
path = "./toolchain"
-- toolchain/bin/.keep --
-- Cargo.toml --
[package]
name = "api"
edition = "2021"
[dependencies]
private = { version = "1", registry = "ours" }
-- build.rs --
fn main() { std::fs::write("ran", "").unwrap(); }
-- src/main.rs --
fn main() {}
"#,
    );
    for program in ["evil", "toolchain/bin/rustc", "toolchain/bin/cargo", "src/evil", ".cargo/evil"] {
        repository.write(program, EVIL);
        fs::set_permissions(repository.root.join(program), fs::Permissions::from_mode(0o755)).expect("sets");
    }
    let before = repository.files();
    // A run inside the checkout is one that `cargo xtask` starts with the toolchain of its own pin.
    for arguments in [&["list", "--json"][..], &["inputs", "api", "--json"]] {
        let run = repository.xtask(arguments).env("RUSTUP_TOOLCHAIN", repository.root.join("toolchain"));
        let answer = run.succeeds().json();
        assert_eq!(answer["problems"].as_array().map_or(0, Vec::len), 0, "{answer}");
    }
    assert_eq!(repository.files(), before);
}

#[test]
fn a_cargo_of_the_path_is_asked_outside_the_checkout() {
    let repository = unpack(
        r#"
-- rust-toolchain.toml --
[toolchain]
channel = "1.0.0"
-- Cargo.toml --
[package]
name = "api"
-- src/main.rs --
fn main() {}
"#,
    );
    // Stands for rustup's cargo, which follows the pin of the folder that it runs in.
    let cargo = repository.base.join("programs/cargo");
    let log = repository.base.join("log");
    let script = format!(
        "#!/bin/sh\necho \"$(pwd) install=$RUSTUP_AUTO_INSTALL $*\" >>'{log}'\nexec '{}' \"$@\"\n",
        env!("CARGO")
    );
    fs::write(&cargo, script).expect("writes");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("sets");
    let mut run = repository.xtask(&["list", "--json"]).into_command();
    let output = run.env_remove("CARGO").output().expect("starts");
    assert!(output.status.success(), "{output:?}");
    let manifest = repository.root.join("Cargo.toml");
    let expected = format!(
        "/ install=0 metadata --no-deps --offline --format-version 1 --color never --manifest-path {manifest}\n"
    );
    assert_eq!(fs::read_to_string(&log).expect("reads"), expected);
}

#[test]
fn a_machine_without_cargo_is_told_so() {
    let repository = unpack("-- Cargo.toml --\n[package]\nname = \"api\"\n-- src/main.rs --\nfn main() {}\n");
    let output = repository.xtask(&["list"]).into_command().env_remove("CARGO").output().expect("starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.starts_with("error: cargo is not on PATH\nhint: "), "{stderr}");
}
