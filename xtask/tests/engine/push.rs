//! Pushing: only what is built, measured and within its budget, and then exactly that.

use crate::checkout::{Checkout, Ended};
use crate::testbed::{self, has_tag, registry, remote_builder};

/// Pushes the two services under a name of their own in the loopback registry.
fn push(checkout: &Checkout, name: &str, more: &[&str]) -> Ended {
    let prefix = format!("{}/{name}/", registry());
    let arguments = [&["--json", "--push", "--tag", "v1", "--tag", "latest", "--image-prefix", &prefix], more].concat();
    checkout.xtask(&["images"], &arguments)
}

#[test]
fn an_image_over_its_budget_keeps_every_tag_from_the_registry() {
    for (name, more) in [("over-engine", &[] as &[&str]), ("over-remote", &["--builder", &remote_builder()])] {
        let checkout = Checkout::of_two_services(name);
        checkout.write("go/cmd/hello/image.toml", "budget = \"1 kB\"\n");
        let ended = push(&checkout, name, more).with_code(1);
        assert!(ended.stderr.contains("nothing was pushed"), "{}", ended.stderr);
        for tag in ["hello:v1", "hello:latest", "greeter:v1", "greeter:latest"] {
            assert!(!has_tag(&format!("{name}/{tag}")), "{tag} was pushed");
        }
    }
}

#[test]
fn what_is_pushed_is_what_was_measured() {
    for (name, more) in [("push-engine", &[] as &[&str]), ("push-remote", &["--builder", &remote_builder()])] {
        let checkout = Checkout::of_two_services(name);
        let images = push(&checkout, name, more).with_code(0).images();
        assert_eq!(images.len(), 2);
        for image in images {
            let service = image["name"].as_str().expect("is a name");
            let reference = format!("{}/{name}/{service}:v1", registry());
            assert_eq!(image["digest"], testbed::read("crane", &["digest", &reference]).trim(), "{reference}");
            assert_eq!(image["pushed"], true);
            assert_eq!(image["transfer_bytes"], transfer(&reference), "{reference}");
            assert_eq!(image["transfer_how"], "exact: the registry's manifest");
            assert!(has_tag(&format!("{name}/{service}:latest")));
        }
    }
}

#[test]
fn without_a_builder_the_same_holds() {
    let checkout = Checkout::of_two_services(&format!("{}/push-native", registry()));
    let words = ["images", "--push", "--json", "--tag", "v1", "--tag", "latest"];
    let images = checkout.native(&words).with_code(0).images();
    assert_eq!(images.len(), 2);
    for image in images {
        let service = image["name"].as_str().expect("is a name");
        let reference = format!("{}/push-native/{service}:v1", registry());
        assert_eq!(image["digest"], testbed::read("crane", &["digest", &reference]).trim(), "{reference}");
        assert_eq!(image["transfer_bytes"], transfer(&reference), "{reference}");
        assert_eq!(image["transfer_how"], "exact: the registry's manifest");
        testbed::read("crane", &["validate", "--remote", &reference]);
        assert!(has_tag(&format!("push-native/{service}:latest")));
    }
    let ended = checkout.native(&words).with_code(0);
    assert!(
        ended.stderr.contains(": 0 blobs sent (0 B), 0 taken from another image, 6 there already"),
        "{}",
        ended.stderr
    );
}

#[test]
fn without_a_builder_an_index_of_several_platforms_is_pushed_whole() {
    let checkout = Checkout::of_two_services(&format!("{}/push-platforms", registry()));
    let words = ["image", "hello", "--push", "--json", "--platform", "linux/amd64,linux/arm64"];
    let images = checkout.native(&words).with_code(0).images();
    let reference = format!("{}/push-platforms/hello:latest", registry());
    for (image, platform) in images.iter().zip(["linux/amd64", "linux/arm64"]) {
        let digest = testbed::read("crane", &["digest", "--platform", platform, &reference]);
        assert_eq!(image["digest"], digest.trim(), "{platform}");
    }
    assert_eq!(images.len(), 2);
    testbed::read("crane", &["validate", "--remote", &reference]);
}

/// What a registry sends for an image: its manifest and all that it names.
fn transfer(reference: &str) -> u64 {
    let manifest = testbed::read("crane", &["manifest", reference]);
    let document: serde_json::Value = serde_json::from_str(&manifest).expect("is JSON");
    let layers = document["layers"].as_array().expect("is a list").iter();
    let blobs: u64 = layers.chain([&document["config"]]).map(|blob| blob["size"].as_u64().expect("is a number")).sum();
    blobs + manifest.trim_end().len() as u64
}

#[test]
fn a_service_that_does_not_compile_stops_the_push_and_not_the_others() {
    let checkout = Checkout::of_two_services("half");
    checkout.write("go/cmd/hello/main.go", "package main\n\nfunc main() { undefined() }\n");
    let ended = push(&checkout, "half", &[]).with_code(3);
    assert!(ended.stderr.contains("undefined: undefined"), "{}", ended.stderr);
    assert_eq!(ended.images().len(), 1, "the other service is built and measured");
    assert!(!has_tag("half/greeter:v1"), "half a release was pushed");
}
