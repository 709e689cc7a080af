//! What a person reads when a build failed.

use std::fmt::Write as _;
use std::time::Duration;

use super::progress::{BuildProgress, Failure, TargetState};

/// How much of a command is shown: the first lines of a script say what it is.
const COMMAND_CHARACTERS: usize = 300;

/// Names each service that failed, the command it failed at, and the end of that command's own log; or, where no service
/// is to blame, what buildx said.
///
/// The text has no final line end. `progress` is that of a bake which has ended without success.
pub fn failure_text(progress: &BuildProgress) -> String {
    let failures = progress.failures();
    let mut text = String::new();
    for failure in &failures {
        push_failure(&mut text, failure);
    }
    if failures.iter().all(|failure| failure.step.is_none()) {
        let lines: Vec<&str> = progress.plain_lines().collect();
        push_lines(&mut text, "buildx", &lines);
    }
    let targets = progress.targets(Duration::ZERO);
    let cancelled: Vec<&str> = targets
        .iter()
        .filter(|target| target.state == TargetState::Cancelled)
        .map(|target| target.name.as_str())
        .collect();
    if !cancelled.is_empty() {
        let _ = writeln!(text, "cancelled with it: {}", cancelled.join(", "));
    }
    text.truncate(text.trim_end().len());
    text
}

fn push_failure(text: &mut String, failure: &Failure) {
    let services = if failure.targets.is_empty() { "the build".to_owned() } else { failure.targets.join(", ") };
    let Some(step) = &failure.step else {
        let _ = writeln!(text, "{services} failed: {}", failure.error);
        return;
    };
    let place = step.place().map(|place| format!(" at {place}")).unwrap_or_default();
    let _ = writeln!(text, "{services} failed{place}");
    let _ = writeln!(text, "  {}", shortened(&step.short_command()));
    push_lines(text, "its log", &failure.log.iter().map(String::as_str).collect::<Vec<_>>());
    let _ = writeln!(text, "  {}", reason(&failure.error));
}

fn push_lines(text: &mut String, whose: &str, lines: &[&str]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "  {whose}:");
    for line in lines {
        text.push_str(format!("    {line}").trim_end());
        text.push('\n');
    }
}

/// The builder repeats the whole command in its error; what counts comes after.
fn reason(error: &str) -> &str {
    error.rsplit_once("\" did not complete successfully: ").map_or(error, |(_, reason)| reason)
}

fn shortened(command: &str) -> String {
    match command.char_indices().nth(COMMAND_CHARACTERS) {
        Some((end, _)) => format!("{}…", &command[..end]),
        None => command.to_owned(),
    }
}
