//! Files in an `embed.FS`. Its list holds the name, the place and a hash of each, so one is known for sure.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::super::elf::Elf;
use super::super::owners::{Claim, Owners};
use super::super::{How, Kind};

/// Smaller files are not looked for: the list of them may be long, and their bytes are few.
const SMALLEST: u64 = 1025;

const LONGEST_NAME: u64 = 1 << 12;

/// What may be an entry of a list of files: two strings, each an address and a length, and a hash.
struct Entry<'a> {
    address: u64,
    words: [u64; 4],
    hash: &'a [u8],
}

/// Claims the contents of embedded files.
pub(super) fn claim(elf: &Elf, owners: &mut Owners, claims: &mut Vec<Claim>) {
    let mut entries = entries(elf);
    fill_in(elf, &mut entries);
    entries.iter().for_each(|entry| claim_file(elf, entry, owners, claims));
}

/// Fills in the addresses that a loader would.
fn fill_in(elf: &Elf, entries: &mut [Entry]) {
    let size = elf.pointer_size as u64;
    let without = entries.iter().enumerate().filter(|(_, entry)| entry.words[0] == 0 && entry.words[2] == 0);
    let places = without
        .flat_map(|(number, entry)| [0, 2].map(|word| (entry.address.saturating_add(word * size), (number, word))));
    let places: HashMap<u64, (usize, u64)> = places.collect();
    if places.is_empty() {
        return;
    }
    for (place, pointer) in elf.relocated_pointers() {
        if let Some((number, word)) = places.get(&place) {
            entries[*number].words[*word as usize] = pointer;
        }
    }
}

fn entries<'a>(elf: &Elf<'a>) -> Vec<Entry<'a>> {
    let size = elf.pointer_size;
    let mut entries = Vec::new();
    for section in elf.sections.iter().filter(|section| section.is_loaded && !section.is_code) {
        // The lists hold pointers, but nothing changes them.
        if !matches!(section.name.as_str(), ".rodata" | ".data.rel.ro") {
            continue;
        }
        let data = elf.data(section);
        // Of the name's length only the two lowest bytes can be set, and one is; single bytes are what an unoptimised build
        // looks at fast, and a large binary has millions of words.
        let [low, next, third, fourth] =
            if elf.is_little_endian { [0, 1, 2, 3] } else { [size - 1, size - 2, size - 3, size - 4] };
        let mut following = 0;
        while following + 2 * size <= data.len() {
            let at = following;
            following += size;
            let length = at + size;
            if data[length + third] != 0 || data[length + fourth] != 0 {
                continue;
            }
            if data[length + low] == 0 && data[length + next] == 0 {
                continue;
            }
            let word = |number: usize| elf.pointer(data, at + number * size).unwrap_or_default();
            let name = word(1);
            // Almost every place ends here.
            if name == 0 || name >= LONGEST_NAME {
                continue;
            }
            let hash = data.get(at + 4 * size..at + 4 * size + 16);
            if let Some(hash) = hash.filter(|_| word(3) >= SMALLEST) {
                let address = section.address.saturating_add(at as u64);
                entries.push(Entry { address, words: [word(0), name, word(2), word(3)], hash });
            }
        }
    }
    entries
}

fn claim_file(elf: &Elf, entry: &Entry, owners: &mut Owners, claims: &mut Vec<Claim>) {
    let text = |address: u64, length: u64| {
        let section = elf.section_at(address).filter(|section| !section.is_code)?;
        let start = section.offset_of(address)?;
        let end = start.checked_add(length).filter(|end| *end <= section.file.end)?;
        Some((start..end, super::super::elf::slice(elf.bytes, start..end)))
    };
    let [name, name_length, contents, length] = entry.words;
    let Some((_, name)) = text(name, name_length) else { return };
    let Ok(name) = std::str::from_utf8(name) else { return };
    let Some((file, contents)) = text(contents, length) else { return };
    if name.bytes().all(|byte| byte >= b' ') && is_hash(contents, entry.hash) {
        let owner = owners.number(Kind::Embed, name);
        claims.push(Claim { file, owner, how: How::Exact });
    }
}

/// Go's hash is SHA-256, later changed so that nobody takes it for that: first by turning all bits, then, since Go 1.24,
/// by a byte before the contents.
fn is_hash(contents: &[u8], hash: &[u8]) -> bool {
    let now = Sha256::new().chain_update([1]).chain_update(contents).finalize();
    if now.starts_with(hash) {
        return true;
    }
    let plain = Sha256::digest(contents);
    plain.starts_with(hash) || plain.iter().zip(hash).all(|(byte, hash)| !byte == *hash)
}
