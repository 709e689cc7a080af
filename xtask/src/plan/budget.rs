//! Budgets that could never be compared with anything.

use anyhow::Result;

use crate::budget::Budget;
use crate::config::Settings;
use crate::discover::unknown_service;
use crate::error::Error;
use crate::oci::document::Platform;
use crate::service::Service;

/// Checks that the repository's budgets are for platforms and images that there are; `all` are the selected services.
pub(super) fn check_repository<'a>(all: impl Iterator<Item = &'a Service> + Clone, settings: &Settings) -> Result<()> {
    check_platforms("`budget` of the repository", settings.budget.as_ref(), settings)?;
    for (node, images) in settings.nodes.iter().map(|(name, node)| (name, &node.images)) {
        let names = || all.clone().map(|service| service.name.as_str());
        if let Some(unknown) = images.iter().find(|image| !names().any(|name| name == image.as_str())) {
            let message = format!("the node `{node}` of the settings has `{unknown}`, which no image is");
            return Err(unknown_service(message, unknown, names()).into());
        }
    }
    Ok(())
}

/// Checks that the budget of a service is for platforms that it is built for.
pub(super) fn check(service: &Service, settings: &Settings) -> Result<()> {
    check_platforms("`budget`", service.settings.budget.as_ref(), settings)
}

fn check_platforms(place: &str, budget: Option<&Budget>, settings: &Settings) -> Result<()> {
    let is_built = |platform: &str| {
        settings.platforms.is_empty()
            || settings.platforms.iter().any(|built| Platform::parse(built) == Platform::parse(platform))
    };
    let unknown = budget.and_then(|budget| budget.platforms().find(|platform| !is_built(platform)));
    let Some(unknown) = unknown else { return Ok(()) };
    Err(Error::usage(format!("{place} is for {unknown}, and no image is"))
        .hint(format!("`platforms` of the settings has {}", settings.platforms.join(", ")))
        .into())
}
