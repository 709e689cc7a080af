//! The arguments and the environment of a bake. Pure.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::Bake;
use crate::engine::cache::SHARED_SCOPE;
use crate::engine::{BuildRequest, Destination, Secret, SecretSource};
use crate::oci::compression::Compression;
use crate::plan::{EMBEDDED_BASE, ImagePlan};
use crate::render::{self, SYMBOLS};

/// The secret, and the variable, by which the steps that compile learn how many of them may. A build argument would be a
/// part of the cache key.
const JOBS: &str = "JOBS";

/// The arguments of `docker buildx`, the sub-command first. `bases` are the places of the base `embedded`, by target.
pub(super) fn arguments(
    bake: &Bake,
    images: &[&ImagePlan],
    bake_files: &[Utf8PathBuf],
    bases: &BTreeMap<String, String>,
    metadata: &Utf8Path,
) -> Vec<String> {
    let request = bake.request;
    let mut arguments: Vec<String> = Vec::new();
    let mut push = |parts: &[&str]| arguments.extend(parts.iter().map(|part| (*part).to_owned()));
    push(&["bake"]);
    // Those of a person last, who may want another context.
    let overrides = render::bake_overrides().into_iter().filter(|file| bake.overrides.contains(file));
    for file in bake_files.iter().cloned().chain(overrides) {
        push(&["--file", file.as_str()]);
    }
    if let Some(builder) = &request.builder {
        push(&["--builder", builder]);
    }
    push(&["--progress", "rawjson", "--metadata-file", metadata.as_str()]);
    // What is pushed is what was built before, and not built anew.
    if request.no_cache && *bake.destination != Destination::Registry {
        push(&["--no-cache"]);
    }
    if request.network.as_deref() == Some("host") {
        push(&["--allow", "network.host"]);
    }
    if let Some(scope) = &request.cache_scope {
        push(&["--set", &format!("*.args.CACHE_SCOPE={scope}")]);
    }
    for secret in secrets(request) {
        if let SecretSource::File(path) = &secret.source {
            push(&["--allow", &format!("fs.read={path}")]);
        }
        push(&["--set", &format!("*.secrets={}", specification(&secret))]);
    }
    for platform in &request.platforms {
        push(&["--set", &format!("*.platform={platform}")]);
    }
    for image in images {
        let target = image.target();
        for reference in request.references(&image.name) {
            push(&["--set", &format!("{target}.tags={reference}")]);
        }
        if let Some(base) = bases.get(&target) {
            push(&["--set", &format!("{target}.contexts.{EMBEDDED_BASE}={base}")]);
        }
        push(&["--set", &format!("{target}.output={}", output(bake, image))]);
        if matches!(bake.destination, Destination::Symbols(_)) {
            push(&["--set", &format!("{target}.target={SYMBOLS}")]);
        }
        for setting in cache(bake, &image.name) {
            push(&["--set", &format!("{target}.{setting}")]);
        }
    }
    if let Some(folder) = request.cache.as_ref().and_then(|cache| cache.store.folder()) {
        push(&["--allow", &format!("fs={folder}")]);
    }
    if let Destination::Layouts(folder) | Destination::Symbols(folder) = bake.destination {
        push(&["--allow", &format!("fs.write={folder}")]);
    }
    for image in images {
        push(&[&image.target()]);
    }
    arguments
}

/// What the environment of buildx holds beyond this process's own.
pub(super) fn environment(request: &BuildRequest) -> Vec<(&'static str, String)> {
    // `--set` has no key for the network.
    let network = request.network.iter().map(|network| ("BUILD_NETWORK", network.clone()));
    network.chain(request.jobs.iter().map(|jobs| (JOBS, jobs.to_string()))).collect()
}

fn secrets(request: &BuildRequest) -> Vec<Secret> {
    let mut secrets = request.secrets.clone();
    if let Some(path) = &request.ca_bundle {
        secrets.push(Secret { id: "ca-bundle".to_owned(), source: SecretSource::File(path.clone()) });
    }
    if request.jobs.is_some() {
        secrets.push(Secret { id: JOBS.to_owned(), source: SecretSource::Variable(JOBS.to_owned()) });
    }
    secrets.sort();
    secrets
}

fn specification(secret: &Secret) -> String {
    match &secret.source {
        SecretSource::Variable(name) => format!("type=env,id={},env={name}", secret.id),
        SecretSource::File(path) => format!("type=file,id={},{}", secret.id, field("src", path)),
    }
}

/// A field that holds a path. buildx reads the fields as a line of comma-separated values.
fn field(key: &str, path: &Utf8Path) -> String {
    if path.as_str().contains([',', '"']) {
        format!("\"{key}={}\"", path.as_str().replace('"', "\"\""))
    } else {
        format!("{key}={path}")
    }
}

/// The settings of a target that read from and write to the cache. What is pushed was built, and read from it, before.
fn cache(bake: &Bake, name: &str) -> Vec<String> {
    let request = bake.request;
    let scope = request.cache_scope.as_deref().unwrap_or(SHARED_SCOPE);
    let Some(cache) = request.cache.as_ref().filter(|_| *bake.destination != Destination::Registry) else {
        return Vec::new();
    };
    let insecure = &request.insecure_registries;
    let import = format!("cache-from={}", cache.store.import(scope, name, insecure));
    let export = cache.export.then(|| format!("cache-to={}", cache.store.export(scope, name, insecure)));
    [import].into_iter().chain(export).collect()
}

fn output(bake: &Bake, image: &ImagePlan) -> String {
    // The docker driver writes times as they are, and knows no key that says otherwise. The others unpack and pack the
    // service's layers for it, in every run.
    let rewrites = bake.engine_platform.is_none() && (has_other_times(image) || !bake.overrides.is_empty());
    let rewrite = if rewrites { ",rewrite-timestamp=true" } else { "" };
    // Not forced, layers that the builder has would stay as they are, the base's and those of earlier builds.
    let compression = match image.compression {
        None => "",
        Some(Compression::Gzip) => ",compression=gzip,force-compression=true",
        Some(Compression::Zstd) => ",compression=zstd,force-compression=true",
    };
    match bake.destination {
        // An engine unpacks what it is given.
        Destination::Load => format!("type=docker{rewrite}"),
        Destination::Layouts(folder) => {
            format!("type=oci,{},tar=false{rewrite}{compression}", field("dest", &folder.join(&image.name)))
        }
        // The media types of a layout, so that what is pushed has the digest of what was measured.
        Destination::Registry => {
            let insecure = if is_insecure(bake.request) { ",registry.insecure=true" } else { "" };
            format!("type=image,push=true,oci-mediatypes=true{insecure}{rewrite}{compression}")
        }
        Destination::Symbols(folder) => format!("type=local,{}", field("dest", &folder.join(&image.name))),
    }
}

/// Whether images are pushed to a registry in plain HTTP.
fn is_insecure(request: &BuildRequest) -> bool {
    request.insecure_registries.iter().any(|insecure| insecure.holds(&request.image_prefix))
}

/// Whether the image holds times that its Dockerfile does not set, as it does those of the binaries.
fn has_other_times(image: &ImagePlan) -> bool {
    !image.container.files.is_empty() || image.container.workdir.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_named_and_its_value_is_not() {
        let request = BuildRequest {
            ca_bundle: Some("/certs/company.pem".into()),
            secrets: vec![Secret { id: "GOPROXY".into(), source: SecretSource::Variable("GOPROXY".into()) }],
            ..BuildRequest::default()
        };
        let specifications: Vec<_> = secrets(&request).iter().map(specification).collect();
        assert_eq!(
            specifications,
            ["type=env,id=GOPROXY,env=GOPROXY", "type=file,id=ca-bundle,src=/certs/company.pem",]
        );
    }

    #[test]
    fn every_tag_is_a_reference() {
        let request = BuildRequest {
            image_prefix: "registry.example.com/team/".into(),
            tags: vec!["v1".into(), "latest".into()],
            ..BuildRequest::default()
        };
        assert_eq!(
            request.references("worker"),
            ["registry.example.com/team/worker:v1", "registry.example.com/team/worker:latest"]
        );
    }
}
