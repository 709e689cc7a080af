//! Whether a binary can start on the base it stands on: asked before anything is pushed.
//!
//! A dynamic binary on a base without its loader says "no such file or directory" about itself, and only when it is
//! started. Here the loader, the libraries and the symbol versions that it wants are looked up in the image. Pure.

mod contents;
mod elf;

use std::collections::BTreeSet;

use crate::engine::BuildFailure;

pub use contents::{Contents, LayerContents};
pub use elf::{Program, parse};

/// Libraries by the smallest base that has them.
const BASES: [(&str, &[&str]); 2] = [
    (
        "gcr.io/distroless/base-debian13:nonroot",
        &[
            "libc.so.6",
            "libm.so.6",
            "libpthread.so.0",
            "libdl.so.2",
            "librt.so.1",
            "libresolv.so.2",
            "libutil.so.1",
            "libanl.so.1",
            "libssl.so.3",
            "libcrypto.so.3",
            "ld-linux-x86-64.so.2",
            "ld-linux-aarch64.so.1",
        ],
    ),
    ("gcr.io/distroless/cc-debian13:nonroot", &["libgcc_s.so.1", "libstdc++.so.6", "libgomp.so.1", "libatomic.so.1"]),
];

/// Why a binary would not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// What is missing, a line each.
    pub problems: Vec<String>,
    /// What a person can do about it.
    pub hint: String,
}

impl Misfit {
    /// What is wrong with an image, or with several of its binaries.
    pub fn into_failure(misfits: Vec<Self>, name: &str, base: &str) -> Option<BuildFailure> {
        let hint = misfits.first()?.hint.clone();
        let mut text = format!("{name} would not start on {base}");
        for problem in misfits.iter().flat_map(|misfit| &misfit.problems) {
            text.push_str(&format!("\n  {problem}"));
        }
        Some(BuildFailure { names: vec![name.to_owned()], text, hint })
    }
}

/// Checks the binaries of an image that holds them, each at `/<name>`.
pub fn check_image(image: &Contents, bins: &[String], base: &str, architecture: &str) -> Vec<Misfit> {
    let programs = bins.iter().filter_map(|bin| Some((format!("/{bin}"), image.find(bin)?)));
    programs.filter_map(|(path, program)| check(&path, program, image, base, architecture)).collect()
}

/// Checks a binary of an image. `path` is for messages, `architecture` is the image's, by Go's name.
pub fn check(path: &str, program: &Program, image: &Contents, base: &str, architecture: &str) -> Option<Misfit> {
    if let Some(own) = program.architecture.as_deref().filter(|own| *own != architecture) {
        let problems = vec![format!("{path} is compiled for {own}, and the image is for {architecture}")];
        return Some(Misfit { problems, hint: "build it for the platform of the image".to_owned() });
    }
    let mut problems = Vec::new();
    let mut missing = BTreeSet::new();
    if let Some(loader) = program.interpreter.as_deref().filter(|loader| image.find(loader).is_none()) {
        problems.push(format!("{path} is started by {loader}, which {base} does not have"));
        missing.insert(file_name(loader));
    }
    for library in &program.libraries {
        match image.find_library(library, &program.search) {
            None => {
                problems.push(format!("{path} needs {library}, which {base} does not have"));
                missing.insert(library);
            }
            Some(found) => {
                let wanted = program.versions.iter().filter(|(of, _)| of == library).map(|(_, version)| version);
                let lacking = wanted.filter(|version| !found.offers.is_empty() && !found.offers.contains(*version));
                if let Some(version) = lacking.max_by_key(|version| numbers(version)) {
                    problems.push(format!("{path} needs {version} of {library}, and that of {base} is older"));
                }
            }
        }
    }
    (!problems.is_empty()).then(|| Misfit { problems, hint: hint(&missing) })
}

/// The bases that have what is missing, and the other way out.
fn hint(missing: &BTreeSet<&str>) -> String {
    if missing.is_empty() {
        return "build it on a system as old as the base, or take a newer `base`".to_owned();
    }
    let unknown: Vec<_> = missing.iter().filter(|name| BASES.iter().all(|(_, has)| !has.contains(name))).collect();
    if let Some(unknown) = unknown.first() {
        if unknown.starts_with("ld-musl") || unknown.starts_with("libc.musl") {
            return "link it statically, or take a `base` of Alpine, which has musl".to_owned();
        }
        return format!("link {unknown} statically, or set `base` to an image that has it: no distroless one does");
    }
    let smallest = BASES.iter().rev().find(|(_, has)| missing.iter().any(|name| has.contains(name)));
    let bases: Vec<_> = BASES.iter().skip_while(|(base, _)| smallest.is_some_and(|(least, _)| base != least)).collect();
    let bases: Vec<_> = bases.into_iter().map(|(base, _)| *base).collect();
    format!("set `base` to {}, which has it; or link statically", bases.join(" or "))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The numbers in `GLIBC_2.34`, which compare as versions do.
fn numbers(version: &str) -> Vec<u32> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::layer::{Entry, Kind, Layer};

    fn image(entries: Vec<Entry>) -> Contents {
        let mut archive = Vec::new();
        Layer::new(entries).write(&mut archive).expect("writes");
        let mut contents = Contents::default();
        contents.add(&LayerContents::read(archive.as_slice()).expect("reads"));
        contents
    }

    fn dynamic() -> Program {
        Program {
            architecture: Some("amd64".to_owned()),
            interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()),
            libraries: vec!["libgcc_s.so.1".to_owned(), "libc.so.6".to_owned()],
            versions: vec![
                ("libc.so.6".to_owned(), "GLIBC_2.34".to_owned()),
                ("libc.so.6".to_owned(), "GLIBC_2.9".to_owned()),
            ],
            ..Program::default()
        }
    }

    #[test]
    fn a_static_program_fits_everywhere() {
        let program = Program { architecture: Some("amd64".to_owned()), ..Program::default() };
        assert_eq!(check("/worker", &program, &Contents::default(), "embedded", "amd64"), None);
    }

    #[test]
    fn a_program_of_another_architecture_does_not() {
        let misfit = check("/worker", &dynamic(), &Contents::default(), "embedded", "arm64").expect("does not fit");
        assert_eq!(misfit.problems, ["/worker is compiled for amd64, and the image is for arm64"]);
    }

    #[test]
    fn what_is_missing_is_named_with_the_bases_that_have_it() {
        let libc = || {
            vec![
                Entry::folder("usr/lib64"),
                Entry::new("usr/lib64/ld-linux-x86-64.so.2", Kind::Bytes(Vec::new()), 0o755),
                Entry::new("lib64", Kind::Link("usr/lib64".to_owned()), 0o777),
                Entry::new("usr/lib/x86_64-linux-gnu/libc.so.6", Kind::Bytes(Vec::new()), 0o755),
            ]
        };
        let misfit = check("/api", &dynamic(), &image(libc()), "base", "amd64").expect("does not fit");
        assert_eq!(misfit.problems, ["/api needs libgcc_s.so.1, which base does not have"]);
        assert_eq!(
            misfit.hint,
            "set `base` to gcr.io/distroless/cc-debian13:nonroot, which has it; or link statically"
        );
        let none = check("/api", &dynamic(), &Contents::default(), "embedded", "amd64").expect("does not fit");
        assert_eq!(none.problems[0], "/api is started by /lib64/ld-linux-x86-64.so.2, which embedded does not have");
        assert_eq!(none.problems.len(), 3);
        let mut entries = libc();
        entries.push(Entry::new("lib/libgcc_s.so.1", Kind::Link("libgcc.so".to_owned()), 0o777));
        entries.push(Entry::new("lib/libgcc.so", Kind::Bytes(Vec::new()), 0o644));
        assert_eq!(check("/api", &dynamic(), &image(entries), "base", "amd64"), None);
    }

    #[test]
    fn a_libc_that_is_too_old_is_named_with_the_newest_version_that_it_lacks() {
        let libc = |offers: &[&str]| {
            let program = |offers: &[&str]| Program {
                offers: offers.iter().map(|version| (*version).to_owned()).collect(),
                ..Program::default()
            };
            let layer = serde_json::json!([
                ["lib64/ld-linux-x86-64.so.2", { "program": program(&[]) }],
                ["lib/libgcc_s.so.1", { "program": program(&[]) }],
                ["lib/libc.so.6", { "program": program(offers) }],
            ]);
            let mut contents = Contents::default();
            contents.add(&serde_json::from_value(layer).expect("reads"));
            check("/api", &dynamic(), &contents, "base", "amd64")
        };
        let misfit = libc(&["GLIBC_2.2.5"]).expect("does not fit");
        assert_eq!(misfit.problems, ["/api needs GLIBC_2.34 of libc.so.6, and that of base is older"]);
        assert_eq!(misfit.hint, "build it on a system as old as the base, or take a newer `base`");
        assert_eq!(libc(&["GLIBC_2.9", "GLIBC_2.34", "GLIBC_2.41"]), None);
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(numbers("GLIBC_2.34") > numbers("GLIBC_2.9"));
        assert_eq!(
            hint(&BTreeSet::from(["libpq.so.5"])),
            "link libpq.so.5 statically, or set `base` to an image that has it: no distroless one does"
        );
        assert!(
            hint(&BTreeSet::from(["libc.so.6"]))
                .starts_with("set `base` to gcr.io/distroless/base-debian13:nonroot or gcr.io/distroless/cc-")
        );
    }
}
