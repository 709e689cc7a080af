//! Progress as lines that stay, for logs and for whoever does not look at a terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use super::{TargetProgress, TargetState, has_ended, listed, outcome};

pub(super) struct Lines<'a> {
    writer: &'a mut (dyn Write + Send),
    color: bool,
    /// Target → what was already said of it. Two stages that run side by side take turns at being the current one.
    said: BTreeMap<String, BTreeSet<String>>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(writer: &'a mut (dyn Write + Send), color: bool) -> Self {
        Self { writer, color, said: BTreeMap::new() }
    }

    pub(super) fn forget(&mut self, targets: &[String]) {
        self.said.retain(|target, _| !targets.contains(target));
    }

    pub(super) fn print(&mut self, line: &str) {
        // A build is not worse for a log that nobody reads any more.
        let _ = writeln!(self.writer, "{line}");
    }

    pub(super) fn draw(&mut self, targets: &[TargetProgress]) {
        let mut activities: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let mut ends = Vec::new();
        for target in targets {
            let key = if has_ended(target.state) { String::new() } else { outcome(target) };
            if target.state == TargetState::Waiting || !self.is_news(&target.name, &key) {
                continue;
            }
            if key.is_empty() {
                ends.push(format!("{}: {}", target.name, self.painted(target)));
            } else {
                activities.entry(key).or_default().push(&target.name);
            }
        }
        for (activity, names) in activities {
            self.print(&format!("{}: {activity}", listed(&names)));
        }
        for end in ends {
            self.print(&end);
        }
    }

    /// Notes what is about to be said, unless it was said before or the end came already, which is the empty word.
    fn is_news(&mut self, target: &str, what: &str) -> bool {
        let said = self.said.entry(target.to_owned()).or_default();
        !said.contains("") && said.insert(what.to_owned())
    }

    fn painted(&self, target: &TargetProgress) -> String {
        let text = outcome(target);
        match (target.state, self.color) {
            (TargetState::Done, true) => format!("\u{1b}[32m{text}\u{1b}[0m"),
            (TargetState::Failed, true) => format!("\u{1b}[31m{text}\u{1b}[0m"),
            _ => text,
        }
    }
}
