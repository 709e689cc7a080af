//! What an ELF file wants of the system that it runs on, and what it offers.

use std::collections::BTreeSet;

use object::Endianness;
use object::elf::{DT_NEEDED, DT_RPATH, DT_RUNPATH, EM_AARCH64, EM_X86_64, FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader as _, SectionTable};
use object::read::{FileKind, Result as Parsed};
use serde::{Deserialize, Serialize};

/// A program or library.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Program {
    /// What it is compiled for, by Go's name, where that is known.
    pub architecture: Option<String>,
    /// The loader that starts it; none where it is static.
    pub interpreter: Option<String>,
    /// The libraries that the loader has to find.
    pub libraries: Vec<String>,
    /// The symbol versions that it wants of them, as `("libc.so.6", "GLIBC_2.34")`.
    pub versions: Vec<(String, String)>,
    /// Folders that the loader looks into first.
    pub search: Vec<String>,
    /// The symbol versions that it offers to others.
    pub offers: BTreeSet<String>,
}

/// Reads an ELF file; `None` where the bytes are none.
///
/// # Errors
/// A part of the file does not make sense.
pub fn parse(bytes: &[u8]) -> Result<Option<Program>, String> {
    let parsed = match FileKind::parse(bytes) {
        Ok(FileKind::Elf64) => read::<FileHeader64<Endianness>>(bytes),
        Ok(FileKind::Elf32) => read::<FileHeader32<Endianness>>(bytes),
        _ => return Ok(None),
    };
    parsed.map(Some).map_err(|error| error.to_string())
}

fn read<Elf: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Parsed<Program> {
    let header = Elf::parse(bytes)?;
    let endian = header.endian()?;
    let mut program = Program {
        architecture: match header.e_machine(endian) {
            EM_X86_64 => Some("amd64".to_owned()),
            EM_AARCH64 => Some("arm64".to_owned()),
            _ => None,
        },
        ..Program::default()
    };
    for segment in header.program_headers(endian, bytes)? {
        if let Some(interpreter) = segment.interpreter(endian, bytes)? {
            program.interpreter = Some(text(interpreter));
        }
    }
    let sections = header.sections(endian, bytes)?;
    let dynamic = sections.dynamic_table(endian, bytes)?;
    for entry in &dynamic {
        match entry.tag {
            DT_NEEDED => program.libraries.push(text(dynamic.string(entry)?)),
            DT_RPATH | DT_RUNPATH => {
                let folders = text(dynamic.string(entry)?);
                program.search.extend(folders.split(':').map(str::to_owned));
            }
            _ => {}
        }
    }
    read_versions(&mut program, &sections, endian, bytes)?;
    Ok(program)
}

fn read_versions<'data, Elf: FileHeader<Endian = Endianness>>(
    program: &mut Program,
    sections: &SectionTable<'data, Elf>,
    endian: Endianness,
    bytes: &'data [u8],
) -> Parsed<()> {
    if let Some((mut needs, link)) = sections.gnu_verneed(endian, bytes)? {
        let strings = sections.strings(endian, bytes, link)?;
        while let Some((need, mut versions)) = needs.next()? {
            let library = text(need.file(endian, strings)?);
            while let Some(version) = versions.next()? {
                program.versions.push((library.clone(), text(version.name(endian, strings)?)));
            }
        }
    }
    if let Some((mut definitions, link)) = sections.gnu_verdef(endian, bytes)? {
        let strings = sections.strings(endian, bytes, link)?;
        while let Some((_, mut names)) = definitions.next()? {
            // The first name is the version, the others are what it builds on.
            if let Some(name) = names.next()? {
                program.offers.insert(text(name.name(endian, strings)?));
            }
        }
    }
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_itself_is_a_dynamic_program() {
        let path = std::env::current_exe().expect("has a path");
        let program = parse(&std::fs::read(path).expect("reads")).expect("is whole").expect("is ELF");
        assert_eq!(program.architecture.as_deref(), Some(if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" }));
        assert!(program.interpreter.as_deref().is_some_and(|loader| loader.contains("/ld-linux")), "{program:?}");
        assert!(program.libraries.contains(&"libc.so.6".to_owned()), "{program:?}");
        let wanted = |version: &(String, String)| version.0 == "libc.so.6" && version.1.starts_with("GLIBC_2.");
        assert!(program.versions.iter().any(wanted), "{program:?}");
    }

    #[test]
    fn other_files_are_none_and_broken_ones_errors() {
        assert_eq!(parse(b"#!/bin/sh\n"), Ok(None));
        assert_eq!(parse(b""), Ok(None));
        let path = std::env::current_exe().expect("has a path");
        let bytes = std::fs::read(path).expect("reads");
        for length in [17, 100, 1_000, bytes.len() / 2] {
            assert!(parse(&bytes[..length]).is_err() || parse(&bytes[..length]) == Ok(None), "{length}");
        }
    }
}
