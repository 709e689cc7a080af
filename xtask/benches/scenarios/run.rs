//! Runs of scenarios.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read as _;
use std::process::Stdio;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use camino::Utf8Path;

use crate::cache;
use crate::checkout::{Checkout, Language};
use crate::environment::Environment;
use crate::report::{self, Row};
use crate::resources::{self, MemoryWatch};
use crate::scenario::{BuilderKind, Change, Check, Images, Scenario};
use crate::steps::Steps;
use crate::subject::{Build, Subject};
use crate::testbed::{self, Builder};
use crate::workspace::{self, Workspace};

/// How often a build is timed where no number is asked for.
const WARM_REPEATS: usize = 3;
const COLD_REPEATS: usize = 1;

pub struct Run<'a> {
    environment: &'a Environment,
    workspace: &'a Workspace,
    warm: Option<Builder>,
    /// Of the last edit. No run has had it before.
    number: u64,
    /// Lines about memory and disk.
    resources: Vec<String>,
    /// The bytes that a subject's cache holds, and those that a runner pulled, by scenario.
    bytes: BTreeMap<(&'static str, Subject), (u64, u64)>,
    /// The steps of the last build of each scenario and subject.
    steps: BTreeMap<(&'static str, Subject), Steps>,
}

/// How a build went.
struct Built {
    seconds: f64,
    steps: Steps,
    /// The most memory that the program which was started had, with all that it started, in bytes.
    memory: u64,
}

impl<'a> Run<'a> {
    pub fn new(environment: &'a Environment, workspace: &'a Workspace) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("is after 1970");
        Self {
            environment,
            workspace,
            warm: None,
            number: now.as_secs() * 1000,
            resources: Vec::new(),
            bytes: BTreeMap::new(),
            steps: BTreeMap::new(),
        }
    }

    pub fn scenario(&mut self, scenario: &'static Scenario, repeats: Option<usize>) -> Row {
        eprintln!("{}: {}", scenario.name, scenario.title);
        let mut checkouts = BTreeMap::new();
        for subject in scenario.subjects {
            checkouts.insert(*subject, Checkout::new(self.environment, *subject, self.workspace));
        }
        for checkout in checkouts.values_mut() {
            self.mark(scenario, checkout);
            self.build_before(scenario, checkout);
        }
        let usual = if scenario.builder == BuilderKind::Warm { WARM_REPEATS } else { COLD_REPEATS };
        let mut row = Row { scenario, seconds: BTreeMap::new(), complaints: Vec::new() };
        for round in 0..repeats.unwrap_or(usual) {
            let mut order = scenario.subjects.to_vec();
            order.rotate_left(round % scenario.subjects.len());
            for subject in order {
                let checkout = checkouts.get_mut(&subject).expect("takes part");
                let built = self.round(scenario, round, checkout, &mut row.complaints);
                eprintln!("  {:12} {}", subject.name(), report::seconds(built.seconds));
                row.seconds.entry(subject).or_default().push(built.seconds);
                self.steps.insert((scenario.name, subject), built.steps);
            }
        }
        row
    }

    /// Another version gives all subjects the same binaries, and the later would find the images of the earlier.
    fn mark(&mut self, scenario: &Scenario, checkout: &mut Checkout) {
        let edits = &checkout.workspace.edits;
        let place = match scenario.change {
            Change::Bump(Language::Go) => edits.go_shared,
            Change::Bump(Language::Rust) => edits.rust_shared,
            _ => return,
        };
        self.number += 1;
        checkout.edit(&place, self.number);
    }

    /// What has been built before the first change, on the builder that all share.
    fn build_before(&mut self, scenario: &Scenario, checkout: &Checkout) {
        let cache = self.cache(checkout.subject);
        let cache = (scenario.builder == BuilderKind::Runner).then_some((cache.as_str(), true));
        if scenario.builder != BuilderKind::Empty {
            let builder = self.warm.get_or_insert_with(|| Builder::create("bench")).name.clone();
            self.build(scenario, "before", checkout, &builder, cache);
        }
    }

    fn round(
        &mut self,
        scenario: &'static Scenario,
        round: usize,
        checkout: &mut Checkout,
        complaints: &mut Vec<String>,
    ) -> Built {
        self.number += 1;
        let added = change(scenario.change, checkout, self.number, round);
        let log = round.to_string();
        if scenario.builder == BuilderKind::Warm {
            let builder = self.warm.as_ref().expect("was built on").name.clone();
            let built = self.build(scenario, &log, checkout, &builder, None);
            if checkout.subject == Subject::Ours
                && let Some(check) = scenario.check
            {
                complaints.extend(complaint(check, checkout, &built.steps, self.number, added.as_deref()));
            }
            return built;
        }
        let cache = self.cache(checkout.subject);
        let reads = (scenario.builder == BuilderKind::Runner).then_some((cache.as_str(), false));
        // What is left of an earlier run, which a new machine does not have.
        for folder in [checkout.root.join("target"), self.environment.go_caches(checkout.subject)] {
            if folder.exists() {
                fs::remove_dir_all(&folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
            }
        }
        let builder = Builder::create("bench-empty");
        let memory = resources::builder_process(&builder.name).map(MemoryWatch::start);
        let built = self.build(scenario, &log, checkout, &builder.name, reads);
        let memory = memory.map(MemoryWatch::peak);
        if scenario.builder == BuilderKind::Runner {
            let images = names(scenario.images, &checkout.workspace);
            let references: Vec<_> =
                images.iter().map(|image| checkout.subject.cache_reference(&cache, image)).collect();
            let held = cache::held_bytes(references.iter().map(String::as_str));
            self.bytes.insert((scenario.name, checkout.subject), (held, built.steps.pulled_bytes()));
        } else {
            self.note_resources(scenario, checkout.subject, &builder, memory, built.memory);
        }
        built
    }

    fn note_resources(
        &mut self,
        scenario: &Scenario,
        subject: Subject,
        builder: &Builder,
        memory: Option<u64>,
        own: u64,
    ) {
        let is_host = subject == Subject::Ko || scenario.native;
        let memory = if is_host { None } else { memory };
        let disk = if is_host {
            resources::folder_disk(&self.environment.go_caches(subject))
        } else {
            resources::builder_disk(&builder.name)
        };
        let memory = memory.map_or("-".to_owned(), megabytes);
        let line = format!("| `{}` | {} | {memory} | {} | {disk} |", scenario.name, subject.name(), megabytes(own));
        self.resources.push(line);
    }

    fn cache(&self, subject: Subject) -> String {
        format!("{}/bench/cache-{}", testbed::registry(), subject.name())
    }

    fn build(
        &self,
        scenario: &Scenario,
        round: &str,
        checkout: &Checkout,
        builder: &str,
        cache: Option<(&str, bool)>,
    ) -> Built {
        let subject = checkout.subject;
        let mut images = names(scenario.images, &checkout.workspace);
        if subject == Subject::Ko {
            images.retain(|image| checkout.workspace.go_names().contains(image));
        }
        let logs = self.environment.folder.join("logs");
        let stem = format!("{}-{}-{round}", scenario.name, subject.name());
        let (log, output) = (logs.join(format!("{stem}.jsonl")), logs.join(format!("{stem}.txt")));
        workspace::write(&log, "");
        fs::create_dir_all(checkout.root.join("target/layouts")).expect("creates");
        let Scenario { push, native, .. } = *scenario;
        let build = Build { root: &checkout.root, builder, images: &images, cache, push, native };
        let mut command = subject.command(self.environment, &build, &log);
        // The tool's own words go elsewhere than what docker writes, which it notes by itself.
        let written = if subject == Subject::Ours { &output } else { &log };
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(written).expect("creates"));

        let start = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let watch = (scenario.builder == BuilderKind::Empty).then(|| MemoryWatch::start(child.id()));
        let status = child.wait().expect("ends");
        let seconds = start.elapsed().as_secs_f64();
        assert!(status.success(), "{command:?} failed; see {written}");
        Built { seconds, steps: Steps::read(&log), memory: watch.map_or(0, MemoryWatch::peak) }
    }

    /// What is beside the table: resources, bytes, and the steps of the builds that missed a goal.
    pub fn notes(&self, rows: &[Row]) -> String {
        let mut text = String::new();
        if !self.resources.is_empty() {
            text.push_str("| cold | | builder's memory at most | own memory at most | disk |\n|---|---|---|---|---|\n");
            for line in &self.resources {
                let _ = writeln!(text, "{line}");
            }
            text.push('\n');
        }
        if !self.bytes.is_empty() {
            text.push_str("| registry's cache | | it holds | the runner pulled |\n|---|---|---|---|\n");
            for ((scenario, subject), (held, pulled)) in &self.bytes {
                let (held, pulled) = (megabytes(*held), megabytes(*pulled));
                let _ = writeln!(text, "| `{scenario}` | {} | {held} | {pulled} |", subject.name());
            }
            text.push('\n');
        }
        for row in rows {
            let missed: Vec<_> = row.goals(report::cold(rows)).into_iter().filter(|(_, met)| !met).collect();
            for complaint in &row.complaints {
                let _ = writeln!(text, "{}: {complaint}", row.scenario.name);
            }
            let best = row.peers().first().map(|(peer, _)| *peer);
            for subject in [Some(Subject::Ours), best].into_iter().flatten().filter(|_| !missed.is_empty()) {
                self.note_steps(row.scenario, subject, &mut text);
            }
        }
        text
    }

    fn note_steps(&self, scenario: &Scenario, subject: Subject, text: &mut String) {
        let Some(steps) = self.steps.get(&(scenario.name, subject)) else { return };
        let _ = writeln!(text, "{}, steps of {} (start, time):", scenario.name, subject.name());
        let start = steps.ran.first().map_or(0.0, |step| step.started);
        for step in &steps.ran {
            let _ = writeln!(text, "  {:6.2} {:6.2}  {}", step.started - start, step.seconds, step.short());
        }
    }
}

/// Changes a checkout. Returns the name of a service that was added.
fn change(change: Change, checkout: &mut Checkout, number: u64, round: usize) -> Option<String> {
    let edits = checkout.workspace.edits.clone();
    let places = match change {
        Change::Nothing => Vec::new(),
        Change::Record => {
            checkout.forget();
            Vec::new()
        }
        Change::Line(Language::Go) => vec![edits.go_line],
        Change::Line(Language::Rust) => vec![edits.rust_line],
        Change::Shared(Language::Go) => vec![edits.go_shared],
        Change::Shared(Language::Rust) => vec![edits.rust_shared],
        Change::Unread => edits.unread,
        Change::Version => edits.version.to_vec(),
        Change::NewService(language) => return Some(checkout.add_service(language, number)),
        Change::Bump(language) => {
            checkout.bump(language, round);
            Vec::new()
        }
    };
    for place in &places {
        checkout.edit(place, number);
    }
    None
}

fn names(images: Images, workspace: &Workspace) -> Vec<&str> {
    let (go, rust) = (workspace.edits.go_service, workspace.edits.rust_service);
    match images {
        Images::All => [workspace.go_names(), workspace.rust_names()].concat(),
        Images::AllOf(Language::Go) => workspace.go_names(),
        Images::AllOf(Language::Rust) => workspace.rust_names(),
        Images::OneOf(Language::Go) => vec![go],
        Images::OneOf(Language::Rust) => vec![rust],
        Images::OneOfEach => vec![go, rust],
    }
}

/// What is not as the check wants it.
fn complaint(check: Check, checkout: &Checkout, steps: &Steps, number: u64, added: Option<&str>) -> Option<String> {
    let compilations: Vec<_> = steps.compilations().map(|step| step.short()).collect();
    let crates = steps.crates();
    match check {
        Check::NothingCompiled if compilations.is_empty() => None,
        Check::NothingCompiled => Some(format!("ran {}", compilations.join("; "))),
        Check::Version => {
            let service = checkout.workspace.edits.versioned;
            let own = ["shared", service];
            if crates.iter().any(|name| !own.contains(name)) || compilations.len() != 1 {
                return Some(format!("ran {}, compiled {}", compilations.join("; "), crates.join(" ")));
            }
            let layout = checkout.root.join("target/images/layouts").join(service);
            let version = format!("0.2.{number}");
            (!last_layer(&layout).windows(version.len()).any(|bytes| bytes == version.as_bytes()))
                .then(|| format!("{version} is not in the image"))
        }
        Check::OnlyTheNew(_) => {
            let added = added.expect("a service was added");
            let is_alone = compilations.len() == 1 && steps.compilations().all(|step| step.name.contains(added));
            (!is_alone || crates.iter().any(|name| *name != added))
                .then(|| format!("ran {}, compiled {}", compilations.join("; "), crates.join(" ")))
        }
    }
}

/// The layer of an OCI layout that a service's binaries are in.
fn last_layer(layout: &Utf8Path) -> Vec<u8> {
    let blob =
        |digest: &serde_json::Value| layout.join("blobs").join(digest.as_str().expect("is a digest").replace(':', "/"));
    let document = |path: &Utf8Path| -> serde_json::Value {
        serde_json::from_str(&workspace::read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let index = document(&layout.join("index.json"));
    let manifest = document(&blob(&index["manifests"][0]["digest"]));
    let layers = manifest["layers"].as_array().expect("has layers");
    let path = blob(&layers.last().expect("has a layer")["digest"]);
    let mut bytes = Vec::new();
    let file = File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
    bytes
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", (bytes + 500_000) / 1_000_000)
}
