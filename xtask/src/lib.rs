//! Container images for the Go and Rust services of one repository.
//!
//! One direction, each arrow one named type; `ARCHITECTURE.md` has the invariants:
//!
//! ```text
//! Request + Config → discover → plan → render → sync → build → measure → budget → report
//!                    Service    ImagePlan GeneratedFile BuiltImage ImageSize Verdict
//! ```

#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod budget;
pub mod cli;
pub mod commands;
pub mod config;
pub mod discover;
pub mod engine;
pub mod error;
pub mod explain;
pub mod files;
pub mod fit;
pub mod measure;
pub mod oci;
pub mod parallel;
pub mod plan;
pub mod process;
pub mod quote;
pub mod rebuild;
pub mod registry;
pub mod render;
pub mod report;
pub mod service;
pub mod suggest;
pub mod sync;
mod text_map;
