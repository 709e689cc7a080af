//! The `xtask` binary: parse, call, print, exit.

fn main() {}
