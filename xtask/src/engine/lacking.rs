//! What a build lacks of the system, as build scripts, compilers and linkers say it.

use std::collections::BTreeSet;

use crate::files::tree::Below as _;
use crate::plan::{Build, ImagePlan};

/// What of the system a build did not find.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lacking {
    /// Debian packages.
    Packages(BTreeSet<String>),
    /// A file that some Debian package has.
    File(String),
    /// The repository's history, which the build asks for a version.
    Git,
}

/// Where the keys of a service stand, and what they say already.
#[derive(Debug)]
pub struct Keys {
    /// The table and the file.
    place: String,
    /// The way from the service's folder to the repository's root: `../../`.
    up: String,
    packages: BTreeSet<String>,
}

impl Default for Keys {
    fn default() -> Self {
        Self { place: "among the service's settings".to_owned(), up: "../".to_owned(), packages: BTreeSet::new() }
    }
}

impl Keys {
    /// Those of the service that an image is of.
    pub(super) fn of(image: &ImagePlan) -> Self {
        let place = match image.build {
            Build::Go(_) => format!("in {}", image.dir.below("image.toml")),
            Build::Rust(_) => format!("under `[package.metadata.image]` in {}", image.dir.below("Cargo.toml")),
        };
        let up = "../".repeat(image.dir.components().count());
        Self { place, up, packages: image.packages.iter().cloned().collect() }
    }
}

/// Programs and files whose absence is told in words of its own, with the Debian package.
const TOLD: [(&[&str], &str); 20] = [
    (&["is `cmake` not installed?"], "cmake"),
    // The compilers and linkers that a build, Cargo or gcc starts.
    (&["failed to find tool \"c++\""], "g++"),
    (&["failed to find tool \"g++\""], "g++"),
    (&["cannot execute ", "cc1plus"], "g++"),
    (&["failed to find tool \"clang"], "clang"),
    (&["linker `clang` not found"], "clang"),
    (&["linker `clang++` not found"], "clang"),
    (&["invalid linker name", "fuse-ld=lld"], "lld"),
    (&["cannot find 'ld.lld'"], "lld"),
    (&["invalid linker name", "fuse-ld=mold"], "mold"),
    (&["cannot find 'ld.mold'"], "mold"),
    // The configuration of OpenSSL's sources.
    (&["Can't locate ", ".pm in @INC"], "perl"),
    (&["Is perl installed?"], "perl"),
    (&["Is make installed?"], "make"),
    (&["is `make` not installed?"], "make"),
    (&["could not execute process `git"], "git"),
    (&["git ", "kind: NotFound"], "git"),
    (&["Unable to find libclang"], "libclang-dev"),
    (&["`pkg-config` could not be found"], "pkg-config"),
    (&["google/protobuf/", "File not found"], "libprotobuf-dev"),
];

/// What comes before the name of a Debian package, where a build script gives the command.
const COMMANDS: [&str; 2] = ["apt-get install ", "apt install "];

/// What comes after the name of a Debian package in backquotes.
const SYSTEMS: [&str; 2] = ["` on Ubuntu", "` on Debian"];

impl Lacking {
    /// Reads the log of a step that failed.
    pub(super) fn read<'a>(log: impl Iterator<Item = &'a str> + Clone) -> Option<Self> {
        let packages: BTreeSet<String> = log.clone().flat_map(packages).map(str::to_owned).collect();
        if !packages.is_empty() {
            return Some(Self::Packages(packages));
        }
        let asks_git = log.clone().any(|line| line.contains("fatal: not a git repository"));
        log.into_iter().find_map(file).map(Self::File).or_else(|| asks_git.then_some(Self::Git))
    }

    /// What a person can do about a build step: one line.
    pub(super) fn hint(&self, service: &str, keys: &Keys) -> String {
        let place = &keys.place;
        let image = format!("then `cargo xtask image {service}`");
        match self {
            Self::Packages(packages) => {
                // The line replaces one that is there.
                let line = packages.union(&keys.packages).collect::<Vec<_>>();
                let git = if packages.contains("git") {
                    format!(", where `.git` is not unless `inputs = [\"{}.git/**\"]` stands there too", keys.up)
                } else {
                    String::new()
                };
                format!("`packages = {line:?}` {place} installs it for the build{git}; {image}")
            }
            Self::File(file) => {
                format!("`packages = [\"…\"]` {place}, with the Debian package that has {file}; {image}")
            }
            Self::Git => format!(
                "`.git` is not in the build: pass the version by a variable, or let the build see it by `inputs = \
                 [\"{}.git/**\"]` {place}, with which every commit builds again; {image}",
                keys.up
            ),
        }
    }

    /// What a person can do about a compiler of this machine: a part of a line.
    pub(super) fn hint_here(&self) -> String {
        match self {
            Self::Packages(packages) => {
                let packages: Vec<_> = packages.iter().map(String::as_str).collect();
                format!("install {}, as Debian calls it", packages.join(" and "))
            }
            Self::File(file) => format!("install the package that has {file}"),
            Self::Git => "let the build do without git, or build in a checkout that has `.git`".to_owned(),
        }
    }
}

fn packages(line: &str) -> impl Iterator<Item = &str> {
    let is_told = |words: &[&str]| words.iter().all(|words| line.contains(words));
    let told = TOLD.iter().filter(move |(words, _)| is_told(words)).map(|(_, package)| *package);
    let installed = COMMANDS.iter().filter_map(|command| {
        let (_, rest) = line.split_once(command)?;
        let word = rest.split_whitespace().find(|word| !word.starts_with('-'))?;
        let name = word.split(|end| !is_of_name(end)).next()?.trim_end_matches('.');
        Some(name).filter(|name| is_name(name))
    });
    let named = SYSTEMS.iter().filter_map(|system| {
        let (before, _) = line.split_once(system)?;
        before.rsplit('`').next().filter(|word| is_name(word))
    });
    told.chain(installed).chain(named)
}

/// What pkg-config, a C compiler or a linker looked for in vain.
fn file(line: &str) -> Option<String> {
    if let Some((_, rest)) = line.split_once("The file `") {
        return rest.split_once("` needs to be installed").map(|(file, _)| file.to_owned());
    }
    if let Some((_, rest)) = line.split_once("fatal error: ") {
        let header = rest.strip_suffix(": No such file or directory")?;
        return header.ends_with(".h").then(|| header.to_owned());
    }
    let (_, library) = line.split_once("cannot find -l")?;
    let library = library.split([':', ' ']).next()?;
    is_name(library).then(|| format!("lib{library}"))
}

fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphanumeric()) && word.chars().all(is_of_name)
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || "+-.".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        let place = "under `[package.metadata.image]` in apps/web/Cargo.toml".to_owned();
        Keys { place, up: "../../".to_owned(), packages: BTreeSet::new() }
    }

    fn hint(log: &str) -> Option<String> {
        Lacking::read(log.lines()).map(|lacking| lacking.hint("web", &keys()))
    }

    #[test]
    fn what_a_build_script_asks_for_is_a_package() {
        for (log, packages) in [
            (
                r#"thread 'main' panicked: Custom { kind: NotFound, error: "Could not find `protoc`. To install it on Debian, run `apt-get install protobuf-compiler`. It is also" }"#,
                r#"["protobuf-compiler"]"#,
            ),
            (
                "this requires the `pkg-config` utility, but unfortunately `pkg-config` could not be found.\n\
                 For example, `libssl-dev` on Ubuntu or `openssl-devel` on Fedora.",
                r#"["libssl-dev", "pkg-config"]"#,
            ),
            ("Try `apt install pkg-config`, or `yum install pkg-config`,", r#"["pkg-config"]"#),
            ("sudo apt-get install -y libudev-dev.", r#"["libudev-dev"]"#),
            (
                "error occurred in cc-rs: failed to find tool \"c++\": No such file or directory (os error 2)",
                r#"["g++"]"#,
            ),
            ("Can't locate FindBin.pm in @INC (you may need to install the FindBin module)", r#"["perl"]"#),
            ("    Command 'make' not found. Is make installed?", r#"["make"]"#),
            ("error: linker `clang` not found", r#"["clang"]"#),
            ("clang: error: invalid linker name in argument '-fuse-ld=lld'", r#"["lld"]"#),
            ("is `cmake` not installed?", r#"["cmake"]"#),
            ("protoc failed: google/protobuf/struct.proto: File not found.", r#"["libprotobuf-dev"]"#),
            ("Unable to find libclang: \"couldn't find any valid shared libraries", r#"["libclang-dev"]"#),
        ] {
            let expected = format!(
                "`packages = {packages}` under `[package.metadata.image]` in apps/web/Cargo.toml installs it for the build; \
                 then `cargo xtask image web`"
            );
            assert_eq!(hint(log), Some(expected), "{log}");
        }
    }

    #[test]
    fn this_machine_has_no_settings() {
        for (log, expected) in [
            ("run `apt-get install protobuf-compiler`", "install protobuf-compiler, as Debian calls it"),
            ("/usr/bin/ld: cannot find -lpq: No such file", "install the package that has libpq"),
        ] {
            assert_eq!(Lacking::read(log.lines()).expect("is lacking").hint_here(), expected);
        }
    }

    #[test]
    fn a_file_that_was_looked_for_is_named() {
        for (log, file) in [
            ("The file `alsa.pc` needs to be installed and the PKG_CONFIG_PATH", "alsa.pc"),
            ("db.go:4:11: fatal error: zlib.h: No such file or directory", "zlib.h"),
            ("/usr/bin/ld: cannot find -lpq: No such file or directory", "libpq"),
        ] {
            let hint = hint(log).expect("is lacking");
            assert!(hint.contains(&format!("the Debian package that has {file};")), "{hint}");
        }
    }

    #[test]
    fn the_line_keeps_what_is_there() {
        let keys = Keys { packages: BTreeSet::from(["perl".to_owned()]), ..keys() };
        let lacking = Lacking::read("Is make installed?".lines()).expect("is lacking");
        let hint = lacking.hint("web", &keys);
        assert!(hint.starts_with("`packages = [\"make\", \"perl\"]` under "), "{hint}");
    }

    #[test]
    fn a_build_that_asks_git_hears_that_it_is_not_there() {
        insta::assert_snapshot!(
            [
                hint("build.rs:2: git describe: Os { code: 2, kind: NotFound, message: \"No such file\" }"),
                hint("git describe: fatal: not a git repository (or any of the parent directories): .git"),
            ]
            .map(|hint| hint.expect("is lacking"))
            .join("\n"),
            @r#"
        `packages = ["git"]` under `[package.metadata.image]` in apps/web/Cargo.toml installs it for the build, where `.git` is not unless `inputs = ["../../.git/**"]` stands there too; then `cargo xtask image web`
        `.git` is not in the build: pass the version by a variable, or let the build see it by `inputs = ["../../.git/**"]` under `[package.metadata.image]` in apps/web/Cargo.toml, with which every commit builds again; then `cargo xtask image web`
        "#
        );
    }

    #[test]
    fn other_failures_are_not_taken_for_it() {
        for log in [
            "web.go:3: undefined: x",
            "error[E0432]: unresolved import `serde`",
            "apt-get install ",
            "fatal error: all goroutines are asleep - deadlock!",
            "The file `",
            "",
        ] {
            assert_eq!(hint(log), None, "{log}");
        }
    }
}
