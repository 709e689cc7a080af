//! Fetching one image into a layout: what others stand on.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use serde::de::DeserializeOwned;
use ureq::http::Method;

use super::transport::{Body, Client, Fault, LONGEST_ANSWER, Repository, Request};
use super::{Session, each, resolve};
use crate::error::Error;
use crate::files;
use crate::measure::manifest::Document;
use crate::oci;
use crate::oci::document::{Descriptor, INDEX, Index, MANIFEST, Manifest, Platform};
use crate::oci::layout::{Layout, MARKER};
use crate::oci::reference::{Reference, is_digest};

/// What Docker called an index and a manifest, before there was a standard.
const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// Fetches the image of a digest, or else the one that a tag leads to now, for one platform into the layout in `folder`,
/// whose index is written last: a layout that has one is whole.
///
/// # Errors
/// The registry cannot be reached, has no such image, or sends something else.
pub fn pull(reference: &Reference, platform: &Platform, folder: &Utf8Path, session: &Session) -> Result<()> {
    let reference = &reference.clone().with_tag();
    (session.say)(&format!("{reference} for {platform}: is fetched"));
    let client = Client::new(session);
    let digest = match &reference.digest {
        Some(digest) => digest.clone(),
        None => resolve::now(&client, reference)?,
    };
    let fetch = Fetch {
        client,
        repository: Repository::to_read(reference),
        name: reference.to_string(),
        layout: Layout::new(folder),
    };
    let mut image = fetch.manifest(&digest)?;
    if image.media_type == INDEX {
        let index: Index = fetch.read(&image.digest)?;
        let of_platform =
            index.manifests.into_iter().find(|inner| inner.platform.as_ref().is_some_and(|is| is.is(platform)));
        let of_platform = of_platform.ok_or_else(|| {
            Error::usage(format!("{reference} is not for {platform}")).hint("take another base, or another --platform")
        })?;
        image = fetch.manifest(&of_platform.digest)?;
    }
    let manifest: Manifest = fetch.read(&image.digest)?;
    let blobs = manifest.layers.into_iter().chain([manifest.config]).map(|blob| (blob.digest, blob.size));
    let blobs: BTreeMap<String, u64> = blobs.collect();
    let blobs: Vec<_> = blobs.into_iter().collect();
    each(&blobs, |(digest, size)| fetch.blob(digest, *size)).map_err(|stopped| stopped.error)?;
    let index = Index::new(vec![Descriptor { platform: Some(platform.clone()), ..image }]);
    files::write(&folder.join("oci-layout"), MARKER)?;
    files::write(&folder.join("index.json"), &serde_json::to_vec(&index)?)
}

/// The media types that an image's manifest or index may have.
pub(super) fn any_image() -> String {
    [MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX].join(", ")
}

struct Fetch<'a> {
    client: Client<'a>,
    repository: Repository<'a>,
    name: String,
    layout: Layout,
}

impl Fetch<'_> {
    /// Fetches a manifest or an index.
    fn manifest(&self, digest: &str) -> Result<Descriptor> {
        self.get("manifests", digest, LONGEST_ANSWER)?;
        let bytes = self.bytes(digest)?;
        // It need not say what it is; Docker's have their own words for it.
        let document: Document = self.read(digest)?;
        let media_type = if document.manifests.is_some() { INDEX } else { MANIFEST };
        Ok(Descriptor::of(media_type, &bytes))
    }

    /// Fetches a blob, unless it is there.
    fn blob(&self, digest: &str, size: u64) -> Result<()> {
        if files::length(&self.layout.blob(digest)) == Some(size) {
            return Ok(());
        }
        self.get("blobs", digest, size)
    }

    /// Fetches what has a digest, of so many bytes at most.
    fn get(&self, kind: &str, digest: &str, size: u64) -> Result<()> {
        // It becomes a path, and an image may say anything.
        if !is_digest(digest) {
            let text = format!("{} names `{}`, which is no digest", self.name, digest.escape_debug());
            return Err(Error::failure(text).hint("take another base").into());
        }
        let path = self.layout.blob(digest);
        let beside = files::beside(&path);
        let request = Request {
            accept: any_image(),
            into: Some((&beside, size)),
            ..Request::new(
                Method::GET,
                self.client.url(&self.repository, &format!("{kind}/{digest}")),
                "",
                Body::Nothing,
            )
        };
        self.client.retry(&self.name, || {
            self.client.send(&self.repository, None, &request)?.success(&self.repository)?;
            if oci::digest(&files::read_if_exists(&beside).map_err(Fault::lasting)?.unwrap_or_default()) == digest {
                return Ok(());
            }
            let text = format!("{} sent something else than {digest}", self.repository.registry);
            Err(Fault::lasting(
                Error::failure(text).hint("does something on the way from the registry change what it sends?"),
            ))
        })?;
        files::rename(&beside, &path)
    }

    fn bytes(&self, digest: &str) -> Result<Vec<u8>> {
        let path = self.layout.blob(digest);
        files::read_if_exists(&path)?.with_context(|| format!("the layout lacks {path}"))
    }

    fn read<T: DeserializeOwned>(&self, digest: &str) -> Result<T> {
        serde_json::from_slice(&self.bytes(digest)?).with_context(|| format!("{digest} is no manifest"))
    }
}
