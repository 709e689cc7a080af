//! Settings that are wrong: each message has file, line and what was meant, and nothing is written.

use crate::support::{Docker, Repository};

/// `generate` and `list` refuse the repository, and change nothing in it.
fn refused(repository: &Repository) -> String {
    let before = repository.files();
    let stderr = repository.xtask(&["generate"]).fails(2);
    assert_eq!(repository.files(), before);
    stderr
}

#[test]
fn an_unknown_key_of_a_rust_service() {
    let repository = Repository::new();
    repository.rust_service("api", "api", "[package.metadata.image]\nport = [\"80\"]\n");
    let stderr = refused(&repository);
    assert!(
        stderr.starts_with("error: service api: api/Cargo.toml:6: unknown key `port`\nhint: did you mean `ports`?"),
        "{stderr}"
    );
}

#[test]
fn an_unknown_key_of_the_repository() {
    let repository = Repository::with_services(&["api"]);
    repository.write("Cargo.toml", "[workspace]\nmembers = [\"api\"]\n[workspace.metadata.images]\nexlude = []\n");
    let stderr = refused(&repository);
    assert!(stderr.starts_with("error: Cargo.toml:4: unknown key `exlude`\nhint: did you mean `exclude`?"), "{stderr}");
    assert_eq!(repository.xtask(&["list"]).fails(2), stderr);
}

#[test]
fn an_unknown_key_of_a_settings_file() {
    let repository = Repository::with_services(&["api"]);
    repository.write("images.toml", "require-budget = true\n\n[services.api]\nbudgett = \"1 MB\"\n");
    let stderr = repository.xtask(&["list", "--config", "images.toml"]).fails(2);
    assert!(
        stderr.starts_with("error: images.toml:4: unknown key `budgett`\nhint: did you mean `budget`?"),
        "{stderr}"
    );
}

#[test]
fn paths_that_lead_outside_the_repository() {
    for (line, expected) in [
        ("inputs = [\"../../../proto/**\"]", "`inputs`: `../../../proto/**`"),
        ("files = [{ from = \"../../../etc\", to = \"/etc\" }]", "`files`: `../../../etc`"),
    ] {
        let repository = Repository::new();
        repository.go_service(".", "worker");
        repository.write("cmd/worker/image.toml", line);
        let hint = "hint: the paths in cmd/worker/image.toml begin at cmd/worker/\n";
        assert_eq!(
            refused(&repository),
            format!("error: service worker: {expected} is not inside the repository\n{hint}")
        );
    }
}

#[test]
fn settings_of_a_service_that_is_not_there() {
    let repository = Repository::with_services(&["worker"]);
    repository.write("images.toml", "[services.wroker]\nskip = true\n");
    let stderr = repository.xtask(&["list", "--config", "images.toml"]).fails(2);
    assert!(stderr.contains("`wroker`") && stderr.contains("did you mean `worker`?"), "{stderr}");
}

#[test]
fn a_settings_file_that_is_not_there() {
    let repository = Repository::with_services(&["api"]);
    let stderr = repository.xtask(&["generate", "--config", "nowhere.toml"]).fails(2);
    assert!(stderr.starts_with("error: no such file: nowhere.toml\nhint: --config takes a TOML file"), "{stderr}");
}

#[test]
fn a_settings_file_as_windows_editors_save_it() {
    let repository = Repository::with_services(&["api"]);
    repository.write("images.toml", b"\xef\xbb\xbfexclude = [\"api\"]\r\n");
    let services = repository.xtask(&["list", "--json", "--config", "images.toml"]).succeeds().json();
    assert_eq!(services["services"][0]["selected"], false);
}

#[test]
fn budgets_that_are_no_sizes() {
    for (budget, said) in [
        ("\"12 apples\"", "\"12 apples\" is no size"),
        ("\"0 MB\"", "\"0 MB\" is no size"),
        ("\"12\"", "\"12\" is no size"),
        ("\"-1 MB\"", "\"-1 MB\" is no size"),
        ("12", "invalid type: integer `12`"),
    ] {
        let repository = Repository::new();
        repository.rust_service("api", "api", &format!("[package.metadata.image]\nbudget = {budget}\n"));
        let stderr = refused(&repository);
        assert!(stderr.starts_with(&format!("error: service api: api/Cargo.toml:6: {said}")), "{stderr}");
        assert!(stderr.contains("a size above zero with a unit, as \"12 MB\" or \"9.5 MiB\""), "{stderr}");
    }
}

#[test]
fn budgets_that_are_for_nothing() {
    for (settings, said) in [
        ("budget = { image = \"1 MB\" }", "error: images.toml:1: unknown key `image`\nhint: "),
        (
            "[budget]\nunpakced = \"1 MB\"",
            "error: images.toml:2: unknown key `unpakced`\nhint: did you mean `unpacked`?",
        ),
        ("[budget]\n", "error: images.toml:1: a budget without a size: expected a size above zero with a unit"),
        ("[budget]\nbinary = \"0 B\"", "error: images.toml:2: \"0 B\" is no size"),
        (
            "budget = { \"windows/amd64\" = \"1 MB\" }",
            "error: images.toml:1: `windows/amd64` is no platform of an image",
        ),
        ("warn-at = \"0%\"", "error: images.toml:1: \"0%\" is no part of a budget: expected a percentage above zero"),
        ("warn-at = nan", "error: images.toml:1: invalid type: floating point `NaN`, expected a string"),
        (
            "nodes.edge = { images = [], budget = \"1 MB\" }",
            "error: images.toml:1: the node `edge` has no image: expected one or more",
        ),
        ("compression = \"lz4\"", "error: images.toml:1: unknown variant `lz4`, expected `gzip` or `zstd`"),
        ("nodes.edge = { images = [\"api\"] }", "error: images.toml:1: missing field `budget`"),
        ("nodes.edge = { images = [\"api\"], budget = \"NaN MB\" }", "error: images.toml:1: \"NaN MB\" is no size"),
    ] {
        let repository = Repository::with_services(&["api"]);
        repository.write("images.toml", settings);
        let stderr = repository.xtask(&["generate", "--config", "images.toml"]).fails(2);
        assert!(stderr.starts_with(said), "{settings}\n{stderr}");
    }
}

#[test]
fn budgets_of_images_that_are_not_there() {
    let repository = Repository::with_services(&["api"]);
    repository.write("images.toml", "nodes.edge = { images = [\"api\", \"wroker\"], budget = \"1 MB\" }\n");
    let stderr = repository.xtask(&["generate", "--config", "images.toml"]).fails(2);
    assert!(stderr.starts_with("error: the node `edge` of the settings has `wroker`, which no image is"), "{stderr}");
    for settings in ["budget = { \"linux/arm64\" = \"1 MB\" }", "[services.api.budget.\"linux/arm64\"]\nown = \"1 MB\""]
    {
        repository.write("images.toml", format!("platforms = [\"linux/amd64\"]\n{settings}\n"));
        let stderr = repository.xtask(&["generate", "--config", "images.toml"]).fails(2);
        assert!(stderr.contains("is for linux/arm64, and no image is"), "{stderr}");
        assert!(stderr.contains("\nhint: `platforms` of the settings has linux/amd64"), "{stderr}");
    }
}

#[test]
fn a_root_manifest_that_does_not_parse() {
    let repository = Repository::with_services(&["api"]);
    repository.write("Cargo.toml", "[workspace]\nmembers = [\"api\"\n");
    let stderr = refused(&repository);
    assert!(stderr.starts_with("error: Cargo.toml:"), "{stderr}");
}

#[test]
fn a_manifest_that_does_not_parse_hides_no_other_service() {
    let repository = Repository::with_services(&["api", "broken"]);
    repository.write("broken/Cargo.toml", "[package]\nname = \"broken\"\nversion =\n");
    let ended = repository.xtask(&["list"]).succeeds();
    assert!(ended.stdout.contains("\napi "), "{ended}");
    assert!(ended.stdout.contains(" fails  broken/Cargo.toml:3: "), "{ended}");
    let services = repository.xtask(&["list", "--json"]).succeeds().json()["services"].clone();
    let error = services[1]["error"].as_str().expect("is text");
    assert!(services[1]["name"] == "broken" && error.starts_with("broken/Cargo.toml:3: "), "{services}");
    let stderr = repository.xtask(&["generate"]).fails(2);
    assert!(repository.exists("docker/api.Dockerfile"));
    assert!(
        stderr.starts_with("error: service broken: broken/Cargo.toml:3: ") && stderr.contains("exclude = [\"broken\"]"),
        "{stderr}"
    );

    repository.write("images.toml", "exclude = [\"broken\"]\n");
    repository.xtask(&["generate", "--config", "images.toml"]).succeeds();
}

#[test]
fn a_file_that_is_not_utf_8() {
    let repository = Repository::with_services(&["api"]);
    repository.write("Cargo.toml", b"# caf\xe9\n[workspace]\nmembers = [\"api\"]\n");
    let stderr = refused(&repository);
    assert!(stderr.contains("Cargo.toml is not UTF-8 text") && stderr.contains("\nhint: save it as UTF-8"), "{stderr}");
}

#[test]
fn a_name_that_is_no_image_name() {
    let repository = Repository::new();
    repository.rust_service("api", "API_Server", "");
    let stderr = refused(&repository);
    assert_eq!(
        stderr,
        "error: service API_Server: api: `API_Server` is no image name: expected lower-case letters and digits, with `.`, `_`, `__` or any \
         number of `-` between them\nhint: name = \"api-server\" in [package.metadata.image] in api/Cargo.toml\n"
    );
}

#[test]
fn a_name_that_means_all_images() {
    let repository = Repository::with_services(&["default"]);
    let stderr = refused(&repository);
    assert!(stderr.starts_with("error: service default: default: `default` means all images"), "{stderr}");
    assert!(stderr.contains("\nhint: set `name` in "), "{stderr}");
}

#[test]
fn two_services_of_one_name() {
    let repository = Repository::with_services(&[]);
    repository.rust_service("a", "worker", "");
    repository.rust_service("b", "other", "[package.metadata.image]\nname = \"worker\"\n");
    // A name that somebody chose stays; of two that are chosen none is better.
    assert!(repository.xtask(&["list"]).succeeds().stdout.contains("a-worker"));
    repository.write("a/Cargo.toml", repository.read("a/Cargo.toml") + "[package.metadata.image]\nname = \"worker\"\n");
    let stderr = refused(&repository);
    assert!(
        stderr.starts_with("error: services worker, worker: 2 services are named `worker`: a, b\nhint: set `name` in "),
        "{stderr}"
    );
    assert!(stderr.contains("a/Cargo.toml") && stderr.contains("b/Cargo.toml"), "{stderr}");
}

#[test]
fn two_names_that_bake_cannot_tell_apart() {
    let repository = Repository::new();
    repository.rust_service("a", "other", "[package.metadata.image]\nname = \"a.b\"\n");
    repository.rust_service("b", "other-too", "[package.metadata.image]\nname = \"a-b\"\n");
    let stderr = refused(&repository);
    assert!(stderr.contains("`a.b`") && stderr.contains("`a-b`") && stderr.contains("set `name` in "), "{stderr}");
}

#[test]
fn a_binary_that_the_package_has_not() {
    let repository = Repository::new();
    repository.rust_service("api", "api", "[package.metadata.image]\nbins = [\"api\", \"helth\"]\n");
    let stderr = refused(&repository);
    assert!(
        stderr.starts_with("error: service api: api/Cargo.toml: `bins` names `helth`, no binary of api\nhint: "),
        "{stderr}"
    );
}

#[test]
fn a_platform_that_is_none() {
    let repository = Repository::with_services(&["api"]);
    Docker::working(&repository);
    repository.write("images.toml", "platforms = [\"arm64\"]\n");
    let stderr = repository.xtask(&["images", "--config", "images.toml"]).fails(2);
    assert!(stderr.contains("`arm64`") && stderr.contains("linux/arm64"), "{stderr}");
    for platform in ["windows/amd64", "linux", "linux/"] {
        let stderr = repository.xtask(&["images", "--platform", platform]).fails(2);
        assert!(stderr.contains(&format!("`{platform}`")) && stderr.contains("linux/arm64"), "{stderr}");
    }
    assert_eq!(repository.bakes(), [""; 0]);
}

#[test]
fn several_platforms_on_a_builder_that_holds_one() {
    let repository = Repository::with_services(&["api"]);
    Docker::working(&repository);
    repository.write("images.toml", "platforms = [\"linux/amd64\", \"linux/arm64\"]\n");
    let by_settings = repository.xtask(&["images", "--config", "images.toml"]).fails(2);
    let by_option = repository.xtask(&["images", "--platform", "linux/amd64,linux/arm64"]).fails(2);
    assert_eq!(by_settings, by_option);
    assert!(by_option.contains("one platform at a time\nhint: `docker buildx create"), "{by_option}");
    // One of them is fine.
    repository.xtask(&["images", "--config", "images.toml", "--platform", "linux/amd64"]).succeeds();
}

#[test]
fn tags_and_prefixes_that_no_registry_takes() {
    let repository = Repository::with_services(&["api"]);
    Docker::working(&repository);
    let arguments = [
        ["--tag", "a b"],
        ["--tag", ""],
        ["--tag", "worker/v1.2"],
        ["--tag", "refs/tags/v1.2"],
        ["--image-prefix", "registry.example.com/Team/"],
        ["--image-prefix", "https://registry.example.com/"],
        ["--image-prefix", "registry.example.com/team"],
        ["--image-prefix", "ghcr.io"],
        ["--ca-bundle", "nowhere.pem"],
        ["--cache-scope", "pr/12"],
    ];
    let errors = arguments.map(|arguments| repository.xtask(&[&["images"], &arguments[..]].concat()).fails(2));
    repository.write("images.toml", "image-prefix = \"ghcr.io/Team\"\n");
    let of_the_key = repository.xtask(&["images", "--config", "images.toml"]).fails(2);
    let all = errors.join("") + &of_the_key;
    let errors = all.lines().filter(|line| !line.starts_with("engine: ")).map(|line| format!("{line}\n"));
    insta::assert_snapshot!(errors.collect::<String>());
    assert_eq!(repository.bakes(), [""; 0]);
    repository
        .xtask(&["images", "--image-prefix", "Registry.example.com:5000/team_a/x--", "--tag", "v1.2_3-4"])
        .succeeds();
}

/// Cargo compiles packages that are built together with all the features that any of them wants.
#[test]
fn a_service_may_have_the_features_of_its_crates_to_itself() {
    let repository = Repository::new();
    repository.write("Cargo.toml", "[workspace]\nmembers = [\"api\", \"job\"]\nresolver = \"2\"\n");
    repository.rust_service("api", "api", "[dependencies]\nserde = { version = \"1\", features = [\"rc\"] }\n");
    repository.rust_service("job", "job", "[dependencies]\nserde = { version = \"1\", features = [\"alloc\"] }\n");
    let of_crate = |name: &str, more: &str| format!("[[package]]\nname = \"{name}\"\n{more}\n");
    let from = "version = \"1.0.0\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
    let own = "version = \"0.1.0\"\ndependencies = [\"serde\"]\n";
    let lock = ["version = 4\n\n".to_owned(), of_crate("api", own), of_crate("job", own), of_crate("serde", from)];
    repository.write("Cargo.lock", lock.concat());
    let wanted = |name: &str| {
        let dockerfile = repository.read(&format!("docker/{name}.Dockerfile"));
        dockerfile.lines().find(|line| line.starts_with("serde = ")).map(str::to_owned)
    };
    let with = |features: &str| Some(format!("serde = {{ version = \"1\", features = [{features}] }}"));

    repository.xtask(&["generate"]).succeeds();
    assert_eq!((wanted("api"), wanted("job")), (with(r#""alloc", "rc""#), with(r#""alloc", "rc""#)));
    let alone = "[package.metadata.image]\nown-features = true\n\n";
    repository.rust_service(
        "job",
        "job",
        &format!("{alone}[dependencies]\nserde = {{ version = \"1\", features = [\"alloc\"] }}\n"),
    );
    repository.xtask(&["generate"]).succeeds();
    assert_eq!((wanted("api"), wanted("job")), (with(r#""rc""#), with(r#""alloc""#)));
}
