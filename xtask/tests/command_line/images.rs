//! Runs that build, on a docker that does what the test wants.

use std::fs;
use std::process::Stdio;

use serde_json::json;

use crate::support::{Docker, Repository, saved_image};

const BUDGET: &str = "[package.metadata.image]\nbudget = ";

#[test]
fn every_image_is_built_measured_and_listed() {
    let repository = Repository::with_services(&["api"]);
    repository.rust_service("worker", "worker", &format!("{BUDGET}\"1 MB\"\n"));
    Docker::working(&repository);
    let ended = repository.xtask(&["images"]).succeeds();
    assert!(ended.stdout.contains("\napi ") && ended.stdout.contains("\nworker "), "{ended}");
    assert!(ended.stderr.ends_with("\n2 images, 1 without a budget\n"), "{ended}");
    assert_eq!(repository.bakes().len(), 1, "{:?}", repository.docker_log());
    assert!(repository.bakes()[0].ends_with(" api worker"));

    // The same again is known from the last time, and its images are not read anew.
    let saves = || repository.docker_log().iter().filter(|line| line.starts_with("image save")).count();
    let before = saves();
    let ended = repository.xtask(&["images"]).succeeds();
    assert!(ended.stdout.contains("0 B"), "{ended}");
    assert_eq!(saves(), before);
}

#[test]
fn the_json_report_has_the_promised_keys() {
    let repository = Repository::with_services(&[]);
    repository.rust_service("api", "api", &format!("{BUDGET}\"1 MB\"\n"));
    Docker::working(&repository);
    let image = repository.xtask(&["images", "--json"]).succeeds().json()["images"][0].clone();
    assert_eq!(image["name"], "api");
    assert_eq!(image["platform"], "linux/amd64");
    assert!(image["digest"].is_null() || image["digest"].is_string());
    // A header of 512 bytes, the contents in blocks of 512, two blocks at the end: that is what an archive takes.
    let own = 512 + 20_480 + 1_024;
    assert_eq!(image["own_bytes"], own);
    assert_eq!(image["unpacked_bytes"], own + 512 + 10_240 + 1_024);
    assert!(image["transfer_bytes"].is_u64());
    assert_eq!(image["budget_bytes"], 1_000_000);
    assert_eq!(image["verdict"], "pass");
}

#[test]
fn named_images_are_built_and_no_others() {
    let repository = Repository::with_services(&["api", "web", "worker"]);
    Docker::working(&repository);
    let ended = repository.xtask(&["image", "worker", "api"]).succeeds();
    assert!(repository.bakes()[0].ends_with(" api worker"), "{:?}", repository.bakes());
    assert!(!ended.stdout.contains("web"), "{ended}");
    // The generated files are those of the whole repository all the same.
    assert!(repository.exists("docker/web.Dockerfile"));
}

#[test]
fn an_unknown_name_suggests_the_nearest() {
    let repository = Repository::with_services(&["api", "worker"]);
    Docker::working(&repository);
    let before = repository.files();
    let stderr = repository.xtask(&["image", "wroker"]).fails(2);
    assert_eq!(
        stderr,
        "error: no service is named `wroker`\nhint: did you mean `worker`? `cargo xtask list` shows all\n"
    );
    assert_eq!(repository.files(), before);
    assert_eq!(repository.bakes(), [""; 0]);
}

#[test]
fn a_service_that_is_left_out_says_why() {
    let repository = Repository::with_services(&["api"]);
    repository.rust_service("tools/gen", "gen", "");
    Docker::working(&repository);
    let stderr = repository.xtask(&["image", "gen"]).fails(2);
    assert!(stderr.starts_with("error: no image is made of `gen`: lies under `tools`"), "{stderr}");
}

#[test]
fn a_build_over_budget_says_by_how_much_and_what_is_large() {
    let repository = Repository::new();
    repository.rust_service("worker", "worker", &format!("{BUDGET}\"30 kB\"\n"));
    let docker = Docker::working(&repository);
    // The base's largest layer is not its last one.
    docker.file("image.tar", saved_image(&[&[("large", 9_000)], &[("small", 10)]], &[("worker", 20_000), ("b", 5)]));
    let ended = repository.xtask(&["images"]).ends();
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(
        ended.stdout.contains("worker is over its budget by 5.84 kB: 35.84 kB unpacked, 30.00 kB allowed"),
        "{ended}"
    );
    let lines = [
        "  own layer ",
        "    file       20.00 kB  /worker",
        "    file            5 B  /b",
        "  base layer   10.75 kB  ",
    ];
    let positions: Vec<_> =
        lines.iter().map(|line| ended.stdout.find(line).unwrap_or_else(|| panic!("{line}\n{ended}"))).collect();
    assert!(positions.is_sorted(), "{ended}");
    assert!(ended.stderr.contains("\n1 image, 1 over budget\n") && ended.stderr.contains("\nhint: "), "{ended}");
}

#[test]
fn over_budget_nothing_is_pushed() {
    let repository = Repository::with_services(&["api"]);
    repository.rust_service("worker", "worker", &format!("{BUDGET}\"1 kB\"\n"));
    Docker::working(&repository);
    let ended = repository.xtask(&["images", "--push", "--json"]).ends();
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stderr.contains("nothing was pushed"), "{ended}");
    let images = ended.json()["images"].clone();
    assert_eq!((&images[0]["pushed"], &images[0]["verdict"]), (&json!(false), &json!("no-budget")));
    assert_eq!((&images[1]["pushed"], &images[1]["verdict"]), (&json!(false), &json!("over")));
    assert!(repository.docker_log().iter().all(|line| !line.contains("push")), "{:?}", repository.docker_log());
}

#[test]
fn a_missing_budget_stops_a_push_where_one_is_required() {
    let repository = Repository::with_services(&["api"]);
    repository.write("images.toml", "require-budget = true\n");
    Docker::working(&repository);
    let ended = repository.xtask(&["images", "--push", "--config", "images.toml"]).ends();
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stdout.contains("api has no budget, and `require-budget` is set"), "{ended}");
    assert!(repository.bakes().iter().all(|bake| !bake.contains("push=true")));
}

#[test]
fn within_budget_everything_is_built_before_anything_is_pushed() {
    let repository = Repository::with_services(&["api", "worker"]);
    let docker = Docker::working(&repository);
    let manifest =
        json!({"config": {"digest": "sha256:c", "size": 10}, "layers": [{"digest": "sha256:l", "size": 4_000}]});
    docker.answer("buildx imagetools", &format!("printf '%s' '{manifest}'"));
    let arguments = ["images", "--push", "--tag", "v1", "--image-prefix", "registry.example.com/team/", "--json"];
    let report = repository.xtask(&arguments).succeeds().json();
    let bakes = repository.bakes();
    assert_eq!(bakes.len(), 2);
    assert!(bakes[0].contains("worker.output=type=docker") && !bakes[0].contains("push=true"), "{bakes:?}");
    assert!(bakes[1].contains("worker.output=type=image,push=true"), "{bakes:?}");
    assert!(bakes[1].contains("worker.tags=registry.example.com/team/worker:v1"), "{bakes:?}");
    let image = &report["images"][1];
    assert_eq!(image["pushed"], true);
    assert_eq!(image["digest"], "sha256:worker");
    // Exactly what the registry will send: the layer, the configuration and the manifest itself.
    assert_eq!(image["transfer_bytes"], 4_010 + manifest.to_string().len());
}

#[test]
fn a_builder_beside_the_engine_writes_layouts_that_are_measured() {
    let repository = Repository::with_services(&["worker"]);
    let docker = Docker::working(&repository);
    docker.beside_the_engine();
    let image = repository.xtask(&["images", "--output", "out", "--json"]).succeeds().json()["images"][0].clone();
    assert_eq!(image["own_bytes"], 512 + 20_480 + 1_024);
    assert_eq!(image["transfer_how"], "exact: the OCI layout");
    assert!(repository.exists("out/worker/index.json"));
    assert!(repository.docker_log().iter().all(|line| !line.starts_with("image save")));
}

#[test]
fn times_are_set_by_the_builder_where_the_dockerfile_does_not() {
    let repository = Repository::with_services(&["api"]);
    for (name, setting) in
        [("folder", "workdir = \"/data\""), ("flags", "files = [{ from = \"a.json\", to = \"/a.json\" }]")]
    {
        repository.rust_service(name, name, &format!("[package.metadata.image]\n{setting}\n"));
    }
    repository.write("flags/a.json", "{}");
    Docker::working(&repository).beside_the_engine();
    let rewritten = || {
        let ended = repository.xtask(&["images", "--dry-run"]).succeeds();
        let outputs = ended.stdout.split(' ').filter(|word| word.contains("rewrite-timestamp=true"));
        outputs.filter_map(|word| Some(word.split_once(".output=")?.0.to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(rewritten(), ["flags", "folder"]);
    repository.write("docker/docker-bake.override.hcl", "target \"api\" {}\n");
    assert_eq!(rewritten(), ["api", "flags", "folder"]);
}

#[test]
fn a_builder_gets_the_base_that_is_in_no_registry() {
    let repository = Repository::with_services(&["api"]);
    let docker = Docker::working(&repository);
    docker.beside_the_engine();
    let layout = "target/images/embedded/index.json";
    repository.xtask(&["images"]).succeeds();
    assert!(!repository.exists(layout) && !repository.read("docker/docker-bake.hcl").contains("contexts"));

    repository.rust_service("worker", "worker", "[package.metadata.image]\nbase = \"embedded\"\n");
    docker.answer("buildx bake", &format!("test -f {layout} && bake_succeeds"));
    repository.xtask(&["images"]).succeeds();
    assert!(repository.read("docker/worker.Dockerfile").contains("\nFROM embedded AS image\n"));
    let bake_file = repository.read("docker/docker-bake.hcl");
    let contexts: Vec<_> = bake_file.lines().filter(|line| line.contains("contexts")).collect();
    assert_eq!(contexts, ["  contexts   = { embedded = \"oci-layout://target/images/embedded\" }"]);
}

#[test]
fn the_engines_own_builder_gets_that_base_as_an_image() {
    let repository = Repository::new();
    for (name, settings) in [("api", "base = \"embedded\"\n"), ("server", ""), ("worker", "base = \"embedded\"\n")] {
        repository.go_service("services", name);
        repository.write(&format!("services/cmd/{name}/image.toml"), settings);
    }
    let docker = Docker::working(&repository);
    docker.answer("buildx bake", "cp target/images/contexts.*/bake.json \"$FAKE_DOCKER/bake.json\"; bake_succeeds");
    docker.answer("image load", "while [ $# -gt 1 ]; do shift; done; cp \"$1\" \"$FAKE_DOCKER/loaded.tar\"");
    let runs = |words: &[&str], loads: usize| {
        let before = repository.docker_log().len();
        repository.xtask(&[&["images"], words].concat()).succeeds();
        let log = repository.docker_log().split_off(before);
        assert_eq!(log.iter().filter(|line| line.starts_with("image load ")).count(), loads, "{log:?}");
        let file = std::fs::read(repository.docker().join("bake.json")).expect("is there");
        let file: serde_json::Value = serde_json::from_slice(&file).expect("is JSON");
        ["api", "server", "worker"].map(|name| file["target"][name]["contexts"]["embedded"].to_string())
    };
    for (words, platform) in [(&[] as &[&str], "amd64"), (&["--platform", "linux/arm64"], "arm64")] {
        let [api, server, worker] = runs(words, 1);
        let base = api.trim_matches('"').trim_start_matches("docker-image://");
        assert!(base.starts_with(&format!("xtask.invalid/embedded:linux-{platform}-")), "{base}");
        assert_eq!((&worker, server.as_str()), (&api, "null"));
        let loaded = std::fs::read(repository.docker().join("loaded.tar")).expect("is there");
        assert!(String::from_utf8_lossy(&loaded).contains(base), "the image has that name");
        // What --dry-run prints takes it too.
        let ended = repository.xtask(&[&["images", "--dry-run"], words].concat()).succeeds();
        for name in ["api", "worker"] {
            let set = format!(" {name}.contexts.embedded=docker-image://{base} ");
            assert!(ended.stdout.contains(&set), "{set}{ended}");
        }
        assert!(!ended.stdout.contains("server.contexts"), "{ended}");
        assert!(ended.stderr.contains("`embedded` is where these commands look for it after a run "), "{ended}");
    }
    assert!(repository.exists("target/images/embedded/index.json"));
    docker.answer("image inspect", "true");
    runs(&["--no-cache"], 0);
}

#[test]
fn a_service_has_its_compression_or_the_repositorys() {
    let repository = Repository::with_services(&["api", "worker"]);
    repository.rust_service("old", "old", "[package.metadata.image]\ncompression = \"gzip\"\n");
    let compressions = |arguments: &[&str]| {
        let ended = repository.xtask(&[&["images", "--dry-run", "--push"], arguments].concat()).succeeds();
        let outputs: Vec<_> = ended.stdout.split(' ').filter(|word| word.contains(".output=")).collect();
        assert_eq!(outputs.len(), 6, "{ended}");
        let compression = |word: &&str| word.split_once(",compression=").map(|(_, end)| end.trim().to_owned());
        outputs.iter().map(compression).map(Option::unwrap_or_default).collect::<Vec<_>>()
    };
    let docker = Docker::working(&repository);
    docker.beside_the_engine();
    let (gzip, zstd) = ("gzip,force-compression=true", "zstd,force-compression=true");
    assert_eq!(compressions(&[]), ["", gzip, "", "", gzip, ""]);
    repository.write("images.toml", "compression = \"zstd\"\n");
    assert_eq!(compressions(&["--config", "images.toml"]), [zstd, gzip, zstd, zstd, gzip, zstd]);
}

#[test]
fn an_engine_that_pushes_gzip_is_no_builder_for_zstd() {
    let repository = Repository::with_services(&["api"]);
    repository.write("images.toml", "compression = \"zstd\"\n");
    Docker::working(&repository);
    let error = repository.xtask(&["images", "--push", "--config", "images.toml"]).fails(2);
    assert!(
        error.contains("service api: `compression` is zstd, and the Docker engine's own builder `test` may push gzip"),
        "{error}"
    );
    assert!(error.contains("\nhint: `docker buildx create --name images`"), "{error}");
    repository.xtask(&["images", "--config", "images.toml"]).succeeds();
}

#[test]
fn a_dry_run_prints_the_commands_and_writes_nothing() {
    let repository = Repository::with_services(&["api", "worker"]);
    Docker::working(&repository);
    let before = repository.files();
    let ended = repository.xtask(&["images", "--dry-run", "--push", "--output", "out/deep"]).succeeds();
    assert_eq!(ended.stdout.lines().count(), 2, "{ended}");
    assert!(ended.stdout.starts_with("docker buildx bake --file docker/docker-bake.hcl "), "{ended}");
    assert_eq!(repository.bakes(), [""; 0]);
    assert_eq!(repository.files(), before);
    assert!(!repository.exists("out") && !repository.exists("docker") && !repository.exists("target"));
}

#[test]
fn a_thousand_services_are_built_in_bakes_that_every_driver_takes() {
    let repository = Repository::new();
    repository.write("many/go.mod", "module example.com/many\n\ngo 1.26\n");
    let names: Vec<String> = (0..1000).map(|number| format!("s{number:03}")).collect();
    for name in &names {
        repository.write(&format!("many/cmd/{name}/main.go"), "package main\n\nfunc main() {}\n");
    }
    Docker::working(&repository);
    let report = repository.xtask(&["images", "--json"]).succeeds().json();
    assert_eq!(report["images"].as_array().map(Vec::len), Some(1000));
    let targets = |bake: &str| bake.split(' ').filter(|word| names.iter().any(|name| name == word)).count();
    let bakes: Vec<usize> = repository.bakes().iter().map(|bake| targets(bake)).collect();
    assert_eq!(bakes, [[60; 16].as_slice(), &[40]].concat());
}

#[test]
fn a_persons_override_is_merged_last() {
    let repository = Repository::with_services(&["api"]);
    repository.write("docker/docker-bake.override.hcl", "target \"api\" {}\n");
    let docker = Docker::working(&repository);
    docker.answer("buildx bake", "echo \"${BUILDX_GIT_INFO-}\" >\"$FAKE_DOCKER/git\"\nbake_succeeds");
    repository.xtask(&["images"]).succeeds();
    let bake = repository.bakes()[0].clone();
    let words: Vec<_> = bake.split(' ').collect();
    let files: Vec<_> = words.windows(2).filter(|pair| pair[0] == "--file").map(|pair| pair[1]).collect();
    assert_eq!(files.first(), Some(&"docker/docker-bake.hcl"), "{bake}");
    assert_eq!(files.last(), Some(&"docker/docker-bake.override.hcl"), "{bake}");
    let git = std::fs::read_to_string(repository.docker().join("git")).expect("was written");
    assert_eq!(git, "\n", "an attestation that is asked for there may say of git what it can");
    assert_eq!(repository.read("docker/docker-bake.override.hcl"), "target \"api\" {}\n");
}

#[test]
fn secrets_never_stand_among_the_arguments() {
    let repository = Repository::new();
    repository.rust_service("api", "api", "[package.metadata.image]\nsecrets = [\"registry-token\"]\n");
    let docker = Docker::working(&repository);
    docker.answer("buildx bake", "env >\"$FAKE_DOCKER/environment\"\nbake_succeeds");
    let run = |arguments: &[&str]| {
        let run = repository.xtask(arguments).env("REGISTRY_TOKEN", "hunter2");
        run.env("GOPROXY", "https://user:hunter2@proxy.example.com").succeeds()
    };
    let ended = run(&["images", "--verbose"]);
    let shown = run(&["images", "--dry-run"]);
    let log = repository.docker_log().join("\n");
    assert!(log.contains("type=env,id=registry-token,env=REGISTRY_TOKEN"), "{log}");
    assert!(log.contains("type=env,id=GOPROXY,env=GOPROXY"), "{log}");
    assert!(![log, ended.stdout, ended.stderr, shown.stdout].concat().contains("hunter2"));
    let environment = std::fs::read_to_string(repository.docker().join("environment")).expect("was written");
    assert!(environment.contains("REGISTRY_TOKEN=hunter2"), "the build step would get no value");
}

#[test]
fn the_number_of_jobs_is_no_build_argument() {
    let repository = Repository::with_services(&["api"]);
    let docker = Docker::working(&repository);
    docker.answer("buildx bake", "printf '%s' \"${JOBS-unset}\" >\"$FAKE_DOCKER/jobs\"\nbake_succeeds");
    let jobs = || std::fs::read_to_string(repository.docker().join("jobs")).expect("was written");
    repository.xtask(&["images", "--jobs", "3"]).succeeds();
    assert_eq!(jobs(), "3");
    let bake = repository.bakes()[0].clone();
    assert!(bake.contains("--set *.secrets=type=env,id=JOBS,env=JOBS") && !bake.contains("args.JOBS"), "{bake}");
    repository.xtask(&["images"]).succeeds();
    assert_eq!(jobs(), "unset");
    assert!(!repository.bakes()[1].contains("JOBS"));
    assert!(
        repository.xtask(&["images", "--jobs", "0"]).ends().stderr.contains("--jobs"),
        "nothing would ever be built"
    );
}

#[test]
fn a_workflow_gets_a_summary() {
    let repository = Repository::new();
    repository.rust_service("worker", "worker", &format!("{BUDGET}\"1 kB\"\n"));
    Docker::working(&repository);
    repository.write("summary.md", "before\n");
    let summary = repository.root.join("summary.md");
    let ended = repository.xtask(&["images"]).env("GITHUB_STEP_SUMMARY", &summary).ends();
    assert_eq!(ended.code, Some(1), "{ended}");
    let text = repository.read("summary.md");
    assert!(text.starts_with("before\n### Images: 1 image, 1 over budget\n\n| | image |"), "{text}");
    assert!(text.contains("| ❌ | `worker` |") && text.contains("\n❌ worker is over its budget by "), "{text}");
}

#[test]
fn a_comment_is_written_and_found_again() {
    let repository = Repository::new();
    repository.rust_service("worker", "worker", &format!("{BUDGET}\"1 kB\"\n"));
    Docker::working(&repository);
    for words in [["images"].as_slice(), &["image", "worker"], &["sizes", "check"]] {
        repository.write("out/comment.md", "of the run before");
        let ended = repository.xtask(&[words, &["--markdown", "out/comment.md"]].concat()).ends();
        assert_eq!(ended.code, Some(1), "{ended}");
        assert!(ended.stderr.contains("wrote out/comment.md\n"), "{ended}");
        let text = repository.read("out/comment.md");
        let begin = "<!-- cargo xtask images -->\n### Images: 1 image, 1 over budget\n\n| | image |";
        assert!(text.starts_with(begin) && text.contains("\n❌ worker is over its budget by "), "{text}");
    }
    fs::remove_dir_all(repository.root.join("out")).expect("removes");
    repository.write("out", "in the way");
    let ended = repository.xtask(&["images", "--markdown", "out/comment.md"]).ends();
    assert_eq!(ended.code, Some(3), "{ended}");
    assert!(ended.stdout.contains("worker is over its budget"), "the answer is not lost: {ended}");
    assert!(ended.stderr.contains("error: cannot create the folder "), "{ended}");
}

#[test]
fn a_summary_that_cannot_be_written_costs_nothing_else() {
    let repository = Repository::with_services(&["worker"]);
    Docker::working(&repository);
    let nowhere = repository.root.join("no/such/folder/summary.md");
    let ended = repository.xtask(&["images"]).env("GITHUB_STEP_SUMMARY", nowhere).succeeds();
    assert!(ended.stderr.contains("warning: no summary for the workflow: cannot append to "), "{ended}");
    assert!(ended.stdout.contains("\nworker "), "{ended}");
    let ended = repository.xtask(&["images"]).env("GITHUB_STEP_SUMMARY", "").succeeds();
    assert!(!ended.stderr.contains("warning"), "{ended}");
}

#[test]
fn what_an_earlier_run_left_can_be_broken() {
    let repository = Repository::with_services(&["worker"]);
    Docker::working(&repository);
    let first = repository.xtask(&["images"]).succeeds();
    for contents in ["", "{", "[]", "{\"layers\": 3}", "\u{0}"] {
        repository.write("target/images/measured.json", contents);
        assert_eq!(repository.xtask(&["images"]).succeeds().stdout, first.stdout);
    }
}

#[test]
fn each_image_has_a_context_of_its_own_while_it_is_built() {
    let repository = Repository::with_services(&["api", "worker"]);
    let docker = Docker::working(&repository);
    docker.answer(
        "buildx bake",
        "cp target/images/contexts.*/bake.json \"$FAKE_DOCKER/contexts.json\"\n\
         cat target/images/contexts.*/api-*/api/Cargo.toml >\"$FAKE_DOCKER/manifest\"\nbake_succeeds",
    );
    repository.xtask(&["images"]).succeeds();
    let read = |name: &str| std::fs::read_to_string(repository.docker().join(name)).expect("was written");
    let contexts: serde_json::Value = serde_json::from_str(&read("contexts.json")).expect("is JSON");
    let context = |target: &str| contexts["target"][target]["context"].as_str().expect("is a path").to_owned();
    assert_ne!(context("api"), context("worker"));
    assert_eq!(read("manifest"), repository.read("api/Cargo.toml"));
    assert!(!std::path::Path::new(&context("api")).exists(), "{contexts} stays");
}

#[test]
fn buildx_is_led_to_the_files_of_what_it_builds_and_no_further() {
    let repository = Repository::new();
    repository.go_service("services", "api");
    repository.go_service("services", "worker");
    repository.write("services/cmd/worker/more.go", "package main\n");
    let docker = Docker::working(&repository);
    docker.answer(
        "buildx bake",
        "for file in bake.hcl worker.Dockerfile worker.Dockerfile.dockerignore bake.json; do\n\
         cp target/images/contexts.*/$file \"$FAKE_DOCKER\"; done\necho \"$BUILDX_GIT_INFO\" >\"$FAKE_DOCKER/git\"\nbake_succeeds",
    );
    repository.xtask(&["image", "worker"]).succeeds();
    let read = |name: &str| std::fs::read_to_string(repository.docker().join(name)).expect("was written");
    // What it looks for has names, where the file beside the Dockerfile has a glob for files to come.
    assert!(repository.read("docker/worker.Dockerfile.dockerignore").contains("!services/cmd/worker/*.go\n"));
    let shown = read("worker.Dockerfile.dockerignore");
    let shown: Vec<_> = shown.lines().filter(|line| line.starts_with('!')).collect();
    assert!(shown.contains(&"!services/cmd/worker/main.go") && shown.contains(&"!services/cmd/worker/more.go"));
    assert!(!shown.iter().any(|line| line.contains('*')), "{shown:?}");
    assert_eq!(read("worker.Dockerfile"), repository.read("docker/worker.Dockerfile"));
    let contexts: serde_json::Value = serde_json::from_str(&read("bake.json")).expect("is JSON");
    let dockerfile = contexts["target"]["worker"]["dockerfile"].as_str().expect("is a path");
    assert!(dockerfile.ends_with("/worker.Dockerfile"), "{dockerfile}");
    // Nor does it read of other images, or ask git about each.
    assert!(read("bake.hcl").contains("target \"worker\"") && !read("bake.hcl").contains("api"));
    assert_eq!(read("git"), "false\n");
}

#[test]
fn two_runs_at_once_do_not_take_each_others_answers() {
    let repository = Repository::with_services(&["api", "worker"]);
    let docker = Docker::working(&repository);
    let pipe = repository.docker().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo starts").success());
    // The first waits until the second has ended.
    docker.answer("buildx bake", "bake_succeeds\nif bakes api; then cat <\"$FAKE_DOCKER/pipe\"; fi");
    let mut first = repository.xtask(&["image", "api"]).into_command();
    let first = first.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("starts");
    let begun = std::fs::File::options().write(true).open(&pipe).expect("opens");
    repository.xtask(&["image", "worker"]).succeeds();
    drop(begun);
    let output = first.wait_with_output().expect("ends");
    let stdout = String::from_utf8(output.stdout).expect("is UTF-8");
    assert!(output.status.success() && stdout.contains("\napi "), "{stdout}");
}
