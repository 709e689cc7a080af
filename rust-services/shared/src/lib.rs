//! What the services have in common: how they speak to the link shortener's server, answer health checks, tell their
//! version and stop.

mod base_url;
pub mod health;
mod link;
mod shutdown;

pub use base_url::{BaseUrl, InvalidBaseUrl};
pub use link::{Check, Link, is_code};
pub use shutdown::shutdown;

/// What `--version` prints after the program's name: the package's version and the platform, in the words of the
/// images (`linux/amd64`).
#[must_use]
pub fn version(package: &str) -> String {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{package} ({}/{arch})", std::env::consts::OS)
}
