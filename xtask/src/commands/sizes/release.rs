//! What the lock file said at the last release, as git's tags have it.

use anyhow::{Context as _, Result, anyhow};
use camino::Utf8Path;
use xshell::{Shell, cmd};

use super::history::next_object;
use crate::budget::lock::{LOCK_FILE, SizesLock};
use crate::budget::release::{LastRelease, is_version};
use crate::process::Command;

/// The newest tag that names a version, lies behind the commit that is checked out and has a lock file. Of a release the
/// commit's own tags are not meant: they are the release that is being made.
pub(in crate::commands) fn last_release(root: &Utf8Path, is_release: bool) -> LastRelease {
    read(root, is_release).unwrap_or_else(|error| LastRelease::Unknown(format!("{error:#}").replace('\n', "; ")))
}

fn read(root: &Utf8Path, is_release: bool) -> Result<LastRelease> {
    let shell = Shell::new()?;
    let git = |words: &[&str]| Command::from(cmd!(shell, "git -C {root} {words...}"));
    let is_shallow = git(&["rev-parse", "--is-shallow-repository"]).read()? == "true";
    let head = git(&["rev-parse", "--quiet", "--verify", "HEAD"]).output()?;
    if !head.status.success() {
        return Ok(LastRelease::None);
    }
    let head = String::from_utf8_lossy(&head.stdout).trim().to_owned();
    // A tag's own hash, and where it is an object, that of its commit.
    let format = "--format=%(refname:short)%00%(objectname)%00%(*objectname)";
    let newest_first = ["--sort=-version:refname", "--sort=-creatordate"];
    let tags = git(&["for-each-ref", "--merged=HEAD", newest_first[0], newest_first[1], format, "refs/tags"]).read()?;
    let is_of_head = |hashes: &str| is_release && hashes.split('\0').any(|hash| hash == head);
    let tags = tags.lines().filter_map(|line| line.split_once('\0'));
    let tags: Vec<_> = tags.filter(|(tag, hashes)| is_version(tag) && !is_of_head(hashes)).collect();
    let names: String = tags.iter().map(|(tag, _)| format!("refs/tags/{tag}:./{LOCK_FILE}\n")).collect();
    let contents = git(&["cat-file", "--batch"]).stdin(names).run()?.stdout;
    let mut rest = contents.as_slice();
    for (tag, _) in tags {
        if let Some(text) = next_object(&mut rest).with_context(|| format!("git did not show {tag}"))? {
            let lock = SizesLock::parse(&text).map_err(|message| anyhow!("{LOCK_FILE} of {tag}: {message}"))?;
            return Ok(LastRelease::Tagged(tag.to_owned(), lock));
        }
    }
    let shallow = "the clone is shallow, and has no release; `git fetch --unshallow --tags` fetches them";
    Ok(if is_shallow { LastRelease::Unknown(shallow.to_owned()) } else { LastRelease::None })
}
