//! `cargo xtask sizes history`: what the lock file said from commit to commit, as git has it.

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use xshell::{Shell, cmd};

use crate::budget::Limits;
use crate::budget::history::{Commit, History, Revision, histories};
use crate::budget::lock::{LOCK_FILE, SizesLock};
use crate::commands::judge::{UPDATE, read_lock};
use crate::commands::repository::Repository;
use crate::commands::{Answer, Console};
use crate::discover::unknown_service;
use crate::error::Error;
use crate::plan::ImagePlan;
use crate::process::Command;
use crate::report;

/// What git says of the lock file.
pub(in crate::commands) struct Revisions {
    /// The oldest first; the file as it is now is the last one.
    pub(super) revisions: Vec<Revision>,
    /// Whether the checkout lacks older commits.
    pub(super) is_shallow: bool,
    /// The commits whose lock file does not parse.
    unreadable: Vec<String>,
}

/// Shows the sizes of an image from commit to commit.
pub(super) fn run(repository: &Repository, name: &str, json: bool, console: &mut Console) -> Result<Answer> {
    // Of a service that cannot be planned it is not known what it may weigh now; what it weighed, it did.
    let images = repository.plan()?.plans.images;
    let found = Revisions::read(repository.root())?;
    if found.revisions.is_empty() {
        return Err(Error::usage(format!("{LOCK_FILE} has no history: there is none"))
            .hint(format!("run `cargo xtask images` and `{UPDATE}`, and commit the file"))
            .into());
    }
    if found.is_shallow {
        console.say("the clone is shallow: what was before its oldest commit is not shown");
        console.say("hint: `git fetch --unshallow` fetches the rest");
    }
    if !found.unreadable.is_empty() {
        console.say(format_args!("left out, since their {LOCK_FILE} does not parse: {}", found.unreadable.join(", ")));
    }
    let histories = of_image(name, &found, &images);
    if histories.is_empty() {
        let locked = found.revisions.iter().flat_map(|revision| revision.lock.images());
        let names: Vec<_> = locked.map(|image| image.name.as_str()).collect();
        let message = format!("{LOCK_FILE} never had an image named `{name}`");
        return Err(unknown_service(message, name, names.into_iter()).into());
    }
    let json_or_text =
        if json { report::history_json(&histories, found.is_shallow) } else { report::history(&histories) };
    Ok(Answer::yes(json_or_text))
}

/// The histories of an image, against what its budget is now.
pub(in crate::commands) fn of_image(name: &str, found: &Revisions, images: &[ImagePlan]) -> Vec<History> {
    let budget = images.iter().find(|image| image.name == name).and_then(|image| image.budget.as_ref());
    let limits = |platform: &str| budget.map_or_else(Limits::default, |budget| budget.on(platform));
    histories(name, &found.revisions, limits)
}

impl Revisions {
    /// Reads what every commit of the current branch left of the lock file, and what it is now. What came in with a
    /// merge is the merge's.
    pub(in crate::commands) fn read(root: &Utf8Path) -> Result<Self> {
        let shell = Shell::new()?;
        let git = |words: &[&str]| Command::from(cmd!(shell, "git -C {root} {words...}"));
        let is_shallow = git(&["rev-parse", "--is-shallow-repository"]).read()? == "true";
        let head = git(&["rev-parse", "--quiet", "--verify", "HEAD"]).output()?;
        // A repository without a commit has a file at most.
        let commits = if head.status.success() { commits(&git)? } else { Vec::new() };
        let names: String = commits.iter().map(|commit| format!("{}:./{LOCK_FILE}\n", commit.hash)).collect();
        let contents = git(&["cat-file", "--batch"]).stdin(names).run()?.stdout;
        let (mut revisions, mut unreadable) = (Vec::new(), Vec::new());
        let mut rest = contents.as_slice();
        for commit in commits {
            let text = next_object(&mut rest).with_context(|| format!("git did not show {}", commit.hash))?;
            match text.map_or_else(|| Ok(SizesLock::default()), |text| SizesLock::parse(&text)) {
                Ok(lock) => revisions.push(Revision { commit: Some(commit), lock }),
                Err(_) => unreadable.push(commit.hash),
            }
        }
        let now = read_lock(root)?;
        if revisions.last().map(|last| last.lock.clone()).unwrap_or_default() != now {
            revisions.push(Revision { commit: None, lock: now });
        }
        Ok(Self { revisions, is_shallow, unreadable })
    }
}

/// The commits that changed the lock file, the oldest first.
fn commits(git: &dyn Fn(&[&str]) -> Command) -> Result<Vec<Commit>> {
    let log = git(&[
        "log",
        "--first-parent",
        "--reverse",
        "--no-show-signature",
        "--no-color",
        "--format=%H%x00%cs%x00%s",
        "--",
        LOCK_FILE,
    ]);
    let log = String::from_utf8_lossy(&log.run()?.stdout).into_owned();
    let commit = |line: &str| {
        let mut words = line.splitn(3, '\0').map(str::to_owned);
        Some(Commit { hash: words.next()?, date: words.next()?, subject: words.next()? })
    };
    log.lines().map(|line| commit(line).with_context(|| format!("`git log` wrote `{line}`"))).collect()
}

/// Takes the next object off what `git cat-file --batch` wrote; one that is missing is none.
pub(super) fn next_object(rest: &mut &[u8]) -> Option<Option<String>> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let head = String::from_utf8_lossy(&rest[..end]).into_owned();
    *rest = &rest[end + 1..];
    if head.ends_with(" missing") {
        return Some(None);
    }
    let size: usize = head.rsplit(' ').next()?.parse().ok()?;
    let text = String::from_utf8_lossy(rest.get(..size)?).into_owned();
    // Behind each object stands a line end.
    *rest = rest.get(size + 1..)?;
    Some(Some(text))
}

#[cfg(test)]
mod tests {
    use super::next_object;

    #[test]
    fn objects_are_told_apart_by_their_length() {
        let mut rest = b"a1 blob 4\nx\ny\n\nmain:./gone missing\nb2 blob 0\n\nc3 blob 9\ncut".as_slice();
        assert_eq!(next_object(&mut rest), Some(Some("x\ny\n".into())));
        assert_eq!(next_object(&mut rest), Some(None));
        assert_eq!(next_object(&mut rest), Some(Some(String::new())));
        assert_eq!(next_object(&mut rest), None, "it ends early");
    }
}
