//! What a build takes of the machine.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use camino::Utf8Path;

use crate::testbed;

/// Watches how much memory a process and all that descend from it have.
pub struct MemoryWatch {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl MemoryWatch {
    pub fn start(process: u32) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            let mut peak = 0;
            while !flag.load(Ordering::Relaxed) {
                peak = peak.max(resident(process));
                std::thread::park_timeout(Duration::from_millis(250));
            }
            peak
        });
        Self { ended, thread }
    }

    /// The most that was seen, in bytes.
    pub fn peak(self) -> u64 {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        self.thread.join().expect("watches")
    }
}

/// The process of a builder, where the testbed has started it.
pub fn builder_process(name: &str) -> Option<u32> {
    let folder = testbed::variable("TESTBED_DIR");
    fs::read_to_string(format!("{folder}/run/builder-{name}.pid")).ok()?.trim().parse().ok()
}

/// The sum of the resident memory of a process and its descendants, in bytes.
fn resident(root: u32) -> u64 {
    let mut processes = BTreeMap::new();
    for entry in fs::read_dir("/proc").expect("is there").flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // It may have ended since.
        let Ok(status) = fs::read_to_string(entry.path().join("status")) else { continue };
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
        };
        processes.insert(process, (field("PPid:"), field("VmRSS:") * 1024));
    }
    let descends = |mut process: u32| loop {
        match processes.get(&process) {
            _ if process == root => return true,
            Some((parent, _)) if *parent > 0 => process = u32::try_from(*parent).expect("is a process"),
            _ => return false,
        }
    };
    processes.iter().filter(|(process, _)| descends(**process)).map(|(_, (_, bytes))| bytes).sum()
}

/// What a builder keeps on disk, in buildx's words.
pub fn builder_disk(name: &str) -> String {
    let usage = testbed::read("docker", &["buildx", "du", "--builder", name]);
    let total = usage.lines().find_map(|line| line.strip_prefix("Total:"));
    total.map_or("?", str::trim).to_owned()
}

/// What lies in a folder, in the same unit.
pub fn folder_disk(path: &Utf8Path) -> String {
    let usage = testbed::read("du", &["-s", "--block-size=MB", path.as_str()]);
    usage.split_whitespace().next().unwrap_or("?").to_owned()
}
