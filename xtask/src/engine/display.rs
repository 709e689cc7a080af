//! Shows the progress of builds while they run: one line for each image on a terminal, else a line for each change.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use std::time::Instant;
//! use xshell::{Shell, cmd};
//! use xtask::engine::display::{Display, Options, Output};
//! use xtask::engine::{failure::failure_text, progress::BuildProgress};
//! use xtask::error::Error;
//! use xtask::process::{Command, Event};
//!
//! let sh = Shell::new()?;
//! let targets = ["api".to_owned(), "worker".to_owned()];
//! let mut stderr = std::io::stderr();
//! let mut display = Display::new(Output::Plain(&mut stderr), Options::default(), &targets);
//! let mut progress = BuildProgress::new(&targets);
//! let start = Instant::now();
//! let bake = Command::from(cmd!(sh, "docker buildx bake --progress rawjson {targets...}"));
//! let status = bake.stream(&mut |event| {
//!     if let Event::Stderr(line) = event {
//!         display.log(&progress.feed(line, start.elapsed()));
//!     }
//!     display.update(&progress, start.elapsed());
//! })?;
//! progress.finish(status.success(), start.elapsed());
//! display.finish(&progress, start.elapsed());
//! if !status.success() {
//!     return Err(Error::failure(failure_text(&progress)).into());
//! }
//! # Ok(()) }
//! ```

use std::io::Write;
use std::time::Duration;

use indicatif::ProgressDrawTarget;

use super::progress::{BuildProgress, LogLine, TargetProgress, TargetState};

mod plain;
mod terminal;

use plain::Lines;
use terminal::Bars;

/// How often what is shown may change. A fast step is over before anyone could read its name.
const REDRAW: Duration = Duration::from_millis(50);

/// Where progress is shown.
pub enum Output<'a> {
    /// Somewhere that keeps what is written, such as a log: whole lines and no cursor movements.
    Plain(&'a mut (dyn Write + Send)),
    /// A terminal.
    Terminal(ProgressDrawTarget),
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Whether to use colours. It is for the caller to respect `NO_COLOR`.
    pub color: bool,
    /// Whether to show what the steps write.
    pub verbose: bool,
}

/// Shows one or several bakes, each of which has its own [`BuildProgress`].
pub struct Display<'a> {
    look: Look<'a>,
    verbose: bool,
    drawn: Option<Duration>,
}

enum Look<'a> {
    Plain(Lines<'a>),
    Terminal(Bars),
}

impl<'a> Display<'a> {
    /// A display for these targets, which align under each other.
    pub fn new(output: Output<'a>, options: Options, targets: &[String]) -> Self {
        let look = match output {
            Output::Plain(writer) => Look::Plain(Lines::new(writer, options.color)),
            Output::Terminal(target) => Look::Terminal(Bars::new(target, options.color, targets)),
        };
        Self { look, verbose: options.verbose, drawn: None }
    }

    /// Expects these targets to begin, although an earlier bake of them may have ended: another's failure cancelled it.
    pub fn begin(&mut self, targets: &[String]) {
        match &mut self.look {
            Look::Plain(lines) => lines.forget(targets),
            Look::Terminal(bars) => bars.forget(targets),
        }
    }

    /// Shows what steps wrote, if it was asked for.
    pub fn log(&mut self, lines: &[LogLine]) {
        if !self.verbose {
            return;
        }
        for line in lines {
            let target = line.target.as_deref().unwrap_or("build");
            self.print(&format!("{target} {} | {}", line.step.activity(), line.text));
        }
    }

    /// Shows what has changed. Cheap enough for every line and every tick.
    pub fn update(&mut self, progress: &BuildProgress, now: Duration) {
        if self.drawn.is_some_and(|drawn| now.saturating_sub(drawn) < REDRAW) {
            return;
        }
        self.drawn = Some(now);
        self.draw(progress, now);
    }

    /// Shows the end of a bake.
    pub fn finish(&mut self, progress: &BuildProgress, now: Duration) {
        self.draw(progress, now);
    }

    fn draw(&mut self, progress: &BuildProgress, now: Duration) {
        let targets = progress.targets(now);
        match &mut self.look {
            Look::Plain(lines) => lines.draw(&targets),
            Look::Terminal(bars) => bars.draw(&targets),
        }
    }

    fn print(&mut self, line: &str) {
        match &mut self.look {
            Look::Plain(lines) => lines.print(line),
            Look::Terminal(bars) => bars.print(line),
        }
    }
}

/// `0.2s`, `12.3s`, `1m05s`, `1h02m`.
pub fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds}.{}s", duration.subsec_millis() / 100),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// How many targets a line names that says the same of all of them.
const NAMES: usize = 6;

/// The names, cut where there are many.
pub(crate) fn listed(names: &[impl AsRef<str>]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMES).map(AsRef::as_ref).collect();
    let rest = names.len() - shown.len();
    let shown = shown.join(", ");
    if rest == 0 { shown } else { format!("{shown} and {rest} more") }
}

/// Whether a target has come to its end.
fn has_ended(state: TargetState) -> bool {
    matches!(state, TargetState::Done | TargetState::Failed | TargetState::Cancelled)
}

/// `done in 3.2s (7 of 8 steps cached)`, `failed at go-deps after 3.2s`.
fn outcome(target: &TargetProgress) -> String {
    let elapsed = duration_text(target.elapsed);
    let activity = target.step.as_ref().map_or("the start", |step| step.activity());
    match target.state {
        TargetState::Done if target.steps == 0 => format!("done in {elapsed}"),
        TargetState::Done if target.cached == target.steps => format!("done in {elapsed} (all cached)"),
        TargetState::Done => format!("done in {elapsed} ({} of {} steps cached)", target.cached, target.steps),
        TargetState::Failed => format!("failed at {activity} after {elapsed}"),
        TargetState::Cancelled if target.step.is_none() => "not built".to_owned(),
        TargetState::Cancelled => format!("cancelled after {elapsed}"),
        TargetState::Waiting | TargetState::Running => format!("{activity} running"),
    }
}

/// `✓`, `✗` or `-`, coloured where colours are wanted.
fn mark(state: TargetState, color: bool) -> &'static str {
    match (state, color) {
        (TargetState::Done, true) => "\u{1b}[32m✓\u{1b}[0m",
        (TargetState::Done, false) => "✓",
        (TargetState::Failed, true) => "\u{1b}[31m✗\u{1b}[0m",
        (TargetState::Failed, false) => "✗",
        _ => "-",
    }
}
