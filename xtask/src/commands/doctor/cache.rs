//! What the builder keeps of earlier builds: how much, whether it may, and whether other machines' layers can be read.

use anyhow::Result;
use camino::Utf8Path;
use xshell::{Shell, cmd};

use super::Check;
use crate::budget::ByteSize;
use crate::engine::builder::Builder;
use crate::engine::builder::kept::{self, Kept, Rule};
use crate::files;
use crate::process::Command;

/// Where BuildKit's rules are explained.
const RULES: &str = "https://docs.docker.com/build/cache/garbage-collection/";

/// What is to be said of a builder's cache. None of it keeps a machine from building.
pub(super) fn checks(name: Option<&str>, builder: &Builder) -> Vec<Check> {
    let Ok(kept) = kept::kept(name) else {
        return vec![Check::good("cache", "unknown: the builder does not say what it keeps")];
    };
    let rules = kept::rules(name).unwrap_or_default();
    let asks_for_space = rules.iter().any(|rule| rule.least_free > 0);
    let free = asks_for_space.then(|| free_space(builder)).flatten();
    vec![holds(&kept), limits(&kept, &rules, free, builder.is_engine())]
}

fn holds(kept: &Kept) -> Check {
    let [total, layers, mounts, sources, reclaimable] =
        [kept.total(), kept.layers, kept.mounts, kept.sources, kept.reclaimable].map(ByteSize);
    let found = format!(
        "{total}: layers {layers}, cache mounts {mounts}, sources {sources}; {reclaimable} of it may be dropped"
    );
    Check::good("cache", found)
}

/// Whether the builder throws away what the next build needs.
fn limits(kept: &Kept, rules: &[Rule], free: Option<u64>, is_engine: bool) -> Check {
    let least_free = rules.iter().map(|rule| rule.least_free).max().unwrap_or_default();
    let mut found = match (kept.limit(rules, None), least_free) {
        (None, 0) => "none: it drops nothing by itself".to_owned(),
        (most, least_free) => {
            let most = most.map(|most| format!("{} at most", ByteSize(most)));
            let free = free.map_or_else(String::new, |free| format!(" ({} are)", ByteSize(free)));
            let least_free = (least_free > 0).then(|| format!("{} of the disk free{free}", ByteSize(least_free)));
            most.into_iter().chain(least_free).collect::<Vec<_>>().join(", ")
        }
    };
    if let Some(rule) = kept.dropping_mounts(rules) {
        let spared = rule.unless_used_within.as_ref().map_or_else(String::new, |time| format!(" unused for {time}"));
        found.push_str(&format!("; drops mounts and sources{spared} down to {}", ByteSize(rule.leaves())));
    }
    let is_over = |limit: Option<u64>, kept: u64| limit.is_some_and(|limit| kept > limit);
    let raise = if is_engine { "`builder.gc` in its daemon.json" } else { "`docker buildx create --buildkitd-config`" };
    // Nine tenths: what one build adds may be all that is left.
    let hint = if is_over(kept.limit(rules, None), kept.total() / 9 * 10) {
        Some(format!("it is full, and each build drops what another needs: raise the limit ({raise}; {RULES})"))
    } else if is_over(kept.limit(rules, free), kept.total()) {
        Some(format!(
            "the disk is full, and each build drops of the cache: free some (`docker system df` shows what is on it), or \
             lower the limit ({raise}; {RULES})"
        ))
    } else {
        None
    };
    Check { hint, ..Check::good("cache limits", found) }
}

/// What is free where the builder keeps its cache, as far as that is on this machine.
fn free_space(builder: &Builder) -> Option<u64> {
    if !["docker", "docker-container"].contains(&builder.driver.as_str()) {
        return None;
    }
    let shell = Shell::new().ok()?;
    let (engine, system) = ("{{.Endpoints.docker.Host}}", "{{.OperatingSystem}}|{{.DockerRootDir}}");
    let address = Command::from(cmd!(shell, "docker context inspect --format {engine}")).read().ok()?;
    let text = Command::from(cmd!(shell, "docker info --format {system}")).read().ok()?;
    let (system, folder) = text.split_once('|')?;
    // Docker Desktop has its disk in a machine of its own.
    let is_here = address.starts_with("unix://") && system != "Docker Desktop";
    is_here.then(|| files::free_space(Utf8Path::new(folder))).flatten()
}

/// Whether the layers that other machines left can be read, by those of one image.
pub(super) fn store(reference: &str) -> Check {
    let answer = read_manifest(reference);
    match answer {
        Ok(()) => Check::good("layer cache", format!("{reference} can be read")),
        Err(words) if words.contains("not found") => Check {
            hint: Some("a run with --cache-export writes it".to_owned()),
            ..Check::good("layer cache", format!("{reference} is not there"))
        },
        Err(words) => Check {
            hint: Some("`docker login` where it asks for a password; a build goes on without the cache".to_owned()),
            ..Check::good("layer cache", format!("{reference} cannot be read: {words}"))
        },
    }
}

/// Reads the manifest under a reference, or says what the registry said.
fn read_manifest(reference: &str) -> std::result::Result<(), String> {
    let output = Shell::new().map_err(anyhow::Error::from).and_then(|shell| -> Result<_> {
        Command::from(cmd!(shell, "docker buildx imagetools inspect --raw {reference}")).output()
    });
    let output = output.map_err(|error| format!("{error:#}"))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let words = stderr.trim().lines().next_back().unwrap_or("it gives no reason");
    Err(words.trim_start_matches("ERROR: ").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1_000_000_000;

    fn found(total: u64, free: Option<u64>, rules: &[Rule]) -> String {
        let kept = Kept { layers: total * GB - GB / 2, mounts: GB / 2, ..Kept::default() };
        let check = limits(&kept, rules, free.map(|free| free * GB), true);
        assert!(check.ok, "no machine is kept from building");
        let hint = check.hint.map(|hint| hint.split(", ").next().unwrap_or_default().to_owned());
        format!("{} | {}", check.found, hint.unwrap_or_default())
    }

    #[test]
    fn limits_that_drop_what_the_next_build_needs_are_noted() {
        let strict = Rule { reserved: 10 * GB, most: 90 * GB, least_free: 40 * GB, ..Rule::default() };
        let for_mounts = Rule {
            kinds: vec!["exec.cachemount".to_owned()],
            unless_used_within: Some("48h0m0s".to_owned()),
            most: GB / 4,
            ..Rule::default()
        };
        let rules = [for_mounts, strict];
        let words = "90.00 GB at most, 40.00 GB of the disk free";
        let mounts = "; drops mounts and sources unused for 48h0m0s down to 250.00 MB";
        for (total, free, rules, expected) in [
            (20, Some(100), &rules[..], format!("{words} (100.00 GB are){mounts} | ")),
            (20, None, &rules[1..], format!("{words} | ")),
            (85, Some(100), &rules[1..], format!("{words} (100.00 GB are) | it is full")),
            (20, Some(5), &rules[1..], format!("{words} (5.00 GB are) | the disk is full")),
            (9, Some(5), &rules[1..], format!("{words} (5.00 GB are) | ")),
            (9, Some(5), &[], "none: it drops nothing by itself | ".to_owned()),
        ] {
            assert_eq!(found(total, free, rules), expected, "{total} {free:?}");
        }
    }
}
