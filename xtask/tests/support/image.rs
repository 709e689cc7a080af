//! Images, as engines and builders write them.

use serde_json::json;
use sha2::{Digest as _, Sha256};

type Files<'a> = [(&'a str, usize)];

/// What `docker image save` writes of an image with these base layers and one of its own.
pub fn saved_image(base: &[&Files], own: &Files) -> Vec<u8> {
    saved_layers(&base.iter().chain([&own]).map(|files| layer(files)).collect::<Vec<_>>())
}

/// The same of an image whose own layer holds a program.
pub fn saved_program(path: &str, program: &[u8]) -> Vec<u8> {
    saved_layers(&[layer(&[("etc/base", 10_000)]), archive(&[(path, program)])])
}

/// The same of an image of a generated Dockerfile, whose final stage begins with a label.
pub fn labelled_image(base: &Files, own: &Files) -> Vec<u8> {
    labelled_layers(&[layer(base), layer(own)])
}

/// The same with a program in each layer.
pub fn labelled_programs(base: (&str, &[u8]), own: (&str, &[u8])) -> Vec<u8> {
    labelled_layers(&[archive(&[base]), archive(&[own])])
}

fn labelled_layers(layers: &[Vec<u8>]) -> Vec<u8> {
    let mut config = config(layers);
    let label = json!({"created_by": "LABEL org.opencontainers.image.title=worker", "empty_layer": true});
    config["history"].as_array_mut().expect("is a list").insert(1, label);
    saved_with(layers, &config)
}

fn saved_layers(layers: &[Vec<u8>]) -> Vec<u8> {
    saved_with(layers, &config(layers))
}

fn saved_with(layers: &[Vec<u8>], config: &serde_json::Value) -> Vec<u8> {
    let paths: Vec<_> = (0..layers.len()).map(|index| format!("{index}/layer.tar")).collect();
    let config = config.to_string();
    let manifest = json!([{"Config": "blobs/sha256/config", "Layers": paths}]).to_string();
    let documents = [("blobs/sha256/config", config.as_bytes()), ("manifest.json", manifest.as_bytes())];
    let files = paths.iter().map(String::as_str).zip(layers.iter().map(Vec::as_slice)).chain(documents);
    archive(&files.collect::<Vec<_>>())
}

/// The files of an OCI layout, as a builder writes it, of an image with a base layer and one of its own.
pub fn oci_layout(base: &Files, own: &Files) -> Vec<(String, Vec<u8>)> {
    let layers = [layer(base), layer(own)];
    let descriptor = |bytes: &[u8]| json!({"digest": digest(bytes), "size": bytes.len()});
    let config = config(&layers).to_string().into_bytes();
    let manifest = json!({"config": descriptor(&config), "layers": [descriptor(&layers[0]), descriptor(&layers[1])]});
    let manifest = manifest.to_string().into_bytes();
    let index = json!({"manifests": [descriptor(&manifest)]}).to_string().into_bytes();
    let blobs = layers.into_iter().chain([config, manifest]);
    let blobs = blobs.map(|bytes| (format!("blobs/{}", digest(&bytes).replace(':', "/")), bytes));
    blobs.chain([("index.json".to_owned(), index)]).collect()
}

/// A layer's archive with files of these sizes.
fn layer(files: &Files) -> Vec<u8> {
    let files: Vec<_> = files.iter().map(|(path, size)| (*path, vec![b'x'; *size])).collect();
    archive(&files.iter().map(|(path, bytes)| (*path, bytes.as_slice())).collect::<Vec<_>>())
}

fn config(layers: &[Vec<u8>]) -> serde_json::Value {
    let diff_ids: Vec<_> = layers.iter().map(|layer| digest(layer)).collect();
    let mut history = vec![json!({"created_by": "base"}); layers.len() - 1];
    history.push(json!({"created_by": "COPY /out/ / # buildkit"}));
    json!({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": diff_ids}, "history": history})
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        archive.append_data(&mut header, path, *bytes).expect("appends");
    }
    archive.into_inner().expect("ends")
}
