//! Where the bytes of a binary or an image are. Pure: bytes in, a tree of parts out that adds up exactly.

mod change;
mod elf;
mod go;
mod image;
mod inside;
mod owners;
mod remark;
mod split;
mod symbols;
mod versions;

use std::collections::{BTreeMap, BTreeSet};

use object::Object as _;
use serde::Serialize;

use elf::Elf;
use owners::Owners;

pub use change::{Change, compare};
pub use go::BuildInfo;
pub use image::{Store, images};
pub use inside::{Denied, Inside};
pub use remark::Remark;
pub use split::{Split, Toolchain, other_grounds, split};
pub use versions::CrateVersions;

/// A part of something larger. Its bytes are the sum of those of its own parts, where it has any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it is.
    pub kind: Kind,
    /// Its name among the parts of the same kind.
    pub name: String,
    /// The version of a module or crate, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its bytes in the file, or in the layers' archives.
    pub bytes: u64,
    /// How its bytes are known.
    pub how: How,
    /// What it is made of, the largest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An image, for one platform.
    Image,
    /// The layers of the image that a service's image starts from.
    Base,
    /// The layers that the service's own stage adds.
    Own,
    /// A layer.
    Layer,
    /// What a layer's archive takes beside the contents of files.
    Archive,
    /// A file, in an image or alone.
    File,
    /// A section of a binary.
    Section,
    /// The headers of a binary.
    Headers,
    /// A Go module, or Go's standard library.
    Module,
    /// A Go package.
    Package,
    /// A Rust crate.
    Crate,
    /// Code of other languages: C, C++, assembly.
    Native,
    /// A file that a Go package embeds.
    Embed,
    /// Bytes between other parts.
    Padding,
    /// Bytes that nothing tells the owner of.
    Unattributed,
}

/// How the bytes of a part are known, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// They were counted.
    Exact,
    /// Go's table of functions says whose they are.
    Pclntab,
    /// The symbols say whose they are.
    Symbols,
    /// The section headers say where they are; nothing says whose.
    Sections,
}

/// What is in a file or image, and what would make it smaller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The whole.
    pub whole: Part,
    /// What Go's linkers wrote down of the builds, by the binary's name.
    pub builds: BTreeMap<String, BuildInfo>,
    /// What would make it smaller.
    pub remarks: Vec<Remark>,
    /// The binaries of Rust's whose crates nothing names, with their bytes.
    #[serde(skip)]
    pub nameless: BTreeMap<String, u64>,
    /// What compiled it, as `go1.26.1` or `rustc 1.95.0`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub compilers: BTreeSet<String>,
    /// The toolchain's part of it, where that is told from the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toolchain: Option<Toolchain>,
}

impl Explanation {
    /// What is one part: a file that is no binary, or an image of which no more is known.
    pub fn of_part(whole: Part) -> Self {
        Self {
            whole,
            builds: BTreeMap::new(),
            remarks: Vec::new(),
            nameless: BTreeMap::new(),
            compilers: BTreeSet::new(),
            toolchain: None,
        }
    }

    /// All that compiled it, where that is known.
    pub fn compiler(&self) -> Option<String> {
        let names: Vec<_> = self.compilers.iter().map(String::as_str).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// The platform of an image, with which its name ends.
    pub fn platform(&self) -> &str {
        self.whole.name.rsplit_once(' ').map_or("", |(_, platform)| platform)
    }
}

/// What is in a binary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Binary {
    /// The language that it is written in, most of it.
    pub language: Option<Language>,
    /// Whether it is Rust's, and nothing tells its crates apart.
    pub is_nameless: bool,
    /// What compiled it, as `go1.26.1` or `rustc 1.95.0`, where it says so.
    pub compiler: Option<String>,
    /// Its sections, the largest first. Their sum is the file's size.
    pub sections: Vec<Part>,
    /// What Go's linker wrote down of the build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildInfo>,
    /// What would make it smaller.
    pub remarks: Vec<Remark>,
}

/// The language of a binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// Go.
    Go,
    /// Rust.
    Rust,
}

impl Part {
    /// A part that is not divided further.
    pub fn leaf(kind: Kind, name: impl Into<String>, bytes: u64, how: How) -> Self {
        Self { kind, name: name.into(), version: None, bytes, how, parts: Vec::new() }
    }

    /// A part that is the sum of others.
    pub fn sum(kind: Kind, name: impl Into<String>, how: How, mut parts: Vec<Part>) -> Self {
        sort(&mut parts);
        let bytes = parts.iter().map(|part| part.bytes).sum();
        Self { kind, name: name.into(), version: None, bytes, how, parts }
    }

    /// The same without what it is made of, and without its bytes: what the parts of two trees are matched by.
    fn key(&self) -> (Kind, &str) {
        (self.kind, &self.name)
    }

    /// Whether the bytes of any part below are known so.
    pub fn has(&self, how: How) -> bool {
        let mut found = false;
        self.walk(&mut |part| found |= part.parts.is_empty() && part.how == how);
        found
    }

    /// Calls `look` with the part and all below it, those above first.
    pub fn walk<'a>(&'a self, look: &mut impl FnMut(&'a Part)) {
        look(self);
        self.parts.iter().for_each(|part| part.walk(look));
    }
}

/// The largest first; of the same size, by name.
pub(crate) fn sort(parts: &mut [Part]) {
    parts.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)).then(a.kind.cmp(&b.kind)));
}

/// Divides an ELF binary into sections, and those into Go packages or Rust crates. `None` where it is no binary.
///
/// The bytes of the sections are always those of the file: what is broken or unknown in it ends up as unattributed.
///
/// `copies` are files with symbols. One that is loaded as the same bytes at the same addresses is the same binary before it
/// was stripped, and its symbols are this one's.
pub fn binary(bytes: &[u8], copies: &[Vec<u8>]) -> Option<Binary> {
    let elf = Elf::parse(bytes)?;
    let copy = copies.iter().filter_map(|copy| Elf::parse(copy)).find(|copy| copy.is_loaded_as(&elf));
    let mut owners = Owners::default();
    let build = go::build_info(&elf);
    let table = go::Table::find(&elf);
    let mut claims = Vec::new();
    if let Some(table) = &table {
        go::claim(&elf, table, &mut owners, &mut claims);
    }
    let symbols = symbols::claim(&elf, copy.as_ref(), table.is_some(), &mut owners, &mut claims);
    let rustc = elf.rustc();
    let language = match (table.is_some() || build.is_some(), symbols.has_rust || rustc.is_some()) {
        (true, _) => Some(Language::Go),
        (false, true) => Some(Language::Rust),
        (false, false) => None,
    };
    let is_nameless = language == Some(Language::Rust) && !symbols.has_rust;
    let modules = build.as_ref().map(BuildInfo::modules).unwrap_or_default();
    let mut sections = owners.divide(&elf, claims, &modules);
    if let Some(version) = &rustc {
        split::name_crates(&mut sections, version);
    }
    let compiler = match language {
        Some(Language::Go) => build.as_ref().map(|build| build.go.clone()),
        _ => rustc.map(|version| format!("rustc {version}")),
    };
    let remarks = remark::of_binary(&sections, language, build.as_ref());
    Some(Binary { language, is_nameless, compiler, sections, build, remarks })
}

/// Whether a file is a binary with symbols.
pub fn has_symbols(bytes: &[u8]) -> bool {
    Elf::parse(bytes).is_some_and(|elf| elf.file.symbols().next().is_some())
}

/// Explains a file that stands alone; one that is no binary is one part.
/// `copies` are as those of [`binary`].
pub fn file(name: &str, bytes: &[u8], copies: &[Vec<u8>]) -> Explanation {
    let Some(binary) = binary(bytes, copies) else {
        return Explanation::of_part(Part::leaf(Kind::File, name, bytes.len() as u64, How::Exact));
    };
    let builds = binary.build.map(|build| (name.to_owned(), build)).into_iter().collect();
    let remarks = binary.remarks.into_iter().map(|remark| remark.about(name)).collect();
    let whole = Part::sum(Kind::File, name, How::Exact, binary.sections);
    let nameless = binary.is_nameless.then(|| (name.to_owned(), whole.bytes)).into_iter().collect();
    let toolchain = split::toolchain(&whole, &nameless);
    Explanation { whole, builds, remarks, nameless, compilers: binary.compiler.into_iter().collect(), toolchain }
}

/// The modules and crates of a tree, over all of its files and sections, the largest first.
pub fn by_origin(whole: &Part) -> Vec<Part> {
    let mut origins: BTreeMap<(Kind, &str), Part> = BTreeMap::new();
    whole.walk(&mut |part| {
        if matches!(part.kind, Kind::Module | Kind::Crate | Kind::Native | Kind::Embed) {
            let origin =
                origins.entry(part.key()).or_insert_with(|| Part { bytes: 0, parts: Vec::new(), ..part.clone() });
            origin.bytes += part.bytes;
            origin.how = origin.how.max(part.how);
        }
    });
    let mut origins: Vec<_> = origins.into_values().collect();
    sort(&mut origins);
    origins
}

#[cfg(test)]
mod tests;
