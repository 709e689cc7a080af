//! Pushing to registries that refuse, fail and hang up: what ends there, and what is asked for again.

mod shapes;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use xtask::error::describe;
use xtask::oci::document::{ImageConfig, Platform};
use xtask::oci::layer::{Entry, Kind, Layer};
use xtask::oci::layout::{Layout, Writer};
use xtask::oci::reference::Reference;
use xtask::registry::{Failed, Image, Session, Tag, pull, push, resolve};

use crate::support::registry::{Asks, LOGIN, Registry, Reply};

const UPLOADS: &str = "POST /v2/team/worker/blobs/uploads/";
const BLOBS: &str = "PUT /v2/team/worker/blobs/uploads/";
const ALWAYS: usize = usize::MAX;

/// A registry, and images for it.
struct Bench {
    _folder: tempfile::TempDir,
    folder: Utf8PathBuf,
    registry: Registry,
    images: Vec<Image>,
    environment: BTreeMap<String, String>,
}

/// How a push ended.
struct Ended {
    result: Result<(), Failed>,
    pauses: Vec<u64>,
    lines: Vec<String>,
}

impl Bench {
    /// Images with a base layer that they share, a layer of their own and a configuration.
    fn new(names: &[&str]) -> Self {
        let temporary = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(temporary.path()).expect("is UTF-8").to_owned();
        let registry = Registry::start();
        let mut bench = Self { _folder: temporary, folder, registry, images: Vec::new(), environment: BTreeMap::new() };
        bench.images = names.iter().map(|name| bench.image(name, &["linux/amd64"])).collect();
        bench
    }

    fn image(&self, name: &str, platforms: &[&str]) -> Image {
        let folder = self.folder.join(name);
        let mut writer = Writer::new(&folder, None);
        let mut images = Vec::new();
        for platform in platforms {
            let mut config = ImageConfig::empty(&Platform::parse(platform));
            let mut layers = Vec::new();
            for (path, text) in [("base", "the base".to_owned()), ("app", format!("{name} for {platform}"))] {
                let layer = Layer::new(vec![Entry::new(path, Kind::Bytes(text.into_bytes()), 0o755)]);
                let diff_id = layer.diff_id().expect("reads");
                layers.push(writer.layer(&layer, &diff_id).expect("writes"));
                config.push_layer(diff_id, path);
            }
            images.push(writer.image(&config, layers).expect("writes").0);
        }
        let root = if images.len() == 1 { images.remove(0) } else { writer.index(images).expect("writes") };
        writer.finish(&root, &[format!("{name}:v1")]).expect("writes");
        Image {
            name: name.to_owned(),
            layout: Layout::new(folder),
            digest: root.digest,
            repository: format!("{}/team/{name}", self.registry.host()).parse().expect("is a name"),
            tags: vec!["v1".to_owned(), "latest".to_owned()],
        }
    }

    fn log_in(&mut self) {
        let config = format!(r#"{{"auths": {{"{}": {{"auth": "{LOGIN}"}}}}}}"#, self.registry.host());
        std::fs::write(self.folder.join("config.json"), config).expect("writes");
        self.environment.insert("DOCKER_CONFIG".to_owned(), self.folder.to_string());
    }

    fn push(&self) -> Ended {
        self.speak(|session| push(&self.images, session))
    }

    /// Fetches the first image for a platform into a layout.
    fn pull(&self, platform: &str) -> Ended {
        let image = &self.images[0];
        let reference = Reference { digest: Some(image.digest.clone()), ..image.repository.clone() };
        self.speak(|session| {
            let pulled = pull(&reference, &Platform::parse(platform), &self.pulled(), session);
            pulled.map_err(|error| Failed { image: image.name.clone(), error })
        })
    }

    fn pulled(&self) -> Utf8PathBuf {
        self.folder.join("pulled")
    }

    fn speak(&self, work: impl FnOnce(&Session) -> Result<(), Failed>) -> Ended {
        let (lines, pauses) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        let say = |line: &str| lines.lock().expect("is whole").push(line.to_owned());
        let pause = |time: Duration| pauses.lock().expect("is whole").push(time.as_secs());
        let session = Session { environment: &self.environment, insecure: &[], say: &say, pause: &pause };
        let result = work(&session);
        let (lines, pauses) = (lines.into_inner().expect("is whole"), pauses.into_inner().expect("is whole"));
        Ended { result, pauses, lines }
    }

    /// Checks that every image is there whole: the registry takes no manifest without what it names.
    fn is_pushed(&self) {
        for image in &self.images {
            for name in ["v1", "latest", image.digest.as_str()] {
                let found = self.registry.digest(&image.repository.repository, name);
                assert_eq!(found.as_ref(), Some(&image.digest), "{} {name}", image.name);
            }
        }
    }
}

impl Ended {
    fn succeeds(self) -> Self {
        assert!(self.result.is_ok(), "{:?}", self.result.err().map(|failed| describe(&failed.error)));
        self
    }

    /// What a push that left no tag says.
    fn fails(self, bench: &Bench) -> String {
        let failed = self.result.expect_err("fails");
        assert_eq!(bench.registry.tags(), Vec::<String>::new());
        describe(&failed.error)
    }
}

#[test]
fn a_blob_is_sent_once_and_taken_from_there_by_the_others() {
    let bench = Bench::new(&["server", "worker"]);
    let ended = bench.push().succeeds();
    bench.is_pushed();
    assert_eq!(bench.registry.tags(), ["team/server:latest", "team/server:v1", "team/worker:latest", "team/worker:v1"]);
    assert_eq!(bench.registry.requests("PUT /v2/team/server/blobs/").len(), 3);
    assert_eq!(bench.registry.requests("PUT /v2/team/worker/blobs/").len(), 2);
    let last = ended.lines.last().expect("says something");
    assert!(last.contains(": 5 blobs sent ("), "{last}");
    assert!(last.ends_with("), 1 taken from another image, 0 there already"), "{last}");
}

#[test]
fn four_blobs_are_sent_at_once() {
    let bench = Bench::new(&["api", "gateway", "server", "worker"]);
    bench.registry.takes_blobs_together(4);
    assert_eq!(bench.push().succeeds().pauses, [0; 0]);
    bench.is_pushed();
}

#[test]
fn a_registry_that_refuses_to_mount_gets_the_blob() {
    let bench = Bench::new(&["server", "worker"]);
    bench.registry.refuses_mounts();
    bench.push().succeeds();
    bench.is_pushed();
    assert_eq!(bench.registry.requests("PUT /v2/team/worker/blobs/").len(), 3);
    assert_eq!(bench.registry.requests(UPLOADS).len(), 3, "the place that it names is taken");
    let bench = Bench::new(&["server", "worker"]);
    // The third upload is that of the blob that could be mounted.
    bench.registry.answers(UPLOADS, 2, Reply::Status(202, "Location: uploads/1?state=x", ""));
    bench.registry.answers(UPLOADS, 1, Reply::Status(404, "", ""));
    bench.push().succeeds();
    bench.is_pushed();
}

#[test]
fn a_second_push_sends_no_blob() {
    let bench = Bench::new(&["server", "worker"]);
    bench.push().succeeds();
    bench.registry.forget_requests();
    let ended = bench.push().succeeds();
    assert_eq!(bench.registry.requests("POST "), Vec::<String>::new());
    assert!(
        ended
            .lines
            .last()
            .expect("says something")
            .ends_with(": 0 blobs sent (0 B), 0 taken from another image, 6 there already")
    );
}

#[test]
fn an_image_for_several_platforms_comes_after_its_parts() {
    let mut bench = Bench::new(&[]);
    bench.images = vec![bench.image("worker", &["linux/amd64", "linux/arm64"])];
    bench.push().succeeds();
    bench.is_pushed();
    assert_eq!(bench.registry.requests(BLOBS).len(), 5, "a base, and a layer and a configuration for each platform");
    assert_eq!(bench.registry.requests("PUT /v2/team/worker/manifests/").len(), 5, "two, an index, and two tags");
}

#[test]
fn a_registry_that_is_busy_is_given_the_time_it_asks_for() {
    let bench = Bench::new(&["worker"]);
    bench.registry.answers(BLOBS, 1, Reply::Status(429, "Retry-After: 7", ""));
    let ended = bench.push().succeeds();
    bench.is_pushed();
    assert_eq!(ended.pauses, [7]);
    assert!(
        ended.lines.contains(&"worker: the registry answered 429; once more in 7 s".to_owned()),
        "{:?}",
        ended.lines
    );
}

#[test]
fn a_failure_that_passes_costs_a_pause() {
    for request in [
        "GET /v2/",
        "HEAD ",
        UPLOADS,
        BLOBS,
        "PUT /v2/team/worker/manifests/sha256:",
        "PUT /v2/team/worker/manifests/v1",
    ] {
        for reply in [Reply::Status(500, "", "<html>"), Reply::Cut] {
            let bench = Bench::new(&["worker"]);
            bench.registry.answers(request, 1, reply.clone());
            let ended = bench.push().succeeds();
            bench.is_pushed();
            assert_eq!(ended.pauses, [1], "{request} {reply:?}");
        }
    }
}

#[test]
fn a_failure_that_stays_ends_the_push_without_a_tag() {
    for request in [BLOBS, "PUT /v2/team/worker/manifests/sha256:"] {
        for (reply, expected) in [
            (
                Reply::Status(503, "", ""),
                "error: tried 4 times: the registry answered 503\nhint: repeat the command later",
            ),
            (Reply::Cut, "error: tried 4 times: the connection to 127.0.0.1:"),
        ] {
            let bench = Bench::new(&["server", "worker"]);
            bench.registry.answers(request, ALWAYS, reply);
            let error = bench.push().fails(&bench);
            assert!(error.starts_with(expected), "{error}");
            // At most four blobs are under way when the first of them fails for good.
            let tries = bench.registry.requests(request).len();
            assert!((4..=16).contains(&tries), "{tries} tries of {request}");
        }
    }
}

#[test]
fn one_that_is_down_is_knocked_at_four_times_and_not_by_all_at_once() {
    let bench = Bench::new(&["api", "server", "worker"]);
    bench.registry.answers("", ALWAYS, Reply::Cut);
    let ended = bench.push();
    assert_eq!(ended.pauses, [1, 2, 4]);
    let error = ended.fails(&bench);
    assert!(error.ends_with("\nhint: is it up, and are HTTPS_PROXY and NO_PROXY right?"), "{error}");
    assert_eq!(bench.registry.requests(""), ["GET /v2/"; 4]);
}

#[test]
fn a_refusal_is_final() {
    let denied = r#"{"errors": [{"code": "DENIED", "message": "not yours"}]}"#;
    for (status, expected) in [
        (403, "error: the registry answered 403 (DENIED: not yours)\nhint: `docker login 127.0.0.1:"),
        (404, "error: the registry answered 404 (DENIED: not yours)\nhint: create the repository team/worker there"),
        (
            413,
            "error: the registry answered 413 (DENIED: not yours)\nhint: a proxy before the registry limits the size",
        ),
        (415, "error: the registry answered 415 (DENIED: not yours)\nhint: is it a registry"),
    ] {
        let bench = Bench::new(&["worker"]);
        bench.registry.answers("PUT /v2/team/worker/manifests/", ALWAYS, Reply::Status(status, "", denied));
        let ended = bench.push();
        assert_eq!(ended.pauses, [0; 0]);
        let error = ended.fails(&bench);
        assert!(error.starts_with(expected), "{error}");
        assert_eq!(bench.registry.requests("PUT /v2/team/worker/manifests/").len(), 1);
    }
}

#[test]
fn one_image_that_fails_keeps_the_tags_of_all_away() {
    let bench = Bench::new(&["api", "server", "worker"]);
    bench.registry.answers("PUT /v2/team/worker/manifests/", 1, Reply::Status(400, "", ""));
    bench.push().fails(&bench);
    bench.push().succeeds();
    bench.is_pushed();
}

#[test]
fn a_registry_that_stores_something_else_is_not_believed() {
    let bench = Bench::new(&["worker"]);
    bench.registry.stores_something_else();
    let error = bench.push().fails(&bench);
    assert!(error.contains(" was sent, and the registry stored sha256:000"), "{error}");
}

#[test]
fn a_layout_that_another_run_has_written_is_not_pushed() {
    let bench = Bench::new(&["worker"]);
    bench.image("worker", &["linux/arm64"]);
    let error = bench.push().fails(&bench);
    assert!(error.starts_with("error: its layout holds another image by now"), "{error}");
    assert_eq!(bench.registry.requests(""), Vec::<String>::new());
}

#[test]
fn a_login_is_shown_to_a_registry_that_asks() {
    for asks in [Asks::Basic, Asks::Bearer] {
        let mut bench = Bench::new(&["server", "worker"]);
        bench.registry.asks(asks);
        bench.log_in();
        bench.push().succeeds();
        bench.is_pushed();
        // A token for each repository, and one that also reads the other.
        let tokens = if asks == Asks::Bearer { 3 } else { 0 };
        assert_eq!(bench.registry.requests("GET /token").len(), tokens, "{asks:?}");
    }
}

#[test]
fn a_token_that_is_no_longer_taken_is_renewed() {
    let mut bench = Bench::new(&["worker"]);
    bench.registry.asks(Asks::Bearer);
    bench.log_in();
    bench.registry.answers("PUT /v2/team/worker/manifests/v1", 1, Reply::Unauthorized);
    let ended = bench.push().succeeds();
    bench.is_pushed();
    assert_eq!(ended.pauses, [0; 0]);
    assert_eq!(bench.registry.requests("GET /token").len(), 2);
    bench.registry.answers("PUT /v2/team/worker/manifests/v1", 2, Reply::Unauthorized);
    let failed = bench.push().result.expect_err("is refused for good");
    assert!(describe(&failed.error).starts_with("error: the registry answered 401 (UNAUTHORIZED"));
}

#[test]
fn a_token_that_is_about_to_end_is_not_used_again() {
    let mut bench = Bench::new(&["worker"]);
    bench.registry.asks(Asks::Bearer);
    bench.registry.issues_tokens_for(5);
    bench.log_in();
    bench.push().succeeds();
    bench.is_pushed();
    let (all, tokens) = (bench.registry.requests(""), bench.registry.requests("GET /token"));
    // The first request was made without one.
    assert_eq!(tokens.len(), all.len() - tokens.len() - 1);
}

#[test]
fn nobody_in_particular_is_told_to_log_in() {
    for asks in [Asks::Basic, Asks::Bearer] {
        let bench = Bench::new(&["worker"]);
        bench.registry.asks(asks);
        let ended = bench.push();
        assert_eq!(ended.pauses, [0; 0]);
        let error = ended.fails(&bench);
        let problem = if asks == Asks::Bearer { "anonymous access was refused: " } else { "" };
        let host = bench.registry.host();
        assert!(error.starts_with(&format!("error: {problem}the registry answered 401")), "{error}");
        assert!(error.ends_with(&format!("\nhint: `docker login {host}`")), "{error}");
    }
}

#[test]
fn an_image_is_fetched_for_one_platform_and_is_the_one_that_was_pushed() {
    for asks in [None, Some(Asks::Basic), Some(Asks::Bearer)] {
        let mut bench = Bench::new(&[]);
        bench.images = vec![bench.image("worker", &["linux/amd64", "linux/arm64"])];
        bench.log_in();
        asks.into_iter().for_each(|asks| bench.registry.asks(asks));
        bench.push().succeeds();
        bench.pull("linux/arm64").succeeds();
        let all = bench.images[0].layout.images().expect("reads");
        let pulled = Layout::new(bench.pulled());
        assert_eq!(pulled.images().expect("reads"), all[1..], "{asks:?}");
        assert_eq!(pulled.blobs().expect("lists").len(), 5, "an index, a manifest, a configuration and two layers");
        let error = describe(&bench.pull("linux/s390x").result.expect_err("there is none").error);
        assert!(error.contains(" is not for linux/s390x\nhint: "), "{error}");
    }
}

/// What the tag of the first image leads to, or what is said of that and whether it is but silence; and the pauses.
fn look_up(bench: &Bench, has_stand_in: bool) -> (Result<String, (String, bool)>, Vec<u64>) {
    let mut found = Vec::new();
    let tag = |name: &str| Tag {
        reference: Reference { tag: Some(name.to_owned()), ..bench.images[0].repository.clone() },
        has_stand_in,
    };
    let ended = bench.speak(|session| {
        found = resolve(&[tag("v1"), tag("latest")], session);
        Ok(())
    });
    let found = found.into_iter().map(|found| found.map_err(|error| (describe(&error.error), error.is_silence)));
    let found: Vec<_> = found.collect();
    assert_eq!(found[0].is_ok(), found[1].is_ok());
    (found[0].clone(), ended.pauses)
}

#[test]
fn a_tag_leads_to_a_digest_without_anything_being_fetched() {
    for asks in [None, Some(Asks::Basic), Some(Asks::Bearer)] {
        let mut bench = Bench::new(&["worker"]);
        bench.log_in();
        asks.into_iter().for_each(|asks| bench.registry.asks(asks));
        bench.push().succeeds();
        bench.registry.forget_requests();
        assert_eq!(look_up(&bench, false), (Ok(bench.images[0].digest.clone()), Vec::new()), "{asks:?}");
        assert_eq!(bench.registry.requests("GET /v2/"), Vec::<String>::new());
    }
}

#[test]
fn a_registry_that_is_silent_is_asked_once_where_there_is_something_to_go_on_with() {
    for reply in [Reply::Cut, Reply::Status(503, "", "")] {
        let bench = Bench::new(&["worker"]);
        bench.registry.answers("HEAD ", ALWAYS, reply);
        let (found, pauses) = look_up(&bench, true);
        assert!(found.expect_err("is silent").1);
        assert_eq!((pauses, bench.registry.requests("HEAD ").len()), (Vec::new(), 2));
        let (found, mut pauses) = look_up(&bench, false);
        let (error, is_silence) = found.expect_err("is silent");
        assert!(error.starts_with("error: tried 4 times: ") && is_silence, "{error}");
        pauses.sort_unstable();
        assert_eq!(pauses, [1, 1, 2, 2, 4, 4]);
    }
}

#[test]
fn a_refusal_to_name_a_digest_is_an_answer() {
    for (status, expected) in [
        (401, "error: the registry answered 401\nhint: `docker login 127.0.0.1:"),
        (404, "error: the registry answered 404\nhint: is the name right, and is there an image of that tag"),
        (200, " answered something else than an image\nhint: is it a registry"),
    ] {
        let bench = Bench::new(&["worker"]);
        for method in ["HEAD ", "GET /v2/team/"] {
            bench.registry.answers(method, ALWAYS, Reply::Status(status, "", "<html>"));
        }
        for has_stand_in in [true, false] {
            let (found, pauses) = look_up(&bench, has_stand_in);
            let (error, is_silence) = found.expect_err("is refused");
            assert!(error.contains(expected), "{error}");
            assert_eq!((is_silence, pauses), (false, Vec::new()));
        }
    }
}

#[test]
fn what_a_registry_sends_is_checked_and_asked_for_again_where_it_was_cut() {
    let bench = Bench::new(&["worker"]);
    bench.push().succeeds();
    bench.registry.answers("GET /v2/team/worker/blobs/", 1, Reply::Cut);
    bench.registry.answers("GET /v2/team/worker/manifests/", 1, Reply::Status(503, "", ""));
    assert_eq!(bench.pull("linux/amd64").succeeds().pauses, [1, 1]);
    let bench = Bench::new(&["worker"]);
    bench.push().succeeds();
    bench.registry.spoils_blobs();
    let ended = bench.pull("linux/amd64");
    assert_eq!(ended.pauses, [0; 0]);
    let error = describe(&ended.result.expect_err("is spoilt").error);
    assert!(error.contains(" sent something else than sha256:"), "{error}");
    assert!(!bench.pulled().join("index.json").exists(), "it would look whole");
}

#[test]
fn a_digest_that_is_a_path_is_not_followed() {
    let mut bench = Bench::new(&["worker"]);
    let manifest = r#"{"config": {"digest": "sha256:../../../up", "size": 1}, "layers": []}"#;
    bench.images[0].digest = bench.registry.holds("team/worker", manifest);
    let error = describe(&bench.pull("linux/amd64").result.expect_err("is no digest").error);
    assert!(error.contains(" names `sha256:../../../up`, which is no digest\nhint: "), "{error}");
    assert_eq!(bench.registry.requests("GET /v2/team/worker/blobs/"), Vec::<String>::new());
}
