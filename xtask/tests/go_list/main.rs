//! What the tool reads of Go sources, side by side with what Go itself says. Needs `go` on the PATH.
#![cfg(unix)]
#![expect(clippy::print_stdout, reason = "how many scripts agree is worth reading")]

mod archive;
mod compare;
mod go;
mod module_files;
mod proxy;
mod random;
mod script;
mod scripts;
