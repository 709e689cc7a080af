//! How far a `docker buildx bake` is, from the lines of its `--progress rawjson`.
//!
//! Nothing here reads a clock or a stream: a line comes with the time since the build began, and the same lines give the
//! same progress. buildx reports a step that several targets share once for each of them, under each one's name, and a step names
//! its inputs; a target is taken to depend on all that either way leads to.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

mod log;
mod message;
mod stages;
mod step;
mod view;

pub use stages::{StageProgress, Stages};
pub use step::Step;

use log::Log;
use message::{SolveStatus, VertexLog, decode_base64};

/// How many lines of each step's log are kept.
pub const LOG_LINES: usize = 30;

/// How many of the lines are kept that are not progress but buildx's own words.
const PLAIN_LINES: usize = 200;

/// How long a target that was exported must be quiet to count as done: a cache export may follow.
const QUIET: Duration = Duration::from_millis(300);

/// The progress of one bake.
#[derive(Debug)]
pub struct BuildProgress {
    names: Vec<String>,
    targets: Vec<Target>,
    vertices: Vec<Vertex>,
    /// Digest → index in `vertices`; never iterated, so its order does not matter.
    by_digest: HashMap<String, usize>,
    /// How many vertices have begun.
    begun: usize,
    plain: VecDeque<String>,
    warnings: Vec<String>,
    /// Whether the bake succeeded, once it ended.
    finish: Option<bool>,
}

/// How one target is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetProgress {
    /// The target's name in the bake file.
    pub name: String,
    /// What it is at.
    pub state: TargetState,
    /// The step that runs, or that ran last.
    pub step: Option<Step>,
    /// From its first step to now, or to its end.
    pub elapsed: Duration,
    /// How many of `steps` came from the cache.
    pub cached: usize,
    /// How many steps of Dockerfiles it has been seen to depend on.
    pub steps: usize,
}

/// The states of a target. The last three are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetState {
    /// No step has begun.
    Waiting,
    /// A step runs, or the next has not begun.
    Running,
    /// The image is built.
    Done,
    /// A step that it depends on failed.
    Failed,
    /// It was given up because another target failed, or the build was interrupted.
    Cancelled,
}

/// What failed, with all the targets that fail because of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The targets that depend on the step, in the order that was asked for.
    pub targets: Vec<String>,
    /// The step; none where buildx blames a target but no step, as for a Dockerfile that is missing or does not parse.
    pub step: Option<Step>,
    /// The builder's words.
    pub error: String,
    /// The end of the step's own log, at most [`LOG_LINES`].
    pub log: Vec<String>,
}

/// A line that a step wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The first target that depends on the step, unless none is known.
    pub target: Option<String>,
    /// The step.
    pub step: Step,
    /// The line, without control characters.
    pub text: String,
}

#[derive(Debug, Default)]
struct Target {
    started: Option<Duration>,
    changed: Duration,
}

#[derive(Debug, Default)]
struct Vertex {
    step: Step,
    targets: BTreeSet<usize>,
    inputs: Vec<usize>,
    /// When it began, as a position among all that began.
    begun: Option<usize>,
    running: bool,
    /// Since when it runs.
    since: Option<Duration>,
    /// How long it ran so far, up to when it last stopped.
    took: Duration,
    completed: bool,
    cached: bool,
    error: String,
    log: Log,
}

impl Vertex {
    fn was_cancelled(&self) -> bool {
        // The builder wraps it in what the killed process said and in what the connection said.
        self.error.contains("context canceled")
    }

    fn has_failed(&self) -> bool {
        !self.error.is_empty() && !self.was_cancelled() && !self.step.may_fail()
    }
}

impl BuildProgress {
    /// The progress of a bake of these targets, before its first line.
    ///
    /// All the targets of the bake have to be named: it is with several that buildx puts them into the names of steps.
    pub fn new(targets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names: Vec<String> = targets.into_iter().map(Into::into).collect();
        Self {
            targets: names.iter().map(|_| Target::default()).collect(),
            names,
            vertices: Vec::new(),
            by_digest: HashMap::new(),
            begun: 0,
            plain: VecDeque::new(),
            warnings: Vec::new(),
            finish: None,
        }
    }

    /// Takes a line of the builder's standard error, `now` after the start. Returns the lines that steps wrote.
    pub fn feed(&mut self, line: &str, now: Duration) -> Vec<LogLine> {
        let Some(status) = SolveStatus::parse(line) else {
            self.keep_plain(line);
            return Vec::new();
        };
        for vertex in status.vertexes {
            self.update_vertex(vertex, now);
        }
        for warning in status.warnings {
            let text = decode_base64(&warning.short.unwrap_or_default());
            let text = format!("{} {}", String::from_utf8_lossy(&text), warning.url).trim_end().to_owned();
            // A warning comes once for each target that shares the step.
            if !text.is_empty() && !self.warnings.contains(&text) {
                self.warnings.push(text);
            }
        }
        status.logs.into_iter().flat_map(|log| self.keep_log(log)).collect()
    }

    /// Takes the end of the bake, and whether it succeeded.
    pub fn finish(&mut self, success: bool, now: Duration) {
        for index in 0..self.names.len() {
            if matches!(self.state(index, now), TargetState::Running) {
                self.targets[index].changed = now;
            }
        }
        self.finish = Some(success);
    }

    fn keep_plain(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        if self.plain.len() == PLAIN_LINES {
            self.plain.pop_front();
        }
        self.plain.push_back(line.trim_end().to_owned());
    }

    fn keep_log(&mut self, log: VertexLog) -> Vec<LogLine> {
        let index = self.vertex_index(&log.vertex);
        let vertex = &mut self.vertices[index];
        let lines = vertex.log.push(log.stream, &decode_base64(&log.data.unwrap_or_default()));
        let target = vertex.targets.first().map(|target| &self.names[*target]);
        lines.into_iter().map(|text| LogLine { target: target.cloned(), step: vertex.step.clone(), text }).collect()
    }

    fn update_vertex(&mut self, update: message::Vertex, now: Duration) {
        let several: &[String] = if self.names.len() > 1 { &self.names } else { &[] };
        let (named, step) = Step::parse(&update.name, several);
        if step.is_afterwards() {
            return;
        }
        let index = self.vertex_index(&update.digest);
        let inputs: Vec<usize> = update.inputs.iter().map(|input| self.vertex_index(input)).collect();

        let vertex = &mut self.vertices[index];
        vertex.step = step;
        vertex.inputs = inputs;
        if update.started.is_some() && vertex.begun.is_none() {
            vertex.begun = Some(self.begun);
            self.begun += 1;
        }
        // A step may stop and go on: it first looks for itself in the cache, or is reported anew by another target.
        vertex.running = update.started.is_some() && update.completed.is_none();
        if let Some(since) = vertex.since.take() {
            vertex.took += now.saturating_sub(since);
        }
        vertex.since = vertex.running.then_some(now);
        vertex.completed = update.completed.is_some();
        vertex.cached |= update.cached;
        vertex.error = update.error;

        let own = if self.names.len() == 1 { Some(0) } else { named };
        let known: Vec<usize> = self.vertices[index].targets.iter().copied().collect();
        for target in known.into_iter().chain(own) {
            self.attribute(index, target);
        }
        if update.started.is_some() {
            for target in self.vertices[index].targets.iter() {
                let target = &mut self.targets[*target];
                target.started.get_or_insert(now);
                target.changed = now;
            }
        }
    }

    /// Records that a target depends on a vertex, and so on all that leads to it.
    fn attribute(&mut self, vertex: usize, target: usize) {
        let mut pending = vec![vertex];
        self.vertices[vertex].targets.insert(target);
        while let Some(index) = pending.pop() {
            for input in self.vertices[index].inputs.clone() {
                if self.vertices[input].targets.insert(target) {
                    pending.push(input);
                }
            }
        }
    }

    fn vertex_index(&mut self, digest: &str) -> usize {
        if let Some(index) = self.by_digest.get(digest) {
            return *index;
        }
        self.vertices.push(Vertex::default());
        self.by_digest.insert(digest.to_owned(), self.vertices.len() - 1);
        self.vertices.len() - 1
    }
}

#[cfg(test)]
mod tests;
