//! The whole way on a real engine: images are built, measured, started and spoken to.
//!
//! `bash .ci/run` starts the engine, the registry and the second builder that these tests need, and runs them with
//! `--features engine-tests`. Without the feature they are not compiled, so that `cargo test` takes seconds.

mod checkout;
mod container;
mod testbed;

mod caching;
mod downloads;
mod ignored;
mod images;
mod jobs;
mod native;
mod never_stale;
mod platforms;
mod push;
mod settings;
mod sizes;
mod stale;
