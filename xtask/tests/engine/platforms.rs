//! Other platforms than the builder's own.

use crate::checkout::Checkout;
use crate::testbed::{registry, remote_builder};

#[test]
fn a_go_service_is_cross_compiled_for_every_platform_asked_for() {
    let checkout = Checkout::of_two_services("platforms");
    let layouts = checkout.root.join("layouts");
    let prefix = format!("{}/platforms/", registry());
    let builder = remote_builder();
    let arguments = [
        "--json",
        "--builder",
        &builder,
        "--platform",
        "linux/amd64,linux/arm64",
        "--output",
        layouts.as_str(),
        "--image-prefix",
        &prefix,
    ];
    let images = checkout.xtask(&["image", "hello"], &arguments).with_code(0).images();
    let platforms: Vec<_> = images.iter().map(|image| image["platform"].as_str().expect("is a name")).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
    assert!(images.iter().all(|image| image["unpacked_how"] == "exact: the OCI layout" || image["own_bytes"].is_u64()));

    let machines: Vec<_> = images.iter().map(|image| machine(&checkout, image)).collect();
    assert_eq!(machines, [0x3e, 0xb7], "the binaries are not x86-64 and AArch64");
}

/// The `e_machine` of the binary in the last layer of an image in the layout.
fn machine(checkout: &Checkout, image: &serde_json::Value) -> u8 {
    let blob = |digest: &serde_json::Value| {
        let digest = digest.as_str().expect("is a digest").replace(':', "/");
        std::fs::read(checkout.root.join("layouts/hello/blobs").join(digest)).expect("is in the layout")
    };
    let manifest: serde_json::Value = serde_json::from_slice(&blob(&image["digest"])).expect("is JSON");
    let layer = blob(&manifest["layers"].as_array().expect("is a list").last().expect("has layers")["digest"]);
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(layer.as_slice()));
    for entry in archive.entries().expect("is an archive") {
        let mut entry = entry.expect("is whole");
        if entry.path().expect("has a path").ends_with("hello") {
            let mut head = [0; 20];
            std::io::Read::read_exact(&mut entry, &mut head).expect("is an executable");
            return head[18];
        }
    }
    panic!("the layer has no binary");
}

#[test]
fn the_engines_own_builder_is_asked_for_one_platform_at_a_time() {
    let checkout = Checkout::of_two_services("two-platforms");
    let ended = checkout.images(&["--platform", "linux/amd64", "--platform", "linux/arm64"]).with_code(2);
    assert!(ended.stderr.contains("one platform at a time") && ended.stderr.contains("hint: "), "{}", ended.stderr);
}
