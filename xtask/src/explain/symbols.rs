//! Whose bytes are whose by the symbols that a linker left in: Rust crates, Go's variables, native code.

mod crate_name;

use object::{Object as _, ObjectSymbol as _, SymbolKind, SymbolSection};

use super::elf::{Elf, Section};
use super::go;
use super::owners::{Claim, Owners};
use super::{How, Kind};

/// What the symbols say of the binary as a whole.
pub(super) struct Found {
    /// Whether there is a Rust function among them.
    pub(super) has_rust: bool,
}

/// Claims what symbols of functions and variables name: the file's own, or those of a copy that is loaded as it is. In a
/// Go binary they are its own names, and the function table has the code already.
pub(super) fn claim(elf: &Elf, copy: Option<&Elf>, is_go: bool, owners: &mut Owners, claims: &mut Vec<Claim>) -> Found {
    let mut found = Found { has_rust: false };
    let mut packages = go::Packages::new();
    let source = copy.unwrap_or(elf);
    // What is loaded has the same order in both; the rest has no address.
    let places: Vec<_> = source.loaded().map(|section| section.index).zip(elf.loaded()).collect();
    for symbol in source.file.symbols() {
        let (Ok(name), SymbolSection::Section(index)) = (symbol.name(), symbol.section()) else { continue };
        if symbol.size() == 0 || !matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data) {
            continue;
        }
        let Some((_, section)) = places.iter().find(|(place, _)| *place == index.0) else { continue };
        let Some(start) = section.offset_of(symbol.address()) else { continue };
        let end = start.saturating_add(symbol.size()).min(section.file.end);
        let crate_name = crate_name::of_symbol(name);
        found.has_rust |= crate_name.is_some() && !is_go;
        let owner = if let Some(name) = crate_name {
            Some(owners.number(Kind::Crate, name))
        } else if is_go {
            go_owner(section, name, &mut packages, owners)
        } else {
            Some(owners.number(Kind::Native, NATIVE))
        };
        if let Some(owner) = owner.filter(|_| start < end) {
            claims.push(Claim { file: start..end, owner, how: How::Symbols });
        }
    }
    found
}

/// What is neither Go nor Rust, together.
const NATIVE: &str = "native code";

/// The linker gathers types, texts and the like of all packages under symbols of its own, which name none.
fn go_owner(section: &Section, name: &str, packages: &mut go::Packages, owners: &mut Owners) -> Option<u32> {
    if name.starts_with("type:") || name.starts_with("go:") || name.starts_with("runtime.e") && section.is_code {
        return None;
    }
    // Only C's names have no package.
    packages.number(owners, name).or_else(|| section.is_code.then(|| owners.number(Kind::Native, NATIVE)))
}
