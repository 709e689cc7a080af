//! The only module that talks to registries: it pushes the images of OCI layouts, and fetches what they stand on.
//!
//! Of a push first go all blobs, then all manifests by their digests, and only when every image is there, the tags. So a push that
//! fails before them leaves none, and what it has sent is found again by the next.

mod authorization;
mod contents;
mod credentials;
mod pull;
mod resolve;
mod retry;
mod tags;
mod transport;
mod upload;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Error, Result};

pub use self::credentials::docker_folder;
pub use self::pull::pull;
pub use self::resolve::{Tag, Unresolved, resolve};
pub use self::tags::{PushedTag, TagState, look_at_tags};

use self::contents::{Blob, Contents};
use self::transport::{Client, Repository};
use self::upload::Sent;
use crate::budget::ByteSize;
use crate::oci::layout::Layout;
use crate::oci::reference::{Reference, RegistryHost};
use crate::parallel;

/// How many requests are under way at once.
const CONNECTIONS: usize = 4;

/// An image to be pushed.
#[derive(Debug, Clone)]
pub struct Image {
    /// The name by which people are told of it.
    pub name: String,
    /// The layout that it is in.
    pub layout: Layout,
    /// The digest of its manifest, or of its index where it is for several platforms.
    pub digest: String,
    /// Its repository, in full.
    pub repository: Reference,
    /// The tags that it gets there.
    pub tags: Vec<String>,
}

/// What speaking to registries needs of the run that it belongs to.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    /// The environment of this run: where the logins are.
    pub environment: &'a BTreeMap<String, String>,
    /// The registries that are spoken to in plain HTTP, beside those of this machine.
    pub insecure: &'a [RegistryHost],
    /// Gets a line for each thing that a person may want to know.
    pub say: &'a (dyn Fn(&str) + Sync),
    /// Waits before something is tried again.
    pub pause: &'a (dyn Fn(Duration) + Sync),
}

impl<'a> Session<'a> {
    /// One that really waits.
    pub fn new(
        environment: &'a BTreeMap<String, String>,
        insecure: &'a [RegistryHost],
        say: &'a (dyn Fn(&str) + Sync),
    ) -> Self {
        Self { environment, insecure, say, pause: &std::thread::sleep }
    }
}

/// A push that did not come to its end.
#[derive(Debug)]
pub struct Failed {
    /// The image at which it failed.
    pub image: String,
    /// What went wrong there.
    pub error: Error,
}

/// Pushes images.
///
/// # Errors
/// The registry cannot be reached, or refuses; or a layout cannot be read.
pub fn push(images: &[Image], session: &Session) -> Result<(), Failed> {
    let start = Instant::now();
    let client = Client::new(session);
    let fail = |image: &Image, error| Failed { image: image.name.clone(), error };
    let contents = images.iter().map(|image| Contents::read(image).map_err(|error| fail(image, error)));
    let contents: Vec<Contents> = contents.collect::<Result<_, _>>()?;
    for (registry, of_it) in by_registry(images) {
        let names: Vec<_> = of_it.iter().map(|image| image.name.as_str()).collect();
        (session.say)(&format!("{}: pushing to {registry}", names.join(", ")));
        let greet = client.retry(&names.join(", "), || client.greet(&Repository::of(of_it[0])));
        greet.map_err(|fault| fail(of_it[0], fault.into()))?;
    }

    let traffic = Mutex::new(Traffic::default());
    for blobs in contents::in_two_rounds(&contents) {
        each(&blobs, |blob| send(&client, blob, &traffic, session)).map_err(|stopped| {
            let image = blobs[stopped.at].image;
            fail(image, stopped.error)
        })?;
    }
    let failed = |stopped: Stopped| fail(&images[stopped.at], stopped.error);
    each(&contents, |image| put_manifests(&client, image)).map_err(failed)?;
    each(&contents, |image| put_tags(&client, image)).map_err(failed)?;

    let traffic = traffic.into_inner().unwrap_or_default();
    (session.say)(&format!("pushed in {:.1}s: {traffic}", start.elapsed().as_secs_f32()));
    Ok(())
}

fn by_registry(images: &[Image]) -> BTreeMap<&str, Vec<&Image>> {
    let mut registries: BTreeMap<&str, Vec<&Image>> = BTreeMap::new();
    for image in images {
        registries.entry(&image.repository.registry).or_default().push(image);
    }
    registries
}

fn send(client: &Client, blob: &Blob, traffic: &Mutex<Traffic>, session: &Session) -> Result<()> {
    let start = Instant::now();
    let repository = Repository::of(blob.image);
    let sent = client.retry(&blob.image.name, || client.send_blob(&repository, blob))?;
    if sent == Sent::Whole && start.elapsed() >= Duration::from_secs(1) {
        let (size, seconds) = (ByteSize(blob.size), start.elapsed().as_secs_f32());
        (session.say)(&format!("{}: {size} sent in {seconds:.1}s", blob.image.name));
    }
    if let Ok(mut traffic) = traffic.lock() {
        traffic.add(sent, blob.size);
    }
    Ok(())
}

/// Puts what the image is made of, the image itself last, by digest.
fn put_manifests(client: &Client, contents: &Contents) -> Result<()> {
    let repository = Repository::of(contents.image);
    contents.manifests.iter().try_for_each(|manifest| {
        let put = || client.put_manifest(&repository, manifest, &manifest.digest);
        Ok(client.retry(&contents.image.name, put)?)
    })
}

fn put_tags(client: &Client, contents: &Contents) -> Result<()> {
    let repository = Repository::of(contents.image);
    let manifest = contents.root();
    contents
        .image
        .tags
        .iter()
        .try_for_each(|tag| Ok(client.retry(&contents.image.name, || client.put_manifest(&repository, manifest, tag))?))
}

/// Work that ended at one of its values.
struct Stopped {
    /// The first value of those that failed.
    at: usize,
    error: Error,
}

/// Does something to each value, some at a time. After a failure no further one is begun.
fn each<T: Sync>(values: &[T], work: impl Fn(&T) -> Result<()> + Sync) -> Result<(), Stopped> {
    let is_stopped = AtomicBool::new(false);
    let results = parallel::map_on(CONNECTIONS, values, |value| {
        (!is_stopped.load(Ordering::Relaxed))
            .then(|| work(value).inspect_err(|_| is_stopped.store(true, Ordering::Relaxed)))
    });
    let failure = results.into_iter().enumerate().find_map(|(at, result)| Some((at, result?.err()?)));
    failure.map_or(Ok(()), |(at, error)| Err(Stopped { at, error }))
}

/// What became of the blobs.
#[derive(Debug, Default)]
struct Traffic {
    sent: usize,
    bytes: u64,
    mounted: usize,
    present: usize,
}

impl Traffic {
    fn add(&mut self, sent: Sent, size: u64) {
        match sent {
            Sent::Whole => {
                self.sent += 1;
                self.bytes += size;
            }
            Sent::Mounted => self.mounted += 1,
            Sent::NotAtAll => self.present += 1,
        }
    }
}

impl std::fmt::Display for Traffic {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { sent, mounted, present, .. } = self;
        let size = ByteSize(self.bytes);
        write!(formatter, "{sent} blobs sent ({size}), {mounted} taken from another image, {present} there already")
    }
}
