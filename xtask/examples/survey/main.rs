//! What becomes of other people's repositories: which services are found, selected and planned, which are refused and
//! why, and whether Go or Cargo refuses the same. `cargo run --example survey -- [--json FILE] DIR…`
//!
//! It is no test, since it needs checkouts, and Go and Cargo may fetch what these require. No code of a checkout is run,
//! and nothing in it is changed.
#![expect(clippy::print_stdout, reason = "it prints what it found")]

mod class;
mod look;
mod oracle;
mod table;
mod verdict;

use std::process::{Command, ExitCode};

use camino::{Utf8Path, Utf8PathBuf};
use table::{Rates, Table};
use verdict::{Document, Refusal, Repository};

/// The argument by which this program looks at one checkout in a process of its own, whose memory is then that of this
/// checkout alone. What crashes there ends no survey.
const ONE_CHECKOUT: &str = "--one-checkout";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, folder] = arguments.as_slice()
        && mode == ONE_CHECKOUT
    {
        println!("{}", serde_json::to_string(&look::look(Utf8Path::new(folder))).expect("serialises"));
        return ExitCode::SUCCESS;
    }
    let mut json = None;
    if let Some(at) = arguments.iter().position(|argument| argument == "--json") {
        json = arguments.drain(at..(at + 2).min(arguments.len())).nth(1);
    }
    if arguments.is_empty() || arguments.iter().any(|argument| argument.starts_with('-')) {
        println!("usage: cargo run --example survey -- [--json FILE] DIR…");
        return ExitCode::from(2);
    }
    let table = Table::of(arguments.iter().map(|folder| name(folder)));
    println!("{}", table.header());
    let mut repositories = Vec::new();
    for folder in &arguments {
        let root = Utf8PathBuf::from(folder).canonicalize_utf8().unwrap_or_else(|error| panic!("{folder}: {error}"));
        let repository = look_apart(&root);
        println!("{}", table.row(&repository));
        repositories.push(repository);
    }
    let rates = Rates::of(&repositories);
    println!("{}\n\n{rates}", table.totals(&repositories));
    if let Some(file) = json {
        let document = Document { rates, repositories };
        let text = serde_json::to_string_pretty(&document).expect("serialises") + "\n";
        std::fs::write(&file, text).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    ExitCode::SUCCESS
}

/// Looks at a checkout in a process of its own.
fn look_apart(root: &Utf8Path) -> Repository {
    let own = std::env::current_exe().expect("has a path");
    let output = Command::new(own).args([ONE_CHECKOUT, root.as_str()]).output().expect("starts itself");
    let found = serde_json::from_slice(&output.stdout).ok().filter(|_| output.status.success());
    let mut repository: Repository = found.unwrap_or_else(|| {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let text = format!("{}: {}", output.status, stderr.trim());
        Repository {
            whole: Some(Refusal { class: "crash".to_owned(), text, ..Refusal::default() }),
            ..Repository::default()
        }
    });
    repository.name = name(root.as_str()).to_owned();
    repository.commit = git(root, &["rev-parse", "HEAD"]).map(|commit| commit.trim().to_owned());
    repository.find_what_it_lacks(lacks(root));
    repository
}

fn name(folder: &str) -> &str {
    Utf8Path::new(folder).file_name().unwrap_or(folder)
}

/// What git has of a checkout and the disk does not.
fn lacks(root: &Utf8Path) -> Vec<String> {
    let deleted = git(root, &["ls-files", "--deleted"]).unwrap_or_default();
    let staged = git(root, &["ls-files", "--stage"]).unwrap_or_default();
    // A submodule has this mode; where it was not fetched, its folder is empty or not there.
    let submodules =
        staged.lines().filter(|line| line.starts_with("160000 ")).filter_map(|line| line.split('\t').nth(1));
    let is_empty =
        |folder: &&str| root.join(folder).read_dir_utf8().map_or(true, |mut entries| entries.next().is_none());
    deleted.lines().chain(submodules.filter(is_empty)).map(str::to_owned).collect()
}

fn git(root: &Utf8Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(["-C", root.as_str()]).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
