//! What was built again, and why, on a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use crate::engine::display::{duration_text, listed};
use crate::rebuild::{Change, InputChange, Reason, Rebuild, RebuiltStage};

/// How many reasons of a stage are shown, and how many packages of an input.
const SHOWN: usize = 8;

/// The stages of each image that ran, with the reasons; images of which none did come last, in one line.
pub(super) fn text(rebuilds: &[Rebuild]) -> String {
    let mut text = String::new();
    let (same, other): (Vec<_>, Vec<_>) = rebuilds.iter().partition(|rebuild| rebuild.is_cached());
    for rebuild in other {
        match &rebuild.stages {
            Some(stages) => add_stages(&mut text, rebuild, stages),
            None => add_inputs(&mut text, rebuild),
        }
    }
    if !same.is_empty() {
        let names: Vec<_> = same.iter().map(|rebuild| rebuild.image.as_str()).collect();
        text.push_str(&format!("{}: nothing was rebuilt\n", listed(&names)));
    }
    text
}

fn add_stages(text: &mut String, rebuild: &Rebuild, stages: &[RebuiltStage]) {
    let ran: usize = stages.iter().map(|stage| stage.steps).sum();
    text.push_str(&format!("{}: {ran} of {} steps ran\n", rebuild.image, rebuild.steps));
    let width = stages.iter().map(|stage| stage.stage.len()).max().unwrap_or_default();
    for stage in stages {
        let took = duration_text(Duration::from_millis(stage.milliseconds));
        let mut start = format!("  {:<width$}  {took:>6}", stage.stage);
        for line in shown(stage.reasons.iter().map(reason)) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{start}  {line}");
            start = " ".repeat(start.len());
        }
    }
}

/// What is known where compilers of this machine built.
fn add_inputs(text: &mut String, rebuild: &Rebuild) {
    let name = &rebuild.image;
    if !rebuild.has_record && rebuild.inputs.is_empty() {
        text.push_str(&format!("{name}: {}\n", reason(&Reason::NoRecord)));
    } else if rebuild.inputs.is_empty() {
        text.push_str(&format!("{name}: no input changed\n"));
    } else {
        text.push_str(&format!("{name}:\n"));
        text.extend(shown(rebuild.inputs.iter().map(input)).map(|line| format!("  {line}\n")));
    }
}

/// The first lines, and how many more there are.
fn shown(lines: impl ExactSizeIterator<Item = String>) -> impl Iterator<Item = String> {
    let rest = lines.len().saturating_sub(SHOWN);
    lines.take(SHOWN).chain((rest > 0).then(|| format!("and {rest} more")))
}

fn reason(reason: &Reason) -> String {
    match reason {
        Reason::NoCache => "--no-cache".to_owned(),
        Reason::Input(change) => input(change),
        Reason::CopiesInputs => "copies the inputs".to_owned(),
        Reason::Instructions { file } => format!("its instructions in {file} changed"),
        Reason::Base { before, now } => format!("the image that it begins from is {now}, before {before}"),
        Reason::Follows { stages } => format!("follows {}", stages.join(", ")),
        Reason::Setting { name, before, now } => format!("{name} is {}, before {}", value(now), value(before)),
        Reason::NoRecord => "its inputs before are not known: they are recorded from now on".to_owned(),
        Reason::NotKept => {
            "nothing that is recorded changed: the builder did not have its result (`cargo xtask doctor`)".to_owned()
        }
    }
}

fn value(text: &str) -> String {
    if text.is_empty() { "none".to_owned() } else { format!("`{text}`") }
}

fn input(input: &InputChange) -> String {
    let InputChange { path, change, versions } = input;
    let verb = match change {
        Change::Added => "added",
        Change::Changed => "changed",
        Change::Removed => "removed",
    };
    if versions.is_empty() {
        return format!("{path} {verb}");
    }
    let versions: Vec<_> = shown(versions.iter().cloned()).collect();
    format!("{path} {verb}: {}", versions.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Report, json};

    fn rebuild(image: &str, has_record: bool, inputs: Vec<InputChange>, stages: Option<Vec<RebuiltStage>>) -> Rebuild {
        Rebuild { image: image.into(), has_record, inputs, stages, steps: 8 }
    }

    fn changed(path: &str, change: Change, versions: &[&str]) -> InputChange {
        let versions = versions.iter().map(|version| (*version).to_owned()).collect();
        InputChange { path: path.into(), change, versions }
    }

    fn stage(stage: &str, milliseconds: u64, reasons: Vec<Reason>) -> RebuiltStage {
        RebuiltStage { stage: stage.into(), steps: 1, milliseconds, reasons }
    }

    fn rebuilds() -> Vec<Rebuild> {
        let locked = changed("go/go.mod", Change::Changed, &["a.b/c v1.0.0 → v1.1.0", "a.b/d v2.0.0 added"]);
        let (new, gone) = (changed("go/a.go", Change::Added, &[]), changed("go/b.go", Change::Removed, &[]));
        let worker = vec![
            stage("repository", 40, vec![Reason::CopiesInputs]),
            stage("go-modules", 2_150, vec![Reason::Input(locked.clone())]),
            stage("go-deps", 75_000, vec![Reason::Follows { stages: vec!["go-modules".into()] }]),
            stage("build", 1_800, vec![Reason::Input(new.clone()), Reason::Input(gone.clone())]),
        ];
        let setting = |name: &str, before: &str, now: &str| Reason::Setting {
            name: name.into(),
            before: before.into(),
            now: now.into(),
        };
        let file = "docker/server.Dockerfile".into();
        let base = Reason::Base { before: "golang:1.26@sha256:0a".into(), now: "golang:1.26@sha256:0b".into() };
        let server = vec![
            stage("repository", 10, vec![setting("builder", "here", "there"), setting("--network", "", "host")]),
            stage("go-toolchain", 10, vec![Reason::Instructions { file }, base]),
            stage("build", 10, vec![Reason::NotKept]),
        ];
        let many = (0..10).map(|number| Reason::Input(changed(&format!("go/{number}.go"), Change::Changed, &[])));
        vec![
            rebuild("api", true, Vec::new(), Some(Vec::new())),
            rebuild("many", true, Vec::new(), Some(vec![stage("build", 0, many.collect())])),
            rebuild("new", false, Vec::new(), Some(vec![stage("build", 0, vec![Reason::NoRecord])])),
            rebuild("server", true, Vec::new(), Some(server)),
            rebuild("web", true, Vec::new(), Some(Vec::new())),
            rebuild("worker", true, vec![new, gone, locked], Some(worker)),
        ]
    }

    #[test]
    fn what_was_rebuilt_as_text() {
        insta::assert_snapshot!(text(&rebuilds()));
    }

    #[test]
    fn what_was_rebuilt_as_json() {
        let worker = rebuilds().pop();
        insta::assert_snapshot!(json(&Report { rebuilds: Some(worker.into_iter().collect()), ..Report::default() }));
        assert!(!json(&Report::default()).contains("rebuilds"));
    }

    #[test]
    fn of_this_machines_compilers_only_inputs_are_known() {
        let input = changed("go/a.go", Change::Changed, &[]);
        let rebuilds =
            [("a", false, vec![]), ("b", true, vec![]), ("c", true, vec![input])].map(|(image, has_record, inputs)| {
                let rebuild = rebuild(image, has_record, inputs, None);
                assert!(!rebuild.is_cached());
                rebuild
            });
        assert_eq!(
            text(&rebuilds),
            "a: its inputs before are not known: they are recorded from now on\nb: no input changed\n\
             c:\n  go/a.go changed\n"
        );
    }
}
