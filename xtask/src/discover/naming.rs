//! Names of services, each one its own, whatever else is called the same.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;

use crate::oci::reference::nearest_name;
use crate::service::{Language, Service};

/// A service that goes by another name than its own, since others have that too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// The name of its executable or package.
    pub own: String,
    /// The name it goes by.
    pub name: String,
    /// Its folder.
    pub dir: Utf8PathBuf,
    /// Where the key `name` gives it another one.
    pub place: String,
}

/// Gives each selected service a name of its own. `owners` are names with the folders whose committed Dockerfiles have
/// them: an image keeps its name as long as its service is there. All others that share a name get one from their own
/// folder alone, so that it is the same wherever they are, and another service changes none of them.
pub(super) fn tell_apart(services: &mut [Service], owners: &[(String, Utf8PathBuf)]) -> Vec<Renamed> {
    let (mut taken, mut free) = (BTreeSet::new(), Vec::new());
    for (place, service) in services.iter().enumerate().filter(|(_, service)| service.selected) {
        if service.settings.name.is_some() {
            taken.insert(target(&service.name));
        } else {
            free.push(place);
        }
    }
    let mut names: BTreeMap<usize, String> = BTreeMap::new();
    for place in &free {
        let service = &services[*place];
        let is_kept = |name: &&String| owners.iter().any(|(owned, dir)| owned == *name && *dir == service.dir);
        let candidates = candidates(service);
        if let Some(kept) = candidates.iter().find(is_kept)
            && taken.insert(target(kept))
        {
            names.insert(*place, kept.clone());
        }
    }
    // The name of its own first, then longer ones.
    for level in 0..LEVELS {
        let waiting: Vec<_> = free.iter().copied().filter(|place| !names.contains_key(place)).collect();
        let at_level = |place: usize| candidates(&services[place]).into_iter().nth(level).unwrap_or_default();
        let mut wanted: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for place in waiting {
            wanted.entry(target(&at_level(place))).or_default().push(place);
        }
        for (name, places) in wanted {
            if let [place] = places[..]
                && !taken.contains(&name)
            {
                taken.insert(name);
                names.insert(place, at_level(place));
            }
        }
    }
    let mut renamed = Vec::new();
    for (place, name) in names {
        let service = &mut services[place];
        if service.name != name {
            let own = std::mem::replace(&mut service.name, name.clone());
            renamed.push(Renamed { own, name, dir: service.dir.clone(), place: service.settings_place() });
        }
    }
    renamed.sort_by(|a, b| (&a.own, &a.dir).cmp(&(&b.own, &b.dir)));
    renamed
}

/// How many names a service may go by.
const LEVELS: usize = 5;

/// The names that a service may go by: its own; that of its folder without folders `cmd`; with them; with its language;
/// with a checksum of its folder, where folders differ by a separator only.
fn candidates(service: &Service) -> [String; LEVELS] {
    let of = |skip_cmd: bool, more: Option<&str>| {
        let mut parts: Vec<_> = service.dir.components().map(|part| part.as_str()).collect();
        parts.retain(|part| !(skip_cmd && *part == "cmd"));
        if parts.last() != Some(&service.name.as_str()) {
            parts.push(&service.name);
        }
        parts.extend(more);
        nearest_name(&parts.join("-")).unwrap_or_else(|| service.name.clone())
    };
    let language = match service.language() {
        Language::Go => "go",
        Language::Rust => "rust",
    };
    let checksum = format!("{:08x}", crc32fast::hash(service.dir.as_str().as_bytes()));
    [service.name.clone(), of(true, None), of(false, None), of(false, Some(language)), of(false, Some(&checksum))]
}

/// The name as a bake target has it, which knows no dot.
fn target(name: &str) -> String {
    name.replace('.', "-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServiceSettings;
    use crate::discover::{go, rust};
    use crate::service::Source;

    fn service(name: &str, dir: &str, source: Source) -> Service {
        Service {
            name: name.to_owned(),
            dir: dir.into(),
            bins: vec![name.to_owned()],
            selected: true,
            reason: String::new(),
            fault: None,
            settings: ServiceSettings::default(),
            source,
        }
    }

    fn go(name: &str, dir: &str) -> Service {
        service(name, dir, Source::Go(go::Main::default()))
    }

    fn names(mut services: Vec<Service>, owners: &[(&str, &str)]) -> Vec<String> {
        let owners: Vec<_> = owners.iter().map(|(name, dir)| ((*name).to_owned(), (*dir).into())).collect();
        tell_apart(&mut services, &owners);
        services.into_iter().map(|service| service.name).collect()
    }

    #[test]
    fn services_of_one_name_are_told_apart_by_their_folders() {
        let two = || vec![go("api", "one/cmd/api"), go("api", "two/cmd/api")];
        assert_eq!(names(vec![go("api", "one/cmd/api"), go("worker", "cmd/worker")], &[]), ["api", "worker"]);
        assert_eq!(names(two(), &[]), ["one-api", "two-api"]);
        let three = [two(), vec![go("api", "Three/api_v2")]].concat();
        assert_eq!(names(three, &[]), ["one-api", "two-api", "three-api-v2-api"]);
        assert_eq!(names(vec![go("tool", ""), go("tool", "cmd/tool")], &[]), ["tool", "cmd-tool"]);
        let rust = service("bpfman", "bpfman", Source::Rust(rust::Package::default()));
        assert_eq!(names(vec![go("bpfman", "cmd/bpfman"), rust], &[]), ["cmd-bpfman", "bpfman"]);
        let by_separator = names(vec![go("a", "x-y/a"), go("a", "x/y/a"), go("a", "a")], &[]);
        assert_eq!(by_separator, ["x-y-a-2e51118c", "x-y-a-8458d907", "a"]);
    }

    #[test]
    fn an_image_that_is_committed_keeps_its_name() {
        let two = || vec![go("api", "one/cmd/api"), go("api", "two/cmd/api")];
        assert_eq!(names(two(), &[("api", "one/cmd/api")]), ["api", "two-api"]);
        assert_eq!(names(two(), &[("api", "gone")]), ["one-api", "two-api"]);
        assert_eq!(names(vec![go("api", "one/cmd/api")], &[("one-api", "one/cmd/api")]), ["one-api"]);
    }

    #[test]
    fn a_name_that_somebody_chose_is_not_taken_from_it() {
        let chosen = Service {
            settings: ServiceSettings { name: Some("api".to_owned()), ..ServiceSettings::default() },
            ..go("api", "chosen")
        };
        assert_eq!(names(vec![chosen, go("api", "cmd/api")], &[]), ["api", "cmd-api"]);
    }

    #[test]
    fn what_is_not_selected_takes_no_name() {
        let left_out = Service { selected: false, ..go("api", "tests/api") };
        assert_eq!(names(vec![left_out, go("api", "cmd/api")], &[]), ["api", "api"]);
    }
}
