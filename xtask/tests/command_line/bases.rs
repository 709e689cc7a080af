//! Bases in a registry, by their tags, without Docker.

use std::fs;

use crate::support::registry::{Asks, Registry, Reply};
use crate::support::{Compilers, Docker, Repository, Run, tls};

const DRY: [&str; 1] = ["--dry-run"];

/// Two Go services on the image `team/base:now` of a registry, which also has `team/base:next`.
struct Bench {
    repository: Repository,
    registry: Registry,
    base: String,
}

impl Bench {
    fn new(registry: Registry) -> Self {
        let bases = Repository::new();
        bases.go_service("bases", "base");
        Compilers::working(&bases);
        let base = format!("{}/team/base:now", registry.host());
        let bench = Self { repository: Repository::new(), registry, base };
        for (tag, settings) in [("now", ""), ("next", "env = { BASE = \"next\" }\n")] {
            bases.write("bases/cmd/base/image.toml", settings);
            bench.push(&bases, &["--tag", tag, "--platform", "linux/amd64,linux/arm64"]).succeeds();
        }
        for name in ["server", "worker"] {
            bench.repository.go_service("services", name);
            bench.repository.write(&format!("services/cmd/{name}/image.toml"), format!("base = \"{}\"\n", bench.base));
        }
        Compilers::working(&bench.repository);
        bench.registry.forget_requests();
        bench
    }

    fn push(&self, repository: &Repository, more: &[&str]) -> Run {
        let prefix = format!("{}/team/", self.registry.host());
        self.run(repository, &[&["--push", "--image-prefix", &prefix], more].concat())
    }

    fn run(&self, repository: &Repository, more: &[&str]) -> Run {
        let run = repository.xtask(&[&["images", "--engine", "native", "--json"], more].concat());
        // Those of this machine are spoken to without it.
        run.env("HTTPS_PROXY", self.registry.proxy()).env("SSL_CERT_FILE", tls::AUTHORITY)
    }

    fn build(&self, more: &[&str]) -> Run {
        self.run(&self.repository, more)
    }

    /// The digests of the images of a run.
    fn digests(&self, more: &[&str]) -> Vec<String> {
        let report = self.build(more).succeeds().json();
        let images = report["images"].as_array().expect("is a list").iter();
        images.map(|image| image["digest"].as_str().expect("is a digest").to_owned()).collect()
    }

    /// The images of the registry that are kept, by their digests.
    fn kept(&self) -> Vec<String> {
        let folder = fs::read_dir(self.repository.root.join("target/images/bases")).expect("is there");
        let names = folder.map(|entry| entry.expect("is read").file_name().into_string().expect("is UTF-8"));
        names.filter(|name| name.starts_with("sha256-")).collect()
    }

    /// How often the tag was looked up since the last time, and whether anything was fetched.
    fn asked(&self) -> (usize, bool) {
        let asked = (
            self.registry.requests("HEAD /v2/team/base/manifests/now").len(),
            !self.registry.requests("GET /v2/team/base/").is_empty(),
        );
        self.registry.forget_requests();
        asked
    }
}

#[test]
fn a_tag_is_looked_up_once_a_run_and_followed_where_it_moves() {
    let bench = Bench::new(Registry::start());
    let both = ["--platform", "linux/amd64,linux/arm64"];
    let first = bench.digests(&both);
    let kept = bench.kept();
    assert_eq!(kept.len(), 1);
    assert_eq!(bench.asked(), (1, true));
    assert_eq!(bench.digests(&both), first);
    assert_eq!(bench.asked(), (1, false));
    bench.registry.moves_tag("team/base", "now", "next");
    let second = bench.digests(&both);
    assert_eq!(bench.asked(), (1, true));
    assert!(second.iter().all(|digest| !first.contains(digest)), "{second:?}");
    // What no tag leads to any more is not kept.
    assert_eq!(bench.kept().len(), 1);
    assert_ne!(bench.kept(), kept);
}

#[test]
fn an_image_by_its_tag_is_the_one_by_its_digest() {
    let bench = Bench::new(Registry::start());
    let by_tag = bench.digests(&[]);
    let digest = bench.registry.digest("team/base", "now").expect("is there");
    let layers = || crate::native::manifest(&bench.repository, "worker")["layers"].clone();
    let before = layers();
    bench.repository.write("services/cmd/worker/image.toml", format!("base = \"{}@{digest}\"\n", bench.base));
    bench.registry.moves_tag("team/base", "now", "next");
    let by_digest = bench.digests(&[]);
    // Its name is in a label.
    assert_ne!(by_digest[1], by_tag[1]);
    assert_eq!(layers(), before);
}

#[test]
fn a_dry_run_asks_nobody_what_a_tag_is() {
    let bench = Bench::new(Registry::start());
    let error = bench.build(&DRY).fails(2);
    assert!(
        error.contains(&format!("cannot open the base `{}` of server: it is in a registry", bench.base)),
        "{error}"
    );
    assert!(error.contains(", and was not fetched yet\nhint: a run without --dry-run fetches it\n"), "{error}");
    bench.build(&[]).succeeds();
    bench.registry.forget_requests();
    assert!(bench.build(&DRY).succeeds().stdout.contains(" go build "));
    assert_eq!(bench.registry.requests(""), Vec::<String>::new());
}

#[test]
fn a_local_build_goes_on_where_no_registry_answers() {
    let bench = Bench::new(Registry::start());
    let first = bench.digests(&[]);
    let digest = bench.registry.digest("team/base", "now").expect("is there");
    bench.registry.answers("HEAD ", 1, Reply::Status(503, "", ""));
    let ended = bench.build(&[]).succeeds();
    let line = format!("{}: the registry answered 503; the image fetched last is taken, {digest}\n", bench.base);
    assert!(ended.stderr.contains(&line), "{ended}");
    let Bench { repository, registry, base } = bench;
    let proxy = registry.proxy();
    drop(registry);
    let ended = repository.xtask(&["images", "--engine", "native", "--json"]).env("HTTPS_PROXY", proxy).succeeds();
    assert_eq!(ended.stderr.matches("; the image fetched last is taken, ").count(), 1, "{ended}");
    assert!(ended.stderr.contains(&format!("{base}: the connection to 127.0.0.1:")), "{ended}");
    let report = ended.json();
    let digests = report["images"].as_array().expect("is a list").iter().map(|image| image["digest"].as_str());
    assert_eq!(digests.collect::<Vec<_>>(), first.iter().map(|digest| Some(digest.as_str())).collect::<Vec<_>>());
}

#[test]
fn what_was_noted_of_tags_may_be_lost_or_wrong() {
    for noted in ["", "nonsense", r#"{"HOST/team/base:now":"sha256:0"}"#] {
        let bench = Bench::new(Registry::start());
        bench.build(&[]).succeeds();
        bench.repository.write("target/images/bases/tags.json", noted.replace("HOST", &bench.registry.host()));
        bench.build(&DRY).fails(2);
        bench.build(&[]).succeeds();
        bench.build(&DRY).succeeds();
    }
}

#[test]
fn a_refusal_names_the_base_and_its_service_whatever_is_kept() {
    let bench = Bench::new(Registry::start());
    for is_kept in [false, true] {
        let start = format!("error: cannot open the base `{}` of server: ", bench.base);
        // Of what is not there, GET has the registry's words.
        for method in ["HEAD ", "GET /v2/team/"] {
            bench.registry.answers(method, 1, Reply::Status(404, "", ""));
        }
        let error = bench.build(&[]).fails(3);
        let expected =
            "the registry answered 404\nhint: is the name right, and is there an image of that tag or digest?";
        assert!(error.contains(&format!("{start}{expected}\n")), "{error}");
        bench.registry.answers("HEAD ", 2, Reply::Unauthorized);
        let error = bench.build(&[]).fails(3);
        let login = format!("hint: `docker login {}`, if the name is right: ", bench.registry.host());
        assert!(error.contains(&format!("{start}the registry answered 401\n{login}")), "{error}");
        if !is_kept {
            bench.build(&[]).succeeds();
        }
    }
    bench.registry.asks(Asks::Bearer);
    let error = bench.build(&[]).fails(3);
    assert!(
        error.contains(" of server: anonymous access was refused: ")
            && error.contains("\nhint: `docker login 127.0.0.1:"),
        "{error}"
    );
}

#[test]
fn a_base_is_fetched_by_the_program_that_keeps_passwords() {
    let bench = Bench::new(Registry::start());
    bench.registry.asks(Asks::Bearer);
    let Bench { repository, registry, .. } = &bench;
    let config = repository.base.join("home/.docker/config.json");
    fs::create_dir_all(config.parent().expect("is in a folder")).expect("creates");
    fs::write(&config, format!(r#"{{"credHelpers": {{"{}": "test"}}}}"#, registry.host())).expect("writes");
    let error = bench.build(&[]).fails(3);
    assert!(error.contains("docker-credential-test is not on PATH"), "{error}");
    let program = repository.base.join("programs/docker-credential-test");
    fs::write(&program, "#!/bin/sh\necho '{\"Username\": \"user\", \"Secret\": \"password\"}'\n").expect("writes");
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("may be run");
    let ended = bench.build(&[]).succeeds();
    assert!(!ended.to_string().contains("password"), "{ended}");
}

#[test]
fn a_base_may_be_an_archive_or_a_layout_on_the_disk() {
    let bases = Repository::new();
    bases.go_service("bases", "base");
    Compilers::working(&bases);
    let repository = Repository::new();
    repository.go_service("services", "worker");
    Compilers::working(&repository);
    let archive = repository.root.join("base.tar");
    let write = |settings: &str| {
        bases.write("bases/cmd/base/image.toml", settings);
        bases.xtask(&["images", "--engine", "native", "--tarball", archive.as_str()]).succeeds();
    };
    let build = |more: &[&str]| repository.xtask(&[&["images", "--engine", "native"], more].concat());
    let layers = || crate::native::manifest(&repository, "worker")["layers"].clone();
    let kept = || {
        let folder = fs::read_dir(repository.root.join("target/images/bases")).expect("is there");
        folder.filter(|entry| entry.as_ref().expect("is read").path().is_dir()).count()
    };
    repository.write("services/cmd/worker/image.toml", "base = \"oci-archive:base.tar\"\n");
    let error = build(&[]).fails(2);
    assert!(error.contains("cannot open the base `oci-archive:base.tar` of worker: there is no file "), "{error}");
    write("");
    let error = build(&["--dry-run"]).fails(2);
    assert!(error.contains("was not unpacked yet\nhint: a run without --dry-run unpacks it"), "{error}");
    assert!(!repository.exists("target/images/bases"));
    build(&[]).succeeds();
    build(&["--dry-run"]).succeeds();
    let first = layers();
    assert_eq!(first.as_array().map(Vec::len), Some(3), "two of the base, and its own");
    assert_eq!(crate::native::image(&repository, "worker").1["config"]["Entrypoint"], serde_json::json!(["/worker"]));

    // The same from its layout.
    let layout = repository.root.join("base");
    fs::rename(bases.root.join("target/images/layouts/base"), &layout).expect("moves");
    repository.write("services/cmd/worker/image.toml", "base = \"oci-layout:base\"\n");
    build(&[]).succeeds();
    assert_eq!(layers(), first);

    // Another archive of the same name is followed, and the one before is not kept.
    repository.write("services/cmd/worker/image.toml", "base = \"oci-archive:base.tar\"\n");
    write("workdir = \"/srv\"\n");
    build(&[]).succeeds();
    assert_eq!((layers().as_array().map(Vec::len), kept()), (Some(4), 1));

    let whole = fs::read(&archive).expect("reads");
    for (bytes, expected) in [
        (&whole[..whole.len() / 2], " in it is cut off, or something else than "),
        (b"nonsense".as_slice(), "cannot open the base `oci-archive:base.tar` of worker: "),
    ] {
        fs::write(&archive, bytes).expect("writes");
        let ended = build(&[]).ends();
        assert!(matches!(ended.code, Some(2 | 3)) && ended.stderr.contains(expected), "{ended}");
        assert!(!ended.stderr.contains("panicked"), "{ended}");
    }
}

#[test]
fn a_builder_takes_no_base_from_the_disk() {
    for base in ["oci-archive:base.tar", "oci-layout:base"] {
        let repository = Repository::with_services(&[]);
        repository.rust_service("api", "api", &format!("[package.metadata.image]\nbase = \"{base}\"\n"));
        Docker::working(&repository);
        let error = repository.xtask(&["images"]).fails(2);
        assert!(
            error.contains(&format!("error: service api: `base` is `{base}`, and only the native engine ")),
            "{error}"
        );
        assert_eq!((repository.bakes(), repository.exists("docker")), (Vec::new(), false));
    }
}

#[test]
fn a_registry_behind_tls_is_trusted_by_the_authority_that_the_environment_names() {
    let bench = Bench::new(Registry::behind_tls());
    let digests = bench.digests(&[]);
    bench.push(&bench.repository, &["--tag", "v1"]).succeeds();
    assert_eq!(bench.registry.digest("team/worker", "v1").as_ref(), Some(&digests[1]));
    let unknown: [fn(Run) -> Run; 2] =
        [|run| run.without("SSL_CERT_FILE"), |run| run.env("SSL_CERT_FILE", "/not/there")];
    let embedded = Repository::new();
    embedded.go_service("services", "api");
    Compilers::working(&embedded);
    let problem = "no secure connection to registry.test: ";
    for change in unknown {
        let ended = change(bench.build(&[])).succeeds();
        assert!(ended.stderr.contains(&format!("registry.test/team/base:now: {problem}")), "{ended}");
        let start = format!("error: cannot open the base `registry.test/team/base:now` of server: {problem}");
        let error = change(bench.push(&bench.repository, &[])).fails(3);
        assert!(error.contains(&start) && error.contains("\nhint: on Linux, SSL_CERT_FILE names"), "{error}");
        assert!(error.ends_with("\nhint: a run without --push takes the image that was fetched last\n"), "{error}");
        let kept = bench.repository.root.join("target/images/bases");
        fs::rename(&kept, bench.repository.base.join("bases")).expect("moves");
        let error = change(bench.build(&[])).fails(3);
        assert!(error.contains(&start) && !error.contains("--push"), "{error}");
        fs::rename(bench.repository.base.join("bases"), kept).expect("moves");
        let error = change(bench.push(&embedded, &[])).fails(3);
        assert!(error.contains(&format!("error: cannot push api to registry.test/team/api: {problem}")), "{error}");
        assert!(error.contains("\nhint: on Linux, SSL_CERT_FILE names"), "{error}");
    }
    bench.push(&bench.repository, &["--tag", "v2"]).succeeds();
    assert_eq!(bench.registry.digest("team/worker", "v2").as_ref(), Some(&digests[1]));
}
