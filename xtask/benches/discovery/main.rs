//! What discovery costs, side by side with `go list` and `cargo metadata`: medians of runs that take turns.
//!
//! `cargo bench --bench discovery` makes repositories of its own; after `--`:
//!
//! - `--services N` makes one of so many Go services; again for another size;
//! - `--repository DIR` measures on a checkout instead; again for another;
//! - `--runs N` takes the medians of so many runs;
//! - `--cold` empties the system's file cache before each run, which takes root.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

mod generate;
mod measure;
mod reading;
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use measure::{Job, medians};
use serde_json::Value;
use table::{Measured, print};

/// What Go has to be asked for to know the files of every build.
const FIELDS: &str = "-json=Dir,ImportPath,Name,Standard,DepOnly,GoFiles,CgoFiles,CFiles,CXXFiles,MFiles,HFiles,FFiles,\
                      SFiles,SwigFiles,SwigCXXFiles,SysoFiles,EmbedFiles,Imports,Module,Error";

/// What the command line asks for.
struct Request {
    services: Vec<usize>,
    repositories: Vec<Utf8PathBuf>,
    runs: usize,
    cold: bool,
}

impl Request {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Self {
        let mut request = Self { services: Vec::new(), repositories: Vec::new(), runs: 5, cold: false };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} takes a value"));
            match argument.as_str() {
                "--services" => request.services.push(value().parse().expect("--services takes a number")),
                "--repository" => request.repositories.push(value().into()),
                "--runs" => request.runs = value().parse().expect("--runs takes a number"),
                "--cold" => request.cold = true,
                // What cargo passes to every benchmark.
                "--bench" => {}
                other => panic!("unknown argument {other}; see the top of benches/discovery/main.rs"),
            }
        }
        if request.services.is_empty() && request.repositories.is_empty() {
            request.services = vec![100, 1000];
        }
        request
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|argument| argument == measure::ONE_RUN).is_some() {
        return measure::one_run(&arguments.collect::<Vec<_>>());
    }
    if arguments.next_if(|argument| argument == reading::READ_ALONE).is_some() {
        let mut path = || Utf8PathBuf::from(arguments.next().expect("a path"));
        return reading::read_alone(&path(), &path());
    }
    let request = Request::parse(arguments);
    let folder = target().join("bench");
    fs::create_dir_all(&folder).expect("creates");
    let everything = folder.join("everything.toml");
    let sources = folder.join("sources");
    let bench = Bench { xtask: build(&[]), optimised: build(&["--release"]), everything, sources, request: &request };
    // Go lists every main package, so the tool is to do that as well.
    fs::write(&bench.everything, "include = [\"**\"]\n").expect("writes");
    let mut all = Vec::new();
    for services in &request.services {
        let made = tempfile::tempdir_in(&folder).expect("a folder");
        let root = Utf8Path::from_path(made.path()).expect("a path in UTF-8");
        generate::repository(root, *services);
        all.push(bench.measure(&format!("{services} Go services"), root, Some(*services)));
    }
    for repository in &request.repositories {
        let root = repository.canonicalize_utf8().unwrap_or_else(|error| panic!("{repository}: {error}"));
        all.push(bench.measure(root.file_name().unwrap_or_default(), &root, None));
    }
    print(&all);
    let file = folder.join("discovery.json");
    fs::write(&file, serde_json::to_string_pretty(&all).expect("serialises") + "\n").expect("writes");
    println!("written to {file}");
}

struct Bench<'a> {
    /// As `cargo xtask` compiles it.
    xtask: Utf8PathBuf,
    optimised: Utf8PathBuf,
    everything: Utf8PathBuf,
    /// Lists the sources of the repository that is measured.
    sources: Utf8PathBuf,
    request: &'a Request,
}

impl Bench<'_> {
    fn measure(&self, name: &str, root: &Utf8Path, services: Option<usize>) -> Measured {
        let answer = self.inputs(root);
        let files = |service: &Value| service["files"].as_array().cloned().unwrap_or_default();
        let paths: Vec<Value> = answer.iter().flat_map(files).collect();
        let distinct: BTreeSet<&str> = paths.iter().filter_map(Value::as_str).collect();
        let sources: Vec<_> = distinct.iter().copied().filter(|path| reading::is_source(path)).collect();
        fs::write(&self.sources, sources.join("\n")).expect("writes");
        let jobs = self.jobs(root);
        let before_each = || {
            if self.request.cold {
                drop_caches()
            }
        };
        let runs = medians(&jobs, self.request.runs, before_each);
        Measured {
            repository: name.to_owned(),
            cold: self.request.cold,
            services: answer.len(),
            go_services: services,
            listed_files: paths.len(),
            distinct_files: distinct.len(),
            jobs: jobs.iter().map(|job| job.name).zip(runs).collect(),
        }
    }

    /// What the tool lists, of every service.
    fn inputs(&self, root: &Utf8Path) -> Vec<Value> {
        let output = Command::new(&self.xtask).args(self.arguments(root, "inputs")).output().expect("starts");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("no JSON of {root}: {error}"))
    }

    fn arguments(&self, root: &Utf8Path, command: &str) -> Vec<String> {
        let words = ["-C", root.as_str(), "--config", self.everything.as_str(), command, "--json"];
        words.map(str::to_owned).to_vec()
    }

    fn jobs(&self, root: &Utf8Path) -> Vec<Job> {
        let job = |name, folder: &Utf8Path, command| Job {
            name,
            folder: folder.to_owned(),
            command,
            environment: Vec::new(),
        };
        let own = |name, program: &Utf8Path, command| {
            job(name, root, [vec![program.to_string()], self.arguments(root, command)].concat())
        };
        let this = std::env::current_exe().expect("has a path").display().to_string();
        let reading = [&this, reading::READ_ALONE, root.as_str(), self.sources.as_str()].map(str::to_owned);
        let mut jobs = vec![
            own("inputs", &self.xtask, "inputs"),
            own("inputs, --release", &self.optimised, "inputs"),
            own("list", &self.xtask, "list"),
            job("reading alone", root, reading.to_vec()),
        ];
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        for folder in outermost(root, "go.mod") {
            let environment = [("CGO_ENABLED", "0"), ("GOFLAGS", ""), ("GOTOOLCHAIN", "local"), ("GOENV", "off")];
            jobs.push(Job {
                environment: environment.map(|(name, value)| (name, value.to_owned())).to_vec(),
                ..job("go list", &root.join(folder), words(&["go", "list", "-e", "-deps", FIELDS, "./..."]))
            });
        }
        for folder in outermost(root, "Cargo.toml") {
            let command = words(&["cargo", "metadata", "--no-deps", "--offline", "--format-version", "1"]);
            jobs.push(job("cargo metadata", &root.join(folder), command));
        }
        jobs
    }
}

/// The folders with a file of this name that lie in no other such folder.
fn outermost(root: &Utf8Path, name: &str) -> Vec<Utf8PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        if folder.join(name).is_file() {
            found.push(folder.strip_prefix(root).expect("is below").to_owned());
            continue;
        }
        for entry in folder.read_dir_utf8().expect("lists") {
            let entry = entry.expect("lists");
            let is_folder = entry.file_type().expect("has a type").is_dir();
            if is_folder && !entry.file_name().starts_with('.') && entry.file_name() != "node_modules" {
                waiting.push(entry.into_path());
            }
        }
    }
    found.sort();
    found
}

/// Builds the tool as `cargo xtask` does, not as a benchmark, with these words more; returns its path.
fn build(words: &[&str]) -> Utf8PathBuf {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["build", "--package", "xtask", "--bin", "xtask", "--message-format", "json"])
        .args(words)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(std::process::Stdio::inherit())
        .output()
        .expect("starts cargo");
    assert!(output.status.success(), "cargo build failed");
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let executables = messages.filter_map(|message| message.ok()?["executable"].as_str().map(Utf8PathBuf::from));
    executables.last().expect("cargo names the executable")
}

/// Cargo's target folder, in which this program is.
fn target() -> Utf8PathBuf {
    let own = Utf8PathBuf::from_path_buf(std::env::current_exe().expect("has a path")).expect("a path in UTF-8");
    own.ancestors().nth(3).expect("is in target/<profile>/deps").to_owned()
}

fn drop_caches() {
    let dropped = fs::write("/proc/sys/vm/drop_caches", "3");
    dropped.expect("--cold takes root, on Linux");
}
