//! `go.mod`, as that of a main module and as that of one that is required.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::discover::go::ModuleFile;

fuzz_target!(|text: &str| {
    let (own, required) = (ModuleFile::parse(text), ModuleFile::parse_dependency(text));
    // What is good enough for one's own module is for a required one.
    assert!(own.is_err() || required.is_ok(), "{own:?} {required:?}");
});
