//! `cargo xtask inputs` beside what the compilers say that they read.
#![cfg(unix)]

#[allow(dead_code, unused_imports, reason = "the tests of the command line use the rest")]
#[path = "../support/support.rs"]
mod support;

mod cargo;
mod foreign;
mod go_services;
mod own;
mod rust_locks;
mod rust_packages;
mod rust_resolution;
mod rust_services;
mod rust_settings;
mod rust_sources;
mod rust_workspaces;
mod workspace;
