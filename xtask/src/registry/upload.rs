//! How blobs and manifests get into a repository.

use ureq::http::Method;

use super::contents::{Blob, Document};
use super::retry::Cause;
use super::transport::{Answer, Body, Client, Fault, Repository, Request};
use crate::error::Error;

/// What a blob's bytes are to HTTP.
const BYTES: &str = "application/octet-stream";

/// How a blob got into its repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// It was there.
    NotAtAll,
    /// The registry had it in another repository.
    Mounted,
    /// It was sent.
    Whole,
}

impl Client<'_> {
    /// Finds out whether a registry answers, and who it wants to know is asking: once, and not by all that follows at once.
    pub(super) fn greet(&self, repository: &Repository) -> Result<(), Fault> {
        let url = format!("{}/v2/", self.origin(repository));
        let answer = self.send(repository, None, &Request::new(Method::GET, url, "", Body::Nothing))?;
        match answer.status {
            429 | 500.. => Err(answer.refusal(repository)),
            // What it does not like will come again, with the reason.
            _ => Ok(()),
        }
    }

    /// Gets a blob into a repository, by the least that it takes. Repeated as a whole, it goes on from what is there.
    pub(super) fn send_blob(&self, repository: &Repository, blob: &Blob) -> Result<Sent, Fault> {
        if self.has_blob(repository, blob.digest)? {
            return Ok(Sent::NotAtAll);
        }
        let mounted = blob.mount_from.map(|from| self.mount(repository, blob.digest, from)).transpose()?;
        let place = match mounted {
            Some(Mount::Done) => return Ok(Sent::Mounted),
            Some(Mount::UploadTo(place)) => place,
            Some(Mount::Refused) | None => self.begin_upload(repository)?,
        };
        let separator = if place.contains('?') { '&' } else { '?' };
        let url = format!("{place}{separator}digest={}", blob.digest);
        let request = Request::new(Method::PUT, url, BYTES, Body::File(blob.path()));
        let answer = self.send(repository, None, &request)?.success(repository)?;
        check_digest(&answer, blob.digest).map(|()| Sent::Whole)
    }

    /// Whether a repository has a blob. A refusal is no answer to that: what follows is refused with the reason.
    fn has_blob(&self, repository: &Repository, digest: &str) -> Result<bool, Fault> {
        let url = self.url(repository, &format!("blobs/{digest}"));
        let request = Request::new(Method::HEAD, url, "", Body::Nothing);
        let answer = self.send(repository, None, &request)?;
        match answer.status {
            200 => Ok(true),
            429 | 500.. => Err(answer.refusal(repository)),
            _ => Ok(false),
        }
    }

    fn mount(&self, repository: &Repository, digest: &str, from: &str) -> Result<Mount, Fault> {
        let url = self.url(repository, &format!("blobs/uploads/?mount={digest}&from={from}"));
        let answer = match self.send(repository, Some(from), &post(url.clone())) {
            // Some issue tokens for one repository at a time; where nothing is allowed, what follows is refused too.
            Err(fault) if fault.cause == Cause::Lasting => return Ok(Mount::Refused),
            answer => answer?,
        };
        match answer.status {
            201 => Ok(Mount::Done),
            200..300 => Ok(Mount::UploadTo(place(&answer, &url)?)),
            429 | 500.. => Err(answer.refusal(repository)),
            _ => Ok(Mount::Refused),
        }
    }

    /// Begins an upload. Returns where to.
    fn begin_upload(&self, repository: &Repository) -> Result<String, Fault> {
        let url = self.url(repository, "blobs/uploads/");
        let answer = self.send(repository, None, &post(url.clone()))?.success(repository)?;
        place(&answer, &url)
    }

    /// Puts a manifest under a name: its digest, or a tag.
    pub(super) fn put_manifest(&self, repository: &Repository, manifest: &Document, name: &str) -> Result<(), Fault> {
        let url = self.url(repository, &format!("manifests/{name}"));
        let request = Request::new(Method::PUT, url, &manifest.media_type, Body::Bytes(&manifest.bytes));
        let answer = self.send(repository, None, &request)?.success(repository)?;
        check_digest(&answer, &manifest.digest)
    }
}

/// What became of asking for a blob of another repository.
enum Mount {
    Done,
    /// The registry would rather have it sent, to this place.
    UploadTo(String),
    Refused,
}

/// A request without a body, which is said to be empty: some proxies insist.
fn post(url: String) -> Request<'static> {
    Request::new(Method::POST, url, "", Body::Bytes(&[]))
}

/// The place that an answer names, in full.
fn place(answer: &Answer, asked: &str) -> Result<String, Fault> {
    let location = answer.header("Location").map(|location| resolve(asked, location));
    location.ok_or_else(|| Fault::lasting(Error::failure("the registry does not say where to send a blob")))
}

/// A location that `asked` was answered with: an address, a path from the root, or one beside it.
fn resolve(asked: &str, location: &str) -> String {
    if ["http://", "https://"].iter().any(|scheme| location.to_ascii_lowercase().starts_with(scheme)) {
        return as_secure_as(asked, location);
    }
    let asked = asked.split_once('?').map_or(asked, |(path, _)| path);
    let root = asked.find("://").map_or(0, |at| at + 3);
    let root = asked[root..].find('/').map_or(asked.len(), |at| root + at);
    if location.starts_with('/') {
        return format!("{}{location}", &asked[..root]);
    }
    let folder = asked.rfind('/').map_or(asked, |at| &asked[..=at]);
    format!("{folder}{location}")
}

/// A proxy that ends TLS before a registry has it name places by plain HTTP: those of the same host are meant.
fn as_secure_as(asked: &str, location: &str) -> String {
    let host = |url: &str| url.split_once("://").and_then(|(_, rest)| rest.split('/').next().map(str::to_owned));
    match location.split_once("://") {
        Some((_, rest)) if asked.starts_with("https://") && host(asked) == host(location) => format!("https://{rest}"),
        _ => location.to_owned(),
    }
}

/// Checks that a registry stored what was sent, if it says what it stored.
fn check_digest(answer: &Answer, digest: &str) -> Result<(), Fault> {
    match answer.header("Docker-Content-Digest") {
        Some(stored) if stored != digest => {
            let text = format!("{digest} was sent, and the registry stored {stored}");
            Err(Fault::lasting(
                Error::failure(text).hint("does something on the way to the registry change what is sent?"),
            ))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations() {
        let asked = "https://ghcr.io/v2/team/a/blobs/uploads/?mount=sha256:0&from=team/b";
        for (location, expected) in [
            ("https://storage.example.com/x?y=z", "https://storage.example.com/x?y=z"),
            ("http://ghcr.io/v2/team/a/1?x=y", "https://ghcr.io/v2/team/a/1?x=y"),
            ("http://storage.example.com/x", "http://storage.example.com/x"),
            ("/v2/team/a/blobs/uploads/1?state=2", "https://ghcr.io/v2/team/a/blobs/uploads/1?state=2"),
            ("/v2/x?next=https://a/", "https://ghcr.io/v2/x?next=https://a/"),
            ("1?state=2", "https://ghcr.io/v2/team/a/blobs/uploads/1?state=2"),
        ] {
            assert_eq!(resolve(asked, location), expected);
        }
    }
}
