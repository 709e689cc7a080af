//! What became of the stages of Dockerfiles.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{BuildProgress, Vertex};

/// What became of one stage that an image depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageProgress {
    /// How many steps it has, the image that it begins from aside.
    pub steps: usize,
    /// How many of them ran; the others came from the cache.
    pub ran: usize,
    /// How long those that ran took together, as seen from here.
    pub took: Duration,
    /// The image that it begins from with its digest, where the builder names that.
    pub base: Option<String>,
}

/// The stages that an image depends on, by their names.
pub type Stages = BTreeMap<String, StageProgress>;

impl BuildProgress {
    /// The stages of each target, by the target's name. Steps without a stage are the builder's own.
    pub fn stages(&self) -> BTreeMap<String, Stages> {
        let mut all: BTreeMap<String, Stages> = BTreeMap::new();
        for vertex in self.vertices.iter().filter(|vertex| vertex.step.position.is_some()) {
            for target in &vertex.targets {
                let stages = all.entry(self.names[*target].clone()).or_default();
                stages.entry(vertex.step.stage.clone()).or_default().add(vertex);
            }
        }
        all
    }
}

impl StageProgress {
    fn add(&mut self, vertex: &Vertex) {
        if let Some(image) = vertex.step.command.strip_prefix("FROM ") {
            self.base = self.base.take().or_else(|| image.contains('@').then(|| image.to_owned()));
            return;
        }
        self.steps += 1;
        if vertex.completed && !vertex.cached && !vertex.was_cancelled() {
            self.ran += 1;
            self.took += vertex.took;
        }
    }

    /// Adds what a later bake says of the same stage: what has run before comes from the cache then.
    pub fn extend(&mut self, later: Self) {
        self.steps = self.steps.max(later.steps);
        self.ran = (self.ran + later.ran).min(self.steps);
        self.took += later.took;
        self.base = later.base.or(self.base.take());
    }
}
