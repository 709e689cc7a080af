//! What a builder keeps of earlier builds, and how much it may.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::process::Command;

/// What a builder keeps, in bytes; the builder rounds them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Results of steps.
    pub layers: u64,
    /// Cache mounts.
    pub mounts: u64,
    /// Files of contexts and of other sources.
    pub sources: u64,
    /// What it may drop of all these.
    pub reclaimable: u64,
}

/// A rule of what a builder drops after each build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// The kinds that it is for, as `exec.cachemount`; empty for every kind.
    pub kinds: Vec<String>,
    /// It spares what was used within this time, as `48h0m0s`.
    pub unless_used_within: Option<String>,
    /// It leaves this many bytes in any case.
    pub reserved: u64,
    /// It leaves no more than this many; 0 for any number.
    pub most: u64,
    /// It drops until this many bytes of the disk are free.
    pub least_free: u64,
}

impl Kept {
    /// All of it.
    pub fn total(&self) -> u64 {
        self.layers + self.mounts + self.sources
    }

    /// How much of `total` bytes a rule leaves, where that many are free on the builder's disk; `None` for all.
    fn left_by(rule: &Rule, total: u64, free: Option<u64>) -> Option<u64> {
        if rule.reserved == 0 && rule.most == 0 && rule.least_free == 0 {
            return None;
        }
        let missing = free.map_or(0, |free| rule.least_free.saturating_sub(free));
        let most = Some(rule.most).filter(|most| *most > 0);
        let thinned = (missing > 0).then(|| total.saturating_sub(missing));
        let most = most.into_iter().chain(thinned).min();
        // A rule with nothing but a reserve drops all else.
        let most = if rule.most == 0 && rule.least_free == 0 { Some(rule.reserved) } else { most };
        most.map(|most| most.max(rule.reserved))
    }

    /// How many bytes the builder leaves after each build, however lately they were used; `None` for any number.
    pub fn limit(&self, rules: &[Rule], free: Option<u64>) -> Option<u64> {
        let strict = rules.iter().filter(|rule| rule.kinds.is_empty() && rule.unless_used_within.is_none());
        strict.filter_map(|rule| Self::left_by(rule, self.total(), free)).min()
    }

    /// The rule that drops cache mounts before anything else, where they are over what it leaves.
    pub fn dropping_mounts<'a>(&self, rules: &'a [Rule]) -> Option<&'a Rule> {
        let is_for_mounts = |rule: &&Rule| rule.kinds.iter().any(|kind| kind == "exec.cachemount");
        let rule = rules.iter().find(is_for_mounts)?;
        let total = self.mounts + self.sources;
        Self::left_by(rule, total, None).filter(|left| total > *left).map(|_| rule)
    }
}

impl Rule {
    /// What it leaves where enough of the disk is free: the larger of its two limits.
    pub fn leaves(&self) -> u64 {
        self.most.max(self.reserved)
    }
}

/// Asks a builder, or the current one, what it keeps.
///
/// # Errors
/// The builder does not answer.
pub fn kept(builder: Option<&str>) -> Result<Kept> {
    let shell = Shell::new()?;
    let option = builder.map(|name| format!("--builder={name}"));
    Ok(parse_kept(&Command::from(cmd!(shell, "docker buildx du --verbose {option...}")).read()?))
}

/// Asks a builder, or the current one, what it drops; no rules where it drops nothing by itself.
///
/// # Errors
/// buildx cannot be started.
pub fn rules(builder: Option<&str>) -> Result<Vec<Rule>> {
    Ok(parse_rules(&String::from_utf8_lossy(&super::run_inspect(builder, None)?.stdout)))
}

/// Reads what `docker buildx du --verbose` prints: a block of lines for each thing, and sums that are not used.
fn parse_kept(text: &str) -> Kept {
    let mut kept = Kept::default();
    for block in text.split("\n\n").filter(|block| super::field(block, "ID").is_some()) {
        let field = |name| super::field(block, name).unwrap_or_default();
        let size = bytes(field("Size"));
        let sum = match field("Type") {
            "exec.cachemount" => &mut kept.mounts,
            kind if kind.starts_with("source.") => &mut kept.sources,
            _ => &mut kept.layers,
        };
        *sum += size;
        kept.reclaimable += if field("Reclaimable") == "true" { size } else { 0 };
    }
    kept
}

/// Reads the rules of what `docker buildx inspect` prints, those of the first node.
fn parse_rules(text: &str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for line in text.lines() {
        if let Some(number) = line.strip_prefix("GC Policy rule#") {
            if number.starts_with("0:") && !rules.is_empty() {
                break;
            }
            rules.push(Rule::default());
            continue;
        }
        let (Some(rule), Some((name, value))) = (rules.last_mut(), line.trim_start().split_once(':')) else { continue };
        let value = value.trim();
        match name {
            "Filters" => {
                let kinds = value.split([',', ' ']).filter_map(|filter| filter.strip_prefix("type=="));
                rule.kinds = kinds.map(str::to_owned).collect();
            }
            "Keep Duration" => rule.unless_used_within = Some(value.to_owned()),
            // An older buildx has the second name for it.
            "Reserved Space" | "Keep Bytes" => rule.reserved = bytes(value),
            "Max Used Space" => rule.most = bytes(value),
            "Min Free Space" => rule.least_free = bytes(value),
            _ => {}
        }
    }
    rules
}

/// A size as Docker's tools print it, such as `156.7MB` or `9.313GiB`; 0 for anything else.
fn bytes(text: &str) -> u64 {
    let end = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let base: f64 = if unit.ends_with("iB") { 1024.0 } else { 1000.0 };
    let power = "kMGTP".find(|prefix| unit.to_uppercase().replace('K', "k").starts_with(prefix));
    let factor = power.map_or(1.0, |power| base.powi(i32::try_from(power).unwrap_or_default() + 1));
    let bytes = number.parse::<f64>().unwrap_or_default() * factor;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is rounded and no less than 0")]
    let bytes = bytes as u64;
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    /// As buildx 0.29 prints it of a builder with BuildKit 0.26 and its own defaults, shortened.
    const INSPECTED: &str = "Name:          b\nDriver:        docker-container\n\nNodes:\nName:                  b0\n\
        Status:                running\nPlatforms:             linux/amd64\nLabels:\n org.x: y\nGC Policy rule#0:\n \
        All:            false\n Filters:        type==source.local,type==exec.cachemount,type==source.git.checkout\n \
        Keep Duration:  48h0m0s\n Max Used Space: 488.3MiB\nGC Policy rule#1:\n All:            false\n \
        Keep Duration:  1440h0m0s\n Reserved Space: 9.313GiB\n Max Used Space: 93.13GiB\n Min Free Space: 43.77GiB\n\
        GC Policy rule#2:\n All:            false\n Reserved Space: 9.313GiB\n Max Used Space: 93.13GiB\n \
        Min Free Space: 43.77GiB\n\nName:                  b1\nGC Policy rule#0:\n All:            true\n";

    #[test]
    fn what_a_builder_keeps() {
        let block = |kind: &str, size: &str, reclaimable: bool| {
            format!(
                "ID:           x\nParents:\n - y\nReclaimable:  {reclaimable}\nSize:         {size}\nType:         {kind}\n\n"
            )
        };
        let text = [
            block("regular", "1.5GB", true),
            block("frontend", "0B", true),
            block("exec.cachemount", "156.7MB", false),
            block("source.local", "8.192kB", true),
            "Shared:\t\t60.71MB\nReclaimable:\t1.034GB\nTotal:\t\t1.034GB".to_owned(),
        ];
        let kept = parse_kept(&text.concat());
        let expected = Kept { layers: 1_500_000_000, mounts: 156_700_000, sources: 8_192, reclaimable: 1_500_008_192 };
        assert_eq!(kept, expected);
        assert_eq!(kept.total(), 1_656_708_192);
        assert_eq!(parse_kept("Total: 0B"), Kept::default());
    }

    #[test]
    fn rules_of_the_first_node() {
        let rules = parse_rules(INSPECTED);
        assert_eq!(rules.len(), 3);
        assert_eq!(rules[0].kinds, ["source.local", "exec.cachemount", "source.git.checkout"]);
        assert_eq!(rules[0].unless_used_within.as_deref(), Some("48h0m0s"));
        assert_eq!((rules[2].reserved / GIB, rules[2].most / GIB, rules[2].least_free / GIB), (9, 93, 43));
        assert_eq!(parse_rules("Name: b\n"), []);
        let old = parse_rules("GC Policy rule#0:\n\tAll:\tfalse\n\tKeep Bytes:\t20GiB\n");
        assert_eq!(old, [Rule { reserved: 20 * GIB, ..Rule::default() }]);
    }

    #[test]
    fn how_much_is_left_after_a_build() {
        let kept = |gib: u64| Kept { layers: gib * GIB, ..Kept::default() };
        let rule = |reserved: u64, most: u64, least_free: u64| {
            [Rule { reserved: reserved * GIB, most: most * GIB, least_free: least_free * GIB, ..Rule::default() }]
        };
        for (gib, rules, free, expected) in [
            (50, rule(10, 90, 40), Some(100), Some(90)),
            (50, rule(10, 90, 40), None, Some(90)),
            // The disk is full, though not of this: down to the reserve.
            (50, rule(10, 90, 40), Some(5), Some(15)),
            (30, rule(10, 90, 40), Some(5), Some(10)),
            (50, rule(20, 0, 0), Some(5), Some(20)),
            (50, rule(0, 0, 40), Some(100), None),
            (50, rule(0, 0, 40), Some(30), Some(40)),
            (50, rule(0, 0, 0), Some(5), None),
        ] {
            let limit = kept(gib).limit(&rules, free.map(|free: u64| free * GIB));
            assert_eq!(limit, expected.map(|gib: u64| gib * GIB), "{gib} {rules:?} {free:?}");
        }
        // Rules that spare what is in use are for what is not.
        let rules = parse_rules(INSPECTED);
        assert_eq!(kept(1).limit(&rules, None).map(|bytes| bytes / GIB), Some(93));
        let mounts = |mib: u64| Kept { mounts: mib << 20, ..Kept::default() };
        assert_eq!(mounts(600).dropping_mounts(&rules).map(|rule| rule.leaves() >> 20), Some(488));
        assert_eq!(mounts(400).dropping_mounts(&rules), None);
    }
}
