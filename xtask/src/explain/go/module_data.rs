//! Go's `moduledata`: where the text begins that the function table's offsets are from. No symbol and no header names
//! its place: it is where two pointers into the table stand side by side.

use std::ops::Range;

use super::super::elf::Elf;

/// The words of `moduledata` as far as they are the same since Go 1.18, and those behind.
pub(super) struct ModuleData {
    words: Vec<u64>,
    pub(super) text: u64,
}

/// The number of the word that holds the address of the text: after a pointer, six slices of three words, and three
/// more pointers.
const TEXT: usize = 22;

/// How many words are read.
const WORDS: usize = 64;

/// Finds it by the addresses of the function table and of its names.
pub(super) fn find(elf: &Elf, table: u64, names: u64) -> Option<ModuleData> {
    let words = in_place(elf, table, names).or_else(|| relocated(elf, table, names))?;
    let text = *words.get(TEXT)?;
    elf.section_at(text).filter(|section| section.is_code)?;
    Some(ModuleData { words, text })
}

impl ModuleData {
    /// The addresses of what functions keep for the garbage collector, if it lies between these two. It does since Go
    /// 1.26: two neighbouring words state where it begins and where it ends.
    pub(super) fn function_data(&self, after: u64, end: u64) -> Option<Range<u64>> {
        let is_there = |pair: &&[u64]| after < pair[0] && pair[0] < pair[1] && pair[1] <= end;
        self.words[TEXT + 2..].windows(2).find(is_there).map(|pair| pair[0]..pair[1])
    }
}

/// Where the file itself holds the pointers.
fn in_place(elf: &Elf, table: u64, names: u64) -> Option<Vec<u64>> {
    let size = elf.pointer_size;
    let may_hold = |name: &str| name.contains("go.module") || name.contains("data") && !name.ends_with(".gopclntab");
    let sections = elf.sections.iter().filter(|section| section.is_loaded && !section.is_code);
    sections.filter(|section| may_hold(&section.name)).find_map(|section| {
        let data = elf.data(section);
        let mut needle = [0; 16];
        let needle = pointer_bytes(elf, table, &mut needle[..size]);
        let is_place = |at: &usize| at.is_multiple_of(size) && elf.pointer(data, at + size) == Some(names);
        let at = memchr::memmem::find_iter(data, needle).find(is_place)?;
        Some((0..WORDS).map_while(|number| elf.pointer(data, at + number * size)).collect())
    })
}

fn pointer_bytes<'a>(elf: &Elf, value: u64, bytes: &'a mut [u8]) -> &'a [u8] {
    let size = bytes.len();
    let (little, big) = (value.to_le_bytes(), value.to_be_bytes());
    bytes.copy_from_slice(if elf.is_little_endian { &little[..size] } else { &big[8 - size..] });
    bytes
}

/// Where a loader fills the pointers in: the relocations hold them.
fn relocated(elf: &Elf, table: u64, names: u64) -> Option<Vec<u64>> {
    let size = elf.pointer_size as u64;
    let pointers_to_table: Vec<u64> =
        elf.relocated_pointers().filter(|(_, addend)| *addend == table).map(|(place, _)| place).collect();
    pointers_to_table.into_iter().find_map(|start| {
        // What needs no relocation, as lengths, is in the file.
        let section = elf.section_at(start)?;
        let data = elf.data(section);
        let first = usize::try_from(start - section.address).ok()?;
        let mut words: Vec<u64> =
            (0..WORDS).map_while(|number| elf.pointer(data, first + number * elf.pointer_size)).collect();
        for (place, addend) in elf.relocated_pointers() {
            let number = place.checked_sub(start).and_then(|distance| usize::try_from(distance / size).ok());
            if let Some(word) = number.and_then(|number| words.get_mut(number)) {
                *word = addend;
            }
        }
        (words.get(1) == Some(&names)).then_some(words)
    })
}
