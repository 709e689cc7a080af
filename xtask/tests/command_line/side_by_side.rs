//! Two runs in one checkout at the same time, and runs that are killed.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Docker, Repository};

/// A repository whose first bake waits in its middle.
struct Bench {
    repository: Repository,
    docker: Docker,
}

impl Bench {
    fn new() -> Self {
        let repository = Repository::with_services(&["api", "worker"]);
        let docker = Docker::working(&repository);
        for pipe in ["begun", "go"] {
            let made = std::process::Command::new("mkfifo").arg(repository.docker().join(pipe)).status();
            assert!(made.expect("mkfifo starts").success());
        }
        docker.answer(
            "buildx bake",
            "if mkdir \"$FAKE_DOCKER/first\" 2>/dev/null; then echo >\"$FAKE_DOCKER/begun\"; read line <\"$FAKE_DOCKER/go\"; \
             fi\nbake_succeeds",
        );
        Self { repository, docker }
    }

    /// Starts a run, and returns when its bake is in its middle.
    fn start(&self, words: &[&str]) -> Child {
        let run = self.spawn(words);
        let mut begun = String::new();
        File::open(self.repository.docker().join("begun"))
            .and_then(|mut pipe| pipe.read_to_string(&mut begun))
            .expect("reads");
        run
    }

    fn spawn(&self, words: &[&str]) -> Child {
        let mut command = self.repository.xtask(words).into_command();
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
    }

    /// Lets the first bake go on.
    fn go_on(&self) {
        fs::write(self.repository.docker().join("go"), "\n").expect("writes");
    }

    /// The names of what is in the folder of runs.
    fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.repository.root.join("target/images")).expect("is there");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("reads").file_name().into_string().expect("is UTF-8")).collect();
        names.sort();
        names
    }
}

/// Reads what a run says up to this line.
fn hears(stderr: &mut BufReader<ChildStderr>, line: &str) {
    let mut said = String::new();
    while !said.ends_with(&format!("{line}\n")) {
        assert!(stderr.read_line(&mut said).expect("reads") > 0, "{said}");
    }
}

fn succeeds(run: Child) {
    let output = run.wait_with_output().expect("ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn two_runs_that_write_layouts_take_turns() {
    let bench = Bench::new();
    bench.docker.beside_the_engine();
    let first = bench.start(&["image", "api"]);
    let mut second = bench.spawn(&["image", "worker"]);
    let mut said = BufReader::new(second.stderr.take().expect("is piped"));
    hears(&mut said, "waiting for another run in this checkout");
    bench.go_on();
    succeeds(first);
    drop(std::io::copy(&mut said, &mut std::io::sink()));
    succeeds(second);
    assert_eq!(bench.repository.bakes().len(), 2);
    // What the first one measured is not lost.
    for name in ["api", "worker"] {
        bench.repository.xtask(&["sizes", "explain", name]).succeeds();
    }
    assert_eq!(
        bench.left(),
        [".gitignore", "inputs.json", "layouts", "lock", "measured.json", "measured.lock", "running.lock"]
    );
}

#[test]
fn a_run_that_waits_for_another_can_be_interrupted() {
    let bench = Bench::new();
    bench.docker.beside_the_engine();
    let first = bench.start(&["image", "api"]);
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut second = bench.spawn(&["image", "worker"]);
        let mut said = BufReader::new(second.stderr.take().expect("is piped"));
        hears(&mut said, "waiting for another run in this checkout");
        let pid = i32::try_from(second.id()).ok().and_then(Pid::from_raw).expect("is a process");
        kill_process(pid, signal).expect("is there");
        let mut rest = String::new();
        said.read_to_string(&mut rest).expect("reads");
        assert_eq!(second.wait().expect("ends").code(), Some(3), "{rest}");
        let interrupted =
            "error: interrupted\nhint: no build is left running; what was done so far need not be done again\n";
        assert_eq!(rest.trim_start(), interrupted, "{signal:?}");
    }
    bench.go_on();
    succeeds(first);
    assert_eq!(bench.repository.bakes().len(), 1);
}

#[test]
fn two_runs_on_the_engine_go_side_by_side_and_keep_what_both_measured() {
    let bench = Bench::new();
    let first = bench.start(&["image", "api"]);
    bench.repository.xtask(&["image", "worker"]).succeeds();
    assert!(bench.left().iter().any(|name| name.starts_with("contexts.")), "the other's are not removed");
    bench.go_on();
    succeeds(first);
    let again = bench.repository.xtask(&["images", "--json"]).succeeds().json();
    for image in again["images"].as_array().expect("is a list") {
        assert!(image["previous_bytes"].is_u64(), "{image}");
    }
}

#[test]
fn what_a_killed_run_leaves_the_next_one_removes() {
    let bench = Bench::new();
    bench.docker.beside_the_engine();
    let mut first = bench.start(&["images", "--output", "out"]);
    first.kill().expect("is there");
    first.wait().expect("ends");
    bench.go_on();
    let part = ".worker.4711.xtask-part";
    let root = &bench.repository.root;
    let leftovers = [
        format!("docker/{part}"),
        format!("target/images/{part}"),
        format!("target/images/layouts/worker/blobs/sha256/{part}"),
        "target/images/layouts/worker/ingest/1/data".to_owned(),
        format!("out/worker/blobs/sha256/{part}"),
        "out/worker/ingest/1/data".to_owned(),
        "target/images/load.4711.tar".to_owned(),
        "target/images/fetched.4711/index.json".to_owned(),
    ];
    leftovers.iter().for_each(|path| bench.repository.write(path, "half"));
    assert!(bench.left().iter().any(|name| name.starts_with("contexts.")));
    bench.repository.xtask(&["images"]).succeeds();
    for path in &leftovers {
        assert!(!root.join(path).exists(), "{path}");
    }
    assert_eq!(
        bench.left(),
        [".gitignore", "inputs.json", "layouts", "lock", "measured.json", "measured.lock", "running.lock"]
    );
    bench.repository.xtask(&["generate", "--check"]).succeeds();
}
