//! Cargo itself, and what it writes down about the files that it read.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};

/// Checks a package and its binaries as an image's build compiles them.
pub fn check(workspace: &Utf8Path, target: &Utf8Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO"));
    command.arg("check").args(arguments).arg("--target-dir").arg(target).current_dir(workspace);
    // What the tests themselves run under is not to take part.
    for name in
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"]
    {
        command.env_remove(name);
    }
    command.env("CARGO_INCREMENTAL", "0").env("CARGO_PROFILE_DEV_DEBUG", "0").output().expect("cargo starts")
}

/// The files below `root` that rustc read in the compilations into `target` after `since`: it writes them down in `.d`
/// files. `workspace` is where Cargo ran.
pub fn files_read(
    root: &Utf8Path,
    workspace: &Utf8Path,
    target: &Utf8Path,
    since: SystemTime,
) -> BTreeSet<Utf8PathBuf> {
    let mut read = BTreeSet::new();
    let is_new = |file: &Utf8Path| fs::metadata(file).and_then(|list| list.modified()).expect("is there") >= since;
    for list in files_below(target).into_iter().filter(|file| file.extension() == Some("d") && is_new(file)) {
        let text = fs::read_to_string(&list).expect("reads");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((_, files)) = line.split_once(": ") else { continue };
            // A space in a name is escaped.
            for file in files.replace("\\ ", "\0").split(' ') {
                let file = workspace.join(file.replace('\0', " "));
                let Ok(file) = file.canonicalize_utf8() else { continue };
                if !file.starts_with(target)
                    && let Ok(inside) = file.strip_prefix(root)
                {
                    read.insert(inside.to_owned());
                }
            }
        }
    }
    read
}

/// Every file below a folder.
pub fn files_below(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut files = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in folder.read_dir_utf8().expect("lists") {
            let entry = entry.expect("lists");
            if entry.file_type().expect("is there").is_dir() {
                waiting.push(entry.into_path());
            } else {
                files.push(entry.into_path());
            }
        }
    }
    files.sort();
    files
}

/// Copies files, links as links.
pub fn copy<'a>(from: &Utf8Path, to: &Utf8Path, files: impl IntoIterator<Item = &'a Utf8Path>) {
    for file in files {
        let (from, to) = (from.join(file), to.join(file));
        fs::create_dir_all(to.parent().expect("is in a folder")).expect("creates");
        match fs::read_link(&from) {
            Ok(leads_to) => std::os::unix::fs::symlink(leads_to, &to).expect("links"),
            Err(_) => drop(fs::copy(&from, &to).unwrap_or_else(|error| panic!("{from}: {error}"))),
        }
    }
}
