//! Container images for the Go and Rust services of one repository.
//!
//! One direction, each arrow one named type; `ARCHITECTURE.md` has the invariants:
//!
//! ```text
//! Request + Config → discover → plan → render → sync → build → measure → budget → report
//!                    Service    ImagePlan GeneratedFile BuiltImage ImageSize Verdict
//! ```

pub mod engine;
pub mod error;
pub mod files;
pub mod process;
