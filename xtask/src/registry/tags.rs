//! What became of the tags of a push that failed: the registry is asked.

use super::resolve::{SHORT, manifest};
use super::retry::Cause;
use super::transport::Client;
use super::{CONNECTIONS, Session};
use crate::measure::manifest::Document;
use crate::oci;
use crate::oci::reference::Reference;
use crate::parallel;

/// A tag that an image should have got.
#[derive(Debug, Clone)]
pub struct PushedTag {
    /// The tag, in full.
    pub reference: Reference,
    /// What tells the image: the digests of its manifest or index, and of its configuration, as far as they are known.
    pub digests: Vec<String>,
}

/// What a registry says of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagState {
    /// It leads to the image.
    Pushed,
    /// It leads to another image.
    OtherImage,
    /// There is no such tag.
    Absent,
    /// The registry does not say, for this reason.
    Unknown(String),
}

/// Asks registries what tags lead to, each once and not for long; in the order of the tags.
pub fn look_at_tags(tags: &[PushedTag], session: &Session) -> Vec<TagState> {
    let client = Client::within(session, Some(SHORT));
    parallel::map_on(CONNECTIONS, tags, |tag| match manifest(&client, &tag.reference) {
        Ok(bytes) => {
            let config = serde_json::from_slice::<Document>(&bytes).ok().and_then(|document| document.config);
            let mut found = [oci::digest(&bytes)].into_iter().chain(config.map(|config| config.digest));
            if found.any(|digest| tag.digests.contains(&digest)) { TagState::Pushed } else { TagState::OtherImage }
        }
        Err(fault) if fault.cause == Cause::Status(404) => TagState::Absent,
        Err(fault) => TagState::Unknown(format!("{:#}", fault.error)),
    })
}
