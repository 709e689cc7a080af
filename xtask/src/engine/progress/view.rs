//! Questions that a build's progress answers.

use std::time::Duration;

use super::{BuildProgress, Failure, QUIET, TargetProgress, TargetState, Vertex};

/// What buildx says when it is the builder that is gone. A registry that is gone is not meant.
const LOST: [&str; 3] = ["Cannot connect to the Docker daemon", "error reading from server", "code = Unavailable"];

impl BuildProgress {
    /// How every target is doing, in the order in which they were named.
    pub fn targets(&self, now: Duration) -> Vec<TargetProgress> {
        (0..self.names.len()).map(|target| self.target(target, now)).collect()
    }

    /// The targets' names, in the order that was asked for.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The failures: the steps that failed in the order in which they began, then the targets that failed without one.
    pub fn failures(&self) -> Vec<Failure> {
        let mut failed: Vec<&Vertex> = self.vertices.iter().filter(|vertex| vertex.has_failed()).collect();
        failed.sort_by_key(|vertex| vertex.begun);
        let mut failures: Vec<Failure> = failed.into_iter().map(|vertex| self.failure(vertex)).collect();
        let Some((target, error)) = self.blamed() else { return failures };
        if !failures.iter().any(|failure| failure.targets.contains(&self.names[target])) {
            let targets = vec![self.names[target].clone()];
            failures.push(Failure { targets, step: None, error: error.to_owned(), log: Vec::new() });
        }
        failures
    }

    /// The lines that were not progress: what buildx itself has to say, an error above all.
    pub fn plain_lines(&self) -> impl Iterator<Item = &str> {
        self.plain.iter().map(String::as_str)
    }

    /// The builder's warnings, such as those of its checks of Dockerfiles, each with the address of its explanation.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn target(&self, target: usize, now: Duration) -> TargetProgress {
        let own = || self.vertices.iter().filter(|vertex| vertex.targets.contains(&target));
        // A base image is resolved, never built: the builder does not call it cached.
        let steps = || own().filter(|v| v.step.position.is_some() && !v.step.command.starts_with("FROM "));
        let state = self.state(target, now);
        let Some(started) = self.targets[target].started else {
            return TargetProgress { state, ..TargetProgress::waiting(&self.names[target]) };
        };
        let end = if state == TargetState::Running { now } else { self.targets[target].changed };
        TargetProgress {
            name: self.names[target].clone(),
            state,
            step: own().max_by_key(|vertex| shown(vertex)).map(|vertex| vertex.step.clone()),
            elapsed: end.saturating_sub(started),
            cached: steps().filter(|vertex| vertex.cached).count(),
            steps: steps().count(),
        }
    }

    pub(super) fn state(&self, target: usize, now: Duration) -> TargetState {
        let own = || self.vertices.iter().filter(|vertex| vertex.targets.contains(&target));
        let exported = own().any(|vertex| vertex.step.is_export() && vertex.completed && vertex.error.is_empty());
        let failed = own().any(Vertex::has_failed) || self.blamed().is_some_and(|(blamed, _)| blamed == target);
        let cancelled = own().any(Vertex::was_cancelled);
        let alone = self.names.len() == 1 && !cancelled;
        match self.finish {
            Some(true) => TargetState::Done,
            Some(false) if failed || alone => TargetState::Failed,
            Some(false) if exported => TargetState::Done,
            Some(false) => TargetState::Cancelled,
            None if failed => TargetState::Failed,
            // A builder also cancels what it finds out to be the same as another step.
            None if cancelled && self.vertices.iter().any(Vertex::has_failed) => TargetState::Cancelled,
            None if self.targets[target].started.is_none() => TargetState::Waiting,
            None if exported && !own().any(|vertex| vertex.running) && self.is_quiet(target, now) => TargetState::Done,
            None => TargetState::Running,
        }
    }

    fn is_quiet(&self, target: usize, now: Duration) -> bool {
        now.saturating_sub(self.targets[target].changed) >= QUIET
    }

    /// What buildx said last, where it lost its connection to the builder or never had one: no target's fault, although
    /// it may name one.
    pub fn lost_connection(&self) -> Option<&str> {
        let words = self.last_words().filter(|words| !words.contains("context canceled"))?;
        LOST.iter().any(|lost| words.contains(lost)).then_some(words)
    }

    fn last_words(&self) -> Option<&str> {
        self.plain.iter().rev().find_map(|line| line.strip_prefix("ERROR: "))
    }

    /// The target that buildx's last words name, and what it says of it.
    fn blamed(&self) -> Option<(usize, &str)> {
        let words = self.last_words()?;
        if words.contains("context canceled") || self.lost_connection().is_some() {
            return None;
        }
        let Some((name, error)) = words.strip_prefix("target ").and_then(|rest| rest.split_once(": ")) else {
            return (self.names.len() == 1).then_some((0, words));
        };
        Some((self.names.iter().position(|target| target == name)?, error))
    }

    fn failure(&self, vertex: &Vertex) -> Failure {
        Failure {
            targets: vertex.targets.iter().map(|target| self.names[*target].clone()).collect(),
            step: Some(vertex.step.clone()),
            error: vertex.error.clone(),
            log: vertex.log.tail(),
        }
    }
}

impl TargetProgress {
    fn waiting(name: &str) -> Self {
        let name = name.to_owned();
        Self { name, state: TargetState::Waiting, step: None, elapsed: Duration::ZERO, cached: 0, steps: 0 }
    }
}

/// Which of a target's vertices is shown is the greatest: what failed, else what runs, a Dockerfile's step before the builder's own,
/// and the latest of several.
fn shown(vertex: &Vertex) -> (bool, bool, bool, Option<usize>) {
    (vertex.has_failed(), vertex.running, vertex.running && vertex.step.position.is_some(), vertex.begun)
}
