//! The command line as a person uses it, with bad input above all: what it says, its exit codes, and that nothing is lost.
//!
//! No Docker engine is needed: a shell script stands for docker, so these tests run on Unix only.
#![cfg(unix)]

#[path = "../support/support.rs"]
mod support;

mod archives;
mod bases;
mod budgets;
mod compression;
mod configuration;
mod deny;
mod discovery;
mod explain;
mod failures;
mod images;
mod interrupt;
mod machine;
mod native;
mod output;
mod places;
mod push;
mod registry;
mod selection;
mod side_by_side;
mod sizes;
mod sizes_history;
mod sizes_lock;
mod sizes_release;
mod sizes_symbols;
mod skeleton;
mod sync;
mod terminal;
mod unchanged;
