//! Requests to a registry, each with what proves who asks, and made again where a failure may pass.

#![expect(clippy::disallowed_types, reason = "this is the module")]

use std::io::{Read, Write as _};
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use ureq::http::{self, HeaderMap, Method, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Proxy};

use super::authorization::Authorizations;
use super::retry::{self, Cause};
use super::{CONNECTIONS, Image, Session};
use crate::error::Error;
use crate::files;
use crate::oci::reference::{DOCKER_HUB, Reference};
use crate::process::interrupted;

/// Where Docker Hub's registry really is.
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";

/// The largest answer that is read into memory: a manifest, of which the standard lets registries refuse larger ones.
pub(super) const LONGEST_ANSWER: u64 = 4 * 1024 * 1024;

/// What helps where no certificate is trusted, or the right one is not.
const CERTIFICATES: &str = "on Linux, SSL_CERT_FILE names a file of the certificates to trust, where those of the \
                            system (ca-certificates) are not the right ones; elsewhere, the system's settings do";

/// A part of what rustls says of an answer that is not TLS at all.
const NO_TLS: &str = "InvalidContentType";

/// How much of a registry's own words is shown.
const SHOWN_CHARACTERS: usize = 300;

/// A place for images in a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repository<'a> {
    pub(super) registry: &'a str,
    pub(super) path: &'a str,
    pub(super) actions: Actions,
}

/// What is to be done in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Actions {
    Pull,
    PullAndPush,
}

/// A request.
pub(super) struct Request<'a> {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) content_type: &'a str,
    pub(super) body: Body<'a>,
    /// The media types that may come back; empty for any.
    pub(super) accept: String,
    /// The file that the body of a 200 goes into, and how long it may be.
    pub(super) into: Option<(&'a Utf8Path, u64)>,
    /// Whether it is made for the body of a 200, which then has to arrive whole.
    pub(super) is_for_body: bool,
}

/// What a request sends.
pub(super) enum Body<'a> {
    Nothing,
    Bytes(&'a [u8]),
    File(Utf8PathBuf),
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Why something failed, and whether that may pass.
pub(super) struct Fault {
    pub(super) cause: Cause,
    pub(super) retry_after: Option<Duration>,
    pub(super) error: anyhow::Error,
}

/// What speaks to registries.
pub(super) struct Client<'a> {
    /// To registries of this machine, in plain HTTP and past every proxy, as Docker does.
    local: Agent,
    /// To the others that the settings have spoken to in plain HTTP.
    insecure: Agent,
    /// To all others.
    remote: Agent,
    authorizations: Authorizations,
    pub(super) session: &'a Session<'a>,
}

impl<'a> Client<'a> {
    pub(super) fn new(session: &'a Session) -> Self {
        Self::within(session, None)
    }

    /// One of which each request ends within this time, where one is named.
    pub(super) fn within(session: &'a Session, time: Option<Duration>) -> Self {
        let config = || {
            let certificates = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
            Agent::config_builder()
                .tls_config(certificates)
                .http_status_as_error(false)
                .timeout_global(time)
                .max_idle_connections_per_host(CONNECTIONS)
                .timeout_resolve(Some(Duration::from_secs(30)))
                .timeout_connect(Some(Duration::from_secs(30)))
                .timeout_send_request(Some(Duration::from_secs(30)))
                // A blob may take hours, as long as it moves.
                .timeout_per_write(Some(Duration::from_secs(60)))
                // It may have a large blob to look at first.
                .timeout_recv_response(Some(Duration::from_secs(120)))
                .timeout_recv_body(Some(Duration::from_secs(60)))
        };
        let through_proxy = || config().proxy(Proxy::try_from_env());
        Self {
            local: config().proxy(None).build().new_agent(),
            insecure: through_proxy().build().new_agent(),
            remote: through_proxy().https_only(true).build().new_agent(),
            authorizations: Authorizations::default(),
            session,
        }
    }

    /// Does something until it succeeds, its failure will not pass, or it was tried often enough.
    pub(super) fn retry<T>(&self, name: &str, mut attempt: impl FnMut() -> Result<T, Fault>) -> Result<T, Fault> {
        let mut tries = 1;
        loop {
            let fault = match attempt() {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            let Some(pause) = retry::pause(tries, fault.cause, fault.retry_after) else {
                return Err(fault.after(tries));
            };
            (self.session.say)(&format!("{name}: {:#}; once more in {} s", fault.error, pause.as_secs()));
            (self.session.pause)(pause);
            tries += 1;
        }
    }

    /// Sends a request, with what proves who asks where it goes to the registry itself. `read_too` is another repository of
    /// it that is to be read.
    pub(super) fn send(
        &self,
        repository: &Repository,
        read_too: Option<&str>,
        request: &Request,
    ) -> Result<Answer, Fault> {
        if interrupted() {
            let error = Error::failure("interrupted").hint("what is in the registry already is not sent again");
            return Err(Fault::lasting(error));
        }
        if !is_same_origin(&request.url, &self.origin(repository)) {
            return self.exchange(request, None);
        }
        let authorization = self.authorizations.header(self, repository, read_too)?;
        let answer = self.exchange(request, authorization.as_deref())?;
        if answer.status != 401 || !self.authorizations.learn(repository, read_too, &answer, authorization.as_deref()) {
            return Ok(answer);
        }
        let authorization = self.authorizations.header(self, repository, read_too)?;
        self.exchange(request, authorization.as_deref())
    }

    /// The address of a repository's registry, without a slash at the end.
    pub(super) fn origin(&self, repository: &Repository) -> String {
        let host = if repository.registry == DOCKER_HUB { DOCKER_HUB_HOST } else { repository.registry };
        format!("{}://{host}", if is_loopback(host) || self.is_insecure(host) { "http" } else { "https" })
    }

    /// The address of something in a repository, as `blobs/uploads/`.
    pub(super) fn url(&self, repository: &Repository, what: &str) -> String {
        format!("{}/v2/{}/{what}", self.origin(repository), repository.path)
    }

    /// Whether the settings have a host, with its port, spoken to in plain HTTP.
    fn is_insecure(&self, host: &str) -> bool {
        self.session.insecure.iter().any(|insecure| insecure.holds(host))
    }

    /// Sends a request once. The URL is never shown: it may hold a signature.
    pub(super) fn exchange(&self, request: &Request, authorization: Option<&str>) -> Result<Answer, Fault> {
        let host = host(&request.url);
        let agent = match () {
            () if is_loopback(&host) => &self.local,
            () if self.is_insecure(&host) => &self.insecure,
            () => &self.remote,
        };
        let mut builder = http::Request::builder().method(request.method.clone()).uri(&request.url);
        if !request.content_type.is_empty() {
            builder = builder.header("Content-Type", request.content_type);
        }
        if !request.accept.is_empty() {
            builder = builder.header("Accept", &request.accept);
        }
        if let Some(authorization) = authorization {
            builder = builder.header("Authorization", authorization);
        }
        let unusable = |_| Fault::lasting(Error::failure(format!("{host} sent an invalid URL or token")));
        let response = match &request.body {
            Body::Nothing => agent.run(builder.body(()).map_err(unusable)?),
            Body::Bytes(bytes) => agent.run(builder.body(*bytes).map_err(unusable)?),
            Body::File(path) => {
                let file = files::open(path).map_err(Fault::lasting)?;
                agent.run(builder.body(file).map_err(unusable)?)
            }
        };
        let (head, mut body) = response.map_err(|error| Fault::of_connection(&host, error, request))?.into_parts();
        if let (200, Some((path, limit))) = (head.status.as_u16(), request.into) {
            // One byte more tells that it is something else.
            keep(body.as_reader().take(limit + 1), path, &host)?;
            return Ok(Answer { status: 200, headers: head.headers, body: Vec::new() });
        }
        let body = match body.with_config().limit(LONGEST_ANSWER).read_to_vec() {
            Err(error) if request.is_for_body && head.status == 200 => {
                return Err(Fault::of_connection(&host, error, request));
            }
            // What it did its status says; its words, where they do not arrive, are only missed.
            body => body.unwrap_or_default(),
        };
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }
}

/// Writes what arrives into a file.
fn keep(mut body: impl Read, path: &Utf8Path, host: &str) -> Result<(), Fault> {
    let mut cut = None;
    let written = files::write_through(path, |file| {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match body.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => file.write_all(&buffer[..length])?,
                Err(error) => {
                    cut = Some(format!("the connection to {host} failed: {error}"));
                    return Ok(());
                }
            }
        }
    });
    written.map_err(Fault::lasting)?;
    let Some(text) = cut else { return Ok(()) };
    let error = Error::failure(text).hint("repeat the command: what was fetched is kept");
    Err(Fault { cause: Cause::Connection, retry_after: None, error: error.into() })
}

impl<'a> Request<'a> {
    /// A request that takes whatever comes back.
    pub(super) fn new(method: Method, url: String, content_type: &'a str, body: Body<'a>) -> Self {
        Self { method, url, content_type, body, accept: String::new(), into: None, is_for_body: false }
    }
}

impl<'a> Repository<'a> {
    pub(super) fn of(image: &'a Image) -> Self {
        Self { registry: &image.repository.registry, path: &image.repository.repository, actions: Actions::PullAndPush }
    }

    /// The one that an image is fetched from.
    pub(super) fn to_read(image: &'a Reference) -> Self {
        Self { registry: &image.registry, path: &image.repository, actions: Actions::Pull }
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The answer, if it is a yes. Which one of them, registries do not agree on.
    pub(super) fn success(self, repository: &Repository) -> Result<Self, Fault> {
        if (200..300).contains(&self.status) { Ok(self) } else { Err(self.refusal(repository)) }
    }

    /// What it means that the registry answered this.
    pub(super) fn refusal(&self, repository: &Repository) -> Fault {
        let words = self.words().map(|words| format!(" ({words})")).unwrap_or_default();
        let error = Error::failure(format!("the registry answered {}{words}", self.status));
        let login = login_command(repository.registry);
        let is_push = repository.actions == Actions::PullAndPush;
        let error = error.hint(match self.status {
            401 if is_push => format!("`{login}`"),
            401 => format!("`{login}`, if the name is right: many answer this for what they do not have"),
            403 if is_push => format!("`{login}` as somebody who may push to {}", repository.path),
            403 => format!("`{login}` as somebody who may read {}", repository.path),
            404 if is_push => format!("create the repository {} there, or fix --image-prefix", repository.path),
            404 => "is the name right, and is there an image of that tag or digest?".to_owned(),
            413 => "a proxy before the registry limits the size of a request: raise that".to_owned(),
            429 | 500.. => "repeat the command later: what the registry has already is not sent again".to_owned(),
            _ => "is it a registry, and does it take OCI images?".to_owned(),
        });
        let retry_after = self.header("Retry-After").and_then(|value| retry::after(value, SystemTime::now()));
        Fault { cause: Cause::Status(self.status), retry_after, error: error.into() }
    }

    /// What a registry says of an error: `DENIED: requested access to the resource is denied`.
    fn words(&self) -> Option<String> {
        let document: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        let error = document.get("errors")?.get(0)?;
        let text = |key: &str| error.get(key).and_then(|value| value.as_str()).filter(|text| !text.is_empty());
        let words = [text("code"), text("message")].into_iter().flatten().collect::<Vec<_>>().join(": ");
        // A terminal would obey what is not printable.
        let words = words.chars().filter(|character| !character.is_control()).take(SHOWN_CHARACTERS);
        Some(words.collect::<String>()).filter(|words| !words.is_empty())
    }
}

impl Fault {
    pub(super) fn lasting(error: impl Into<anyhow::Error>) -> Self {
        Self { cause: Cause::Lasting, retry_after: None, error: error.into() }
    }

    fn of_connection(host: &str, error: ureq::Error, request: &Request) -> Self {
        let hint = if matches!(request.body, Body::File(_)) {
            // One that does not read to the end of a blob which is too large for it can only hang up.
            "is it up, and does a proxy before it limit the size of a request?"
        } else {
            "is it up, and are HTTPS_PROXY and NO_PROXY right?"
        };
        let plain = format!("--insecure-registry {host}, or insecure-registries = [\"{host}\"] in the settings");
        let (cause, text, hint) = match error {
            ureq::Error::HostNotFound => (Cause::Silence, format!("there is no host {host}"), hint),
            ureq::Error::RequireHttpsOnly(_) => {
                let text =
                    format!("the registry wants {host} spoken to in plain HTTP, which shows everybody what is sent");
                (Cause::Lasting, text, plain.as_str())
            }
            ureq::Error::Io(error) if is_unknown_name(&error) => {
                (Cause::Silence, format!("there is no host {host}"), "is its name right, and is there a network?")
            }
            ureq::Error::Io(error) if error.to_string().contains(NO_TLS) => {
                (Cause::Silence, format!("no secure connection to {host}: it speaks plain HTTP"), plain.as_str())
            }
            // Certificates that are not trusted come as data that is not valid.
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                (Cause::Silence, format!("no secure connection to {host}: {error}"), CERTIFICATES)
            }
            ureq::Error::Rustls(error) => {
                (Cause::Silence, format!("no secure connection to {host}: {error}"), CERTIFICATES)
            }
            ureq::Error::Io(error) => (Cause::Connection, format!("the connection to {host} failed: {error}"), hint),
            ureq::Error::Timeout(what) => (Cause::Connection, format!("{host} does not answer: {what}"), hint),
            ureq::Error::BadUri(_) | ureq::Error::RedirectFailed | ureq::Error::TooManyRedirects => {
                (Cause::Lasting, format!("{host} sends on to a place that takes nothing"), hint)
            }
            error => (Cause::Lasting, format!("cannot speak to {host}: {error}"), hint),
        };
        Self { cause, retry_after: None, error: Error::failure(text).hint(hint).into() }
    }

    /// The same, as the last word on it.
    fn after(self, tries: u32) -> Self {
        let error = if tries == 1 { self.error } else { self.error.context(format!("tried {tries} times")) };
        Self { cause: self.cause.lasting(), retry_after: None, error }
    }
}

impl From<Fault> for anyhow::Error {
    fn from(fault: Fault) -> Self {
        fault.error
    }
}

/// The command that logs in to a registry.
pub(super) fn login_command(registry: &str) -> String {
    if registry == DOCKER_HUB { "docker login".to_owned() } else { format!("docker login {registry}") }
}

/// The host and port of a URL; empty where it has none.
fn host(url: &str) -> String {
    let uri = url.parse::<Uri>().ok();
    let authority = uri.as_ref().and_then(Uri::authority);
    authority.map(|authority| without_user(authority.as_str()).to_owned()).unwrap_or_default()
}

fn without_user(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// Whether a name leads nowhere, which stays so: a server of names that is busy or not reached fails in other words, and
/// those may pass. The standard library keeps the words of the system alone; they are those of glibc, musl, macOS and Windows.
fn is_unknown_name(error: &std::io::Error) -> bool {
    /// `WSAHOST_NOT_FOUND`.
    const WINDOWS: i32 = 11001;
    const WORDS: [&str; 4] = [
        "Name or service not known",
        "No address associated with",
        "Name does not resolve",
        "nodename nor servname provided",
    ];

    let text = error.to_string();
    cfg!(windows) && error.raw_os_error() == Some(WINDOWS)
        || text.starts_with("failed to lookup address information") && WORDS.iter().any(|words| text.contains(words))
}

/// Whether a host, with or without a port, is this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether two URLs are of one scheme, host and port.
fn is_same_origin(one: &str, other: &str) -> bool {
    let origin = |url: &str| {
        let uri = url.parse::<Uri>().ok()?;
        let scheme = uri.scheme_str()?.to_owned();
        let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
        Some((scheme, uri.host()?.to_ascii_lowercase(), port))
    };
    origin(one).is_some_and(|one| Some(one) == origin(other))
}

#[cfg(test)]
mod tests;
