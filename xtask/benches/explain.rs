//! What `sizes explain` takes for Go binaries, side by side with go-size-analyzer: medians of runs that take turns; and
//! what both say of the same bytes.
//!
//! `cargo bench --bench explain -- BINARY…`, with `gsa` on PATH; it reads what Go 1.23 and older ones link. `--runs N` takes
//! the medians of so many runs. The results are in `target/bench/explain.json` too.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

#[path = "discovery/measure.rs"]
mod measure;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use measure::{Job, Run, medians};
use serde_json::{Value, json};

/// Bytes of code by package.
type Code = BTreeMap<String, u64>;

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|argument| argument == measure::ONE_RUN).is_some() {
        return measure::one_run(&arguments.collect::<Vec<_>>());
    }
    let (mut binaries, mut runs) = (Vec::new(), 5);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--runs" => runs = arguments.next().and_then(|value| value.parse().ok()).expect("--runs takes a number"),
            // What cargo passes to every benchmark.
            "--bench" => {}
            binary => binaries.push(Utf8Path::new(binary).canonicalize_utf8().expect("is a file")),
        }
    }
    assert!(!binaries.is_empty(), "name Go binaries: cargo bench --bench explain -- BINARY…");
    let folder = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    fs::create_dir_all(&folder).expect("creates");
    let all: Vec<_> = binaries.iter().map(|binary| measure_one(binary, &folder, runs)).collect();
    let text = serde_json::to_string_pretty(&all).expect("serialises");
    fs::write(folder.join("explain.json"), text + "\n").expect("writes");
}

fn measure_one(binary: &Utf8Path, folder: &Utf8Path, runs: usize) -> Value {
    let theirs = folder.join("gsa.json");
    let ours = [env!("CARGO_BIN_EXE_xtask"), "sizes", "explain", binary.as_str(), "--all", "--json"];
    let gsa = ["gsa", "--format", "json", "--output", theirs.as_str(), binary.as_str()];
    // What it writes of each function, and what it disassembles, takes time that is not ours.
    let jobs = [
        job("sizes explain", folder, &ours),
        job("gsa", folder, &[&gsa[..], &["--compact"]].concat()),
        job("gsa, no disassembly", folder, &[&gsa[..], &["--compact", "--no-disasm"]].concat()),
    ];
    let medians = medians(&jobs, runs, || {});
    let size = fs::metadata(binary).expect("is a file").len();
    println!("{binary}: {:.1} MB, medians of {runs}", size as f64 / 1e6);
    let first = medians[0];
    for (job, run) in jobs.iter().zip(&medians) {
        print_run(job.name, *run, first);
    }

    let ours = Command::new(ours[0]).args(&ours[1..]).output().expect("starts").stdout;
    let ours: Value = serde_json::from_slice(&ours).expect("is JSON");
    assert!(Command::new(gsa[0]).args(&gsa[1..]).status().expect("starts").success());
    let theirs: Value = serde_json::from_slice(&fs::read(theirs).expect("reads")).expect("is JSON");
    let agreement = compare(&ours["explanations"][0]["whole"], &theirs, size);
    let runs: Vec<_> = jobs.iter().map(|job| job.name).zip(medians).collect();
    json!({ "binary": binary, "bytes": size, "runs": runs, "agreement": agreement })
}

fn job(name: &'static str, folder: &Utf8Path, command: &[&str]) -> Job {
    let command = command.iter().map(|word| (*word).to_owned()).collect();
    Job { name, folder: Utf8PathBuf::from(folder), command, environment: Vec::new() }
}

fn print_run(name: &str, run: Run, first: Run) {
    println!(
        "  {name:<20} {:>7.2} s {:>7.2} s of processors {:>6.0} MB   {:>5.1} times",
        run.wall_seconds,
        run.processor_seconds,
        run.peak_bytes as f64 / 1e6,
        run.wall_seconds / first.wall_seconds
    );
}

/// Compares the code of packages, and all that each side attributes.
fn compare(ours: &Value, theirs: &Value, size: u64) -> Value {
    let (mut our_code, mut our_total) = (Code::new(), 0);
    for section in list(&ours["parts"]) {
        add_ours(section, section["name"] == ".text", &mut our_code, &mut our_total);
    }
    let (mut their_code, mut their_total) = (Code::new(), 0);
    for package in theirs["packages"].as_object().expect("is an object").values() {
        their_total += number(&package["size"]);
        add_theirs(package, &mut their_code);
    }
    let sums = [&our_code, &their_code].map(|code| code.values().sum::<u64>());
    println!("  the parts of ours come to {} of {size} bytes", number(&ours["bytes"]));
    println!("  attributed to packages: {our_total} and {their_total}; of code: {} and {}", sums[0], sums[1]);
    let names = our_code.keys().chain(their_code.keys());
    let of = |code: &Code, name: &str| code.get(name).copied().unwrap_or_default();
    let mut others: Vec<_> = names.map(|name| (of(&our_code, name), of(&their_code, name), name)).collect();
    others.sort_by_key(|(ours, theirs, name)| (std::cmp::Reverse(ours.abs_diff(*theirs)), *name));
    others.dedup();
    let count =
        |is_so: &dyn Fn(u64, u64) -> bool| others.iter().filter(|(ours, theirs, _)| is_so(*ours, *theirs)).count();
    let packages = [
        count(&|ours, theirs| ours == theirs),
        count(&|ours, theirs| ours > theirs),
        count(&|ours, theirs| ours < theirs),
    ];
    println!(
        "  packages: {} with the same code, {} with more in ours, {} with more in theirs",
        packages[0], packages[1], packages[2]
    );
    for (ours, theirs, name) in others.iter().take(8).filter(|(ours, theirs, _)| ours != theirs) {
        println!("  {ours:>12} {theirs:>12}  {name}");
    }
    json!({ "attributed": [our_total, their_total], "code": sums, "packages": packages })
}

fn add_ours(part: &Value, is_code: bool, code: &mut Code, total: &mut u64) {
    if part["kind"] == "package" {
        *total += number(&part["bytes"]);
        if is_code {
            *code.entry(part["name"].as_str().unwrap_or_default().to_owned()).or_default() += number(&part["bytes"]);
        }
    }
    list(&part["parts"]).iter().for_each(|inner| add_ours(inner, is_code, code, total));
}

fn add_theirs(package: &Value, code: &mut Code) {
    let functions = list(&package["files"]).iter().flat_map(|file| list(&file["functions"]));
    let bytes: u64 = functions.map(|function| number(&function["code_size"])).sum();
    if bytes > 0 {
        *code.entry(package["name"].as_str().unwrap_or_default().to_owned()).or_default() += bytes;
    }
    package["subPackages"].as_object().into_iter().flatten().for_each(|(_, inner)| add_theirs(inner, code));
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}
