//! What the tool reads of Go sources, side by side with what Go itself says. Needs `go` on the PATH.
#![cfg(unix)]
#![expect(clippy::print_stdout, reason = "what was compared is told in numbers")]

mod archive;
mod compare;
mod go;
mod go_mod;
mod proxy;
mod random;
mod script;
mod scripts;
