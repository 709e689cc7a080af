//! A subject's own copy of the workspace.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::environment::Environment;
use crate::subject::Subject;
use crate::workspace::{self, GO_BUMPS, Place, RUST_BUMPS, Workspace};

pub struct Checkout<'a> {
    environment: &'a Environment,
    pub subject: Subject,
    pub root: Utf8PathBuf,
    pub workspace: Workspace,
    /// What stood in the files that were edited; an edit starts from that.
    unedited: BTreeMap<&'static str, String>,
    /// A service that was added: its name and language.
    added: Option<(String, Language)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Go,
    Rust,
}

impl<'a> Checkout<'a> {
    pub fn new(environment: &'a Environment, subject: Subject, workspace: &Workspace) -> Self {
        let root = environment.folder.join("checkouts").join(subject.name());
        workspace::empty(&root);
        copy(&workspace.folder, &root);
        let checkout =
            Self { environment, subject, root, workspace: workspace.clone(), unedited: BTreeMap::new(), added: None };
        subject.write_files(environment, workspace, &checkout.root);
        checkout
    }

    pub fn edit(&mut self, place: &Place, number: u64) {
        let path = self.root.join(place.path);
        let new = place.new.replace("{n}", &number.to_string());
        if place.old.is_empty() {
            workspace::write(&path, new);
            return;
        }
        let unedited = self.unedited.entry(place.path).or_insert_with(|| workspace::read(&path));
        assert!(unedited.contains(place.old), "{path} has no {:?}", place.old);
        workspace::write(&path, unedited.replacen(place.old, &new, 1));
    }

    /// Takes another version of a dependency, as a person would.
    pub fn bump(&self, language: Language, round: usize) {
        match language {
            Language::Go => {
                let (module, versions) = GO_BUMPS;
                let version = versions[round % versions.len()];
                self.run("go-services", "go", &["get", &format!("{module}@{version}")]);
            }
            Language::Rust => {
                let (name, versions) = RUST_BUMPS;
                let version = versions[round % versions.len()];
                self.run("rust-services", "cargo", &["update", "--quiet", name, "--precise", version]);
            }
        }
    }

    /// Loses the record of what images were made from, where there is one: the builder has to be asked.
    pub fn forget(&self) {
        let record = self.root.join("target/images/inputs.json");
        if record.exists() {
            fs::remove_file(record).expect("removes");
        }
    }

    /// Adds a service that has no new dependency, in the place of one that was added before. Returns its name.
    pub fn add_service(&mut self, language: Language, number: u64) -> String {
        let name = format!("added{number}");
        if let Some((old, _)) = self.added.take() {
            self.workspace.go.retain(|service| *service != old);
            self.workspace.rust.retain(|(service, _)| *service != old);
            let folder = match language {
                Language::Go => self.root.join("go-services/cmd").join(&old),
                Language::Rust => self.root.join("rust-services").join(&old),
            };
            fs::remove_dir_all(&folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
        }
        match language {
            Language::Go => {
                let path = self.root.join("go-services/cmd").join(&name).join("main.go");
                workspace::write(&path, ADDED_GO.replace("$NAME", &name));
                self.workspace.go.push(name.clone());
            }
            Language::Rust => {
                let folder = self.root.join("rust-services").join(&name);
                workspace::write(&folder.join("Cargo.toml"), ADDED_MANIFEST.replace("$NAME", &name));
                workspace::write(&folder.join("src/main.rs"), ADDED_RUST.replace("$NAME", &name));
                let member =
                    Place { path: "rust-services/Cargo.toml", old: "members = [", new: "members = [\"added{n}\", " };
                self.edit(&member, number);
                self.run("rust-services", "cargo", &["update", "--quiet", "--workspace"]);
                self.workspace.rust.push((name.clone(), vec![name.clone()]));
            }
        }
        self.added = Some((name.clone(), language));
        self.subject.write_files(self.environment, &self.workspace, &self.root);
        name
    }

    fn run(&self, folder: &str, program: &str, words: &[&str]) {
        let mut command = Command::new(program);
        command.args(words).current_dir(self.root.join(folder)).env("GOFLAGS", "-buildvcs=false");
        // Cargo sets it for what it runs, and it would override the workspace's own.
        command.env_remove("RUSTUP_TOOLCHAIN");
        let output = command.output().unwrap_or_else(|error| panic!("{program}: {error}"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {} failed: {stderr}", words.join(" "));
    }
}

fn copy(from: &Utf8Path, to: &Utf8Path) {
    for entry in from.read_dir_utf8().unwrap_or_else(|error| panic!("{from}: {error}")) {
        let entry = entry.unwrap_or_else(|error| panic!("{from}: {error}"));
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            fs::create_dir_all(&to).unwrap_or_else(|error| panic!("{to}: {error}"));
            copy(from, &to);
        } else {
            fs::copy(from, &to).unwrap_or_else(|error| panic!("{to}: {error}"));
        }
    }
}

const ADDED_GO: &str = r#"// Command $NAME was added.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	run := func(*cobra.Command, []string) { fmt.Println("$NAME") }
	if err := (&cobra.Command{Use: "$NAME", Run: run}).Execute(); err != nil {
		os.Exit(1)
	}
}
"#;

const ADDED_MANIFEST: &str = r#"[package]
name = "$NAME"
version = "0.1.0"
edition = "2024"

[[bin]]
name = "$NAME"
path = "src/main.rs"

[dependencies]
clap.workspace = true
tokio.workspace = true
"#;

const ADDED_RUST: &str = r#"//! Was added.

#[derive(clap::Parser)]
struct Arguments {
    /// How long to wait
    seconds: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments = <Arguments as clap::Parser>::parse();
    tokio::time::sleep(std::time::Duration::from_secs(arguments.seconds)).await;
    println!("$NAME");
}
"#;
