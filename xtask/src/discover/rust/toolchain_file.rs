//! The file that tells rustup which toolchain to take in a folder: that of the folder or of one above it.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use toml::Table;

use crate::files::tree::{Below as _, Tree};

/// The toolchain file that governs a workspace, with its channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolchainFile {
    /// The file.
    pub file: Utf8PathBuf,
    /// The channel that it names.
    pub channel: Option<String>,
}

/// The nearest toolchain file.
pub(super) fn toolchain(tree: &Tree, workspace: &Utf8Path) -> Result<Option<ToolchainFile>> {
    for folder in workspace.ancestors() {
        for name in ["rust-toolchain", "rust-toolchain.toml"] {
            let file = folder.below(name);
            let Some(text) = tree.read_text(&file)? else { continue };
            let channel = match text.parse::<Table>() {
                Ok(table) => table.get("toolchain").and_then(|table| table.get("channel")?.as_str().map(str::to_owned)),
                // The older form is the channel alone.
                Err(_) => text.lines().next().map(|line| line.trim().to_owned()),
            };
            return Ok(Some(ToolchainFile { file, channel }));
        }
    }
    Ok(None)
}
