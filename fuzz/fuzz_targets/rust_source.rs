//! A Rust source, as a module and as a build script.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::discover::rust::fuzzing;

fuzz_target!(|text: &str| fuzzing::scan(text));
