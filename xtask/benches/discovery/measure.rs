//! Running a program with what it takes of time and memory.

use std::process::{Command, Stdio};
use std::time::Instant;

use camino::Utf8PathBuf;
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// A program to measure.
#[derive(Debug, Clone)]
pub struct Job {
    pub name: &'static str,
    pub folder: Utf8PathBuf,
    pub command: Vec<String>,
    pub environment: Vec<(&'static str, String)>,
}

/// What one run took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Run {
    pub wall_seconds: f64,
    /// Of all processors, user and system.
    pub processor_seconds: f64,
    /// Of the largest process.
    pub peak_bytes: u64,
}

/// The argument by which this program measures another: what `getrusage` says is of all children so far, so that each
/// job has a parent of its own.
pub const ONE_RUN: &str = "--one-run";

/// Runs the command and prints what it took.
pub fn one_run(command: &[String]) {
    let start = Instant::now();
    let mut child = Command::new(&command[0]);
    let ended = child.args(&command[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let wall_seconds = start.elapsed().as_secs_f64();
    let status = ended.unwrap_or_else(|error| panic!("cannot start {}: {error}", command[0]));
    // A repository may hold what is refused; what can be read is told all the same.
    assert!(matches!(status.code(), Some(0..=2)), "{} ended with {status}", command.join(" "));
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel tells");
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let run = Run {
        wall_seconds,
        processor_seconds: seconds(usage.user_time()) + seconds(usage.system_time()),
        peak_bytes: usage.max_rss() as u64 * 1024,
    };
    println!("{}", serde_json::to_string(&run).expect("serialises"));
}

impl Job {
    fn run(&self) -> Run {
        let own = std::env::current_exe().expect("has a path");
        let mut command = Command::new(own);
        command.arg(ONE_RUN).args(&self.command).current_dir(&self.folder);
        command.env("PWD", &self.folder).envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = command.stderr(Stdio::inherit()).output().expect("starts itself");
        assert!(output.status.success(), "{} failed", self.name);
        serde_json::from_slice(&output.stdout).expect("prints JSON")
    }
}

/// Runs all jobs in turn, again and again, so that what slows the machine slows all; the first time does not count.
/// The medians are in the order of the jobs.
pub fn medians(jobs: &[Job], runs: usize, before_each: impl Fn()) -> Vec<Run> {
    let mut all: Vec<Vec<Run>> = vec![Vec::new(); jobs.len()];
    for round in 0..=runs {
        for (job, runs) in jobs.iter().zip(&mut all) {
            before_each();
            let run = job.run();
            if round > 0 {
                runs.push(run);
            }
        }
    }
    all.iter().map(|runs| median_of(runs)).collect()
}

fn median_of(runs: &[Run]) -> Run {
    let median = |value: &dyn Fn(&Run) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Run {
        wall_seconds: median(&|run| run.wall_seconds),
        processor_seconds: median(&|run| run.processor_seconds),
        peak_bytes: median(&|run| run.peak_bytes as f64) as u64,
    }
}
