//! Caching as scenario × modification × expectation: what is built again, and what is not.

use std::collections::BTreeMap;

use crate::checkout::{Checkout, Ended};
use crate::container::output;
use crate::testbed::{self, Builder, has_tag, registry, remote_builder};

const ALL: [&str; 4] = ["gateway", "reporter", "server", "worker"];

/// A change to the repository, and the images that it changes.
struct Scenario {
    change: &'static str,
    path: &'static str,
    old: &'static str,
    new: &'static str,
    rebuilt: &'static [&'static str],
}

const SCENARIOS: [Scenario; 7] = [
    Scenario {
        change: "a line in a Go service",
        path: "go-services/cmd/worker/main.go",
        old: "Check whether the stored links still answer",
        new: "Check whether stored links {run} still answer",
        rebuilt: &["worker"],
    },
    Scenario {
        change: "a line in a Go package that both import",
        path: "go-services/internal/version/version.go",
        old: "\npackage version",
        new: "\n// A remark {run}.\n\npackage version",
        rebuilt: &["server", "worker"],
    },
    Scenario {
        change: "a Go test",
        path: "go-services/cmd/worker/main_test.go",
        old: "package main",
        new: "// A remark.\n\npackage main",
        rebuilt: &[],
    },
    Scenario {
        change: "a line in a Rust binary",
        path: "rust-services/gateway/src/main.rs",
        old: "Lets the public part",
        new: "Lets the public {run} part",
        rebuilt: &["gateway"],
    },
    Scenario {
        change: "a Rust test",
        path: "rust-services/gateway/tests/gateway.rs",
        old: "\n",
        new: "\n// A remark.\n",
        rebuilt: &[],
    },
    Scenario { change: "the README", path: "README.md", old: "\n", new: "\nA remark.\n", rebuilt: &[] },
    Scenario {
        change: "a budget",
        path: "go-services/cmd/worker/image.toml",
        old: "budget = \"",
        new: "budget = \"9",
        rebuilt: &[],
    },
];

#[test]
fn only_what_changed_is_built_again() {
    let checkout = Checkout::of_this_repository("caching");
    checkout.images(&[]).with_code(0);
    let second = checkout.images(&[]).with_code(0);
    assert!(ALL.iter().all(|name| second.is_cached(name)), "{}", second.stderr);

    // The builder remembers what an earlier run of the tests has changed.
    let run = std::process::id().to_string();
    for scenario in SCENARIOS {
        checkout.replace(scenario.path, scenario.old, &scenario.new.replace("{run}", &run));
        let ended = checkout.images(&[]).with_code(0);
        let rebuilt: Vec<_> = ALL.into_iter().filter(|name| !ended.is_cached(name)).collect();
        assert_eq!(rebuilt, scenario.rebuilt, "{}:\n{}", scenario.change, ended.stderr);
        assert!(!ended.stderr.contains("update docker/"), "{} changes generated files", scenario.change);
    }
}

#[test]
fn a_new_version_number_compiles_only_the_packages_that_have_it() {
    let checkout = Checkout::of_this_repository("version");
    let before = checkout.images(&["--json"]).with_code(0).images();
    let version = format!("0.2.{}", std::process::id());
    checkout.replace("rust-services/reporter/Cargo.toml", "version = \"0.1.0\"", &format!("version = \"{version}\""));
    let lock = "name = \"reporter\"\nversion = \"0.1.0\"";
    checkout.replace("rust-services/Cargo.lock", lock, &format!("name = \"reporter\"\nversion = \"{version}\""));

    let ended = checkout.images(&["--verbose", "--json"]).with_code(0);
    assert_eq!(compiled(&ended), ["shared", "reporter"], "{}", ended.stderr);
    for (image, before) in ended.images().iter().zip(before) {
        let is_same = image["config_digest"] == before["config_digest"];
        assert_eq!(is_same, image["name"] != "reporter", "{image}");
    }
    assert!(output(&checkout.reference("reporter"), &["--version"]).starts_with(&format!("reporter {version} ")));
}

#[test]
fn a_new_service_and_a_new_version_of_a_crate_compile_only_what_they_have_to() {
    let checkout = Checkout::of_this_repository("newcomer");
    let before = checkout.images(&["--json"]).with_code(0).images();
    let run = std::process::id();
    checkout.write(
        "rust-services/newcomer/Cargo.toml",
        "[package]\nname = \"newcomer\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\nanyhow.workspace = true\n",
    );
    checkout.write("rust-services/newcomer/src/main.rs", &format!("fn main() {{ println!(\"newcomer {run}\") }}\n"));
    checkout
        .write("go-services/cmd/stranger/main.go", &format!("package main\n\nfunc main() {{ print(\"{run}\") }}\n"));
    checkout.replace("rust-services/Cargo.toml", "members = [", "members = [\"newcomer\", ");
    let entry = "[[package]]\nname = \"newcomer\"\nversion = \"0.1.0\"\ndependencies = [\n \"anyhow\",\n]\n\n[[package]]\nname = \"reporter\"";
    checkout.replace("rust-services/Cargo.lock", "[[package]]\nname = \"reporter\"", entry);

    let ended = checkout.images(&["--verbose", "--json"]).with_code(0);
    assert_eq!(compiled(&ended), ["newcomer"], "{}", ended.stderr);
    let images = ended.images();
    for image in &before {
        let is_same = |other: &&serde_json::Value| other["config_digest"] == image["config_digest"];
        assert!(images.iter().any(|other| is_same(&other)), "{image} is another");
    }
    assert_eq!(output(&checkout.reference("newcomer"), &[]), format!("newcomer {run}\n"));

    let manifest = checkout.root.join("rust-services/Cargo.toml");
    testbed::read("cargo", &["update", "--manifest-path", manifest.as_str(), "--precise", "2.2.0", "humantime"]);
    let ended = checkout.images(&["--verbose"]).with_code(0);
    let others: Vec<_> = compiled(&ended)
        .into_iter()
        .filter(|package| {
            !["gateway", "humantime", "newcomer", "reporter", "shared", "third-party"].contains(&package.as_str())
        })
        .collect();
    assert_eq!(others, [""; 0], "{}", ended.stderr);
}

/// The packages that cargo compiled, in its order.
fn compiled(ended: &Ended) -> Vec<String> {
    let lines = ended.stderr.lines().filter_map(|line| line.split_once("Compiling "));
    lines.filter_map(|(_, package)| package.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn an_image_builds_alone_what_it_needs_and_nothing_else() {
    let checkout = Checkout::of_this_repository("alone");
    let ended = checkout.image("worker", &["--json"]).with_code(0);
    let names: Vec<_> = ended.images().iter().map(|image| image["name"].clone()).collect();
    assert_eq!(names, ["worker"]);
    assert!(!ended.stderr.contains("rust-"), "{}", ended.stderr);
}

#[test]
fn a_checkout_with_another_umask_compiles_nothing_again() {
    let checkout = Checkout::of_two_services("umask");
    // Of its own: a builder with other work may keep its first results by where they came from alone.
    let builder = Builder::create("umask");
    let options = ["--builder", &builder.name, "--json"];
    let before = checkout.images(&options).with_code(0).images();
    for modes in ["u=rwX,go=", "ug=rwX,o=rX"] {
        testbed::read("chmod", &["--recursive", modes, checkout.root.as_str()]);
        let ended = checkout.images(&options).with_code(0);
        for (image, before) in ended.images().iter().zip(&before) {
            assert_eq!(image["config_digest"], before["config_digest"], "{modes}");
        }
        // Only the files are copied again: once, and for Rust once more with the manifests.
        for (name, copies) in [("hello", 1), ("greeter", 2)] {
            assert!(ended.steps_run(name) <= copies, "{modes}: {}", ended.stderr);
        }
    }
}

#[test]
fn layers_travel_to_an_empty_builder_and_only_by_a_run_that_may_write() {
    let checkout = Checkout::of_two_services("travel");
    let name = format!("travel-{}", std::process::id());
    let cache = format!("{}/{name}", registry());
    let (here, there) = (Builder::create("travel-here"), Builder::create("travel-there"));

    checkout.images(&["--builder", &here.name, "--cache", &cache]).with_code(0);
    assert!(!has_tag(&format!("{name}/hello:shared")), "a run that only reads has written");
    checkout.images(&["--builder", &here.name, "--cache", &cache, "--cache-export"]).with_code(0);
    assert!(has_tag(&format!("{name}/hello:shared")));

    let release = ["--builder", &there.name, "--cache", &cache, "--cache-scope", "release"];
    let ended = checkout.images(&release).with_code(0);
    assert!(!ended.is_cached("hello"), "a release takes what others wrote: {}", ended.stderr);
    let empty = Builder::create("travel-empty");
    let ended = checkout.images(&["--builder", &empty.name, "--cache", &cache]).with_code(0);
    assert!(ended.is_cached("hello") && ended.is_cached("greeter"), "{}", ended.stderr);
}

/// The entry of a lock file.
const ANYHOW: &str = r#"
[[package]]
name = "anyhow"
version = "1.0.104"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "330a5ed07fa54e4702c9d6c4174f74427fc0ef6e214bbd677ae50a5099946470"
"#;

#[test]
fn runners_of_a_matrix_store_one_copy_of_what_their_go_services_share() {
    let checkout = Checkout::of_this_repository("matrix");
    let name = format!("matrix-{}", std::process::id());
    let cache = format!("{}/{name}", registry());
    let layers = ["server", "worker"].map(|service| {
        // A scope of its own has nothing that was compiled before, as a runner has not.
        let scope = format!("{name}-{service}");
        let options = ["--builder", &remote_builder(), "--cache", &cache, "--cache-export", "--cache-scope", &scope];
        checkout.image(service, &options).with_code(0);
        layers_of(&format!("{cache}/{service}:{scope}"))
    });
    let (shared, own) = shared_and_own(&layers);
    // The modules and what is compiled of them, beside the binary, in the stage that made it and in the image.
    assert!(shared > 20_000_000 && own < 7_000_000, "{shared} and {own} of {layers:?}");
}

#[test]
fn and_of_what_their_rust_services_share() {
    let checkout = Checkout::new("matrix-rust");
    for name in ["one", "two"] {
        let manifest =
            format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n\n[dependencies]\nanyhow = \"=1.0.104\"\n");
        checkout.write(&format!("rust/{name}/Cargo.toml"), &manifest);
        let main = format!("fn main() -> anyhow::Result<()> {{\n    anyhow::bail!(\"{name}\")\n}}\n");
        checkout.write(&format!("rust/{name}/src/main.rs"), &main);
    }
    checkout.write("rust/Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"one\", \"two\"]\n");
    let member = |name: &str| {
        format!("\n[[package]]\nname = \"{name}\"\nversion = \"0.0.0\"\ndependencies = [\n \"anyhow\",\n]\n")
    };
    let lock = format!("version = 4\n{}{}{}", ANYHOW, member("one"), member("two"));
    checkout.write("rust/Cargo.lock", &lock);
    let cache = format!("{}/matrix-rust-{}", registry(), std::process::id());
    let layers = ["one", "two"].map(|service| {
        let runner = Builder::create(&format!("matrix-{service}"));
        let options = ["--builder", &runner.name, "--cache", &cache, "--cache-export"];
        checkout.image(service, &options).with_code(0);
        layers_of(&format!("{cache}/{service}:shared"))
    });
    let (shared, own) = shared_and_own(&layers);
    assert!(shared > 300_000_000 && own < 700_000, "{shared} and {own} of {layers:?}");
}

/// Of the layers that a cache holds, the digests and sizes in bytes.
fn layers_of(cache: &str) -> BTreeMap<String, u64> {
    let document: serde_json::Value =
        serde_json::from_str(&testbed::read("crane", &["manifest", cache])).expect("is JSON");
    let layers = document["layers"].as_array().expect("has layers").iter();
    let size = |layer: &serde_json::Value| layer["size"].as_u64().expect("has a size");
    layers.map(|layer| (layer["digest"].to_string(), size(layer))).collect()
}

/// The bytes of the second cache that the first holds too, and those that it does not.
fn shared_and_own([first, second]: &[BTreeMap<String, u64>; 2]) -> (u64, u64) {
    let (shared, own): (Vec<_>, Vec<_>) = second.iter().partition(|(digest, _)| first.contains_key(*digest));
    let bytes = |layers: Vec<(&String, &u64)>| layers.into_iter().map(|(_, size)| size).sum();
    (bytes(shared), bytes(own))
}

#[test]
fn a_run_says_which_file_had_which_stage_built_again() {
    let checkout = Checkout::of_this_repository("explain");
    let explained = || {
        let ended = checkout.images(&["--explain"]).with_code(0);
        ended.stdout.split_once("\n\n").expect("ends in an explanation").1.to_owned()
    };
    explained();
    assert_eq!(explained(), format!("{}: nothing was rebuilt\n", ALL.join(", ")));

    let run = std::process::id();
    checkout.replace("go-services/cmd/worker/main.go", "package main\n", &format!("package main\n\n// Run {run}.\n"));
    checkout.replace("rust-services/gateway/src/main.rs", "\n", &format!("\n// Run {run}.\n"));
    let text = explained();
    let stage = |name: &str, reason: &str| {
        let is_it = |line: &&str| line.trim_start().starts_with(name) && line.ends_with(reason);
        assert!(text.lines().any(|line| is_it(&line)), "{name}: {reason}\n{text}");
    };
    stage("build", "  go-services/cmd/worker/main.go changed");
    stage("build", "  rust-services/gateway/src/main.rs changed");
    assert!(!text.contains("go-modules") && !text.contains("rust-deps"), "{text}");
    assert!(text.ends_with("reporter, server: nothing was rebuilt\n"), "{text}");

    // A line that names no module that is taken: it changes the file, and no binary.
    let sum = format!(
        "{}example.com/run v0.0.{run}/go.mod h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        checkout.read("go-services/go.sum")
    );
    checkout.write("go-services/go.sum", &sum);
    let text = checkout.image("worker", &["--explain"]).with_code(0).stdout;
    assert!(
        text.lines().any(|line| line.contains("go-modules ") && line.ends_with("  go-services/go.sum changed")),
        "{text}"
    );
    assert!(text.lines().any(|line| line.contains("go-deps ") && line.ends_with("  follows go-modules")), "{text}");
}
