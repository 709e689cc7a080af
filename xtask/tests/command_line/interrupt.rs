//! Ctrl-C while a build runs.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Docker, Repository};

/// A build that is under way, and what its processes have to say.
struct Building {
    repository: Repository,
    xtask: Child,
    /// Ends when no process of the build is left, since each holds the other end.
    build: BufReader<std::fs::File>,
}

impl Building {
    /// Starts a build whose bake runs this script, with a pipe to the test as descriptor 3. `$SLEEP` is what a process
    /// below it does: say that it has begun, and stay until it is told to end.
    fn start(script: &str) -> Self {
        let repository = Repository::with_services(&["worker"]);
        let docker = Docker::working(&repository);
        let pipe = repository.docker().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo starts");
        assert!(made.success());
        docker.answer(
            "buildx bake",
            &format!("exec 3>\"$FAKE_DOCKER/pipe\"\nSLEEP='echo begun >&3; exec sleep 600'\n{script}"),
        );
        let mut command = repository.xtask(&["images"]).into_command();
        let xtask = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        let build = BufReader::new(std::fs::File::open(pipe).expect("opens"));
        Self { repository, xtask, build }
    }

    fn hears(&mut self, line: &str) {
        let mut heard = String::new();
        self.build.read_line(&mut heard).expect("reads");
        assert_eq!(heard.trim_end(), line);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.xtask.id()).ok().and_then(Pid::from_raw).expect("is a process");
        kill_process(pid, signal).expect("is there");
    }

    /// Waits for the end of every process of the build, and of xtask. Returns the last words of both.
    fn ends(mut self) -> (String, String) {
        let mut words = String::new();
        self.build.read_to_string(&mut words).expect("reads");
        let output = self.xtask.wait_with_output().expect("ends");
        let stderr = String::from_utf8(output.stderr).expect("is UTF-8");
        assert_eq!(output.status.code(), Some(3), "{stderr}");
        assert!(stderr.contains("error: interrupted\nhint: no build is left running"), "{stderr}");
        assert!(output.stdout.is_empty());
        assert_eq!(self.repository.bakes().len(), 1);
        (words, stderr)
    }
}

#[test]
fn the_build_is_told_and_nothing_is_left_running() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        // The inner shell is a process that the builder's client started: it is to end too.
        let mut building = Building::start("trap 'echo told >&3; exit 130' INT\nsh -c \"$SLEEP\"\n");
        building.hears("begun");
        building.signal(signal);
        assert_eq!(building.ends().0, "told\n", "{signal:?}");
    }
}

#[test]
fn a_second_one_kills_a_build_that_does_not_end() {
    let mut building = Building::start("trap 'echo told >&3' INT\nwhile :; do sh -c \"$SLEEP\" || :; done\n");
    building.hears("begun");
    building.signal(Signal::INT);
    building.hears("told");
    building.signal(Signal::INT);
    building.ends();
}

#[test]
fn a_build_that_ends_well_all_the_same_is_not_pushed() {
    let mut building = Building::start("trap 'bake_succeeds; exit 0' INT\nsh -c \"$SLEEP\"\n");
    building.hears("begun");
    building.signal(Signal::INT);
    building.ends();
}
