//! Budgets of every measure, and of what a node holds.

use serde_json::json;

use crate::support::{Docker, Repository};

/// Two services of which each image has 33.79 kB, 22.02 kB of them its own, with a binary of 20 kB.
fn repository(settings: &str) -> (Repository, Docker) {
    let repository = Repository::new();
    for name in ["api", "worker"] {
        let more = format!(
            "[[bin]]\nname = \"worker\"\npath = \"src/main.rs\"\n[package.metadata.image]\nname = \"{name}\"\n"
        );
        repository.rust_service(name, name, &more);
    }
    repository.write("images.toml", settings);
    let docker = Docker::working(&repository);
    (repository, docker)
}

#[test]
fn every_measure_has_a_budget_of_its_own() {
    for (budget, complaint) in [
        ("own = \"22015 B\"", "api is over its budget by 1 B: 22.016 kB own, 22.015 kB allowed"),
        ("binary = \"19.9 kB\"", "api is over its budget by 100 B: 20.00 kB of /worker, 19.90 kB allowed"),
        ("unpacked = \"1 MB\"\n\"linux/amd64\" = \"33 kB\"", "api is over its budget by 792 B: 33.79 kB unpacked"),
    ] {
        let (repository, _docker) = repository(&format!("[budget]\n{budget}\n"));
        let ended = repository.xtask(&["images", "--config", "images.toml"]).ends();
        assert_eq!(ended.code, Some(1), "{ended}");
        assert!(ended.stdout.contains(complaint), "{ended}");
    }
    let (repository, _docker) = repository(
        "budget = { unpacked = \"33792 B\", own = \"22016 B\", binary = \"20 kB\", \"linux/arm64\" = \"1 B\" }\n",
    );
    repository.xtask(&["images", "--config", "images.toml"]).succeeds();
}

#[test]
fn a_budget_that_is_nearly_used_up_is_worth_a_word() {
    let (repository, _docker) = repository("budget = { own = \"23 kB\" }\nwarn-at = \"95%\"\n");
    let ended = repository.xtask(&["images", "--config", "images.toml"]).succeeds();
    assert!(ended.stderr.contains("2 images, 2 close to the budget"), "{ended}");
    assert!(ended.stdout.contains("api is close to its budget, 984 B left: 22.02 kB own, 23.00 kB allowed"), "{ended}");
    let images = repository.xtask(&["images", "--config", "images.toml", "--json"]).succeeds().json();
    let budget = json!({"measure": "own", "bytes": 22_016, "budget_bytes": 23_000, "warn_from_bytes": 21_850, "verdict": "close"});
    assert_eq!(images["images"][0]["budgets"], json!([budget]));
}

#[test]
fn a_transfer_that_is_an_estimate_is_released_by_nobody() {
    let (repository, docker) = repository("budget = { transfer = \"1 GB\" }\n");
    let with_settings = |words: &[&str]| repository.xtask(&[&["--config", "images.toml"], words].concat());
    let ended = with_settings(&["images"]).succeeds();
    assert!(ended.stderr.contains("2 images, 2 not checked"), "{ended}");
    assert!(ended.stdout.contains("api was not checked: ~") && ended.stdout.contains(" is an estimate, "), "{ended}");
    for words in [["images", "--push"].as_slice(), &["sizes", "check"]] {
        let ended = with_settings(words).ends();
        assert_eq!(ended.code, Some(1), "{ended}");
        assert!(ended.stderr.contains("hint: build all images, with a builder beside the engine"), "{ended}");
    }
    assert!(repository.bakes().iter().all(|bake| !bake.contains("push=true")));

    docker.beside_the_engine();
    with_settings(&["images"]).succeeds();
    with_settings(&["sizes", "check"]).succeeds();
    repository.write("images.toml", "budget = { transfer = \"1 kB\" }\n");
    let ended = with_settings(&["sizes", "check"]).ends();
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stdout.contains(" to transfer, 1.00 kB allowed"), "{ended}");
}

#[test]
fn a_node_holds_shared_layers_once() {
    let node = |budget: u32| format!("nodes.edge = {{ images = [\"api\", \"worker\"], budget = \"{budget} B\" }}\n");
    // Both images have the same two layers.
    let (repository, _docker) = repository(&node(33_792));
    let ended = repository.xtask(&["images", "--config", "images.toml"]).succeeds();
    assert!(ended.stdout.contains("edge  linux/amd64  api, worker  33.79 kB  33.79 kB  33.79 kB       0 B"), "{ended}");

    // What was not built has no size.
    let ended = repository.xtask(&["image", "api", "--config", "images.toml"]).succeeds();
    assert!(
        ended.stdout.contains("the node edge linux/amd64 was not checked: the sizes of worker are not known"),
        "{ended}"
    );
    assert_eq!(repository.xtask(&["image", "api", "--push", "--config", "images.toml"]).ends().code, Some(1));

    repository.write("images.toml", node(33_791));
    let ended = repository.xtask(&["images", "--push", "--config", "images.toml", "--json"]).ends();
    assert_eq!(ended.code, Some(1), "{ended}");
    assert!(ended.stderr.contains("2 without a budget") && ended.stderr.contains("1 node over budget"), "{ended}");
    assert_eq!(ended.json()["nodes"][0]["verdict"], "over");
    assert!(ended.stderr.contains("nothing was pushed"), "{ended}");
}
