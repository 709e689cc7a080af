//! What a build resolves offline: all that Cargo made the lock file from, and not only what it compiles.

use serde_json::Value;

use crate::workspace::unpack;

const WORKSPACE: &str = r#"
-- Cargo.toml --
[workspace]
members = ["api", "store"]
resolver = "2"
-- Cargo.lock --
version = 4

[[package]]
name = "api"
version = "0.1.0"
dependencies = ["store"]

[[package]]
name = "bytes"
version = "1.7.0"
source = "registry+https://github.com/rust-lang/crates.io-index"

[[package]]
name = "engine"
version = "0.3.1"
source = "registry+https://github.com/rust-lang/crates.io-index"

[[package]]
name = "insta"
version = "1.40.0"
source = "registry+https://github.com/rust-lang/crates.io-index"

[[package]]
name = "log"
version = "0.4.22"
source = "registry+https://github.com/rust-lang/crates.io-index"

[[package]]
name = "store"
version = "0.1.0"
dependencies = ["bytes", "engine", "insta", "log", "windows"]

[[package]]
name = "windows"
version = "0.58.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
-- api/Cargo.toml --
[package]
name = "api"
version = "0.1.0"
edition = "2021"

[dependencies]
store = { path = "../store" }
-- api/src/main.rs --
fn main() {}
-- store/Cargo.toml --
[package]
name = "store"
version = "0.1.0"
edition = "2021"

[features]
shared = ["bytes/serde", "log/std"]
engine = ["dep:engine"]

[dependencies]
bytes = { version = "1", default-features = false, features = ["extra"] }
engine = { version = "0.3", features = ["disk"], optional = true }
log = "0.4"

[target.'cfg(windows)'.dependencies]
windows = { version = "0.58", features = ["Win32"] }

[dev-dependencies]
insta = "1"
-- store/src/lib.rs --
"#;

/// The crates of a list in the plan, each with the features that are asked for.
fn crates(build: &Value, list: &str) -> Vec<String> {
    let crates = build[list].as_array().unwrap_or_else(|| panic!("no {list} in {build}"));
    let text = |value: &Value| value.as_str().expect("is text").to_owned();
    let shown = |of: &Value| {
        let features: Vec<_> = of["features"].as_array().expect("is a list").iter().map(text).collect();
        let default = if of["default_features"] == true { " with defaults" } else { "" };
        format!("{} {}{default} {}", text(&of["name"]), text(&of["version"]), features.join("+")).trim().to_owned()
    };
    crates.iter().map(shown).collect()
}

#[test]
fn what_a_feature_that_is_off_would_add_is_resolved_and_not_compiled() {
    let repository = unpack(WORKSPACE);
    let plan = repository.xtask(&["plan"]).succeeds().json();
    let build = &plan[0]["build"]["rust"];
    assert_eq!(crates(build, "third_party"), ["bytes 1 extra", "log 0.4 with defaults"]);
    assert_eq!(
        crates(build, "not_compiled"),
        [
            "bytes 1 extra+serde",
            "engine 0.3 with defaults disk",
            "log 0.4 with defaults std",
            "windows 0.58 with defaults Win32"
        ]
    );
}
