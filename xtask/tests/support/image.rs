//! Images, as engines and builders write them.

use sha2::{Digest as _, Sha256};

type Files<'a> = [(&'a str, usize)];

/// What `docker image save` writes of an image with a base layer and one of its own.
pub fn saved_image(base: &Files, own: &Files) -> Vec<u8> {
    let (base, own) = (layer(base), layer(own));
    let config = config(&[&base, &own]).to_string();
    let manifest =
        serde_json::json!([{"Config": "blobs/sha256/config", "Layers": ["base/layer.tar", "own/layer.tar"]}]);
    archive(&[
        ("base/layer.tar", &base),
        ("own/layer.tar", &own),
        ("blobs/sha256/config", config.as_bytes()),
        ("manifest.json", manifest.to_string().as_bytes()),
    ])
}

/// A layer's archive with files of these sizes.
fn layer(files: &Files) -> Vec<u8> {
    let files: Vec<_> = files.iter().map(|(path, size)| (*path, vec![b'x'; *size])).collect();
    archive(&files.iter().map(|(path, bytes)| (*path, bytes.as_slice())).collect::<Vec<_>>())
}

fn config(layers: &[&[u8]]) -> serde_json::Value {
    let diff_ids: Vec<_> = layers.iter().map(|layer| digest(layer)).collect();
    serde_json::json!({
        "os": "linux", "architecture": "amd64",
        "rootfs": {"diff_ids": diff_ids},
        "history": [{"created_by": "base"}, {"created_by": "COPY /out/ / # buildkit"}],
    })
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
