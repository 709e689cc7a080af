//! What discovery cannot do without, and nothing else: every folder is listed, and the beginning of every source read.

use std::fs::File;
use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};
use xtask::parallel;

/// The argument by which this program does no more than that; the repository follows, and a file with the sources' paths.
pub const READ_ALONE: &str = "--read-alone";

/// As much as most headers have.
const BEGINNING: usize = 4096;

/// Whether discovery has to look into an input.
pub fn is_source(path: &str) -> bool {
    path.ends_with(".go") || path.ends_with(".rs")
}

/// Lists the folders of a repository, and reads the sources.
pub fn read_alone(root: &Utf8Path, sources: &Utf8Path) {
    let mut level = vec![root.to_owned()];
    while !level.is_empty() {
        level = parallel::map(&level, parallel::SMALL, |folder| folders_in(folder)).concat();
    }
    let sources = std::fs::read_to_string(sources).expect("reads");
    let sources: Vec<_> = sources.lines().map(|path| root.join(path)).collect();
    parallel::map(&sources, parallel::SMALL, |path| {
        let mut file = File::open(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        file.read(&mut [0; BEGINNING]).expect("reads")
    });
}

fn folders_in(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = folder.read_dir_utf8().unwrap_or_else(|error| panic!("{folder}: {error}"));
    let entries = entries.map(|entry| entry.expect("lists"));
    let is_folder = |entry: &camino::Utf8DirEntry| entry.file_type().expect("has a type").is_dir();
    entries
        .filter(|entry| is_folder(entry) && !entry.file_name().starts_with('.'))
        .map(|entry| entry.into_path())
        .collect()
}
