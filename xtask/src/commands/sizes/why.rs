//! Why a module or a crate is in a service that grew.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::commands::repository::Repository;
use crate::discover;
use crate::explain::{Change, Explanation, Kind, by_origin};
use crate::service::Source;

/// By which imports a service comes to the Go modules that grew, as its sources are now, with nothing beside a module that
/// only other modules import; by which dependencies to the crates that did. Empty for what is no service.
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
    let (kind, own) = match &service.source {
        Source::Go(main) => (Kind::Module, main.module.path.as_str()),
        Source::Rust(package) => (Kind::Crate, package.name.as_str()),
    };
    let is_elsewhere = |name: &str| name != own && name != "std";
    let grown = origins.changes.iter().filter(|change| change.kind == kind && change.difference() > 0);
    let grown: Vec<_> = grown.map(|change| &change.name).filter(|name| is_elsewhere(name)).collect();
    if grown.is_empty() {
        return Ok(BTreeMap::new());
    }
    let all = by_origin(&after.whole);
    let all: Vec<_> = all.iter().filter(|part| part.kind == kind).map(|part| part.name.as_str()).collect();
    let mut ways = discover::ways_into(&repository.tree, &discovery, service, &repository.settings.platforms, &all)?;
    let ways = grown.into_iter().map(|name| (name.clone(), ways.remove(name)));
    // A crate without a way is one of the toolchain's own.
    Ok(ways.filter(|(_, way)| kind == Kind::Module || way.is_some()).collect())
}
