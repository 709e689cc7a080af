//! What was measured, as a table.

use comfy_table::{CellAlignment, Table, TableStyle};
use serde::Serialize;

use super::measure::Run;

/// What was measured on one repository.
#[derive(Debug, Serialize)]
pub struct Measured {
    pub repository: String,
    /// Whether the system's file cache was empty.
    pub cold: bool,
    /// Services of both languages.
    pub services: usize,
    /// Go services, where the repository was made for this.
    pub go_services: Option<usize>,
    /// Files of all services together, those that they share counted for each.
    pub listed_files: usize,
    pub distinct_files: usize,
    /// Medians by the name of what ran. Where a repository has several modules or workspaces, each is a run.
    pub jobs: Vec<(&'static str, Run)>,
}

impl Measured {
    /// What one kind of job took altogether, one run after the other; the peak is that of the largest.
    fn total(&self, name: &str) -> Option<Run> {
        let runs = self.jobs.iter().filter(|(job, _)| *job == name).map(|(_, run)| *run);
        runs.reduce(|a, b| Run {
            wall_seconds: a.wall_seconds + b.wall_seconds,
            processor_seconds: a.processor_seconds + b.processor_seconds,
            peak_bytes: a.peak_bytes.max(b.peak_bytes),
        })
    }
}

pub fn print(all: &[Measured]) {
    let mut table = Table::new();
    let header = ["REPOSITORY", "WHAT", "WALL", "CPU", "PEAK", "WALL TO GO LIST", "CPU TO GO LIST"];
    table.load_style(TableStyle::new()).set_header(header);
    for measured in all {
        let go = measured.total("go list");
        for name in ["inputs", "inputs, --release", "list", "reading alone", "go list", "cargo metadata"] {
            let Some(run) = measured.total(name) else { continue };
            let ratio = |value: &dyn Fn(&Run) -> f64| match &go {
                Some(go) => format!("1 : {:.1}", value(go) / value(&run)),
                None => String::new(),
            };
            table.add_row([
                measured.repository.clone(),
                name.to_owned(),
                format!("{:.0} ms", run.wall_seconds * 1e3),
                format!("{:.0} ms", run.processor_seconds * 1e3),
                format!("{:.0} MB", run.peak_bytes as f64 / 1e6),
                ratio(&|run| run.wall_seconds),
                ratio(&|run| run.processor_seconds),
            ]);
        }
    }
    for column in 2..header.len() {
        table.column_mut(column).expect("is there").set_cell_alignment(CellAlignment::Right);
    }
    println!("{}", table.trim_fmt());
    for measured in all {
        println!(
            "{}: {} services, {} files, {} of them distinct",
            measured.repository, measured.services, measured.listed_files, measured.distinct_files
        );
    }
    print_growth(all);
}

/// How the cost grows with the services, where there are two sizes: linearly if both factors are alike.
fn print_growth(all: &[Measured]) {
    let sized: Vec<_> = all.iter().filter_map(|measured| Some((measured.go_services?, measured))).collect();
    for pair in sized.windows(2) {
        let [(small, first), (large, second)] = pair else { continue };
        let (Some(first), Some(second)) = (first.total("inputs"), second.total("inputs")) else { continue };
        println!(
            "from {small} to {large} services, {:.1} times as many: {:.1} times the time, {:.1} times the processor's, \
             {:.1} times the memory",
            *large as f64 / *small as f64,
            second.wall_seconds / first.wall_seconds,
            second.processor_seconds / first.processor_seconds,
            second.peak_bytes as f64 / first.peak_bytes as f64,
        );
    }
}
