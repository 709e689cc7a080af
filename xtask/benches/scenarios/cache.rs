//! What a registry keeps of a cache.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::testbed;

/// The bytes of the layers that these references name, each layer once.
pub fn held_bytes<'a>(references: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut layers = BTreeMap::new();
    for reference in references {
        let manifest = manifest(reference);
        let blobs = manifest["layers"].as_array().into_iter().flatten().chain([&manifest["config"]]);
        layers.extend(blobs.map(|blob| (blob["digest"].to_string(), blob["size"].as_u64().unwrap_or(0))));
    }
    layers.values().sum()
}

fn manifest(reference: &str) -> Value {
    let (place, tag) = reference.rsplit_once(':').expect("has a tag");
    let (registry, name) = place.split_once('/').expect("has a registry");
    let url = format!("http://{registry}/v2/{name}/manifests/{tag}");
    let accept = "Accept: application/vnd.oci.image.manifest.v1+json";
    let text = testbed::read("curl", &["--silent", "--fail", "--noproxy", "*", "--header", accept, &url]);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{url}: {error}"))
}
