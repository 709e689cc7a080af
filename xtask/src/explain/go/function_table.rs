//! Go's table of functions, `.gopclntab`: names, files and ranges of code, which strip leaves in place.
//!
//! The form is that of Go 1.18 and later: a header, names, compilation units, files, tables by program counter, and an
//! index with a description of each function. Nothing depends on the version of Go that wrote it.

use std::ops::Range;

use super::super::How;
use super::super::elf::{Elf, Section, slice};
use super::super::owners::{Claim, Owners};
use super::{Function, Packages, module_data};

/// Where the parts of the table are. All offsets are from its start, and within its section.
pub(in crate::explain) struct Table {
    /// Where it starts in the file.
    file: u64,
    /// Its bytes, to the end of its section.
    length: u64,
    names: Range<u64>,
    units: Range<u64>,
    by_counter: Range<u64>,
    /// The index, then the descriptions.
    index: u64,
    functions: usize,
    /// Bytes of a description before its variable part.
    description: usize,
    /// What functions keep for the garbage collector, where Go puts it behind the table.
    data: Option<Range<u64>>,
    /// The address of the first function.
    pub(super) text: u64,
    /// The bytes from there to the end of the last function.
    pub(super) text_length: u32,
}

/// The magic number of Go 1.18. Later ones are larger.
const MAGIC: u32 = 0xffff_fff0;

/// The magic number up to which a description has no line.
const WITHOUT_LINE: u32 = MAGIC;

impl Table {
    /// Finds the table: in the section of its name, else, where a linker merged that into another, by its header.
    pub(in crate::explain) fn find(elf: &Elf) -> Option<Self> {
        let named = |section: &&Section| section.name.ends_with(".gopclntab");
        if let Some(section) = elf.sections.iter().find(named) {
            return Self::at(elf, section, 0);
        }
        let may_hold = |section: &&Section| section.is_loaded && !section.is_code;
        elf.sections.iter().filter(may_hold).find_map(|section| {
            let data = elf.data(section);
            let may_be = |word: &[u8]| word[1] == 0xff && word[2] == 0xff && word[4] == 0 && word[5] == 0;
            let candidates = data.chunks_exact(8).enumerate().filter(|(_, word)| may_be(word));
            candidates.into_iter().find_map(|(number, _)| Self::at(elf, section, number as u64 * 8))
        })
    }

    fn at(elf: &Elf, section: &Section, start: u64) -> Option<Self> {
        let file = section.file.start + start;
        let length = section.file.end - file;
        let bytes = slice(elf.bytes, file..section.file.end);
        let (magic, pointer) = (elf.u32(bytes, 0)?, elf.pointer_size);
        if magic < MAGIC || *bytes.get(4..6)? != [0, 0] || usize::from(*bytes.get(7)?) != pointer {
            return None;
        }
        let word = |number: usize| elf.pointer(bytes, 8 + number * pointer);
        let [functions, stated_text] = [word(0)?, word(2)?];
        let offsets = [word(3)?, word(4)?, word(5)?, word(6)?, word(7)?];
        let functions = usize::try_from(functions).ok().filter(|count| *count > 0)?;
        let index_length = u64::try_from(functions.checked_mul(8)?.checked_add(4)?).ok()?;
        let [names, units, files, by_counter, index] = offsets;
        if !offsets.is_sorted() || index.checked_add(index_length)? > length {
            return None;
        }
        let address = section.address.saturating_add(start);
        let module = module_data::find(elf, address, address.saturating_add(names));
        // Before Go 1.26 the header states it too, unless a loader has to.
        let stated = Some(stated_text).filter(|text| *text != 0);
        let text =
            module.as_ref().map(|module| module.text).or(stated).or_else(|| Some(elf.section(".text")?.address))?;
        let at = usize::try_from(index).ok()?.checked_add(functions * 8)?;
        Some(Self {
            file,
            length,
            names: names..units,
            units: units..files,
            by_counter: by_counter..index,
            index,
            functions,
            description: if magic == WITHOUT_LINE { 40 } else { 44 },
            data: module
                .and_then(|module| module.function_data(address.saturating_add(index), address.saturating_add(length)))
                .map(|data| (data.start - address)..(data.end - address)),
            text,
            text_length: elf.u32(bytes, at)?,
        })
    }

    fn part<'a>(&self, elf: &Elf<'a>, range: Range<u64>) -> &'a [u8] {
        slice(elf.bytes, self.file + range.start..self.file + range.end)
    }

    /// The functions in the order of their code.
    pub(super) fn functions(&self, elf: &Elf, owners: &mut Owners) -> Vec<Function> {
        let bytes = self.part(elf, self.index..self.length);
        let names = self.part(elf, self.names.clone());
        let mut packages = Packages::new();
        let functions = (0..self.functions).map_while(|number| {
            let entry = elf.u32(bytes, number * 8)?;
            let description = elf.u32(bytes, number * 8 + 4)?;
            let name = elf.u32(bytes, (description as usize).checked_add(4)?);
            let name = name.and_then(|at| text_at(names, at as usize));
            let package = name.and_then(|name| packages.number(owners, name));
            Some(Function { entry, description, package })
        });
        functions.collect()
    }

    /// Claims the table's own bytes for the packages whose functions they describe. What several share belongs to the first.
    pub(super) fn claim_itself(&self, elf: &Elf, functions: &[Function], owners: &mut Owners, claims: &mut Vec<Claim>) {
        self.claim_names(elf, owners, claims);
        let mut units = Vec::new();
        let mut by_counter = Vec::new();
        let mut data = Vec::new();
        let bytes = self.part(elf, self.index..self.length);
        let description_of = |function: &Function| bytes.get(function.description as usize..);
        let mut end_of_last = 0;
        for (number, function) in functions.iter().enumerate() {
            let Some(owner) = function.package else { continue };
            let entry = self.index + number as u64 * 8;
            push(claims, self.file, entry..entry + 8, owner);
            let Some(description) = description_of(function) else { continue };
            let field = |at: usize| elf.u32(description, at);
            let (Some(unit), Some(counters)) = (field(32), field(28)) else { continue };
            let Some(kept) = description.get(self.description - 1) else { continue };
            let length = self.description + (counters as usize).saturating_add((*kept).into()).saturating_mul(4);
            if length > description.len() {
                continue;
            }
            let start = self.index + u64::from(function.description);
            push(claims, self.file, start..start + length as u64, owner);
            end_of_last = end_of_last.max(start + length as u64);
            units.push((u64::from(unit) * 4, owner));
            let own = [16, 20, 24].into_iter().chain((0..counters as usize).map(|at| self.description + at * 4));
            by_counter.extend(own.filter_map(field).filter(|at| *at != 0).map(|at| (u64::from(at), owner)));
            let first = self.description + counters as usize * 4;
            let own = (0..usize::from(*kept)).filter_map(|at| field(first + at * 4));
            data.extend(own.filter(|at| *at != u32::MAX).map(|at| (u64::from(at), owner)));
        }
        self.claim_chunks(units, &self.units, claims);
        self.claim_chunks(by_counter, &self.by_counter, claims);
        if let Some(range) = self.data.as_ref().filter(|range| range.start >= end_of_last) {
            self.claim_chunks(data, range, claims);
        }
    }

    /// Each name belongs to the package that it names, also that of a function which exists only inlined.
    fn claim_names(&self, elf: &Elf, owners: &mut Owners, claims: &mut Vec<Claim>) {
        let mut packages = Packages::new();
        let mut at = self.names.start;
        let mut rest = self.part(elf, self.names.clone());
        while let Some(end) = memchr::memchr(0, rest) {
            let length = end as u64 + 1;
            let text = std::str::from_utf8(&rest[..end]).ok();
            if let Some(owner) = text.and_then(|name| packages.number(owners, name)) {
                push(claims, self.file, at..at + length, owner);
            }
            at += length;
            rest = &rest[end + 1..];
        }
    }

    /// A chunk goes from its offset in `range` to the next one that any function names.
    fn claim_chunks(&self, mut chunks: Vec<(u64, u32)>, range: &Range<u64>, claims: &mut Vec<Claim>) {
        // In the order of the functions, so that the first of equal offsets stays.
        chunks.sort_by_key(|chunk| chunk.0);
        chunks.dedup_by_key(|chunk| chunk.0);
        let length = range.end - range.start;
        let ends = chunks.iter().skip(1).map(|chunk| chunk.0).chain([length]);
        for ((start, owner), end) in chunks.iter().zip(ends) {
            push(claims, self.file + range.start, (*start).min(length)..end.min(length), *owner);
        }
    }
}

fn push(claims: &mut Vec<Claim>, base: u64, range: Range<u64>, owner: u32) {
    if !range.is_empty() {
        claims.push(Claim { file: base + range.start..base + range.end, owner, how: How::Pclntab });
    }
}

/// The text from `at` to the next zero.
fn text_at(bytes: &[u8], at: usize) -> Option<&str> {
    let rest = bytes.get(at..)?;
    let end = memchr::memchr(0, rest)?;
    std::str::from_utf8(&rest[..end]).ok()
}
