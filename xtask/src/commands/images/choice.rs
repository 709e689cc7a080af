//! What builds the images: a builder that answers, or this machine's compilers.

use anyhow::Result;

use super::request;
use crate::cli::ImagesArguments;
use crate::commands::repository::Repository;
use crate::commands::state::State;
use crate::commands::{Console, environment};
use crate::engine::builder::{Asked, Builder, Question};
use crate::engine::{Engine, Outcome};
use crate::error::with_hint;
use crate::process::interrupted;

/// What a person may choose for a push where no builder answers.
const NATIVE_PUSH: &str = "--engine native pushes what this machine's compilers make; no push turns to them by itself";

/// A builder is asked for, unless one is remembered or none is wanted.
pub(super) struct Asking {
    choice: Choice,
    /// The option that only a builder understands.
    option: Option<&'static str>,
    remembered: Option<Builder>,
    asked: Option<Asked>,
}

/// How the builder was chosen.
pub(super) struct Choice {
    engine: Engine,
    question: Question,
    /// What docker would choose by; where it cannot be read, docker has its own words for that.
    key: Option<String>,
    is_remembered: bool,
}

impl Asking {
    pub(super) fn start(repository: &Repository, arguments: &ImagesArguments, state: &State) -> Result<Self> {
        let (engine, option) = request::engine(repository, arguments)?;
        let question = Question::new(arguments.builder.as_deref(), environment());
        let key = question.choice(&environment().collect()).ok().filter(|_| engine != Engine::Native);
        let remembered = key.as_deref().and_then(|key| state.builder(&question, key));
        let remembered = remembered.filter(|_| !arguments.dry_run);
        let asked = (engine != Engine::Native && remembered.is_none()).then(|| question.ask(false));
        let choice = Choice { engine, question, key, is_remembered: remembered.is_some() };
        Ok(Self { choice, option, remembered, asked })
    }

    /// The builder; none where this machine's compilers build.
    pub(super) fn answer(self, console: &mut Console) -> Result<(Choice, Option<Builder>)> {
        let Self { choice, option, remembered, asked } = self;
        let builder = match asked {
            Some(asked) => choice.answer(asked, console).map_err(|error| match option {
                Some("--push") => with_hint(&error, NATIVE_PUSH),
                _ => error,
            })?,
            None => remembered,
        };
        choice.say(option, builder.as_ref(), console);
        Ok((choice, builder))
    }
}

impl Choice {
    pub(super) fn question(&self) -> &Question {
        &self.question
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Whether a builder that was remembered may not answer any more.
    pub(super) fn may_be_gone(&self, outcome: &Outcome) -> bool {
        self.is_remembered && !outcome.failures.is_empty() && !interrupted()
    }

    pub(super) fn ask_again(&self, console: &mut Console) -> Result<Option<Builder>> {
        self.answer(self.question.ask(true), console)
    }

    pub(super) fn remember(&self, state: &mut State, builder: Option<&Builder>) {
        if let (Some(builder), Some(key)) = (builder, &self.key) {
            state.remember(&self.question, key, builder);
        }
    }

    /// The builder that answers; where none does, and the choice is this tool's, none.
    fn answer(&self, asked: Asked, console: &mut Console) -> Result<Option<Builder>> {
        let error = match asked.answer() {
            Ok(builder) => return Ok(Some(builder)),
            Err(error) => error,
        };
        if self.engine != Engine::Auto || interrupted() {
            return Err(error);
        }
        console.say(format_args!("engine: native, this machine's go and cargo, since no builder answers ({error:#})"));
        Ok(None)
    }

    /// Says why it is buildx that builds, where this tool chose it.
    fn say(&self, option: Option<&str>, builder: Option<&Builder>, console: &mut Console) {
        match (self.engine, option, builder) {
            (_, Some(option), Some(_)) => console.say(format_args!("engine: bake, which {option} wants")),
            (Engine::Auto, None, Some(builder)) => {
                let answers = if self.is_remembered { "answered before" } else { "answers" };
                console.say(format_args!("engine: bake, since the builder `{}` {answers}", builder.name));
            }
            _ => {}
        }
    }
}
