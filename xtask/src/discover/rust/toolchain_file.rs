//! The file that tells rustup which toolchain to take in a folder: that of the folder or of one above it.

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use toml::Table;

use super::manifest::strings;
use crate::files::tree::{Below as _, Tree};

/// The toolchain file that governs a workspace, with what it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolchainFile {
    /// The file.
    pub file: Utf8PathBuf,
    /// The channel that it names, e.g. `1.95.0` or `nightly-2026-01-15`.
    pub channel: Option<String>,
    /// Components beyond those that every toolchain has.
    pub components: Vec<String>,
    /// Targets beyond the machine's own.
    pub targets: Vec<String>,
    /// The folder of a toolchain of its own.
    pub path: Option<String>,
    /// Why it cannot be read.
    pub fault: Option<String>,
}

/// The nearest toolchain file.
pub(super) fn toolchain(tree: &Tree, workspace: &Utf8Path) -> Result<Option<ToolchainFile>> {
    for folder in workspace.ancestors() {
        for name in ["rust-toolchain", "rust-toolchain.toml"] {
            let file = folder.below(name);
            if let Some(text) = tree.read_text(&file)? {
                return Ok(Some(ToolchainFile { file, ..parse(&text, name == "rust-toolchain") }));
            }
        }
    }
    Ok(None)
}

/// Reads a toolchain file. In its older form it is the channel alone, on one line.
fn parse(text: &str, may_be_old: bool) -> ToolchainFile {
    let old = text.trim();
    let table = match text.parse::<Table>() {
        Ok(table) => table,
        Err(_) if may_be_old && !old.contains(char::is_whitespace) => {
            return ToolchainFile { channel: Some(old.to_owned()), ..ToolchainFile::default() };
        }
        Err(error) => return ToolchainFile { fault: Some(error.message().to_owned()), ..ToolchainFile::default() },
    };
    let toolchain = table.get("toolchain");
    let text = |key: &str| toolchain.and_then(|toolchain| toolchain.get(key)?.as_str()).map(str::to_owned);
    let list = |key: &str| {
        let values = toolchain.and_then(|toolchain| toolchain.get(key));
        values.into_iter().flat_map(strings).map(str::to_owned).collect()
    };
    ToolchainFile {
        channel: text("channel"),
        components: list("components"),
        targets: list("targets"),
        path: text("path"),
        ..ToolchainFile::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_form_is_a_channel_alone() {
        let channel = |text: &str, may_be_old| parse(text, may_be_old).channel;
        assert_eq!(channel("nightly-2026-01-15\n", true).as_deref(), Some("nightly-2026-01-15"));
        assert_eq!(channel("[toolchain]\nchannel = \"1.95\"\n", true).as_deref(), Some("1.95"));
        assert_eq!(channel("[toolchain]\nprofile = \"minimal\"\n", false), None);
        assert_eq!(parse("1.95.0\n", false).fault.as_deref(), Some("key with no value, expected `=`"));
        assert!(parse("two words\n", true).fault.is_some());
    }
}
