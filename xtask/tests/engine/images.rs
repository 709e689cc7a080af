//! The services of this repository, from sources to containers that answer.

use std::collections::BTreeSet;

use crate::checkout::Checkout;
use crate::container::{self, Container, free_address};
use crate::testbed;

/// Starts the four services in front of each other and asks each for its health.
fn check_service(reference: &str, name: &str) -> Result<(), String> {
    let address = free_address();
    let listen = format!("LISTEN_ADDR={address}");
    let options = match name {
        "server" => vec!["--env", &listen, "--tmpfs", "/data:uid=65532"],
        _ => vec!["--env", &listen],
    };
    // The folder that the engine makes for the mount.
    let mounts = if name == "server" { "A /data\n" } else { "" };
    let container = Container::start(reference, &options, &[]);
    container.is_healthy(&address)?;
    assert_eq!(container.user(), "65532:65532", "{name}");
    assert_eq!(container.writes(), mounts, "{name} writes to its root file system");
    if name == "reporter" {
        assert!(container.exec(&["/reporter-health"]), "the health check that ships in the image fails");
    }
    Ok(())
}

/// The files of an image's layers above those of its base.
fn files_above_base(reference: &str, base: &str) -> BTreeSet<String> {
    let layers = |image: &str| {
        let archive = testbed::run("docker", &["image", "save", image]).stdout;
        saved_layers(&archive)
    };
    let base = layers(base);
    layers(reference).split_off(base.len()).into_iter().flatten().collect()
}

/// The paths in each layer of a saved image, folders aside.
fn saved_layers(archive: &[u8]) -> Vec<BTreeSet<String>> {
    let mut files = std::collections::BTreeMap::new();
    let mut order = Vec::new();
    for entry in tar::Archive::new(archive).entries().expect("is an archive") {
        let mut entry = entry.expect("is whole");
        let path = entry.path().expect("has a path").display().to_string();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).expect("reads");
        if path == "manifest.json" {
            let manifest: serde_json::Value = serde_json::from_slice(&bytes).expect("is JSON");
            let layers = manifest[0]["Layers"].as_array().expect("is a list").iter();
            order = layers.map(|layer| layer.as_str().expect("is a path").to_owned()).collect();
        } else {
            files.insert(path, bytes);
        }
    }
    order.iter().map(|layer| paths(&files[layer])).collect()
}

fn paths(layer: &[u8]) -> BTreeSet<String> {
    let mut archive = tar::Archive::new(layer);
    let entries = archive.entries().expect("is an archive").map(|entry| entry.expect("is whole"));
    let files = entries.filter(|entry| !entry.header().entry_type().is_dir());
    files.map(|entry| format!("/{}", entry.path().expect("has a path").display())).collect()
}

#[test]
fn every_service_is_built_measured_started_and_answers() {
    let checkout = Checkout::of_this_repository("demo");
    let ended = checkout.images(&["--json"]).with_code(0);
    let images = ended.images();
    let names: Vec<_> = images.iter().map(|image| image["name"].as_str().expect("is a name")).collect();
    assert_eq!(names, ["gateway", "reporter", "server", "worker"]);
    for image in &images {
        let name = image["name"].as_str().expect("is a name");
        let reference = checkout.reference(name);
        assert_eq!(image["verdict"], "pass", "{image}");
        assert_eq!(container::output(&reference, &["--version"]).split_whitespace().next(), Some(name));
        check_service(&reference, name).unwrap_or_else(|error| panic!("{name}: {error}"));

        let (base, bins): (_, &[&str]) = match name {
            "reporter" => ("cc", &["/reporter", "/reporter-health"]),
            "gateway" => ("cc", &["/gateway"]),
            "server" => ("static", &["/server"]),
            _ => ("static", &["/worker"]),
        };
        let base = format!("gcr.io/distroless/{base}-debian13:nonroot");
        let bins: BTreeSet<_> = bins.iter().map(|bin| (*bin).to_owned()).collect();
        assert_eq!(files_above_base(&reference, &base), bins, "{name} holds more or less than its binaries");
        assert_eq!(image["unpacked_bytes"], unpacked_bytes(&reference), "{name}");
    }
}

/// The sum of the layers' archives, read in another way than the tool does.
fn unpacked_bytes(reference: &str) -> u64 {
    let archive = testbed::run("docker", &["image", "save", reference]).stdout;
    let manifest = tar_member(&archive, "manifest.json");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("is JSON");
    let layers = manifest[0]["Layers"].as_array().expect("is a list").iter();
    layers.map(|layer| tar_member(&archive, layer.as_str().expect("is a path")).len() as u64).sum()
}

fn tar_member(archive: &[u8], path: &str) -> Vec<u8> {
    for entry in tar::Archive::new(archive).entries().expect("is an archive") {
        let mut entry = entry.expect("is whole");
        if entry.path().expect("has a path").to_str() == Some(path) {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes).expect("reads");
            return bytes;
        }
    }
    panic!("the archive has no {path}");
}

#[test]
fn a_broken_entrypoint_is_noticed() {
    let checkout = Checkout::of_this_repository("broken");
    checkout.image("worker", &[]).with_code(0);
    check_service(&checkout.reference("worker"), "worker").expect("is healthy before");
    // What a mistake in the renderer would come to.
    checkout.replace("docker/worker.Dockerfile", "ENTRYPOINT [\"/worker\"]", "ENTRYPOINT [\"/server\"]");
    bake(&checkout, "worker");
    let broken = std::panic::catch_unwind(|| check_service(&checkout.reference("worker"), "worker"));
    assert!(!matches!(broken, Ok(Ok(()))), "the check of a service passes although its entrypoint does not exist");
}

/// Bakes a target with the generated bake file alone.
fn bake(checkout: &Checkout, target: &str) {
    let tags = format!("{target}.tags={}", checkout.reference(target));
    let file = checkout.root.join("docker/docker-bake.hcl");
    let network = testbed::variable("TESTBED_NETWORK");
    let ca_bundle = testbed::variable("TESTBED_CA_BUNDLE");
    let mut command = std::process::Command::new("docker");
    command.current_dir(&checkout.root).args(["buildx", "bake", "--file", file.as_str(), "--load", "--set", &tags]);
    if !network.is_empty() {
        command.args(["--allow", "network.host"]).env("BUILD_NETWORK", network);
    }
    if !ca_bundle.is_empty() {
        command.args(["--allow", &format!("fs.read={ca_bundle}")]);
        command.args(["--set", &format!("*.secrets=type=file,id=ca-bundle,src={ca_bundle}")]);
    }
    let output = command.arg(target).output().expect("docker starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_generated_files_work_without_the_tool() {
    let checkout = Checkout::of_this_repository("alone");
    bake(&checkout, "worker");
    check_service(&checkout.reference("worker"), "worker").expect("is healthy");

    let network = testbed::variable("TESTBED_NETWORK");
    let secret = format!("id=ca-bundle,src={}", testbed::variable("TESTBED_CA_BUNDLE"));
    for name in ["worker", "gateway"] {
        let file = checkout.root.join(format!("docker/{name}.Dockerfile"));
        let reference = checkout.reference(name);
        let mut words = vec!["build", "--file", file.as_str(), "--tag", &reference];
        if !network.is_empty() {
            words.extend(["--network", &network, "--secret", &secret]);
        }
        words.push(checkout.root.as_str());
        testbed::read("docker", &words);
        check_service(&reference, name).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn the_builder_finds_nothing_to_say_about_the_dockerfiles() {
    let checkout = Checkout::of_this_repository("checked");
    for name in ["gateway", "reporter", "server", "worker"] {
        let file = checkout.root.join(format!("docker/{name}.Dockerfile"));
        let words = ["buildx", "build", "--check", "--file", file.as_str(), checkout.root.as_str()];
        let output = testbed::run("docker", &words);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("no warnings found"), "{name}: {said}");
        let hadolint = testbed::run("hadolint", &[file.as_str()]);
        assert!(hadolint.status.success(), "{}", String::from_utf8_lossy(&hadolint.stdout));
    }
}
