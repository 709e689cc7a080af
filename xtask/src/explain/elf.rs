//! The outer form of an ELF file: which bytes are which section's.

use std::ops::Range;

use object::elf;
use object::read::elf::{ElfFile, FileHeader};
use object::{File, Object as _, ObjectSection as _};

/// A parsed file. Everything in it is within the bounds of the file.
pub(super) struct Elf<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) file: File<'a>,
    /// Sections that take space in the file, by offset.
    pub(super) sections: Vec<Section>,
    /// The file's own headers.
    pub(super) headers: Vec<Range<u64>>,
    pub(super) pointer_size: usize,
    pub(super) is_little_endian: bool,
}

/// A section with bytes in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) address: u64,
    /// Its bytes in the file.
    pub(super) file: Range<u64>,
    /// Its number in the file, by which symbols name it.
    pub(super) index: usize,
    pub(super) is_loaded: bool,
    pub(super) is_code: bool,
}

impl Section {
    /// Where an address of this section is in the file.
    pub(super) fn offset_of(&self, address: u64) -> Option<u64> {
        let inside = address.checked_sub(self.address)?;
        (inside <= self.file.end - self.file.start).then(|| self.file.start + inside)
    }
}

impl<'a> Elf<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let file = File::parse(bytes).ok()?;
        let length = bytes.len() as u64;
        let headers = match &file {
            File::Elf32(file) => headers(file, length),
            File::Elf64(file) => headers(file, length),
            _ => return None,
        };
        let mut sections: Vec<_> = file.sections().filter_map(|section| Section::new(&section, length)).collect();
        sections.sort_by_key(|section| (section.file.start, section.file.end, section.index));
        let pointer_size = if file.is_64() { 8 } else { 4 };
        let is_little_endian = file.is_little_endian();
        Some(Self { bytes, file, sections, headers, pointer_size, is_little_endian })
    }

    pub(super) fn loaded(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(|section| section.is_loaded)
    }

    /// Whether two files are the same in memory: all that differs is what is not loaded, as symbols are, and the linker's
    /// checksum of the whole.
    pub(super) fn is_loaded_as(&self, other: &Elf) -> bool {
        let same = |section: &Section, others: &Section| {
            (section.address, &section.name) == (others.address, &others.name)
                && (section.name == ".note.gnu.build-id" || self.data(section) == other.data(others))
        };
        let count = self.loaded().count();
        count > 0
            && count == other.loaded().count()
            && self.loaded().zip(other.loaded()).all(|(section, others)| same(section, others))
    }

    /// The version of rustc, if it compiled a part of this, as it notes where compilers do; stripping leaves that.
    pub(super) fn rustc(&self) -> Option<String> {
        const MARK: &[u8] = b"rustc version ";
        let comment = self.data(self.section(".comment")?);
        let version = &comment[memchr::memmem::find(comment, MARK)? + MARK.len()..];
        let end = memchr::memchr2(0, b' ', version)?;
        Some(String::from_utf8_lossy(&version[..end]).into_owned())
    }

    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    pub(super) fn data(&self, section: &Section) -> &'a [u8] {
        slice(self.bytes, section.file.clone())
    }

    /// The loaded section that holds an address.
    pub(super) fn section_at(&self, address: u64) -> Option<&Section> {
        self.sections.iter().find(|section| {
            section.is_loaded && section.offset_of(address).is_some_and(|offset| offset < section.file.end)
        })
    }

    /// The places of pointers that a loader fills in, and what they then hold.
    pub(super) fn relocated_pointers(&self) -> impl Iterator<Item = (u64, u64)> {
        let all = self.file.dynamic_relocations().into_iter().flatten();
        all.filter_map(|(place, relocation)| {
            let object::RelocationFlags::Elf { r_type } = relocation.flags() else { return None };
            let relative = matches!(
                r_type,
                elf::R_X86_64_RELATIVE | elf::R_AARCH64_RELATIVE | elf::R_RISCV_RELATIVE | elf::R_390_RELATIVE
            );
            (relative && !relocation.has_implicit_addend()).then(|| (place, relocation.addend().cast_unsigned()))
        })
    }

    /// The number at a place of `bytes`, in the file's byte order.
    pub(super) fn u32(&self, bytes: &[u8], at: usize) -> Option<u32> {
        // Single bytes are what an unoptimised build reads fast, and a large binary has millions of words.
        if at > bytes.len() || bytes.len() - at < 4 {
            return None;
        }
        let word = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        Some(if self.is_little_endian { u32::from_le_bytes(word) } else { u32::from_be_bytes(word) })
    }

    /// The pointer at a place of `bytes`.
    pub(super) fn pointer(&self, bytes: &[u8], at: usize) -> Option<u64> {
        if self.pointer_size == 4 {
            return self.u32(bytes, at).map(u64::from);
        }
        let word: [u8; 8] = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
        Some(if self.is_little_endian { u64::from_le_bytes(word) } else { u64::from_be_bytes(word) })
    }
}

impl Section {
    fn new(section: &object::Section, length: u64) -> Option<Self> {
        let (start, size) = section.file_range()?;
        let end = start.saturating_add(size).min(length);
        let object::SectionFlags::Elf { sh_flags, .. } = section.flags() else { return None };
        (start < end).then(|| Self {
            name: section.name().unwrap_or_default().to_owned(),
            address: section.address(),
            file: start..end,
            index: section.index().0,
            is_loaded: (sh_flags & elf::SHF_ALLOC).0 != 0,
            is_code: (sh_flags & elf::SHF_EXECINSTR).0 != 0,
        })
    }
}

fn headers<Header: FileHeader>(file: &ElfFile<Header>, length: u64) -> Vec<Range<u64>> {
    let (endian, header) = (file.endian(), file.elf_header());
    let table = |start: u64, entries: u16, size: u16| start..start.saturating_add(u64::from(entries) * u64::from(size));
    let all = [
        0..std::mem::size_of::<Header>() as u64,
        table(header.e_phoff(endian).into(), header.e_phnum(endian), header.e_phentsize(endian)),
        table(header.e_shoff(endian).into(), header.e_shnum(endian), header.e_shentsize(endian)),
    ];
    all.into_iter()
        .map(|range| range.start.min(length)..range.end.min(length))
        .filter(|range| !range.is_empty())
        .collect()
}

/// The part of `bytes` that a range of file offsets names; empty where it is out of bounds.
pub(super) fn slice(bytes: &[u8], range: Range<u64>) -> &[u8] {
    let (Ok(start), Ok(end)) = (usize::try_from(range.start), usize::try_from(range.end)) else { return &[] };
    bytes.get(start..end).unwrap_or_default()
}
