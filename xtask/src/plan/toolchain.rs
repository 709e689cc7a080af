//! Which toolchain image a service is built with.

pub(super) mod go;
pub(super) mod rust;
