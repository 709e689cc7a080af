//! `go.work`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::discover::go::WorkFile;

fuzz_target!(|text: &str| {
    let _ = WorkFile::parse(text);
});
