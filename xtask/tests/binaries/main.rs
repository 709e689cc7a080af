//! Explaining real binaries, which Go and Rust build here.

#![expect(clippy::unwrap_used, reason = "tests")]

mod go;
mod mutated;
mod rust;
mod tools;
