//! From the command line and the environment to a build request.

use std::collections::BTreeSet;

use anyhow::Result;
use camino::Utf8PathBuf;

use crate::cli::ImagesArguments;
use crate::commands::repository::Repository;
use crate::config::check_platform;
use crate::engine::builder::Builder;
use crate::engine::cache::Cache;
use crate::engine::native;
use crate::engine::{BuildRequest, Engine, Secret, SecretSource};
use crate::error::Error;
use crate::files;
use crate::oci::archive::holds_one_platform;
use crate::oci::compression::Compression;
use crate::oci::reference::{is_prefix, is_tag, nearest_prefix, nearest_tag};
use crate::plan::ImagePlan;
use crate::render::{DOWNLOAD_VARIABLES, PROXY_VARIABLES};

/// Builds the request. `environment` is this process's.
pub(super) fn build_request(
    repository: &Repository,
    images: &[ImagePlan],
    arguments: &ImagesArguments,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<BuildRequest> {
    let prefix = arguments.image_prefix.as_ref().or(repository.settings.image_prefix.as_ref());
    check(arguments, prefix.map_or("", String::as_str))?;
    if arguments.tarball.is_some() && are_for_several(&arguments.platforms, images) {
        return Err(holds_one_platform().into());
    }
    Ok(BuildRequest {
        platforms: arguments.platforms.clone(),
        image_prefix: prefix.cloned().unwrap_or_default(),
        insecure_registries: [&repository.settings.insecure_registries[..], &arguments.insecure_registries].concat(),
        tags: arguments.tags.clone(),
        builder: arguments.builder.clone(),
        no_cache: arguments.no_cache,
        jobs: arguments.jobs,
        network: arguments.network.clone(),
        ca_bundle: arguments.ca_bundle.as_ref().map(ca_bundle).transpose()?,
        cache_scope: arguments.cache_scope.clone(),
        cache: cache(repository, arguments)?,
        is_release: arguments.push,
        secrets: secrets(images, &variables(environment)),
    })
}

/// The request by which an image was built, for a build that reuses what that one left.
pub(in crate::commands) fn once_more(
    request: &BuildRequest,
    image: &ImagePlan,
    environment: impl Iterator<Item = (String, String)>,
) -> BuildRequest {
    let secrets = secrets(std::slice::from_ref(image), &variables(environment));
    BuildRequest { no_cache: false, is_release: false, secrets, ..request.clone() }
}

/// The names of the variables that are set.
fn variables(environment: impl Iterator<Item = (String, String)>) -> BTreeSet<String> {
    environment.filter(|(_, value)| !value.is_empty()).map(|(name, _)| name).collect()
}

fn cache(repository: &Repository, arguments: &ImagesArguments) -> Result<Option<Cache>> {
    let store = arguments.cache.as_ref().or(repository.settings.cache.as_ref());
    if arguments.cache_export && store.is_none() {
        return Err(Error::usage("--cache-export, but no cache is named")
            .hint("name one, as --cache ghcr.io/team/cache, or by the key `cache`")
            .into());
    }
    Ok(store.map(|store| Cache { store: store.clone(), export: arguments.cache_export }))
}

/// What builds the images: as asked for, and by default what the settings say; and the option that leaves `auto` no choice.
pub(super) fn engine(repository: &Repository, arguments: &ImagesArguments) -> Result<(Engine, Option<&'static str>)> {
    let engine = arguments.engine.or(repository.settings.engine).unwrap_or_default();
    match (engine, bake_only(arguments)) {
        (Engine::Native, Some(option)) => Err(Error::usage(format!("{option} is for --engine bake, not for native"))
            .hint("leave one of the two away")
            .into()),
        (Engine::Auto, Some(option)) => Ok((Engine::Bake, Some(option))),
        // What is pushed must not depend on what answers; and where there is no engine, there is nothing to load into.
        (Engine::Auto, None) if arguments.push => Ok((Engine::Bake, Some("--push"))),
        (Engine::Auto, None) if arguments.load => Ok((Engine::Bake, Some("--load"))),
        _ => Ok((engine, None)),
    }
}

/// The first option that only buildx understands.
fn bake_only(arguments: &ImagesArguments) -> Option<&'static str> {
    let options = [
        ("--builder", arguments.builder.is_some()),
        ("--no-cache", arguments.no_cache),
        ("--network", arguments.network.is_some()),
        ("--ca-bundle", arguments.ca_bundle.is_some()),
        ("--cache", arguments.cache.is_some()),
        ("--cache-export", arguments.cache_export),
        ("--cache-scope", arguments.cache_scope.is_some()),
    ];
    options.into_iter().find_map(|(name, is_given)| is_given.then_some(name))
}

/// Checks that the builder can make an image, before it says so in its own words, or does something else.
pub(super) fn check_image(image: &ImagePlan, platforms: &[String], builder: &Builder, is_push: bool) -> Result<()> {
    // Its build stage installs those that Debian has.
    native::check_c(image, platforms, |_| true)?;
    if native::is_on_disk(&image.base) {
        return Err(Error::usage(format!(
            "`base` is `{}`, and only the native engine takes a base from the disk",
            image.base
        ))
        .hint("--engine native, or the key `engine`; or name an image in a registry")
        .into());
    }
    if builder.is_engine() && is_push && image.compression == Some(Compression::Zstd) {
        return Err(Error::usage(format!(
            "`compression` is zstd, and the Docker engine's own builder `{}` may push gzip all the same",
            builder.name
        ))
        .hint("`docker buildx create --name images` and --builder images")
        .into());
    }
    Ok(())
}

/// Checks that the builder can do what is asked for of all images.
pub(super) fn check_builder(request: &BuildRequest, images: &[ImagePlan], builder: &Builder) -> Result<()> {
    if builder.is_engine() && are_for_several(&request.platforms, images) {
        return Err(Error::usage(format!(
            "the builder `{}` of the Docker engine holds one platform at a time",
            builder.name
        ))
        .hint("`docker buildx create --name images` and --builder images, or one --platform at a time")
        .into());
    }
    Ok(())
}

/// Whether an image is for several platforms; `asked` are those of the command line.
fn are_for_several(asked: &[String], images: &[ImagePlan]) -> bool {
    if asked.is_empty() { images.iter().any(|image| image.platforms.len() > 1) } else { asked.len() > 1 }
}

/// Checks what bake would refuse only after it has begun, and in words of its own.
fn check(arguments: &ImagesArguments, prefix: &str) -> Result<()> {
    for platform in &arguments.platforms {
        check_platform(platform).map_err(|problem| Error::usage(problem).hint("--platform takes several, by comma"))?;
    }
    if let Some(tag) = arguments.tags.iter().find(|tag| !is_tag(tag)) {
        return Err(not_a_tag("--tag", "a tag", tag).into());
    }
    check_prefix(prefix, arguments.image_prefix.is_some())?;
    if let Some(scope) = arguments.cache_scope.as_ref().filter(|scope| !is_tag(scope)) {
        return Err(not_a_tag("--cache-scope", "a cache scope", scope).into());
    }
    Ok(())
}

/// What is wrong with a tag, or with what becomes one, and what it was surely meant to be.
fn not_a_tag(option: &str, what: &str, text: &str) -> Error {
    let allowed = "letters, digits, `.`, `_` and `-`, no `.` or `-` first, at most 128 characters";
    let hint = nearest_tag(text).map_or_else(|| format!("e.g. {option} v1.2"), |tag| format!("{option} {tag}"));
    Error::usage(format!("{option} `{text}` is invalid: {what} is made of {allowed}")).hint(hint)
}

/// Checks that images' names may stand after a prefix; it `is_option` where the command line has it.
fn check_prefix(prefix: &str, is_option: bool) -> Result<(), Error> {
    let (is_valid, nearest) = (is_prefix(prefix), nearest_prefix(prefix));
    // `ghcr.io/team` and `worker` would make `ghcr.io/teamworker`.
    let lacks_slash = is_valid && prefix.contains('/') && prefix.ends_with(|last: char| last.is_ascii_alphanumeric());
    if is_valid && !lacks_slash {
        return Ok(());
    }
    let problem = if lacks_slash {
        "a slash is missing at its end"
    } else {
        "expected a registry and lower-case names, each followed by a slash"
    };
    let nearest = nearest.unwrap_or_else(|| "registry.example.com/team/".to_owned());
    let (place, hint) = if is_option {
        ("--image-prefix", format!("--image-prefix {nearest}"))
    } else {
        ("the key `image-prefix`", format!("image-prefix = \"{nearest}\""))
    };
    Err(Error::usage(format!("{place} `{prefix}` is invalid: {problem}")).hint(hint))
}

fn ca_bundle(path: &Utf8PathBuf) -> Result<Utf8PathBuf> {
    files::canonical(path).map_err(|_| {
        Error::usage(format!("--ca-bundle: no such file: {path}")).hint("it takes a file of PEM certificates").into()
    })
}

/// The secrets of the network, where they are set, and the services' own, by the variable of the same name in capitals.
fn secrets(images: &[ImagePlan], environment: &BTreeSet<String>) -> Vec<Secret> {
    let mut secrets = BTreeSet::new();
    for name in DOWNLOAD_VARIABLES.into_iter().chain(PROXY_VARIABLES) {
        let lower = name.to_ascii_lowercase();
        if let Some(variable) = [name, lower.as_str()].into_iter().find(|variable| environment.contains(*variable)) {
            secrets.insert(Secret { id: name.to_owned(), source: SecretSource::Variable(variable.to_owned()) });
        }
    }
    for id in images.iter().flat_map(|image| &image.secrets) {
        let variable = id.to_ascii_uppercase().replace(['-', '.'], "_");
        if environment.contains(&variable) {
            secrets.insert(Secret { id: id.clone(), source: SecretSource::Variable(variable) });
        }
    }
    secrets.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_passed_by_name_where_it_is_set() {
        let environment = ["GOPROXY", "https_proxy", "UNRELATED"].map(str::to_owned).into();
        let secrets = secrets(&[], &environment);
        let secrets: Vec<_> = secrets.iter().map(|secret| (secret.id.as_str(), &secret.source)).collect();
        assert_eq!(
            secrets,
            [
                ("GOPROXY", &SecretSource::Variable("GOPROXY".into())),
                ("HTTPS_PROXY", &SecretSource::Variable("https_proxy".into())),
            ]
        );
    }
}
