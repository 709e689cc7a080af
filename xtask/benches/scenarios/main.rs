//! How long builds take, side by side with what people use today. The README says how to run it.
//!
//! Every scenario is run by this tool and by its peers in turn, so that what else the machine does meets all of them.
//! Warm builds share one builder, and every edit is one that no build has seen before. A cold build has a new builder,
//! and downloads base images, modules and crates.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark shows what it measured")]

mod cache;
mod checkout;
mod environment;
mod options;
mod report;
mod resources;
mod run;
mod scenario;
mod steps;
mod subject;
#[path = "../../tests/engine/testbed.rs"]
mod testbed;
mod workspace;

use std::process::ExitCode;

use environment::Environment;
use options::Options;
use run::Run;
use scenario::SCENARIOS;
use workspace::Workspace;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let known: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    if let Some(unknown) = options.scenarios.iter().find(|name| !known.contains(&name.as_str())) {
        eprintln!("error: no scenario is named {unknown}\nhint: there are {}", known.join(", "));
        return ExitCode::from(2);
    }
    if std::env::var_os("TESTBED_REGISTRY").is_none() {
        eprintln!("error: TESTBED_REGISTRY is not set: there is no engine, registry and builder to measure on");
        eprintln!("hint: run xtask/tests/testbed/up, then source target/testbed/env");
        return ExitCode::from(2);
    }
    let folder = Environment::folder();
    let workspace = if options.full {
        Workspace::generated(folder.join("workspace-generated"))
    } else {
        Workspace::own(folder.join("workspace-own"))
    };
    let environment = Environment::prepare(workspace.rust_image);
    let mut run = Run::new(&environment, &workspace);
    let mut rows = Vec::new();
    for scenario in &SCENARIOS {
        if options.scenarios.is_empty() || options.scenarios.iter().any(|name| name == scenario.name) {
            rows.push(run.scenario(scenario, options.repeats));
            // What is measured is kept if a later scenario fails.
            let json = serde_json::to_string_pretty(&report::json(&rows)).expect("is JSON");
            workspace::write(&environment.folder.join("scenarios.json"), json + "\n");
        }
    }
    println!("{}", report::table(&rows));
    print!("{}", run.notes(&rows));
    ExitCode::SUCCESS
}
