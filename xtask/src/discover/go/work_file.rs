//! `go.work`: which modules are built together.

use super::fault::Fault;
use super::module_file::{Replacement, go_line, godebug_line, replacement, set_once, toolchain_line};
use super::statement::{Statement, statements};

/// The statements of a `go.work`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkFile {
    /// The `go` line, as `1.26.0`.
    pub go: Option<String>,
    /// The `toolchain` line, as `go1.26.3`.
    pub toolchain: Option<String>,
    /// The folders of the modules, as written, each with its line.
    pub uses: Vec<(u32, String)>,
    /// The `replace` lines.
    pub replaces: Vec<Replacement>,
}

impl WorkFile {
    /// Reads the text of a `go.work`.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut file = Self::default();
        for statement in statements(text, Some(&["godebug", "use", "replace"]))? {
            file.add(&statement)?;
        }
        Ok(file)
    }

    fn add(&mut self, statement: &Statement) -> Result<(), Fault> {
        match statement.verb.as_str() {
            "go" => set_once(&mut self.go, go_line(statement)?, statement),
            "toolchain" => set_once(&mut self.toolchain, toolchain_line(statement)?, statement),
            "godebug" => godebug_line(statement),
            "use" => {
                let folder = statement.value(statement.only("use local/folder")?)?;
                self.uses.push((statement.line, folder));
                Ok(())
            }
            "replace" => {
                self.replaces.push(replacement(statement)?);
                Ok(())
            }
            verb => Err(statement.fault(format!("unknown directive: {verb}"))),
        }
    }
}
