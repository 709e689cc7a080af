//! Whether this machine's compiler is the one that a workspace asks for. Rustup sees to that, unless a folder overrides
//! the toolchain file; elsewhere nothing does.

use anyhow::Result;
use camino::Utf8Path;
use xshell::{Shell, cmd};

use crate::error::Error;
use crate::plan::RustBuild;
use crate::process::{self, Command};
use crate::quote::shell_word;

/// The channel of a workspace without a toolchain file.
const DEFAULT: &str = "stable";

/// What rustup says of a folder where a person chose another toolchain, before the folder's path.
const OVERRIDE: &str = "directory override for '";

/// Checks the compiler that runs in a workspace's folder.
///
/// # Errors
/// It is of another channel than the toolchain file names, or does not run.
pub(super) fn check(folder: &Utf8Path, build: &RustBuild) -> Result<()> {
    let shell = Shell::new()?;
    shell.change_dir(folder);
    let ask = |question: &[&str]| {
        let question = cmd!(shell, "rustc {question...}").env_remove("RUSTUP_TOOLCHAIN");
        Command::from(question.env("RUST_BACKTRACE", "0")).read()
    };
    let said = ask(&["-vV"])?;
    let release = said.lines().find_map(|line| line.strip_prefix("release: ")).unwrap_or("of no known release");
    let named = build.toolchain.channel.as_deref();
    let channel = named.unwrap_or(DEFAULT);
    if is_of(channel, release) && (undated(channel) == channel || ask(&["--print", "sysroot"])?.contains(channel)) {
        return Ok(());
    }
    let place = if build.workspace.as_str().is_empty() { "the repository" } else { build.workspace.as_str() };
    let asked = match named {
        Some(channel) => format!("its toolchain file asks for {channel}"),
        None => format!("without a toolchain file it is built with {DEFAULT} Rust"),
    };
    let rustup = process::is_on_path("rustup").then(|| {
        let question = cmd!(shell, "rustup show active-toolchain").env_remove("RUSTUP_TOOLCHAIN");
        Command::from(question).output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    });
    let hint = hint(channel, named.is_some(), rustup.transpose()?.as_deref());
    Err(Error::failure(format!("the rustc that runs in {place} is {release}, and {asked}")).hint(hint).into())
}

/// Whether a release of rustc, e.g. `1.97.0-nightly`, may be of a channel. A date is not in it.
fn is_of(channel: &str, release: &str) -> bool {
    let (version, kind) = release.split_once('-').unwrap_or((release, ""));
    let is_kind = |word: &str| kind == word || kind.strip_prefix(word).is_some_and(|rest| rest.starts_with('.'));
    match undated(channel) {
        "nightly" => is_kind("nightly"),
        "beta" => is_kind("beta"),
        "stable" => kind.is_empty() && version.starts_with("1."),
        named => match named.split_once('-') {
            Some((named, pre_release)) => named == version && is_kind(pre_release),
            None => {
                let rest = version.strip_prefix(named);
                kind.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
        },
    }
}

/// A channel without its date.
fn undated(channel: &str) -> &str {
    ["nightly", "beta", "stable"].into_iter().find(|word| channel.starts_with(word)).unwrap_or(channel)
}

/// What makes the compiler the right one. `rustup` is what rustup says of the folder; `None` without rustup.
fn hint(channel: &str, is_named: bool, rustup: Option<&str>) -> String {
    let install = format!("`rustup toolchain install {channel}`");
    let Some(said) = rustup else {
        return format!("install rustup (https://rustup.rs), then {install}; or --engine bake");
    };
    let overridden = said.split_once(OVERRIDE).and_then(|(_, rest)| rest.split_once('\''));
    match overridden {
        Some((folder, _)) => {
            format!("`rustup override unset --path {}`, then {install}; or --engine bake", shell_word(folder))
        }
        None if !is_named => {
            format!("`rustup default {channel}`, or a rust-toolchain.toml that names another channel; or --engine bake")
        }
        None => format!("{install}, and rustup's own rustc first on PATH; or --engine bake"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_of_the_channels_that_may_name_it() {
        for (channel, release) in [
            ("1.95.0", "1.95.0"),
            ("1.95", "1.95.2"),
            ("stable", "1.95.0"),
            ("stable-2025-05-15", "1.87.0"),
            ("beta", "1.97.0-beta.3"),
            ("1.97.0-beta.3", "1.97.0-beta.3"),
            ("1.97.0-beta", "1.97.0-beta.3"),
            ("nightly", "1.97.0-nightly"),
            ("nightly-2026-01-15", "1.95.0-nightly"),
        ] {
            assert!(is_of(channel, release), "{channel} {release}");
        }
        for (channel, release) in [
            ("1.95.0", "1.95.1"),
            ("1.9", "1.95.0"),
            ("1.95", "1.95.0-nightly"),
            ("stable", "1.97.0-nightly"),
            ("stable", "of no known release"),
            ("beta", "1.97.0"),
            ("1.97.0-beta.3", "1.97.0-beta.4"),
            ("nightly", "1.97.0"),
            ("nightly-2026-01-15", "1.97.0-beta.1"),
        ] {
            assert!(!is_of(channel, release), "{channel} {release}");
        }
    }

    #[test]
    fn the_hint_goes_by_what_chose_the_compiler() {
        let overridden = "stable-x86_64-unknown-linux-gnu (directory override for '/home/me/my shop')\n";
        let hints = [
            hint("1.90.0", true, None),
            hint("1.90.0", true, Some(overridden)),
            hint("1.90.0", true, Some("1.90.0-x86_64-unknown-linux-gnu (overridden by 'rust-toolchain.toml')")),
            hint("stable", false, Some("nightly-x86_64-unknown-linux-gnu (default)")),
        ];
        insta::assert_snapshot!(hints.join("\n"), @"
        install rustup (https://rustup.rs), then `rustup toolchain install 1.90.0`; or --engine bake
        `rustup override unset --path '/home/me/my shop'`, then `rustup toolchain install 1.90.0`; or --engine bake
        `rustup toolchain install 1.90.0`, and rustup's own rustc first on PATH; or --engine bake
        `rustup default stable`, or a rust-toolchain.toml that names another channel; or --engine bake
        ");
    }
}
