//! Compilers, and what is asked of every explanation.

use std::path::Path;
use std::process::Command;

use xtask::explain::{self, Binary, Kind, Part};

/// Runs a program to its end, which must be a success.
pub fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The explanation of a file, which must add up.
pub fn explain(path: &Path) -> Binary {
    let bytes = std::fs::read(path).unwrap();
    let binary = explain::binary(&bytes, &[]).unwrap_or_else(|| panic!("{} is no binary", path.display()));
    check_sums(&binary, bytes.len());
    binary
}

/// Asserts that all parts are the sum of theirs, and together are the file.
pub fn check_sums(binary: &Binary, length: usize) {
    let sum: u64 = binary.sections.iter().map(|section| section.bytes).sum();
    assert_eq!(sum, length as u64);
    for section in &binary.sections {
        section.walk(&mut |part| {
            let sum: u64 = part.parts.iter().map(|inner| inner.bytes).sum();
            assert!(part.parts.is_empty() || sum == part.bytes, "{} {}", part.name, part.bytes);
        });
    }
}

/// The section of a name, or of one that ends so.
pub fn section<'a>(binary: &'a Binary, name: &str) -> &'a Part {
    let found = binary.sections.iter().find(|part| part.kind == Kind::Section && part.name.ends_with(name));
    found.unwrap_or_else(|| panic!("no section {name}: {:?}", binary.sections.iter().map(|s| &s.name)))
}

/// The bytes of all parts of a kind and name.
pub fn bytes_of(binary: &Binary, kind: Kind, name: &str) -> u64 {
    let mut bytes = 0;
    for section in &binary.sections {
        section.walk(&mut |part| {
            if part.kind == kind && part.name == name {
                bytes += part.bytes;
            }
        });
    }
    bytes
}
