//! Images by their references: those of the Docker engine, and with a registry's name in front those of registries.

use anyhow::Result;

use super::{explain_layout, explain_saved};
use crate::commands::images::say_from_threads;
use crate::commands::repository::Repository;
use crate::commands::running::Running;
use crate::commands::{Console, environment, state};
use crate::engine::native::own_platform;
use crate::explain::Explanation;
use crate::files;
use crate::oci::document::Platform;
use crate::oci::reference::{Reference, is_registry};
use crate::registry::{self, Session};

/// The reference that a word is: it has a tag or a digest, which no service's name has.
pub(super) fn reference_of(what: &str) -> Option<Reference> {
    what.parse().ok().filter(|reference: &Reference| reference.tag.is_some() || reference.digest.is_some())
}

/// Explains an image: of a registry that for this machine's platform, if it has several.
pub(super) fn explain_reference(
    repository: &Repository,
    what: &str,
    reference: &Reference,
    copies: &[Vec<u8>],
    console: &mut Console,
) -> Result<Vec<Explanation>> {
    let names_registry = what.split_once('/').is_some_and(|(first, _)| is_registry(first));
    if !names_registry {
        return explain_saved(what, what, copies);
    }
    let work = state::work_folder(repository.root());
    let _running = Running::begin(&work, &[])?;
    // Of one process, since another may fetch another.
    let folder = work.join(format!("fetched.{}", std::process::id()));
    files::remove_folder(&folder)?;
    let environment = environment().collect();
    let say = say_from_threads(console);
    let session = Session::new(&environment, &repository.settings.insecure_registries, &say);
    let explained = registry::pull(reference, &Platform::parse(&own_platform()), &folder, &session)
        .and_then(|()| explain_layout(what, &folder, copies));
    files::remove_folder(&folder)?;
    explained
}
