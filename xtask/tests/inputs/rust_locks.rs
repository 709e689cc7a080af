//! Lock files: what is refused as out of date, Cargo refuses too, and what Cargo takes as it is has a plan.

use std::fs;
use std::process::{Command, Output};

use crate::support::Repository;
use crate::workspace::unpack_into;

/// Crates as `cargo vendor` leaves them, beside the repository: they stand for every registry.
const VENDORED: [(&str, &str); 5] =
    [("plain", "1.0.0"), ("plain", "2.0.0"), ("meta", "1.2.3+upstream.9"), ("early", "1.0.0-rc.2"), ("extra", "1.0.0")];

const CONFIG: &str = "[source.crates-io]\nreplace-with = 'vendored'\n[source.vendored]\ndirectory = 'vendor'\n\
                      [source.other]\nregistry = 'sparse+https://other.example/index/'\nreplace-with = 'vendored'\n";

/// A workspace after a change behind its lock file's back, and whether the plan refuses it.
struct Row {
    name: &'static str,
    files: &'static str,
    /// A text that is replaced in the member's manifest once the lock file is there.
    then: Option<(&'static str, &'static str)>,
    is_refused: bool,
}

const ROWS: [Row; 15] = [
    Row { name: "a crate", files: "[dependencies]\nplain = '1'\n", then: None, is_refused: false },
    Row {
        name: "another major version than the locked one",
        files: "[dependencies]\nplain = '1'\n",
        then: Some(("plain = '1'", "plain = '2'")),
        is_refused: true,
    },
    Row {
        name: "a new dependency",
        files: "[dependencies]\nplain = '1'\n",
        then: Some(("plain = '1'", "plain = '1'\nextra = '1'")),
        is_refused: true,
    },
    Row {
        name: "a new dependency of the tests",
        files: "[dependencies]\nplain = '1'\n",
        then: Some(("plain = '1'", "plain = '1'\n[dev-dependencies]\nextra = '1'")),
        is_refused: false,
    },
    Row {
        name: "a pre-release from git",
        files: "[dependencies]\nfromgit = { git = 'GIT' }\n",
        then: None,
        is_refused: false,
    },
    Row {
        name: "a pre-release from git as the requirement has it",
        files: "[dependencies]\nfromgit = { git = 'GIT', version = '0.9.0-rc.1' }\n",
        then: None,
        is_refused: false,
    },
    Row {
        name: "a pre-release of a crate",
        files: "[dependencies]\nearly = '1.0.0-rc.1'\n",
        then: None,
        is_refused: false,
    },
    Row {
        name: "build metadata",
        files: "[dependencies]\nmeta = '=1.2.3+upstream.9'\n",
        then: None,
        is_refused: false,
    },
    Row {
        name: "other build metadata than the locked one's",
        files: "[dependencies]\nmeta = '=1.2.3+upstream.9'\n",
        then: Some(("+upstream.9", "+upstream.8")),
        is_refused: false,
    },
    Row {
        name: "two versions under new names",
        files: "[dependencies]\none = { package = 'plain', version = '1' }\ntwo = { package = 'plain', version = '2' }\n",
        then: None,
        is_refused: false,
    },
    Row {
        name: "one crate of two registries",
        files: "[dependencies]\nplain = '1'\nsame = { package = 'plain', version = '1', registry = 'other' }\n\
            -- .cargo/config.toml --\n[registries.other]\nindex = 'sparse+https://other.example/index/'\n",
        then: None,
        is_refused: false,
    },
    Row {
        name: "what a package that is no member could turn on",
        files: "[dependencies]\nbeside = { path = '../beside' }\n\
            -- beside/Cargo.toml --\n[package]\nname = 'beside'\nedition = '2021'\n[dependencies]\nplain = { version = '1', optional = true }\n\
            -- beside/src/lib.rs --\n",
        then: None,
        is_refused: false,
    },
    Row {
        name: "a patch that nothing uses",
        files: "[dependencies]\nplain = '1'\n\
            -- Cargo.toml --\n[workspace]\nresolver = '3'\nmembers = ['api']\n[patch.crates-io]\nplain = { path = 'patched' }\n\
            -- patched/Cargo.toml --\n[package]\nname = 'plain'\nversion = '7.0.0'\nedition = '2021'\n[workspace]\n\
            -- patched/src/lib.rs --\n",
        then: None,
        is_refused: false,
    },
    Row {
        name: "a patch that is used",
        files: "[dependencies]\nplain = '1'\n\
            -- Cargo.toml --\n[workspace]\nresolver = '3'\nmembers = ['api']\n[patch.crates-io]\nplain = { path = 'patched' }\n\
            -- patched/Cargo.toml --\n[package]\nname = 'plain'\nversion = '1.9.0'\nedition = '2021'\n[dependencies]\nextra = { version = '1', optional = true }\n[workspace]\n\
            -- patched/src/lib.rs --\n",
        then: None,
        is_refused: false,
    },
    Row {
        name: "a circle by way of the tests",
        files: "[dependencies]\nhelper = { path = '../helper' }\n\
            -- Cargo.toml --\n[workspace]\nresolver = '3'\nmembers = ['api', 'helper']\n\
            -- helper/Cargo.toml --\n[package]\nname = 'helper'\nedition = '2021'\n[dev-dependencies]\nhelper = { path = '.' }\napi = { path = '../api' }\n\
            -- helper/src/lib.rs --\n-- api/src/lib.rs --\n",
        then: None,
        is_refused: false,
    },
];

#[test]
fn a_lock_file_is_refused_only_where_cargo_refuses_it() {
    for row in &ROWS {
        let repository = repository(row);
        if let Some((before, after)) = row.then {
            let manifest = repository.read("api/Cargo.toml");
            assert!(manifest.contains(before), "{}", row.name);
            repository.write("api/Cargo.toml", manifest.replace(before, after));
        }
        let cargo = cargo(&repository, &["metadata", "--locked", "--offline", "--format-version", "1"]);
        let planned = repository.xtask(&["plan"]).ends();
        let is_refused = planned.stderr.contains("Cargo.lock is out of date");
        assert_eq!(is_refused, row.is_refused, "{}: {planned}", row.name);
        assert!(is_refused || planned.code == Some(0), "{}: {planned}", row.name);
        let said = String::from_utf8_lossy(&cargo.stderr);
        assert!(!is_refused || !cargo.status.success(), "{}: cargo takes it", row.name);
        assert!(cargo.status.success() || row.then.is_some(), "{}: {said}", row.name);
    }
}

/// The workspace of a row, with the lock file that Cargo writes for it.
fn repository(row: &Row) -> Repository {
    let member =
        "-- api/src/main.rs --\nfn main() {}\n-- api/Cargo.toml --\n[package]\nname = 'api'\nedition = '2021'\n";
    let root = "-- Cargo.toml --\n[workspace]\nresolver = '3'\nmembers = ['api']\nexclude = ['beside']\n";
    let root = if row.files.contains("-- Cargo.toml --") { "" } else { root };
    let repository = Repository::new();
    let upstream = repository.base.join("upstream");
    let files = format!("{root}{member}{}", row.files).replace("GIT", &format!("file://{upstream}"));
    unpack_into(&repository, &files);
    for (name, version) in VENDORED {
        let folder = repository.base.join(format!("vendor/{name}-{version}"));
        write(&folder, &format!("[package]\nname = '{name}'\nversion = '{version}'\nedition = '2021'\n"));
        fs::write(folder.join(".cargo-checksum.json"), "{\"files\":{}}").expect("writes");
    }
    fs::create_dir_all(repository.base.join(".cargo")).expect("creates");
    fs::write(repository.base.join(".cargo/config.toml"), CONFIG).expect("writes");
    if row.files.contains("GIT") {
        write(&upstream, "[package]\nname = 'fromgit'\nversion = '0.9.0-rc.1'\nedition = '2021'\n");
        for arguments in ["init -q", "add -A", "-c user.name=x -c user.email=x@example.com commit -qm x"] {
            let git =
                Command::new("git").args(arguments.split(' ')).current_dir(&upstream).output().expect("git starts");
            assert!(git.status.success(), "{}", String::from_utf8_lossy(&git.stderr));
        }
    }
    let locked = cargo(&repository, &["generate-lockfile"]);
    assert!(locked.status.success(), "{}: {}", row.name, String::from_utf8_lossy(&locked.stderr));
    repository
}

fn write(folder: &camino::Utf8Path, manifest: &str) {
    fs::create_dir_all(folder.join("src")).expect("creates");
    fs::write(folder.join("Cargo.toml"), manifest).expect("writes");
    fs::write(folder.join("src/lib.rs"), "").expect("writes");
}

fn cargo(repository: &Repository, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).current_dir(&repository.root).env("CARGO_HOME", repository.base.join("cargo"));
    command.output().expect("cargo starts")
}
