//! What Go would refuse, and where.

use camino::Utf8Path;

use crate::discover::Problem;
use crate::error::Error;

/// A line of a file that Go would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: u32,
    /// What is wrong there.
    pub message: String,
}

impl Fault {
    pub(super) fn new(line: u32, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }

    /// The fault as a part of the repository that cannot be read.
    pub(super) fn in_file(&self, file: &Utf8Path) -> Problem {
        Problem { place: format!("{file}:{}", self.line), message: self.message.clone() }
    }

    /// The fault as an error that names the file.
    pub(super) fn at(&self, file: &Utf8Path) -> Error {
        Error::usage(format!("{file}:{}: {}", self.line, self.message))
    }
}
