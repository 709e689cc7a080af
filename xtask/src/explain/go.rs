//! Go binaries, stripped or not: functions by the table that Go's runtime reads, modules by the build information.

mod build_info;
mod embed;
mod function_table;
mod module_data;

use std::ops::Range;

use super::elf::{Elf, Section};
use super::owners::{Claim, Owners};
use super::{How, Kind};

pub use build_info::BuildInfo;
#[cfg(test)]
pub(super) use build_info::GoModule;
pub(super) use build_info::{Modules, STANDARD, build_info};
pub(super) use function_table::Table;

/// The package of a function or variable, as Go's linker names it; `None` where the name has none.
///
/// Dots in the last element of a path are written as `%2e`; so the first one behind the last slash ends it.
pub(super) fn package_of(symbol: &str) -> Option<&str> {
    // The compiler's own functions for a type are named by the type.
    let symbol = [".eq.", ".hash."]
        .iter()
        .find_map(|what| symbol.strip_prefix("type:").or_else(|| symbol.strip_prefix("type."))?.strip_prefix(what))
        .unwrap_or(symbol);
    // A type argument may hold slashes and dots of its own.
    // A large binary has a million symbols: they are searched by a crate that is compiled with optimisation.
    let argument = memchr::memchr3(b'[', b'(', b'{', symbol.as_bytes()).unwrap_or(symbol.len());
    let plain = &symbol[..argument];
    let plain = &plain[..memchr::memchr(b' ', plain.as_bytes()).unwrap_or(argument)];
    let last_element = memchr::memrchr(b'/', plain.as_bytes()).map_or(0, |slash| slash + 1);
    let end = last_element + memchr::memchr(b'.', &plain.as_bytes()[last_element..])?;
    let package = &plain[..end];
    (end > 0 && !package.contains(':') && !package.starts_with('_')).then_some(package)
}

/// The package's path as a person writes it.
fn unescaped(package: &str) -> String {
    package.replace("%2e", ".").replace("%22", "\"")
}

/// The numbers of packages by symbol. Neighbours mostly are of one package.
pub(super) struct Packages {
    last: (String, Option<u32>),
}

impl Packages {
    pub(super) fn new() -> Self {
        Self { last: (String::new(), None) }
    }

    pub(super) fn number(&mut self, owners: &mut Owners, symbol: &str) -> Option<u32> {
        let package = package_of(symbol)?;
        if self.last.1.is_none() || self.last.0 != package {
            let number = owners.number(Kind::Package, &unescaped(package));
            self.last = (package.to_owned(), Some(number));
        }
        self.last.1
    }
}

/// Claims what the function table says of the code, of itself, and the files that packages embed.
pub(super) fn claim(elf: &Elf, table: &Table, owners: &mut Owners, claims: &mut Vec<Claim>) {
    let functions = table.functions(elf, owners);
    claim_code(elf, table, &functions, claims);
    table.claim_itself(elf, &functions, owners, claims);
    embed::claim(elf, owners, claims);
}

/// A function of the table.
pub(super) struct Function {
    /// Its first instruction, from the start of the text.
    entry: u32,
    /// Where its description begins in the table's last part.
    description: u32,
    /// Its package, where its name has one.
    package: Option<u32>,
}

/// A function's bytes go from its entry to the next one's.
fn claim_code(elf: &Elf, table: &Table, functions: &[Function], claims: &mut Vec<Claim>) {
    let Some(section) = elf.section_at(table.text) else { return };
    let ends = functions.iter().skip(1).map(|function| function.entry).chain([table.text_length]);
    for (function, end) in functions.iter().zip(ends) {
        let range = table.text.saturating_add(function.entry.into())..table.text.saturating_add(end.into());
        if let (Some(owner), Some(file)) = (function.package, file_range(section, range)) {
            claims.push(Claim { file, owner, how: How::Pclntab });
        }
    }
}

/// Where a range of addresses within a section is in the file.
fn file_range(section: &Section, addresses: Range<u64>) -> Option<Range<u64>> {
    let start = section.offset_of(addresses.start)?;
    let end = section.offset_of(addresses.end).unwrap_or(section.file.end);
    (start < end).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_of_a_symbol() {
        for (symbol, package) in [
            ("main.main", Some("main")),
            ("encoding/json.(*Encoder).Encode", Some("encoding/json")),
            ("gopkg.in/yaml%2ev3.Unmarshal", Some("gopkg.in/yaml%2ev3")),
            ("slices.SortFunc[go.shape.[]example.com/a/b.T,go.shape.int].func1", Some("slices")),
            ("type:.eq.example.com/a/b.T", Some("example.com/a/b")),
            ("type..hash.net/http.connectMethodKey", Some("net/http")),
            ("type:.eq.[2]string", None),
            ("vendor/golang.org/x/net/idna.init", Some("vendor/golang.org/x/net/idna")),
            ("memeqbody", None),
            ("go:buildid", None),
            ("_cgo_release_context", None),
            ("", None),
        ] {
            assert_eq!(package_of(symbol), package, "{symbol}");
        }
        assert_eq!(unescaped("gopkg.in/yaml%2ev3"), "gopkg.in/yaml.v3");
    }
}
