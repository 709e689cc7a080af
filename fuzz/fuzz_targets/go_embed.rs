//! The embed patterns of a Go file, and the names that each of them matches.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::discover::go::fuzzing;

fuzz_target!(|input: (&str, &[u8])| fuzzing::match_patterns(input.0, input.1));
