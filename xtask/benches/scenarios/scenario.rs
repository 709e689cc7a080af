//! The scenarios, their goals, and who takes part.

use crate::checkout::Language::{self, Go, Rust};
use crate::subject::Subject::{self, Bake, Chef, Ko, Mounts, MountsEach, Ours, Plain};

pub struct Scenario {
    pub name: &'static str,
    pub title: &'static str,
    pub builder: BuilderKind,
    pub images: Images,
    pub change: Change,
    pub subjects: &'static [Subject],
    pub goals: &'static [Goal],
    pub check: Option<Check>,
    pub push: bool,
    /// Whether this machine's compilers build ours, as they build ko's.
    pub native: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuilderKind {
    /// One for all, which has built everything before.
    Warm,
    /// A new one for each build.
    Empty,
    /// The same, with a registry's cache to read.
    Runner,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Images {
    All,
    AllOf(Language),
    /// The one that is edited.
    OneOf(Language),
    /// One of each language.
    OneOfEach,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Nothing,
    /// Nothing, but that our own record of it is lost.
    Record,
    Line(Language),
    Shared(Language),
    Unread,
    Version,
    NewService(Language),
    Bump(Language),
}

/// The time at most, as a part of another's.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    Best(f64),
    Of(Subject, f64),
    /// Of ours in the scenario `cold`.
    OfCold(f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    NothingCompiled,
    /// Only our own packages, and the version is in the binary.
    Version,
    /// Only the new service.
    OnlyTheNew(Language),
}

const COLD: Scenario = Scenario {
    name: "cold",
    title: "cold, all images",
    builder: BuilderKind::Empty,
    images: Images::All,
    change: Change::Nothing,
    subjects: &[Ours, Plain, Mounts, Chef],
    goals: &[Goal::Best(1.0)],
    check: None,
    push: false,
    native: false,
};

const WARM: Scenario =
    Scenario { name: "", title: "", builder: BuilderKind::Warm, images: Images::All, goals: &[], ..COLD };

const RUNNER: Scenario = Scenario {
    builder: BuilderKind::Runner,
    subjects: &[Ours, Plain, Chef],
    goals: &[Goal::OfCold(0.15), Goal::Of(Plain, 0.3), Goal::Of(Chef, 0.3)],
    ..COLD
};

const NATIVE: Scenario =
    Scenario { images: Images::AllOf(Go), subjects: &[Ours, Ko], goals: &[Goal::Of(Ko, 1.0)], native: true, ..WARM };

pub const SCENARIOS: [Scenario; 23] = [
    COLD,
    Scenario {
        name: "cold-one-go",
        title: "cold, one Go image",
        images: Images::OneOf(Go),
        subjects: &[Ours, Plain, Mounts, Ko],
        ..COLD
    },
    Scenario { name: "cold-one-rust", title: "cold, one Rust image", images: Images::OneOf(Rust), ..COLD },
    Scenario {
        name: "nothing",
        title: "nothing changed, all images",
        subjects: &[Ours, Bake, Ko],
        goals: &[Goal::Of(Bake, 1.3), Goal::Of(Ko, 0.3)],
        ..WARM
    },
    Scenario {
        name: "nothing-asked",
        title: "nothing changed and the builder is asked, all images",
        change: Change::Record,
        subjects: &[Ours, Bake, Ko],
        goals: &[Goal::Of(Bake, 1.3)],
        ..WARM
    },
    Scenario {
        name: "go-line",
        title: "one line in a Go service, its image",
        images: Images::OneOf(Go),
        change: Change::Line(Go),
        subjects: &[Ours, Ko, MountsEach, Mounts, Plain],
        goals: &[Goal::Of(Ko, 0.9), Goal::Of(Mounts, 1.0), Goal::Of(MountsEach, 1.0), Goal::Of(Plain, 0.1)],
        ..WARM
    },
    Scenario {
        name: "go-line-pushed",
        title: "the same, pushed",
        images: Images::OneOf(Go),
        change: Change::Line(Go),
        subjects: &[Ours, Ko, MountsEach],
        goals: &[Goal::Of(Ko, 0.9), Goal::Of(MountsEach, 1.0)],
        push: true,
        ..WARM
    },
    Scenario {
        name: "rust-line",
        title: "one line in a Rust service, its image",
        images: Images::OneOf(Rust),
        change: Change::Line(Rust),
        subjects: &[Ours, Mounts, Chef],
        goals: &[Goal::Of(Mounts, 1.0), Goal::Of(Chef, 0.5)],
        ..WARM
    },
    Scenario {
        name: "go-shared",
        title: "one line in a shared Go package, all Go images",
        images: Images::AllOf(Go),
        change: Change::Shared(Go),
        subjects: &[Ours, Ko, MountsEach, Mounts, Plain],
        goals: &[Goal::Best(1.0)],
        ..WARM
    },
    Scenario {
        name: "rust-shared",
        title: "one line in a shared crate, all Rust images",
        images: Images::AllOf(Rust),
        change: Change::Shared(Rust),
        subjects: &[Ours, Mounts, Chef],
        goals: &[Goal::Best(1.0)],
        ..WARM
    },
    Scenario {
        name: "unread",
        title: "tests, READMEs, other services, budgets; an image of each language",
        images: Images::OneOfEach,
        change: Change::Unread,
        subjects: &[Ours, Mounts],
        check: Some(Check::NothingCompiled),
        ..WARM
    },
    Scenario {
        name: "version",
        title: "a crate's version number, all Rust images",
        images: Images::AllOf(Rust),
        change: Change::Version,
        subjects: &[Ours, Mounts, Chef],
        check: Some(Check::Version),
        ..WARM
    },
    Scenario {
        name: "new-go",
        title: "a new Go service, all Go images",
        images: Images::AllOf(Go),
        change: Change::NewService(Go),
        subjects: &[Ours, Mounts, Ko],
        check: Some(Check::OnlyTheNew(Go)),
        ..WARM
    },
    Scenario {
        name: "new-rust",
        title: "a new Rust service, all Rust images",
        images: Images::AllOf(Rust),
        change: Change::NewService(Rust),
        subjects: &[Ours, Mounts, Chef],
        check: Some(Check::OnlyTheNew(Rust)),
        ..WARM
    },
    Scenario {
        name: "bump-go",
        title: "another version of a Go module, all Go images",
        images: Images::AllOf(Go),
        change: Change::Bump(Go),
        subjects: &[Ours, Mounts, Ko],
        goals: &[Goal::Of(Mounts, 1.0)],
        ..WARM
    },
    Scenario {
        name: "bump-rust",
        title: "another version of a crate, all Rust images",
        images: Images::AllOf(Rust),
        change: Change::Bump(Rust),
        subjects: &[Ours, Mounts, Chef],
        goals: &[Goal::Of(Mounts, 1.0)],
        ..WARM
    },
    Scenario {
        name: "runner-go",
        title: "empty builder with the registry's cache, one line in a Go service, all images",
        change: Change::Line(Go),
        ..RUNNER
    },
    Scenario {
        name: "runner-rust",
        title: "empty builder with the registry's cache, one line in a Rust service, all images",
        change: Change::Line(Rust),
        ..RUNNER
    },
    Scenario {
        name: "native-cold",
        title: "without Docker: cold, all Go images",
        builder: BuilderKind::Empty,
        ..NATIVE
    },
    Scenario {
        name: "native-nothing",
        title: "without Docker: nothing changed, all Go images",
        goals: &[Goal::Of(Ko, 0.2)],
        ..NATIVE
    },
    Scenario {
        name: "native-go-line",
        title: "without Docker: one line in a Go service, its image",
        images: Images::OneOf(Go),
        change: Change::Line(Go),
        ..NATIVE
    },
    Scenario {
        name: "native-go-line-pushed",
        title: "the same, pushed",
        images: Images::OneOf(Go),
        change: Change::Line(Go),
        push: true,
        ..NATIVE
    },
    Scenario {
        name: "native-go-shared",
        title: "without Docker: one line in a shared Go package, all Go images",
        change: Change::Shared(Go),
        ..NATIVE
    },
];

impl Check {
    pub fn words(self) -> &'static str {
        match self {
            Self::NothingCompiled => "nothing compiled",
            Self::Version => "only packages with it compiled, and it is in the binary",
            Self::OnlyTheNew(_) => "only the new one compiled",
        }
    }
}
