//! From the command line and the environment to a build request.

use std::collections::BTreeSet;

use anyhow::Result;
use camino::Utf8PathBuf;

use crate::cli::ImagesArguments;
use crate::commands::repository::Repository;
use crate::engine::builder::Builder;
use crate::engine::{BuildRequest, Secret, SecretSource};
use crate::error::Error;
use crate::files;
use crate::plan::ImagePlan;

/// Variables that steps of the generated Dockerfiles take as secrets where they are set.
const VARIABLES: [&str; 7] = ["GONOSUMDB", "GOPRIVATE", "GOPROXY", "GOSUMDB", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"];

/// Builds the request. `environment` is this process's.
pub(super) fn build_request(
    repository: &Repository,
    images: &[ImagePlan],
    arguments: &ImagesArguments,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<BuildRequest> {
    let environment: BTreeSet<String> =
        environment.filter(|(_, value)| !value.is_empty()).map(|(name, _)| name).collect();
    let prefix = arguments.image_prefix.as_ref().or(repository.settings.image_prefix.as_ref());
    Ok(BuildRequest {
        platforms: arguments.platforms.clone(),
        image_prefix: prefix.cloned().unwrap_or_default(),
        tags: arguments.tags.clone(),
        builder: arguments.builder.clone(),
        no_cache: arguments.no_cache,
        network: arguments.network.clone(),
        ca_bundle: arguments.ca_bundle.as_ref().map(ca_bundle).transpose()?,
        cache_scope: arguments.cache_scope.clone(),
        secrets: secrets(images, &environment),
    })
}

/// Checks that the builder can build for the platforms, before it says so in its own words.
pub(super) fn check_platforms(request: &BuildRequest, builder: &Builder) -> Result<()> {
    for platform in &request.platforms {
        if !platform.starts_with("linux/") {
            return Err(Error::usage(format!("images are made for linux, not for `{platform}`"))
                .hint("--platform takes linux/amd64 or linux/arm64")
                .into());
        }
    }
    if request.platforms.len() > 1 && builder.is_engine() {
        return Err(Error::usage(format!(
            "the builder `{}` of the Docker engine holds one platform at a time",
            builder.name
        ))
        .hint("`docker buildx create --name images` and --builder images, or one --platform at a time")
        .into());
    }
    Ok(())
}

fn ca_bundle(path: &Utf8PathBuf) -> Result<Utf8PathBuf> {
    files::canonical(path).map_err(|_| {
        Error::usage(format!("--ca-bundle: no such file: {path}")).hint("it takes a file of PEM certificates").into()
    })
}

/// The secrets of the network, where they are set, and the services' own, by the variable of the same name in capitals.
fn secrets(images: &[ImagePlan], environment: &BTreeSet<String>) -> Vec<Secret> {
    let mut secrets = BTreeSet::new();
    for name in VARIABLES {
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
