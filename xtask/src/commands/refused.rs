//! Services that cannot be planned, as commands tell of them.

use super::Console;
use crate::engine::BuildFailure;
use crate::error::ExitCode;
use crate::plan::Refusal;

/// What stops the services, each reason once: a line in one go.mod may stop hundreds of them.
pub(super) fn failures(refused: &[Refusal]) -> Vec<BuildFailure> {
    let mut reasons: Vec<(&Refusal, Vec<&str>)> = Vec::new();
    for refusal in refused {
        match reasons.iter_mut().find(|(first, _)| first.error == refusal.error) {
            Some((_, names)) => names.push(&refusal.name),
            None => reasons.push((refusal, vec![&refusal.name])),
        }
    }
    let failure = |(first, names): (&Refusal, Vec<&str>)| BuildFailure {
        text: format!("{}: {}", in_short(&names), first.error),
        hint: first.error.hints().to_owned(),
        names: names.into_iter().map(str::to_owned).collect(),
    };
    reasons.into_iter().map(failure).collect()
}

/// Says what stops the services.
pub(super) fn say(refused: &[Refusal], console: &mut Console) {
    for failure in failures(refused) {
        console.say(format_args!("error: {}\nhint: {}", failure.text, failure.hint));
    }
}

/// The exit code that the services end a command in; success where there are none.
pub(super) fn exit_code(refused: &[Refusal]) -> ExitCode {
    refused.iter().map(|refusal| refusal.error.code()).max().unwrap_or(ExitCode::Success)
}

/// Services by name, or the first of many.
pub(super) fn in_short(names: &[&str]) -> String {
    match names {
        [name] => format!("service {name}"),
        [first, second, third, rest @ ..] if rest.len() > 1 => {
            format!("services {first}, {second}, {third} and {} others", rest.len())
        }
        names => format!("services {}", names.join(", ")),
    }
}
