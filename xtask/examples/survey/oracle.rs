//! What Go and Cargo say of a service that is refused.

use std::process::{Command, Output};

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

/// What is said by Go or Cargo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    pub answer: Answer,
    /// The command that was run.
    pub asked: String,
    /// What it wrote of errors.
    pub words: String,
}

/// Whether Go or Cargo would build it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It refuses it too.
    Refuses,
    /// It would go on.
    Accepts,
    /// It cannot know here, e.g. as a host is not reached.
    CannotTell,
}

/// Signs that it is this machine that lacks something.
const UNREACHED: [&str; 14] = [
    "dial tcp",
    "no such host",
    "i/o timeout",
    "unrecognized import path",
    "invalid version: git ls-remote",
    "could not resolve host",
    "Could not resolve host",
    "failed to fetch",
    "failed to download",
    "failed to clone",
    "Unable to update",
    "failed to query replaced source",
    "(running go ",
    "toolchain not available",
];

/// How many lines of what was said are kept.
const LINES: usize = 12;

/// What `go list` says of the package in a folder: of each architecture, as the image may be for any of them.
pub fn go(folder: &Utf8Path, cgo: bool, tags: &[String]) -> Word {
    let tags = format!("-tags={}", tags.join(","));
    let arguments = ["list", "-deps", &tags, "."];
    let asked = format!("CGO_ENABLED={} go {}", u8::from(cgo), arguments.join(" "));
    // Even a list may write this file.
    let sums = folder.ancestors().map(|above| above.join("go.work.sum")).find(|file| file.is_file());
    let kept = sums.as_ref().map(|file| std::fs::read(file).expect("reads"));
    let mut word = None;
    for architecture in ["amd64", "arm64"] {
        let ask = |workspace: &[(&str, &str)]| {
            let mut command = Command::new("go");
            command.args(arguments).current_dir(folder).env("PWD", folder).env_remove("GOFLAGS");
            command.env("GOOS", "linux").env("GOARCH", architecture).env("GOTOOLCHAIN", "local");
            command.env("CGO_ENABLED", u8::from(cgo).to_string()).envs(workspace.iter().copied());
            command.output().expect("starts go")
        };
        let mut output = ask(&[]);
        // A builder never sees a go.work that does not use the module.
        if String::from_utf8_lossy(&output.stderr).contains("not one of the workspace modules") {
            output = ask(&[("GOWORK", "off")]);
        }
        let said = said(format!("GOARCH={architecture} {asked}"), &output);
        let is_last = said.answer != Answer::Accepts;
        word = Some(said);
        if is_last {
            break;
        }
    }
    if let (Some(file), Some(kept)) = (sums, kept)
        && std::fs::read(&file).ok().as_ref() != Some(&kept)
    {
        std::fs::write(&file, kept).expect("writes");
    }
    word.expect("two were asked")
}

/// What `cargo metadata` says of a manifest with its lock file, or of the manifest alone where there is none.
pub fn cargo(root: &Utf8Path, manifest: &Utf8Path) -> Word {
    let folder = manifest.parent().expect("is in a folder");
    let above = || folder.ancestors().take_while(|above| above.starts_with(root));
    let is_locked = above().any(|above| above.join("Cargo.lock").is_file());
    let mut arguments = vec!["metadata", "--format-version", "1", "--locked", "--color", "never"];
    if !is_locked {
        // Without it Cargo would write one.
        arguments.push("--no-deps");
    }
    let toolchain = above().flat_map(|above| ["rust-toolchain.toml", "rust-toolchain"].map(|name| above.join(name)));
    let wants_nightly =
        toolchain.filter_map(|file| std::fs::read_to_string(file).ok()).any(|text| text.contains("nightly"));
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(&arguments).arg("--manifest-path").arg(manifest).current_dir(folder);
    if std::env::var_os("RUSTUP_TOOLCHAIN").is_none() {
        command.env("RUSTUP_TOOLCHAIN", "stable");
    }
    if wants_nightly {
        command.env("RUSTC_BOOTSTRAP", "1");
    }
    said(format!("cargo {}", arguments.join(" ")), &command.output().expect("starts cargo"))
}

fn said(asked: String, output: &Output) -> Word {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let answer = answer(output.status.success(), &stderr);
    let lines = stderr.lines().filter(|line| !is_progress(line));
    Word { answer, asked, words: lines.take(LINES).collect::<Vec<_>>().join("\n") }
}

fn is_progress(line: &str) -> bool {
    ["go: downloading ", "go: finding ", "warning: "].iter().any(|start| line.starts_with(start))
        || ["Updating ", "Downloading ", "Downloaded ", "Blocking "]
            .iter()
            .any(|start| line.trim_start().starts_with(start))
}

fn answer(succeeded: bool, stderr: &str) -> Answer {
    if succeeded {
        Answer::Accepts
    } else if UNREACHED.iter().any(|sign| stderr.contains(sign)) {
        Answer::CannotTell
    } else {
        Answer::Refuses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_reached_is_no_refusal() {
        assert_eq!(answer(true, "go: downloading a v1.0.0"), Answer::Accepts);
        assert_eq!(answer(false, "a.go:1:8: no required module provides package b"), Answer::Refuses);
        assert_eq!(answer(false, "dial tcp: lookup example.com: no such host"), Answer::CannotTell);
        assert_eq!(answer(false, "go: go.mod requires go >= 1.99 (running go 1.26.8)"), Answer::CannotTell);
    }
}
