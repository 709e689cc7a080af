//! A module proxy of files, made from the modules that Go's own tests use.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;

use camino::Utf8Path;

use super::archive::Archive;
use super::go;

/// Writes the proxy to a folder; returns the value for GOPROXY.
pub fn write(folder: &Utf8Path) -> String {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in go::root().join("src/cmd/go/testdata/mod").read_dir_utf8().expect("go's test modules") {
        let entry = entry.expect("lists");
        let Some((path, version)) = entry.file_name().strip_suffix(".txt").and_then(|name| {
            let at = name.rfind("_v")?;
            Some((name[..at].replace('_', "/"), name[at + 1..].to_owned()))
        }) else {
            continue;
        };
        let archive = Archive::parse(&String::from_utf8_lossy(&fs::read(entry.path()).expect("reads")));
        let module = folder.join(&path).join("@v");
        fs::create_dir_all(&module).expect("creates");
        let mut files = Vec::new();
        for (name, text) in archive.files {
            match name.as_str() {
                ".mod" | ".info" => fs::write(module.join(format!("{version}{name}")), text).expect("writes"),
                _ if name.starts_with('.') => {}
                _ => files.push((format!("{}@{version}/{name}", unescaped(&path)), text)),
            }
        }
        fs::write(module.join(format!("{version}.zip")), zip(&files)).expect("writes");
        versions.entry(path).or_default().push(version);
    }
    for (path, versions) in versions {
        let released = versions.iter().filter(|version| version.matches('-').count() < 2);
        let list: String = released.map(|version| format!("{version}\n")).collect();
        fs::write(folder.join(path).join("@v/list"), list).expect("writes");
    }
    format!("file://{folder}")
}

/// `!x` stands for `X`.
fn unescaped(path: &str) -> String {
    let mut parts = path.split('!');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut characters = part.chars();
        text.extend(characters.next().map(|first| first.to_ascii_uppercase()));
        text.push_str(characters.as_str());
    }
    text
}

/// A zip archive of stored files.
fn zip(files: &[(String, String)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for (name, text) in files {
        let mut crc = flate2::Crc::new();
        crc.update(text.as_bytes());
        let offset = bytes.len() as u32;
        let mut fields = Vec::new();
        // Version, flags, method, time, date; checksum, sizes; lengths of the name and of what follows it.
        for field in [20u16, 0, 0, 0, 0x21] {
            fields.extend(field.to_le_bytes());
        }
        for field in [crc.sum(), text.len() as u32, text.len() as u32] {
            fields.extend(field.to_le_bytes());
        }
        for field in [name.len() as u16, 0] {
            fields.extend(field.to_le_bytes());
        }
        write!(bytes, "PK\x03\x04").expect("writes");
        bytes.extend(&fields);
        bytes.extend(name.as_bytes());
        bytes.extend(text.as_bytes());
        write!(directory, "PK\x01\x02").expect("writes");
        directory.extend(20u16.to_le_bytes());
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = bytes.len() as u32;
    bytes.extend(&directory);
    write!(bytes, "PK\x05\x06").expect("writes");
    bytes.extend([0; 4]);
    for _ in 0..2 {
        bytes.extend((files.len() as u16).to_le_bytes());
    }
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}
