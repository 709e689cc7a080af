//! What a builder did, from the lines of `--progress rawjson`.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde::Deserialize;

use crate::workspace;

/// The steps of Dockerfiles that ran and did not come from the cache, and what was pulled.
#[derive(Debug, Default)]
pub struct Steps {
    pub ran: Vec<Step>,
    /// Bytes by digest.
    pub pulled: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Default)]
pub struct Step {
    /// As `[worker build 1/1] RUN …`.
    pub name: String,
    pub started: f64,
    pub seconds: f64,
    pub log: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Line {
    vertexes: Vec<Vertex>,
    statuses: Vec<Status>,
    logs: Vec<Log>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Vertex {
    digest: String,
    name: String,
    started: Option<String>,
    completed: Option<String>,
    cached: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    id: String,
    total: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Log {
    vertex: String,
    data: Option<String>,
}

#[derive(Default)]
struct State {
    step: Step,
    cached: bool,
    completed: bool,
}

impl Steps {
    /// Reads the lines that builds wrote to a file; what is none of them is left out.
    pub fn read(path: &Utf8Path) -> Self {
        let mut states: BTreeMap<String, State> = BTreeMap::new();
        let mut pulled = BTreeMap::new();
        for line in workspace::read(path).lines() {
            let Ok(line) = serde_json::from_str::<Line>(line) else { continue };
            for vertex in line.vertexes {
                let state = states.entry(vertex.digest).or_default();
                state.step.name = vertex.name;
                state.cached |= vertex.cached;
                if let (Some(started), Some(completed)) = (&vertex.started, &vertex.completed) {
                    state.completed = true;
                    state.step.started = seconds(started);
                    state.step.seconds = seconds(completed) - state.step.started;
                }
            }
            for log in line.logs {
                let text = decode_base64(&log.data.unwrap_or_default());
                states.entry(log.vertex).or_default().step.log.push_str(&String::from_utf8_lossy(&text));
            }
            for status in line.statuses {
                if let Some(digest) = status.id.strip_prefix("sha256:").filter(|_| status.total > 0) {
                    pulled.insert(digest.to_owned(), status.total);
                }
            }
        }
        let ran =
            states.into_values().filter(|state| state.completed && !state.cached && state.step.is_of_dockerfile());
        let mut ran: Vec<_> = ran.map(|state| state.step).collect();
        ran.sort_by(|a, b| a.started.total_cmp(&b.started));
        Self { ran, pulled }
    }

    /// The steps that ran a compiler.
    pub fn compilations(&self) -> impl Iterator<Item = &Step> {
        let commands = ["go build", "cargo build", "cargo chef cook"];
        self.ran.iter().filter(move |step| commands.iter().any(|command| step.name.contains(command)))
    }

    /// The packages that cargo compiled, each as often as it did.
    pub fn crates(&self) -> Vec<&str> {
        let lines = self.ran.iter().flat_map(|step| step.log.lines());
        lines.filter_map(|line| line.trim_start().strip_prefix("Compiling ")?.split(' ').next()).collect()
    }

    pub fn pulled_bytes(&self) -> u64 {
        self.pulled.values().sum()
    }
}

impl Step {
    fn is_of_dockerfile(&self) -> bool {
        self.name.starts_with('[') && !self.name.starts_with("[internal]") && !self.name.contains("] FROM ")
    }

    /// The stage and the command, without mounts.
    pub fn short(&self) -> String {
        let words: Vec<_> =
            self.name.split(' ').filter(|word| !word.is_empty() && !word.starts_with("--mount=")).collect();
        words.join(" ").chars().take(110).collect()
    }
}

/// The seconds since midnight of a time as `2026-11-25T13:50:37.123Z`.
fn seconds(time: &str) -> f64 {
    let clock = time.split_once('T').map_or("", |(_, clock)| clock).trim_end_matches('Z');
    clock.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap_or(0.0))
}

fn decode_base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0_u32);
    for digit in text.bytes().filter_map(|byte| DIGITS.iter().position(|digit| *digit == byte)) {
        bits = (bits << 6 | u32::try_from(digit).expect("is below 64")) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).expect("is a byte"));
        }
    }
    bytes
}
