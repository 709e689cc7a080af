//! What tags lead to.

use std::time::Duration;

use anyhow::{Error, Result};
use ureq::http::Method;

use super::pull::any_image;
use super::transport::{Body, Client, Fault, Repository, Request};
use super::{CONNECTIONS, Session};
use crate::error;
use crate::measure::manifest::Document;
use crate::oci;
use crate::oci::reference::{Reference, is_digest};
use crate::parallel;

/// How long a registry is waited for where there is something to go on with.
pub(super) const SHORT: Duration = Duration::from_secs(5);

/// A tag to be looked up.
#[derive(Debug, Clone)]
pub struct Tag {
    /// Its name, which has no digest.
    pub reference: Reference,
    /// Whether there is something to go on with where no answer comes: then it is asked for once, and not for long.
    pub has_stand_in: bool,
}

/// Why it is not known what a tag leads to.
#[derive(Debug)]
pub struct Unresolved {
    /// What went wrong.
    pub error: Error,
    /// Whether the registry has said nothing of the tag: it does not answer, or is busy.
    pub is_silence: bool,
}

/// The digests that tags lead to, in their order; asked for side by side.
pub fn resolve(tags: &[Tag], session: &Session) -> Vec<Result<String, Unresolved>> {
    let (patient, hasty) = (Client::new(session), Client::within(session, Some(SHORT)));
    parallel::map_on(CONNECTIONS, tags, |Tag { reference, has_stand_in }| {
        let found = if *has_stand_in {
            digest(&hasty, reference)
        } else {
            patient.retry(&reference.to_string(), || digest(&patient, reference))
        };
        found.map_err(|fault| Unresolved { is_silence: fault.cause.is_silence(), error: fault.error })
    })
}

/// The digest that one tag leads to, where there is nothing else to go on with.
pub(super) fn now(client: &Client, tag: &Reference) -> Result<String> {
    Ok(client.retry(&tag.to_string(), || digest(client, tag))?)
}

fn digest(client: &Client, tag: &Reference) -> Result<String, Fault> {
    let repository = Repository::to_read(tag);
    let answer = client.send(&repository, None, &request(client, tag, Method::HEAD))?;
    let stated = answer.header("Docker-Content-Digest").filter(|digest| is_digest(digest)).map(str::to_owned);
    match (answer.status, stated) {
        (200..300, Some(digest)) => Ok(digest),
        // Not every registry states the digest, or knows HEAD; of what is not there, only GET has the words for it.
        (200..300, None) | (400 | 404..=406 | 501, _) => Ok(oci::digest(&manifest(client, tag)?)),
        _ => Err(answer.refusal(&repository)),
    }
}

/// The manifest or index that a tag leads to.
pub(super) fn manifest(client: &Client, tag: &Reference) -> Result<Vec<u8>, Fault> {
    let repository = Repository::to_read(tag);
    let request = Request { is_for_body: true, ..request(client, tag, Method::GET) };
    let answer = client.send(&repository, None, &request)?.success(&repository)?;
    let document = serde_json::from_slice::<Document>(&answer.body).ok();
    if document.is_some_and(|document| document.manifests.is_some() || document.config.is_some()) {
        return Ok(answer.body);
    }
    let error = error::Error::failure(format!("{} answered something else than an image", repository.registry));
    Err(Fault::lasting(error.hint("is it a registry, and does it take OCI images?")))
}

fn request(client: &Client, tag: &Reference, method: Method) -> Request<'static> {
    let name = format!("manifests/{}", tag.tag.as_deref().unwrap_or_default());
    let url = client.url(&Repository::to_read(tag), &name);
    Request { accept: any_image(), ..Request::new(method, url, "", Body::Nothing) }
}
