//! The beginning of a Go file, of which no more is read than needed: the rest must not matter.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::discover::go::fuzzing;

fuzz_target!(|bytes: &[u8]| fuzzing::read_header(bytes));
