//! Sizes against what others say: BuildKit's own uncompressed blobs, crane and skopeo of what a registry holds, tar of what is
//! in a layer.

use std::collections::BTreeMap;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use xtask::measure::{self, ImageSize, LayerCache};

use crate::checkout::{Checkout, Ended};
use crate::testbed::{self, registry, remote_builder};

/// Two images: one on scratch, and one on that.
const DOCKERFILE: &str = "FROM scratch AS base
COPY text /etc/text
COPY empty folder /folder/
FROM base AS image
ARG TARGETARCH
COPY noise /noise-$TARGETARCH
COPY text /etc/text
";

/// How many layers are the image's own.
const OWN_LAYERS: usize = 2;

struct Context(tempfile::TempDir);

impl Context {
    fn create() -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("writes");
        write("Dockerfile", DOCKERFILE.as_bytes());
        write("text", "what compresses well ".repeat(20_000).as_bytes());
        write("empty", b"");
        let noise = (0_u32..300_000).scan(1_u32, |state, _| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some((*state >> 24) as u8)
        });
        write("noise", &noise.collect::<Vec<_>>());
        fs::create_dir(folder.path().join("folder")).expect("creates");
        write("folder/one", &[1; 513]);
        folder
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).expect("is UTF-8")
    }

    /// Builds a stage for several platforms, with attestations, to an OCI layout.
    fn build(&self, stage: &str, compression: &str) -> Utf8PathBuf {
        let layout = self.path().join(format!("{stage}-{compression}"));
        let output = format!("type=oci,tar=false,dest={layout},compression={compression},force-compression=true");
        let builder = remote_builder();
        let options = ["--builder", &builder, "--platform", "linux/amd64,linux/arm64", "--provenance", "mode=max"];
        let arguments = [&["buildx", "build"], &options[..], &["--target", stage, "--output", &output]].concat();
        testbed::read("docker", &[&arguments[..], &[self.path().as_str()]].concat());
        layout
    }
}

fn measured(layout: &Utf8Path, own_layers: usize) -> Vec<ImageSize> {
    measure::oci_layout("image", layout, own_layers, &mut LayerCache::default()).expect("is measured")
}

/// The layers of each image, without the attestations, by platform: as BuildKit writes them when it compresses nothing.
fn uncompressed_layers(layout: &Utf8Path) -> BTreeMap<String, Vec<(String, u64)>> {
    let blob = |digest: &Value| layout.join("blobs").join(digest.as_str().expect("is a digest").replace(':', "/"));
    let document = |path: &Utf8Path| -> Value {
        serde_json::from_slice(&fs::read(path).expect("reads")).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let index = document(&blob(&document(&layout.join("index.json"))["manifests"][0]["digest"]));
    let images = index["manifests"].as_array().expect("is a list").iter();
    let images = images.filter(|image| image["platform"]["os"] != "unknown");
    let layers = |image: &Value| {
        let manifest = document(&blob(&image["digest"]));
        let layers = manifest["layers"].as_array().expect("is a list").iter();
        let size = |digest: &Value| fs::metadata(blob(digest)).expect("is there").len();
        layers.map(|layer| (layer["digest"].as_str().expect("is one").to_owned(), size(&layer["digest"]))).collect()
    };
    let platform = |image: &Value| format!("linux/{}", image["platform"]["architecture"].as_str().expect("is one"));
    images.map(|image| (platform(image), layers(image))).collect()
}

/// What a registry sends for one platform of an image, by crane.
fn transfer(reference: &str, platform: &str) -> u64 {
    let manifest = testbed::read("crane", &["manifest", "--insecure", "--platform", platform, reference]);
    let document: Value = serde_json::from_str(&manifest).expect("is JSON");
    let layers: BTreeMap<_, _> = document["layers"]
        .as_array()
        .expect("is a list")
        .iter()
        .chain([&document["config"]])
        .map(|blob| (blob["digest"].to_string(), blob["size"].as_u64().expect("is a number")))
        .collect();
    layers.values().sum::<u64>() + manifest.trim_end_matches('\n').len() as u64
}

/// The bytes that skopeo gets from a registry for one platform: blobs, configuration and manifest.
fn fetched(reference: &str, platform: &str, folder: &Utf8Path) -> u64 {
    let (os, architecture) = platform.split_once('/').expect("has two parts");
    let options = ["copy", "--quiet", "--src-tls-verify=false", "--override-os", os, "--override-arch", architecture];
    let (from, to) = (format!("docker://{reference}"), format!("dir:{folder}"));
    testbed::read("skopeo", &[&options[..], &[&from, &to]].concat());
    // What it writes beside them is the version of the folder's form.
    let files = folder.read_dir_utf8().expect("lists").map(|entry| entry.expect("lists"));
    let files = files.filter(|file| file.file_name() != "version");
    files.map(|file| file.metadata().expect("is there").len()).sum()
}

/// The layers of a layout's image as tar reads them: of each, all bytes and those of its files by their paths.
fn read_by_tar(layout: &Utf8Path, layers: &[(String, u64)]) -> Vec<(u64, BTreeMap<String, u64>)> {
    let read = |(digest, _): &(String, u64)| {
        let blob = layout.join("blobs").join(digest.replace(':', "/"));
        let listed = testbed::read("tar", &["--list", "--verbose", "--numeric-owner", "--file", blob.as_str()]);
        let files = listed.lines().filter(|line| line.starts_with('-')).map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            (format!("/{}", words[5]), words[2].parse().expect("is a size"))
        });
        (fs::metadata(&blob).expect("is there").len(), files.collect())
    };
    layers.iter().map(read).collect()
}

#[test]
fn every_compression_and_platform_is_measured_to_the_byte() {
    let context = Context::create();
    let uncompressed = context.build("image", "uncompressed");
    let truth = uncompressed_layers(&uncompressed);
    assert_eq!(truth.keys().map(String::as_str).collect::<Vec<_>>(), ["linux/amd64", "linux/arm64"]);
    for compression in ["uncompressed", "gzip", "estargz", "zstd"] {
        let layout = context.build("image", compression);
        let reference = format!("{}/sizes/{compression}:latest", registry());
        testbed::read("crane", &["push", "--insecure", layout.as_str(), &reference]);
        let sizes = measured(&layout, OWN_LAYERS);
        assert_eq!(sizes.len(), truth.len(), "attestations are no images");
        for size in &sizes {
            let place = format!("{compression}, {}", size.platform);
            if compression == "estargz" {
                // It adds files of its own to the archives.
                assert!(size.unpacked.bytes > truth[&size.platform].iter().map(|(_, bytes)| bytes).sum(), "{place}");
            } else {
                let layers: Vec<_> =
                    size.layers.iter().map(|layer| (layer.diff_id.clone(), layer.contents.unpacked)).collect();
                assert_eq!(layers, truth[&size.platform], "{place}");
                for (layer, (bytes, files)) in size.layers.iter().zip(read_by_tar(&uncompressed, &layers)) {
                    assert_eq!(layer.contents.unpacked, bytes, "{place}");
                    let largest = layer.contents.largest_files.iter().map(|file| (file.path.clone(), file.bytes));
                    assert_eq!(largest.collect::<BTreeMap<_, _>>(), files, "{place}");
                }
            }
            let sum = |layers: &[measure::ImageLayer]| layers.iter().map(|layer| layer.contents.unpacked).sum::<u64>();
            assert_eq!(size.unpacked.bytes, sum(&size.layers), "{place}");
            assert_eq!(size.own.bytes, sum(&size.layers[size.layers.len() - OWN_LAYERS..]), "{place}");
            assert_eq!(size.transfer.bytes, transfer(&reference, &size.platform), "{place}");
            let folder = context.path().join(format!("{compression}-{}", size.platform.replace('/', "-")));
            assert_eq!(size.transfer.bytes, fetched(&reference, &size.platform, &folder), "{place}");
            assert!(size.transfer.how.is_exact());
        }
    }
}

#[test]
fn images_that_share_a_base_have_the_same_base_and_scratch_has_none() {
    let context = Context::create();
    let (base, image) = (context.build("base", "gzip"), context.build("image", "zstd"));
    let own_layers = measured(&base, 0)[0].layers.len();
    for (base, image) in measured(&base, 0).iter().zip(&measured(&image, OWN_LAYERS)) {
        assert_eq!((base.own.bytes, base.unpacked.bytes), (0, image.unpacked.bytes - image.own.bytes));
        assert_eq!(base.base_chain_id(), image.base_chain_id());
    }
    let scratch = measured(&base, own_layers);
    assert_eq!(scratch[0].own.bytes, scratch[0].unpacked.bytes);
    assert_eq!(scratch[0].base_chain_id(), "");
}

/// The parts of an explanation of an image, which must add up to what was measured.
fn parts_of_image(checkout: &Checkout, built: &Ended, name: &str, options: &[&str]) -> Vec<Value> {
    let ended = checkout.sizes(&[&["explain", name, "--json"], options].concat()).with_code(0);
    assert!(!ended.stderr.contains("warning"), "{}", ended.stderr);
    let document: Value = serde_json::from_str(&ended.stdout).expect("is JSON");
    let whole = &document["explanations"][0]["whole"];
    assert_eq!(whole["bytes"], built.images()[0]["unpacked_bytes"]);
    let (mut parts, mut waiting) = (Vec::new(), vec![whole.clone()]);
    while let Some(part) = waiting.pop() {
        let inner = part["parts"].as_array().cloned().unwrap_or_default();
        let sum: u64 = inner.iter().map(|inner| inner["bytes"].as_u64().expect("is a number")).sum();
        assert!(inner.is_empty() || Some(sum) == part["bytes"].as_u64(), "{}", part["name"]);
        waiting.extend(inner);
        parts.push(part);
    }
    parts
}

/// How much of the code of a binary is a crate's, as a part of it, and which crates there are.
fn crates(parts: &[Value]) -> (f64, Vec<&str>) {
    let bytes = |part: &Value| part["bytes"].as_u64().expect("is a number") as f64;
    let text = parts.iter().find(|part| part["name"] == ".text").expect("is a binary");
    let inner = text["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let crates: Vec<_> = inner.iter().filter(|part| part["kind"] == "crate").collect();
    let known = crates.iter().map(|part| bytes(part)).sum::<f64>() / bytes(text);
    (known, crates.iter().map(|part| part["name"].as_str().expect("is a name")).collect())
}

#[test]
fn the_builder_makes_a_copy_with_symbols_that_tells_the_crates_of_the_image() {
    let remote = remote_builder();
    for (checkout, name, of_others, options) in [
        (Checkout::of_this_repository("symbols"), "gateway", ["shared", "tokio"].as_slice(), [].as_slice()),
        (Checkout::of_two_services("symbols"), "greeter", &[], &["--builder", &remote]),
    ] {
        let built = checkout.image(name, &[&["--json"], options].concat()).with_code(0);
        assert_eq!(crates(&parts_of_image(&checkout, &built, name, &[])).1, Vec::<&str>::new());
        let parts = parts_of_image(&checkout, &built, name, &["--symbols"]);
        let (known, names) = crates(&parts);
        assert!(known > 0.85, "{known} of .text is known");
        for wanted in [name, "std", "core", "alloc"].iter().chain(of_others) {
            assert!(names.contains(wanted), "{wanted} is not in {names:?}");
        }
    }
}

#[test]
fn a_copy_of_sources_that_changed_since_is_not_taken_for_the_images() {
    let checkout = Checkout::of_two_services("symbols-stale");
    checkout.image("greeter", &[]).with_code(0);
    let without = checkout.sizes(&["explain", "greeter"]).with_code(0);
    checkout.replace("rust/greeter/src/main.rs", "eprint!(\"hello\")", "eprint!(\"{:?}\", std::env::args())");
    let ended = checkout.sizes(&["explain", "greeter", "--symbols"]).with_code(0);
    let warning = "the copy with symbols is not the code of /greeter in greeter linux/";
    assert!(ended.stderr.contains(warning), "{}", ended.stderr);
    assert!(without.stdout.starts_with(&ended.stdout) && without.stdout.contains("sizes explain greeter --symbols"));
}

#[test]
fn this_machines_cargo_makes_one_too_and_no_image_has_it() {
    let checkout = Checkout::of_two_services("symbols-native");
    let image = || checkout.native(&["image", "greeter", "--json"]).with_code(0);
    let built = image();
    let parts = parts_of_image(&checkout, &built, "greeter", &["--symbols"]);
    let (known, names) = crates(&parts);
    assert!(known > 0.2 && names.contains(&"greeter") && names.contains(&"std"), "{known} of .text is {names:?}'s");
    assert_eq!(image().images()[0]["digest"], built.images()[0]["digest"]);
}
