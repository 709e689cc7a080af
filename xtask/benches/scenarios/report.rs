//! The table, and the file for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::scenario::{Goal, Scenario};
use crate::subject::Subject;

/// What was measured of a scenario.
pub struct Row {
    pub scenario: &'static Scenario,
    pub seconds: BTreeMap<Subject, Vec<f64>>,
    /// What a check did not find as it should be; empty where all is well.
    pub complaints: Vec<String>,
}

impl Row {
    pub fn median(&self, subject: Subject) -> Option<f64> {
        let mut seconds = self.seconds.get(&subject)?.clone();
        seconds.sort_by(f64::total_cmp);
        let middle = seconds.len() / 2;
        let last = *seconds.get(middle)?;
        Some(if seconds.len() % 2 == 0 { f64::midpoint(seconds[middle - 1], last) } else { last })
    }

    fn ours(&self) -> f64 {
        self.median(Subject::Ours).expect("ours takes part in every scenario")
    }

    /// The peers, the fastest first.
    pub fn peers(&self) -> Vec<(Subject, f64)> {
        let peers = self.seconds.keys().filter(|subject| **subject != Subject::Ours);
        let mut peers: Vec<_> = peers.filter_map(|subject| Some((*subject, self.median(*subject)?))).collect();
        peers.sort_by(|a, b| a.1.total_cmp(&b.1));
        peers
    }

    /// Each goal in words, and whether it is met, if what it is compared with was measured.
    pub fn goals(&self, cold: Option<f64>) -> Vec<(String, bool)> {
        let goals = self.scenario.goals.iter().filter_map(|goal| {
            let (name, most, other) = match goal {
                Goal::Best(most) => ("best peer".to_owned(), most, Some(self.peers().first()?.1)),
                Goal::Of(peer, most) => (peer.name().to_owned(), most, self.median(*peer)),
                Goal::OfCold(most) => ("cold".to_owned(), most, cold),
            };
            Some((format!("≤ {most} × {name}"), self.ours() <= most * other?))
        });
        let check = self.scenario.check.map(|check| (check.words().to_owned(), self.complaints.is_empty()));
        goals.chain(check).collect()
    }
}

/// The rows as a table in Markdown.
pub fn table(rows: &[Row]) -> String {
    let cold = cold(rows);
    let mut text =
        String::from("| scenario | ours | peers, and ours as a part of theirs | goals | |\n|---|---|---|---|---|\n");
    for row in rows {
        let peers = row
            .peers()
            .into_iter()
            .map(|(peer, median)| format!("{} {} ({:.2})", peer.name(), seconds(median), row.ours() / median));
        let goals = row.goals(cold);
        let missed: Vec<_> = goals.iter().filter(|(_, met)| !met).map(|(words, _)| words.as_str()).collect();
        let verdict = match (goals.is_empty(), missed.is_empty()) {
            (true, _) => "no goal".to_owned(),
            (_, true) => "met".to_owned(),
            (_, false) => format!("**missed: {}**", missed.join(", ")),
        };
        let words: Vec<_> = goals.iter().map(|(words, _)| words.as_str()).collect();
        let peers = peers.collect::<Vec<_>>().join(", ");
        let _ = writeln!(
            text,
            "| `{}` {} | {} | {peers} | {} | {verdict} |",
            row.scenario.name,
            row.scenario.title,
            seconds(row.ours()),
            words.join(", ")
        );
    }
    text
}

/// The median of ours in the scenario `cold`.
pub fn cold(rows: &[Row]) -> Option<f64> {
    rows.iter().find(|row| row.scenario.name == "cold").map(Row::ours)
}

/// `[{"scenario", "ours_s", "peers": {NAME: seconds}}]`.
pub fn json(rows: &[Row]) -> Value {
    let rows = rows.iter().map(|row| {
        let peers: BTreeMap<_, _> =
            row.peers().into_iter().map(|(peer, median)| (peer.name(), round(median))).collect();
        json!({"scenario": row.scenario.name, "ours_s": round(row.ours()), "peers": peers})
    });
    rows.collect()
}

fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

pub fn seconds(seconds: f64) -> String {
    if seconds < 10.0 { format!("{seconds:.2} s") } else { format!("{seconds:.1} s") }
}
