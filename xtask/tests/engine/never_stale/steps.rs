//! What happens to the services between two builds, and how they are built.

use std::fs::{self, File, FileTimes};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime};

use super::random::Random;
use super::services::{ERRORS, GO, ITOA, Past, RUST, Services, go_mod, more_words};
use crate::testbed;

/// A kind of step. Each ends with a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Edit,
    EditInPlace,
    Revert,
    Rename,
    Swap,
    MoveFolderBack,
    Delete,
    Add,
    SwitchBranch,
    GoTags,
    GoModule,
    RustVersions,
    Modes,
    KillBuild,
    BuildBothAtOnce,
}

const STEPS: [Step; 15] = [
    Step::Edit,
    Step::EditInPlace,
    Step::Revert,
    Step::Rename,
    Step::Swap,
    Step::MoveFolderBack,
    Step::Delete,
    Step::Add,
    Step::SwitchBranch,
    Step::GoTags,
    Step::GoModule,
    Step::RustVersions,
    Step::Modes,
    Step::KillBuild,
    Step::BuildBothAtOnce,
];

/// Folders whose files come and go.
const LOOSE: [&str; 4] = ["go/internal/words", "go/cmd/alpha/data", "rust/two/data", "rust/one/data"];

/// Files that have to stay where they are.
const FIXED: [&str; 2] = ["go/internal/words/words.go", "rust/one/data/a.txt"];

impl Step {
    pub fn random(random: &mut Random) -> Self {
        *random.pick(&STEPS)
    }

    /// Takes the step and builds. Returns what was done.
    pub fn take(self, services: &mut Services, other: &mut Services, random: &mut Random) -> String {
        let mut done = match self {
            Self::Edit => services.edit(random, false),
            Self::EditInPlace => services.edit(random, true),
            Self::Revert => services.revert(random),
            Self::Rename => services.rename(random),
            Self::Swap => services.swap(random),
            Self::MoveFolderBack => services.move_folder(random),
            Self::Delete => services.delete(random),
            Self::Add => services.add(random),
            Self::SwitchBranch => services.switch_branch(random),
            Self::GoTags => services.go_tags_other(random),
            Self::GoModule => services.go_module(random),
            Self::RustVersions => services.rust_versions(random),
            Self::Modes => services.modes(random),
            Self::KillBuild => services.kill_build(random),
            Self::BuildBothAtOnce => format!("{}, and there {}", services.edit(random, true), other.edit(random, true)),
        };
        if self == Self::BuildBothAtOnce {
            std::thread::scope(|scope| {
                scope.spawn(|| other.build_all());
                services.build_all();
            });
            done += "; both built at once";
        } else {
            services.build(random);
        }
        format!("{self:?}: {done}; built {:?}", services.built)
    }
}

impl Services {
    fn build(&mut self, random: &mut Random) {
        let name = *random.pick(&[GO, RUST].concat());
        match random.below(3) {
            0 => {
                self.checkout.image(name, &[]).with_code(0);
                self.built = vec![name];
            }
            _ => self.build_all(),
        }
    }

    fn build_all(&mut self) {
        self.checkout.images(&[]).with_code(0);
        self.built = [GO, RUST].concat();
    }

    /// Starts a build of an edit, and kills it while it runs; then perhaps takes the edit back.
    fn kill_build(&mut self, random: &mut Random) -> String {
        let edit = self.edit(random, true);
        let (lines, gently) = (random.below(40), random.below(2) == 0);
        let mut command = self.checkout.images_command(&["--verbose"]);
        let mut run = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
        let stderr = BufReader::new(run.stderr.take().expect("is piped"));
        let seen = stderr.lines().take(lines).count();
        kill(&mut run, if gently { "TERM" } else { "KILL" });
        let back = if random.below(2) == 0 { self.revert(random) } else { "kept".to_owned() };
        format!("{edit}; killed {} after {seen} lines; {back}", if gently { "gently" } else { "hard" })
    }

    /// Changes a word. `in_place` keeps the file's time, as its length is kept always.
    fn edit(&mut self, random: &mut Random, in_place: bool) -> String {
        let files: Vec<_> = self.files().into_iter().filter(|(_, bytes)| has_token(bytes)).collect();
        let (path, bytes) = random.pick(&files).clone();
        let text = String::from_utf8(bytes.clone()).expect("is UTF-8");
        let words: Vec<_> = text.match_indices("token-").map(|(at, _)| at).collect();
        let at = *random.pick(&words);
        let new = format!("{}{}{}", &text[..at], random.token(), &text[at + 14..]);
        let modified = self.modified(&path);
        self.past.push(Past { path: path.clone(), bytes, modified });
        self.checkout.write(&path, &new);
        if in_place {
            self.set_modified(&path, modified);
        }
        format!("{path}{}", if in_place { " in place" } else { "" })
    }

    /// Puts back what a file held before, with the time it had.
    fn revert(&mut self, random: &mut Random) -> String {
        let past: Vec<_> = self.past.iter().filter(|past| self.exists(&past.path)).collect();
        if past.is_empty() {
            return "nothing to put back".to_owned();
        }
        let Past { path, bytes, modified } = *random.pick(&past);
        fs::write(self.checkout.root.join(path), bytes).expect("writes");
        self.set_modified(path, *modified);
        format!("{path} put back")
    }

    /// Moves a file to another name in its folder; it keeps its time.
    fn rename(&mut self, random: &mut Random) -> String {
        let Some(path) = self.loose(random) else { return "nothing to rename".to_owned() };
        let (folder, name) = path.rsplit_once('/').expect("is in a folder");
        let (_, ending) = name.rsplit_once('.').expect("has an ending");
        let new = format!("{folder}/r{}.{ending}", random.below(1000));
        fs::rename(self.checkout.root.join(&path), self.checkout.root.join(&new)).expect("renames");
        format!("{path} to {new}")
    }

    /// Has two files of one folder change their names; they keep their times.
    fn swap(&mut self, random: &mut Random) -> String {
        let (Some(one), Some(two)) = (self.loose(random), self.loose(random)) else { return "nothing".to_owned() };
        if one == two
            || one.rsplit_once('/').map(|(folder, _)| folder) != two.rsplit_once('/').map(|(folder, _)| folder)
        {
            return format!("{one} stays");
        }
        let path = |path: &str| self.checkout.root.join(path);
        fs::rename(path(&one), path("swap")).expect("renames");
        fs::rename(path(&two), path(&one)).expect("renames");
        fs::rename(path("swap"), path(&two)).expect("renames");
        format!("{one} and {two}")
    }

    /// Moves a copy of a folder, with other words and the same times, into its place.
    fn move_folder(&mut self, random: &mut Random) -> String {
        let folder = *random.pick(&LOOSE);
        let root = self.checkout.root.clone();
        fs::create_dir(root.join("copy")).expect("creates");
        for entry in root.join(folder).read_dir_utf8().expect("lists") {
            let path = entry.expect("lists").into_path();
            let text = fs::read_to_string(&path).expect("reads");
            let text = match text.find("token-") {
                Some(at) => format!("{}{}{}", &text[..at], random.token(), &text[at + 14..]),
                None => text,
            };
            let copy = root.join("copy").join(path.file_name().expect("has a name"));
            fs::write(&copy, text).expect("writes");
            let modified = fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("has a time");
            set_modified(&copy, modified);
        }
        fs::rename(root.join(folder), root.join("old")).expect("renames");
        fs::rename(root.join("copy"), root.join(folder)).expect("renames");
        fs::remove_dir_all(root.join("old")).expect("removes");
        folder.to_owned()
    }

    fn delete(&mut self, random: &mut Random) -> String {
        let Some(path) = self.loose(random) else { return "nothing to delete".to_owned() };
        let (folder, _) = path.rsplit_once('/').expect("is in a folder");
        if fs::read_dir(self.checkout.root.join(folder)).expect("lists").count() == 1 {
            return format!("{path} stays");
        }
        let bytes = fs::read(self.checkout.root.join(&path)).expect("reads");
        self.past.push(Past { path: path.clone(), bytes, modified: self.modified(&path) });
        fs::remove_file(self.checkout.root.join(&path)).expect("removes");
        path
    }

    /// Adds a file, or one that was deleted, with an old time.
    fn add(&mut self, random: &mut Random) -> String {
        let deleted: Vec<_> =
            self.past.iter().filter(|past| is_loose(&past.path) && !self.exists(&past.path)).collect();
        let (path, bytes, modified) = if deleted.is_empty() || random.below(2) == 0 {
            let folder = *random.pick(&LOOSE);
            let (ending, text) =
                if folder.contains("words") { ("go", more_words(random)) } else { ("txt", random.token()) };
            let age = Duration::from_secs(random.below(1_000_000) as u64);
            (format!("{folder}/n{}.{ending}", random.below(1000)), text.into_bytes(), SystemTime::now() - age)
        } else {
            let past = *random.pick(&deleted);
            (past.path.clone(), past.bytes.clone(), past.modified)
        };
        fs::write(self.checkout.root.join(&path), bytes).expect("writes");
        self.set_modified(&path, modified);
        path
    }

    /// Commits, and checks out another branch, or a new one at an older commit.
    fn switch_branch(&mut self, random: &mut Random) -> String {
        self.commit();
        let commits = self.git(&["log", "--all", "--format=%H"]);
        let commits: Vec<_> = commits.lines().collect();
        let commit = *random.pick(&commits);
        self.git(&["branch", "--force", "kept"]);
        self.git(&["branch", "--force", &format!("branch-{}", random.below(1_000_000))]);
        self.git(&["checkout", "--quiet", "--detach", commit]);
        format!("to {} of {} commits", &commit[..7], commits.len())
    }

    fn go_tags_other(&mut self, random: &mut Random) -> String {
        let tags = *random.pick(&["tags = []\n", "tags = [\"loud\"]\n"]);
        self.checkout.write("go/cmd/alpha/image.toml", tags);
        tags.trim().to_owned()
    }

    fn go_module(&mut self, random: &mut Random) -> String {
        let release = *random.pick(&ERRORS);
        self.checkout.write("go/go.mod", &go_mod(release));
        release.to_owned()
    }

    fn rust_versions(&mut self, random: &mut Random) -> String {
        let (itoa, version, loud) = (random.below(ITOA.len()), random.below(3), random.below(2) == 0);
        self.write_rust_versions(itoa, version, loud);
        format!("itoa {}, one 0.{version}.0, loud {loud}", ITOA[itoa].0)
    }

    fn modes(&mut self, random: &mut Random) -> String {
        let files: Vec<_> = self.files().into_keys().collect();
        let (path, mode) = (random.pick(&files), *random.pick(&[0o600, 0o640, 0o644, 0o664, 0o755]));
        fs::set_permissions(self.checkout.root.join(path), fs::Permissions::from_mode(mode)).expect("sets the mode");
        format!("{path} {mode:o}")
    }

    /// A file that may go.
    fn loose(&self, random: &mut Random) -> Option<String> {
        let files: Vec<_> = self.files().into_keys().filter(|path| is_loose(path)).collect();
        (!files.is_empty()).then(|| random.pick(&files).clone())
    }

    fn exists(&self, path: &str) -> bool {
        self.checkout.root.join(path).is_file()
    }

    fn modified(&self, path: &str) -> SystemTime {
        fs::metadata(self.checkout.root.join(path)).and_then(|metadata| metadata.modified()).expect("has a time")
    }

    fn set_modified(&self, path: &str, time: SystemTime) {
        set_modified(&self.checkout.root.join(path), time);
    }
}

fn set_modified(path: &camino::Utf8Path, time: SystemTime) {
    let file = File::options().write(true).open(path).expect("opens");
    file.set_times(FileTimes::new().set_modified(time)).expect("sets the time");
}

fn is_loose(path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(folder, _)| LOOSE.contains(&folder)) && !FIXED.contains(&path)
}

fn has_token(bytes: &[u8]) -> bool {
    bytes.windows(6).any(|window| window == b"token-")
}

/// Ends a run. `TERM` reaches the programs that it has started too, `KILL` leaves them alone with a broken pipe.
fn kill(run: &mut Child, signal: &str) {
    // It may have ended by itself.
    testbed::run("kill", &["-s", signal, &run.id().to_string()]);
    run.wait().expect("ends");
}
