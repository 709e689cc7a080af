//! Why a module is in a service that grew.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::commands::repository::Repository;
use crate::discover;
use crate::explain::{Change, Explanation, Kind, by_origin};
use crate::service::Source;

/// By which imports a service comes to the Go modules that grew, as its sources are now; nothing beside a module that only
/// other modules import. Empty for what is no Go service.
pub(super) fn ways(
    repository: &Repository,
    name: &str,
    after: &Explanation,
    origins: &Change,
) -> Result<BTreeMap<String, Option<String>>> {
    let discovery = repository.discover()?;
    let Some(service) = discovery.services.iter().find(|service| service.name == name) else {
        return Ok(BTreeMap::new());
    };
    let Source::Go(main) = &service.source else { return Ok(BTreeMap::new()) };
    let own = main.module.path.as_str();
    let is_elsewhere = |name: &str| name != own && name != "std";
    let grown = origins.changes.iter().filter(|change| change.kind == Kind::Module && change.difference() > 0);
    let grown: Vec<_> = grown.map(|change| &change.name).filter(|name| is_elsewhere(name)).collect();
    if grown.is_empty() {
        return Ok(BTreeMap::new());
    }
    let all = by_origin(&after.whole);
    let all: Vec<_> = all.iter().filter(|part| part.kind == Kind::Module).map(|part| part.name.as_str()).collect();
    let mut ways = discover::ways_into(&repository.tree, service, &repository.settings.platforms, &all)?;
    Ok(grown.into_iter().map(|name| (name.clone(), ways.remove(name))).collect())
}
