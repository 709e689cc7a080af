//! `--push` without Docker, to a registry on loopback.

use crate::support::registry::{Asks, LOGIN, Registry, Reply};
use crate::support::{Compilers, Repository, Run};

/// A Go and a Rust service, and a registry.
fn polyglot() -> (Repository, Registry) {
    let repository = Repository::with_services(&["gateway"]);
    repository.go_service("services", "worker");
    Compilers::working(&repository);
    (repository, Registry::start())
}

fn push(repository: &Repository, registry: &Registry) -> Run {
    let prefix = format!("{}/team/", registry.host());
    repository.xtask(&["images", "--engine", "native", "--push", "--tag", "v1", "--json", "--image-prefix", &prefix])
}

#[test]
fn what_is_pushed_is_what_was_measured() {
    let (repository, registry) = polyglot();
    let ended = push(&repository, &registry).succeeds();
    assert!(ended.stderr.contains(&format!("gateway, worker: pushing to {}\n", registry.host())), "{ended}");
    assert_eq!(registry.tags(), ["team/gateway:v1", "team/worker:v1"]);
    for image in ended.json()["images"].as_array().expect("is a list") {
        let name = image["name"].as_str().expect("is a name");
        assert_eq!(image["digest"].as_str(), registry.digest(&format!("team/{name}"), "v1").as_deref());
        assert_eq!(
            (&image["pushed"], &image["transfer_how"]),
            (&true.into(), &"exact: the registry's manifest".into())
        );
    }
}

#[test]
fn nothing_is_sent_while_an_image_is_over_its_budget_or_not_built() {
    let (repository, registry) = polyglot();
    repository.write("services/cmd/worker/image.toml", "budget = \"1 kB\"\nbase = \"embedded\"\n");
    let ended = push(&repository, &registry).ends();
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stderr.contains("nothing was pushed"), "{ended}");
    repository.write("services/cmd/worker/image.toml", "");
    std::fs::write(repository.docker().join("broken"), "worker").expect("writes");
    assert_eq!(push(&repository, &registry).ends().code, Some(3));
    assert_eq!(registry.requests(""), Vec::<String>::new());
}

#[test]
fn what_the_settings_do_not_push_is_kept_back() {
    let (repository, registry) = polyglot();
    repository.write("services/cmd/worker/image.toml", "budget = \"1 MB\"\n");
    let ended = push(&repository, &registry).ends();
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(
        ended.stderr.contains("\n2 images, 1 built by another engine than the one to push, 1 without a budget\n"),
        "{ended}"
    );
    for words in ["hint: the key `engine = \"native\"`", "nothing was pushed"] {
        assert!(ended.stderr.contains(words), "{ended}");
    }
    assert_eq!(registry.requests(""), Vec::<String>::new());
    repository.write("images.toml", "engine = \"native\"\n");
    let prefix = format!("{}/team/", registry.host());
    let words = ["images", "--push", "--config", "images.toml", "--image-prefix", &prefix];
    repository.xtask(&words).succeeds();
    assert_eq!(registry.tags(), ["team/gateway:latest", "team/worker:latest"]);
}

#[test]
fn an_engine_that_the_settings_do_not_name_pushes_nothing_not_even_what_has_no_limit() {
    let (repository, registry) = polyglot();
    repository.write("services/cmd/worker/image.toml", "base = \"embedded\"\n");
    let prefix = format!("{}/team/", registry.host());
    let push = |engine: &str| {
        repository.write("images.toml", format!("engine = \"{engine}\"\n"));
        let words =
            ["images", "--engine", "native", "--push", "--config", "images.toml", "--image-prefix", prefix.as_str()];
        repository.xtask(&words).ends()
    };
    let ended = push("bake");
    assert_eq!(ended.code, Some(1), "{ended}");
    let said = "\n2 images, 2 built by another engine than the one to push, 2 without a budget\nhint: the key `engine = \
                \"native\"` makes this what is pushed\nnothing was pushed: ";
    assert!(ended.stderr.contains(said), "{ended}");
    let worker = "worker is built by another engine than the one that the key `engine` names";
    assert!(ended.to_string().contains(worker), "{ended}");
    assert_eq!(registry.requests(""), Vec::<String>::new());
    // `auto` names none.
    for engine in ["native", "auto"] {
        let ended = push(engine);
        assert_eq!(ended.code, Some(0), "{engine}: {ended}");
    }
    assert_eq!(registry.tags(), ["team/gateway:latest", "team/worker:latest"]);
}

#[test]
fn a_base_with_a_digest_is_fetched_once() {
    let (repository, registry) = polyglot();
    push(&repository, &registry).succeeds();
    registry.forget_requests();
    let digest = registry.digest("team/gateway", "v1").expect("was pushed");
    let base = format!("{}/team/gateway:v1@{digest}", registry.host());
    repository.write("services/cmd/worker/image.toml", format!("base = \"{base}\"\n"));
    let build = |more: &[&str]| repository.xtask(&[&["image", "worker", "--engine", "native"], more].concat());
    let error = build(&["--dry-run"]).fails(2);
    assert!(error.contains("it is in a registry, and was not fetched yet\nhint: a run without --dry-run"), "{error}");
    assert_eq!(registry.requests(""), Vec::<String>::new());
    let first = build(&["--json"]).succeeds().json();
    assert_eq!(registry.requests("GET /v2/team/gateway/").len(), 4, "a manifest, a configuration and two layers");
    drop(registry);
    assert_eq!(build(&["--json"]).succeeds().json()["images"][0]["digest"], first["images"][0]["digest"]);
    let own = first["images"][0]["own_bytes"].as_u64().expect("is a number");
    assert!(
        first["images"][0]["unpacked_bytes"].as_u64().expect("is a number") > own,
        "it stands on the other's layers"
    );
    build(&["--dry-run"]).succeeds();
}

#[test]
fn a_refusal_names_the_image_and_its_place() {
    let (repository, registry) = polyglot();
    let denied = r#"{"errors": [{"code": "DENIED", "message": "not yours"}]}"#;
    registry.answers("POST /v2/team/worker/", 9, Reply::Status(403, "", denied));
    let ended = push(&repository, &registry).ends();
    assert_eq!(ended.code, Some(3), "{ended}");
    let host = registry.host();
    let expected = format!(
        "error: cannot push worker to {host}/team/worker: the registry answered 403 (DENIED: not yours)\nhint: `docker \
         login {host}` as somebody who may push to team/worker\n"
    );
    assert!(ended.stderr.contains(&expected), "{ended}");
    assert!(
        ended.stderr.contains("2 images, 2 not pushed") && ended.stderr.contains("\nnot pushed: gateway, worker\n"),
        "{ended}"
    );
    assert_eq!(ended.json()["failures"][0]["names"], serde_json::json!(["gateway", "worker"]));
    assert_eq!(registry.tags(), Vec::<String>::new());
}

#[test]
fn after_a_push_that_failed_the_report_says_of_each_tag_whether_it_is_there() {
    let (repository, registry) = polyglot();
    push(&repository, &registry).succeeds();
    repository.write("services/cmd/worker/image.toml", "env = { A = \"1\" }\n");
    repository.write(
        "gateway/Cargo.toml",
        repository.read("gateway/Cargo.toml") + "[package.metadata.image]\nargs = [\"a\"]\n",
    );
    registry.answers("PUT /v2/team/worker/manifests/v2", 1, Reply::Status(500, "", ""));
    registry.answers("PUT /v2/team/worker/manifests/v2", 1, Reply::Status(400, "", ""));
    let prefix = format!("{}/team/", registry.host());
    let words =
        ["images", "--engine", "native", "--push", "--tag", "v2", "--tag", "v1", "--json", "--image-prefix", &prefix];
    let ended = repository.xtask(&words).ends();
    assert_eq!(ended.code, Some(3), "{ended}");
    let expected = format!(
        "\n2 images, 1 not pushed, 2 without a budget\npushed: gateway\nnot pushed: worker\n\
         {prefix}worker:v1: in the registry, but another image\n{prefix}worker:v2: not in the registry\n"
    );
    let tags_of_gateway = format!("{prefix}gateway:v1: pushed\n{prefix}gateway:v2: pushed\n");
    let said = ended.stderr.replace(&tags_of_gateway, "");
    assert!(said.ends_with(&expected), "{ended}");
    let tag = |name: &str, state: &str| serde_json::json!({"reference": format!("{prefix}{name}"), "state": state});
    let tags = [
        tag("gateway:v1", "pushed"),
        tag("gateway:v2", "pushed"),
        tag("worker:v1", "other-image"),
        tag("worker:v2", "absent"),
    ];
    assert_eq!(ended.json()["tags"], serde_json::json!(tags));
    let pushed: Vec<_> =
        ended.json()["images"].as_array().expect("is a list").iter().map(|image| image["pushed"].clone()).collect();
    assert_eq!(pushed, [true, false]);
}

#[test]
fn a_registry_without_tls_is_spoken_to_only_where_it_is_named() {
    let (repository, registry) = polyglot();
    let host = "registry.internal:5000";
    let run = |more: &[&str]| {
        let prefix = format!("{host}/team/");
        let words = ["images", "--engine", "native", "--push", "--image-prefix", &prefix];
        // The proxy leads there.
        repository.xtask(&[&words, more].concat()).env("ALL_PROXY", registry.proxy())
    };
    let error = run(&[]).fails(3);
    let expected = format!(
        "no secure connection to {host}: it speaks plain HTTP\nhint: --insecure-registry {host}, or insecure-registries \
         = [\"{host}\"] in the settings\n"
    );
    assert!(error.contains(&expected), "{error}");
    assert_eq!(registry.tags(), Vec::<String>::new());
    run(&["--insecure-registry", host]).succeeds();
    assert_eq!(registry.tags(), ["team/gateway:latest", "team/worker:latest"]);
    repository.write("images.toml", format!("insecure-registries = [\"{host}\"]\n"));
    run(&["--config", "images.toml"]).succeeds();
    // A base comes from there as well.
    repository.write("services/cmd/worker/image.toml", format!("base = \"{host}/team/gateway\"\n"));
    run(&["--config", "images.toml"]).succeeds();
    repository.write("images.toml", "insecure-registries = [\"http://registry.internal\"]\n");
    let error = run(&["--config", "images.toml"]).fails(2);
    assert!(
        error.contains("`http://registry.internal` is no registry: expected a host and its port, e.g. "),
        "{error}"
    );
}

#[test]
fn a_program_that_keeps_passwords_is_asked_and_none_is_shown() {
    let (repository, registry) = polyglot();
    registry.asks(Asks::Bearer);
    let config = repository.base.join("home/.docker/config.json");
    std::fs::create_dir_all(config.parent().expect("is in a folder")).expect("creates");
    std::fs::write(&config, r#"{"credsStore": "test"}"#).expect("writes");
    let helper = |script: &str| {
        let path = repository.base.join("programs/docker-credential-test");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("writes");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, mode).expect("may be run");
    };
    let error = push(&repository, &registry).fails(3);
    assert!(error.contains("docker-credential-test is not on PATH"), "{error}");
    helper("echo 'credentials not found in native keychain'; exit 1");
    let error = push(&repository, &registry).fails(3);
    assert!(
        error.contains("anonymous access was refused: ") && error.contains("hint: `docker login 127.0.0.1:"),
        "{error}"
    );
    helper("echo 'the keychain is locked'; exit 1");
    let error = push(&repository, &registry).fails(3);
    assert!(error.contains("docker-credential-test returned no credentials for "), "{error}");
    assert!(error.contains(": the keychain is locked\n"), "{error}");
    let asked = format!("read server; [ \"$1 $server\" = 'get {}' ] || exit 1", registry.host());
    helper(&format!("{asked}\necho '{{\"Username\": \"user\", \"Secret\": \"password\"}}'"));
    let ended = push(&repository, &registry).succeeds();
    assert!(!ended.to_string().contains("password") && !ended.to_string().contains(LOGIN), "{ended}");
    assert_eq!(registry.tags(), ["team/gateway:v1", "team/worker:v1"]);
}
