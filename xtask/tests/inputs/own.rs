//! The repository that these tests are part of.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::cargo;

fn repository() -> &'static Utf8Path {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("is in the repository")
}

/// The files and the stubs of a service, by the library itself.
fn inputs(service: &str) -> (BTreeSet<Utf8PathBuf>, Vec<Utf8PathBuf>) {
    let tree = xtask::files::tree::Tree::new(repository().to_owned());
    let discovery = xtask::discover::discover(&tree, &xtask::config::Settings::default(), &[]).expect("discovers");
    let service = discovery.services.iter().find(|found| found.name == service).expect("is found");
    let lister = xtask::discover::Lister {
        tree: &tree,
        discovery: &discovery,
        platforms: &[],
        settings_file: None,
        overrides: &[],
    };
    let mut listings = lister.list(&[service]);
    let listing = listings.of_services.remove(0).expect("lists");
    (listings.files(&listing).map(Utf8Path::to_owned).collect(), listing.stubs)
}

/// A repository of nothing but the inputs of a service.
pub fn copy_of_inputs(service: &str) -> (tempfile::TempDir, Utf8PathBuf, BTreeSet<Utf8PathBuf>) {
    let (files, stubs) = inputs(service);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let copy = Utf8Path::from_path(folder.path()).expect("is UTF-8").canonicalize_utf8().expect("is there");
    cargo::copy(repository(), &copy, files.iter().map(Utf8PathBuf::as_path));
    assert_eq!(stubs, [""; 0], "{service} is built from its inputs alone");
    (folder, copy, files)
}
