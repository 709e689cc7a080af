//! The only module that touches the disk.
//!
//! Every error names the path. What is written is written beside its place and renamed, so that a killed run leaves
//! the old file or the new one.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "this is the module")]

mod part;
pub mod tree;

pub use part::{beside, entry_names, is_part, remove_parts};

use std::fs;
use std::io::ErrorKind;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The bytes of a file, or `None` where there is no such file.
pub fn read_if_exists(path: &Utf8Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {path}")),
    }
}

/// The text of a file, or `None` where there is no such file. Text that is not UTF-8 is an error.
pub fn read_text_if_exists(path: &Utf8Path) -> Result<Option<String>> {
    let Some(bytes) = read_if_exists(path)? else { return Ok(None) };
    let text = String::from_utf8(bytes);
    Ok(Some(text.map_err(|_| Error::usage(format!("{path} is not UTF-8 text")).hint("save it as UTF-8"))?))
}

/// Writes `contents` beside `path` and renames it into place. Creates the folder.
pub fn write(path: &Utf8Path, contents: &[u8]) -> Result<()> {
    create_folder(path.parent().unwrap_or(Utf8Path::new(".")))?;
    let beside = beside(path);
    let put = || fs::write(&beside, contents).and_then(|()| fs::rename(&beside, path));
    // Another run may have taken it for one that a killed run left.
    let written = put().or_else(|error| if error.kind() == ErrorKind::NotFound { put() } else { Err(error) });
    if written.is_err() {
        // The write already failed and is reported; a leftover is all that can remain.
        let _ = fs::remove_file(&beside);
    }
    written.with_context(|| format!("cannot write {path}"))
}

/// Writes a program, which everybody may run.
pub fn write_program(path: &Utf8Path, text: &str) -> Result<()> {
    write(path, text.as_bytes())?;
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .with_context(|| format!("cannot change the mode of {path}"))?;
    Ok(())
}

/// Writes a file as a stream; what `write` leaves half-done after an error is removed. Creates the folder.
pub fn write_through<T>(path: &Utf8Path, write: impl FnOnce(&mut fs::File) -> Result<T>) -> Result<T> {
    create_folder(path.parent().unwrap_or(Utf8Path::new(".")))?;
    let mut file = fs::File::create(path).with_context(|| format!("cannot write {path}"))?;
    let written = write(&mut file);
    if written.is_err() {
        // The write already failed and is reported; a leftover is all that can remain.
        let _ = fs::remove_file(path);
    }
    written.with_context(|| format!("cannot write {path}"))
}

/// Moves a file within one folder, over what is there.
pub fn rename(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    fs::rename(from, to).with_context(|| format!("cannot rename {from} to {to}"))
}

/// The bytes of a regular file, links followed; `None` where there is none.
pub fn length(path: &Utf8Path) -> Option<u64> {
    path.metadata().ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len())
}

/// What tells that a file is another than before without a look at its contents: its length, when it was modified and
/// when it last changed in any way, in nanoseconds since 1970, and its number in the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileState(u64, i64, i64, u64);

impl FileState {
    /// The state of a file or a link. `None` where it does not tell: there is no file, it changed so lately that it may
    /// have changed again since without a new time, or the system has no time that nobody can set.
    #[cfg(unix)]
    pub fn of(path: &Utf8Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        use std::time::SystemTime;

        /// For how long, in nanoseconds, a file that changed may change again with the same time: file systems have
        /// coarse clocks.
        const UNSETTLED: i128 = 2_000_000_000;

        let metadata = path.symlink_metadata().ok()?;
        let time = |seconds: i64, nanoseconds: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds);
        let changed = time(metadata.ctime(), metadata.ctime_nsec());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let is_settled = i128::from(changed) + UNSETTLED < now.as_nanos().cast_signed();
        let modified = time(metadata.mtime(), metadata.mtime_nsec());
        is_settled.then_some(Self(metadata.len(), modified, changed, metadata.ino()))
    }

    /// One that is like no other number's.
    #[cfg(test)]
    pub(crate) fn for_test(number: u64) -> Self {
        Self(number, 0, 0, 0)
    }

    /// Other systems have no such time.
    #[cfg(not(unix))]
    pub fn of(_: &Utf8Path) -> Option<Self> {
        None
    }
}

/// A digest of what is in a file and whether somebody may execute it; of what a link says; of a folder only that it is one.
pub fn content_digest(path: &Utf8Path) -> Result<String> {
    let metadata = path.symlink_metadata().with_context(|| format!("cannot read {path}"))?;
    if metadata.is_symlink() {
        return Ok(crate::oci::digest(format!("link {}", link_target(path)?).as_bytes()));
    }
    if metadata.is_dir() {
        return Ok(crate::oci::digest(b"folder"));
    }
    let mut bytes = fs::read(path).with_context(|| format!("cannot read {path}"))?;
    if is_executable(path)? {
        bytes.extend(b" is executable");
    }
    Ok(crate::oci::digest(&bytes))
}

/// Whether somebody may execute a file; on a system without such a mark, nobody.
pub fn is_executable(path: &Utf8Path) -> Result<bool> {
    let metadata = path.metadata().with_context(|| format!("cannot read {path}"))?;
    #[cfg(unix)]
    let is_executable = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let is_executable = {
        let _ = metadata;
        false
    };
    Ok(is_executable)
}

/// How many bytes are free on the disk that a folder is on; `None` where there is no such folder, or nobody to ask.
#[cfg(unix)]
pub fn free_space(folder: &Utf8Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder.as_std_path()).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

/// Nobody is asked.
#[cfg(not(unix))]
pub fn free_space(_: &Utf8Path) -> Option<u64> {
    None
}

/// Creates a folder and those above it.
pub fn create_folder(path: &Utf8Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot create the folder {path}"))
}

/// Removes a file; one that is already gone is fine.
pub fn remove(path: &Utf8Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {path}"))
        }
        _ => Ok(()),
    }
}

/// Removes a folder with all that is in it; links in it stay what they lead to. One that is already gone is fine.
pub fn remove_folder(path: &Utf8Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove the folder {path}"))
        }
        _ => Ok(()),
    }
}

/// What only one process holds, as long as it lives and keeps this.
pub struct Lock(#[expect(dead_code, reason = "closing it gives the lock back")] Option<fs::File>);

/// What a lock file holds: nothing reads it, and an empty file looks like one that a write left behind.
const HELD: &[u8] = b"locked while a run of cargo xtask needs it\n";

/// Holds the lock of this file together with others; before they can, the first one does something.
#[cfg(unix)]
pub fn lock_together(path: &Utf8Path, alone: impl FnOnce() -> Result<()>) -> Result<Lock> {
    use rustix::fs::{FlockOperation, flock};
    use rustix::io::retry_on_intr;

    let file = lock_file(path)?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
        alone()?;
    }
    let locked = retry_on_intr(|| flock(&file, FlockOperation::LockShared));
    locked.with_context(|| format!("cannot lock {path}"))?;
    Ok(Lock(Some(file)))
}

/// There is no such lock, and so nobody knows to be alone.
#[cfg(not(unix))]
pub fn lock_together(_: &Utf8Path, _: impl FnOnce() -> Result<()>) -> Result<Lock> {
    Ok(Lock(None))
}

#[cfg(unix)]
fn lock_file(path: &Utf8Path) -> Result<fs::File> {
    create_folder(path.parent().unwrap_or(Utf8Path::new(".")))?;
    let file = fs::File::options().read(true).append(true).create(true).open(path);
    let written = file.and_then(|mut file| {
        if file.metadata()?.len() == 0 {
            std::io::Write::write_all(&mut file, HELD)?;
        }
        Ok(file)
    });
    written.with_context(|| format!("cannot write {path}"))
}

/// Holds the lock of this file, unless somebody else does.
#[cfg(unix)]
pub fn try_lock(path: &Utf8Path) -> Result<Option<Lock>> {
    use rustix::fs::{FlockOperation, flock};
    use rustix::io::Errno;

    let file = lock_file(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Ok(None),
        locked => locked.map(|()| Some(Lock(Some(file)))).with_context(|| format!("cannot lock {path}")),
    }
}

/// There is no such lock.
#[cfg(not(unix))]
pub fn try_lock(_: &Utf8Path) -> Result<Option<Lock>> {
    Ok(Some(Lock(None)))
}

/// Makes `link` a symbolic link to a folder; `false` where the system has none that everybody may make.
#[cfg(unix)]
pub fn link_folder(folder: &Utf8Path, link: &Utf8Path) -> Result<bool> {
    std::os::unix::fs::symlink(folder, link).with_context(|| format!("cannot create the link {link} to {folder}"))?;
    Ok(true)
}

/// There is no such link.
#[cfg(not(unix))]
pub fn link_folder(_: &Utf8Path, _: &Utf8Path) -> Result<bool> {
    Ok(false)
}

/// The names of a folder's regular files, sorted; none where there is no such folder.
pub fn file_names(folder: &Utf8Path) -> Result<Vec<String>> {
    let entries = match folder.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot list {folder}")),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {folder}"))?;
        if entry.file_type().with_context(|| format!("cannot read {}", entry.path()))?.is_file() {
            names.push(entry.file_name().to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The absolute path of an existing folder, symbolic links resolved.
pub fn canonical(path: &Utf8Path) -> Result<Utf8PathBuf> {
    let path = path.canonicalize_utf8().with_context(|| format!("no such folder: {path}"))?;
    // Windows' verbatim prefix is not understood by the tools that receive the path.
    Ok(path.as_str().strip_prefix(r"\\?\").map_or_else(|| path.clone(), Utf8PathBuf::from))
}

/// Whether there is a folder, links followed.
pub fn is_folder(path: &Utf8Path) -> bool {
    path.is_dir()
}

/// Whether there is anything at a path, links followed.
pub fn exists(path: &Utf8Path) -> bool {
    path.exists()
}

/// What a symbolic link says.
pub fn link_target(path: &Utf8Path) -> Result<Utf8PathBuf> {
    path.read_link_utf8().with_context(|| format!("cannot read the link {path}"))
}

/// Opens a file to be read as a stream.
pub fn open(path: &Utf8Path) -> Result<fs::File> {
    fs::File::open(path).with_context(|| format!("cannot open {path}"))
}

/// Adds to the end of a file; creates it where there is none.
pub fn append(path: &Utf8Path, contents: &[u8]) -> Result<()> {
    let file = fs::File::options().append(true).create(true).open(path);
    file.and_then(|mut file| std::io::Write::write_all(&mut file, contents))
        .with_context(|| format!("cannot append to {path}"))
}
