//! Workspaces, what they leave out, and what lies outside of them.

use std::fs;

use crate::workspace::{explained, has_inputs, unpack};

const OFFLINE: [&str; 2] = ["--offline", "--bins"];

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
    let refusal =
        format!("shop/api/Cargo.toml: the dependency `elsewhere` is in {elsewhere}, which lies outside the repository");
    assert_eq!(list["services"][0]["error"], refusal);
    assert_eq!(list["services"][1]["name"], "fine");
    let stderr = repository.xtask(&["generate"]).fails(2);
    assert!(stderr.contains(&format!("error: service api: {refusal}\n")), "{stderr}");
    assert!(repository.root.join("docker/fine.Dockerfile").exists(), "{stderr}");
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
    let services = list["services"].as_array().expect("is a list");
    let errors: Vec<_> = services.iter().map(|it| (it["name"].as_str(), it["error"].as_str())).collect();
    let refusal = Some("shop/job/Cargo.toml:3: string values must be quoted, expected literal string");
    assert_eq!(errors, [(Some("api"), refusal), (Some("fine"), None), (Some("job"), refusal)]);
    let ended = repository.xtask(&["inputs", "job"]).ends();
    assert_eq!(ended.code, Some(2), "{ended}");
    assert!(ended.stderr.contains("shop/job/Cargo.toml:3: "), "{ended}");
}

#[test]
fn a_broken_manifest_without_a_service_costs_only_what_depends_on_it() {
    let repository = unpack(
        r#"
-- api/Cargo.toml --
[package]
name = "api"
edition = "2021"
[workspace]
exclude = ["fuzz"]
-- api/src/main.rs --
fn main() {}
-- api/fuzz/Cargo.toml --
[package]
name = "api-fuzz"
edition = "2021"
version.workspace = true
[package.metadata]
cargo-fuzz = true
-- api/fuzz/src/main.rs --
fn main() {}
-- job/Cargo.toml --
[package]
name = "job"
edition = "2021"
[dependencies]
middle = { path = "../middle" }
[workspace]
-- job/src/main.rs --
fn main() {}
-- middle/Cargo.toml --
[package]
name = "middle"
edition = "2021"
[dependencies]
broken = { path = "../broken" }
-- middle/src/lib.rs --
-- broken/Cargo.toml --
[package]
name = "broken"
edition = "2021"
version.workspace = true
-- broken/src/lib.rs --
pub fn x() {}
"#,
    );
    let list = repository.xtask(&["list", "--json"]).succeeds().json();
    let places: Vec<_> = list["problems"].as_array().expect("is a list").iter().map(|it| it["place"].clone()).collect();
    assert_eq!(places, ["broken/Cargo.toml"], "no service is looked for in a folder of fuzz targets");
    let ended = repository.xtask(&["inputs", "--json"]).ends();
    assert_eq!(ended.code, Some(2), "{ended}");
    let answer = ended.json();
    assert_eq!(answer[0]["files"], serde_json::json!(["api/Cargo.toml", "api/src/main.rs"]));
    let error = answer[1]["error"].as_str().expect("job is refused");
    assert!(error.starts_with("broken/Cargo.toml: "), "{error}");
    let stderr = repository.xtask(&["plan"]).fails(2);
    assert!(stderr.starts_with("error: service job: broken/Cargo.toml: "), "{stderr}");
    repository.write("job/Cargo.toml", "[package]\nname = \"job\"\nedition = \"2021\"\n[workspace]\n");
    let plan = repository.xtask(&["plan"]).succeeds().json();
    assert_eq!(plan.as_array().map(Vec::len), Some(2), "{plan}");
}
