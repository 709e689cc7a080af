//! What a service costs when there are many: time and memory at 100 and at 1,000 services.
//!
//! `cargo bench --bench scale` measures what needs no builder. `cargo bench --bench scale -- --builder NAME` also builds
//! all images with that builder, again for another, first anew and then from its cache; the first takes many minutes.
//! Numbers as further arguments are other counts of services. The results are in `target/bench/scale.json` too.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

/// One in so many services is a Rust one.
const RUST_SHARE: usize = 100;

/// How often memory is looked at.
const INTERVAL: Duration = Duration::from_millis(5);

struct Measured {
    services: usize,
    step: String,
    seconds: f64,
    /// The most that the tool held, in bytes.
    peak: u64,
    /// The most that one of the programs that it started held, in bytes.
    peak_of_others: u64,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let builders: Vec<&str> =
        words.windows(2).filter(|pair| pair[0] == "--builder").map(|pair| pair[1].as_str()).collect();
    let mut sizes: Vec<usize> = words.iter().filter_map(|word| word.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![100, 1000];
    }
    let mut all = Vec::new();
    println!(
        "{:>8}  {:<40} {:>9} {:>12} {:>9} {:>12}",
        "services", "step", "seconds", "ms/service", "peak MB", "others MB"
    );
    for services in sizes {
        let folder = tempfile::tempdir().expect("a temporary folder");
        write_services(folder.path(), services);
        let mut measure = |step: String, arguments: &[&str]| {
            let measured = run(folder.path(), services, step, arguments);
            measured.print();
            all.push(measured);
        };
        for arguments in [["list"].as_slice(), &["generate"], &["generate", "--check"]] {
            measure(arguments.join(" "), arguments);
        }
        for builder in &builders {
            let prefix = format!("scale-{services}/");
            let options = ["images", "--image-prefix", &prefix, "--builder", builder];
            for step in ["anew", "cached", "unchanged"] {
                if step == "cached" {
                    // Without the record of the first run the builder is asked for every image.
                    fs::remove_file(folder.path().join("target/images/inputs.json")).expect("removes");
                }
                measure(format!("images, {step}, by {builder}"), &options);
            }
        }
    }
    write_json(&all);
}

impl Measured {
    fn milliseconds_per_service(&self) -> f64 {
        self.seconds * 1000.0 / self.services as f64
    }

    fn print(&self) {
        println!(
            "{:>8}  {:<40} {:>9.2} {:>12.2} {:>9.1} {:>12.1}",
            self.services,
            self.step,
            self.seconds,
            self.milliseconds_per_service(),
            self.peak as f64 / 1e6,
            self.peak_of_others as f64 / 1e6
        );
    }
}

fn write_json(all: &[Measured]) {
    let values = all.iter().map(|measured| {
        json!({
            "services": measured.services,
            "step": measured.step,
            "seconds": measured.seconds,
            "milliseconds_per_service": measured.milliseconds_per_service(),
            "peak_bytes": measured.peak,
            "peak_bytes_of_others": measured.peak_of_others,
        })
    });
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench/scale.json");
    fs::create_dir_all(file.parent().expect("is in a folder")).expect("creates");
    let text = serde_json::to_string_pretty(&values.collect::<Vec<_>>()).expect("serialises");
    fs::write(file, text + "\n").expect("writes");
}

/// Go services of one module, and a few Rust services of one workspace.
fn write_services(root: &Path, services: usize) {
    let write = |path: String, text: String| {
        let path: PathBuf = root.join(path);
        fs::create_dir_all(path.parent().expect("is in a folder")).expect("creates");
        fs::write(path, text).expect("writes");
    };
    fs::create_dir(root.join(".git")).expect("creates");
    write("go/go.mod".into(), "module example.com/many\n\ngo 1.26\n".into());
    let shared =
        "package shared\n\n// Name is printed.\nfunc Name(name string) string { return \"service \" + name }\n";
    write("go/internal/shared/shared.go".into(), shared.into());
    let rust = services.div_ceil(RUST_SHARE);
    for number in rust..services {
        let main = "package main\n\nimport \"example.com/many/internal/shared\"\n\nfunc main() { println(shared.Name(";
        write(format!("go/cmd/go-{number:04}/main.go"), format!("{main}\"{number}\")) }}\n"));
    }
    write("rust/Cargo.toml".into(), "[workspace]\nresolver = \"3\"\nmembers = [\"rust-*\"]\n".into());
    for number in 0..rust {
        let name = format!("rust-{number:04}");
        write(format!("rust/{name}/Cargo.toml"), format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n"));
        write(format!("rust/{name}/src/main.rs"), format!("fn main() {{\n    println!(\"{number}\");\n}}\n"));
    }
}

fn run(root: &Path, services: usize, step: String, arguments: &[&str]) -> Measured {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("-C").arg(root).args(arguments);
    for (option, name) in [("--network", "TESTBED_NETWORK"), ("--ca-bundle", "TESTBED_CA_BUNDLE")] {
        let value = std::env::var(name).unwrap_or_default();
        if arguments[0] == "images" && !value.is_empty() {
            command.args([option, &value]);
        }
    }
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
    let (mut peak, mut peak_of_others) = (0, 0);
    let status = loop {
        look(&child, &mut peak, &mut peak_of_others);
        if let Some(status) = child.try_wait().expect("can be waited for") {
            break status;
        }
        thread::sleep(INTERVAL);
    };
    assert!(status.success(), "{step}: {status}");
    Measured { services, step, seconds: start.elapsed().as_secs_f64(), peak, peak_of_others }
}

/// Reads the peaks so far; there are none where the system has no `/proc`.
fn look(child: &Child, peak: &mut u64, peak_of_others: &mut u64) {
    *peak = peak_of(child.id()).max(*peak);
    let mut waiting = children(child.id());
    while let Some(process) = waiting.pop() {
        *peak_of_others = peak_of(process).max(*peak_of_others);
        waiting.extend(children(process));
    }
}

fn peak_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() * 1024
}

fn children(process: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<_>>()).collect()
}
