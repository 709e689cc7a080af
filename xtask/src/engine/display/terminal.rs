//! Progress as lines that change in place: one for each image that is being built, above them those that ended.

use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{TargetProgress, TargetState, duration_text, has_ended, mark, outcome};

/// No name is worth more of a line.
const NAME_WIDTH: usize = 30;

pub(super) struct Bars {
    multi: MultiProgress,
    color: bool,
    width: usize,
    /// Target → its line; none once it ended.
    lines: BTreeMap<String, Option<ProgressBar>>,
}

impl Bars {
    pub(super) fn new(target: ProgressDrawTarget, color: bool, targets: &[String]) -> Self {
        let width = targets.iter().map(|name| name.chars().count()).max().unwrap_or(0).min(NAME_WIDTH);
        Self { multi: MultiProgress::with_draw_target(target), color, width, lines: BTreeMap::new() }
    }

    pub(super) fn forget(&mut self, targets: &[String]) {
        self.lines.retain(|target, _| !targets.contains(target));
    }

    pub(super) fn print(&mut self, line: &str) {
        // A build is not worse for a terminal that went away.
        let _ = self.multi.println(line);
    }

    pub(super) fn draw(&mut self, targets: &[TargetProgress]) {
        for target in targets {
            if has_ended(target.state) {
                self.end(target);
            } else if target.state == TargetState::Running {
                self.show(target);
            }
        }
    }

    fn show(&mut self, target: &TargetProgress) {
        let line = self.lines.entry(target.name.clone()).or_insert_with(|| Some(add_line(&self.multi)));
        let Some(line) = line else { return };
        line.set_message(format!("{:width$}  {}", target.name, current(target), width = self.width));
        line.tick();
    }

    fn end(&mut self, target: &TargetProgress) {
        let before = self.lines.insert(target.name.clone(), None);
        if let Some(None) = before {
            return;
        }
        if let Some(Some(line)) = before {
            line.finish_and_clear();
            self.multi.remove(&line);
        }
        let mark = mark(target.state, self.color);
        self.print(&format!("{mark} {:width$}  {}", target.name, outcome(target), width = self.width));
    }
}

fn add_line(multi: &MultiProgress) -> ProgressBar {
    let line = multi.add(ProgressBar::new_spinner());
    // The template is a constant, which a test draws; the default would do as well.
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        line.set_style(style);
    }
    line
}

/// `go-deps 2/3  12.3s  4 cached`.
fn current(target: &TargetProgress) -> String {
    let mut text = String::new();
    if let Some(step) = &target.step {
        text.push_str(step.activity());
        if let Some((number, count)) = step.position {
            text.push_str(&format!(" {number}/{count}"));
        }
    }
    text.push_str(&format!("  {}", duration_text(target.elapsed)));
    if target.cached > 0 {
        text.push_str(&format!("  {} cached", target.cached));
    }
    text
}
