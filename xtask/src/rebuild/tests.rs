use std::time::Duration;

use super::record::{Read, Recorder};
use super::*;
use crate::render::stages;

/// A service with a module file, sources, and a file that goes into the image.
const DOCKERFILE: &str = "FROM scratch AS repository\nCOPY . /\nFROM golang AS modules\n\
    COPY --from=repository go.mod /src/\nFROM modules AS build\n\
    RUN --mount=type=bind,from=repository,target=/src go build\nFROM base AS image\n\
    COPY --from=build /out/a /\nCOPY --from=repository flags.json /\n";

/// One run: what is in the files, and the stages that ran.
struct Run<'a> {
    files: &'a [(&'a str, &'a str)],
    ran: &'a [&'a str],
    dockerfile: String,
    builder: &'a str,
    base: Option<&'a str>,
    no_cache: bool,
}

impl<'a> Run<'a> {
    fn new(files: &'a [(&'a str, &'a str)], ran: &'a [&'a str]) -> Self {
        Self { files, ran, dockerfile: DOCKERFILE.to_owned(), builder: "here", base: None, no_cache: false }
    }

    /// Takes place, and is recorded.
    fn explain(&self, record: &mut Record) -> Rebuild {
        let mut recorder = Recorder::new(std::mem::take(record));
        let read = |text: &str, path: &str| Read {
            digest: text.to_owned(),
            packages: versions::has_versions(path.into()).then(|| text.split(',').map(str::to_owned).collect()),
        };
        let inputs = self.files.iter().map(|(path, text)| {
            recorder.input(Utf8Path::new(path), || None, || Ok(read(text, path))).expect("is recorded")
        });
        let inputs = inputs.collect();
        let stages = stages(&self.dockerfile);
        let mut now = Snapshot::new(inputs, &self.dockerfile, recorder.image("a"));
        now.learn_settings(&[("builder".to_owned(), self.builder.to_owned())].into());
        let progress: Stages = stages
            .iter()
            .map(|stage| {
                let ran = usize::from(self.ran.contains(&stage.name.as_str()));
                let base = self.base.filter(|_| stage.name == "modules").map(str::to_owned);
                let took = Duration::from_millis(1_500);
                (stage.name.clone(), StageProgress { steps: 2, ran, took, base })
            })
            .collect();
        now.learn_bases(&progress);
        *record = recorder.into_record();
        let dockerfile = Utf8Path::new("docker/a.Dockerfile");
        let (no_cache, progress) = (self.no_cache, Some(&progress));
        let built = Built { image: "a", dockerfile, stages: &stages, progress, now: &now, no_cache };
        let rebuild = built.explain(record);
        record.keep([("a".to_owned(), now)], |_| true);
        rebuild
    }

    /// The stages that ran after a first run of [`FILES`], each with its reasons as JSON.
    fn reasons(&self) -> Vec<String> {
        let mut record = Record::default();
        Run::new(FILES, ALL).explain(&mut record);
        let rebuild = self.explain(&mut record);
        let reasons = rebuild.stages.expect("are known").into_iter().map(|stage| {
            let reasons: Vec<_> = stage.reasons.iter().map(described).collect();
            format!("{}: {}", stage.stage, reasons.join("; "))
        });
        reasons.collect()
    }
}

const FILES: &[(&str, &str)] = &[("flags.json", "1"), ("go.mod", "x 1.0,y 2.0"), ("main.go", "1")];
const ALL: &[&str] = &["repository", "modules", "build", "image"];

fn described(reason: &Reason) -> String {
    let value = serde_json::to_value(reason).expect("serialises");
    let words = ["reason", "path", "change", "versions", "file", "stages", "name", "before", "now"];
    let words = words.iter().filter_map(|word| value.get(word)).map(|value| value.to_string().replace('"', ""));
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn each_input_is_under_the_stage_that_reads_it() {
    let edited = [("flags.json", "1"), ("go.mod", "x 1.1,y 2.0"), ("main.go", "2"), ("new.go", "1")];
    assert_eq!(
        Run::new(&edited, ALL).reasons(),
        [
            "repository: copies-inputs",
            "modules: input go.mod changed [x 1.0 → 1.1]",
            "build: input main.go changed []; input new.go added []",
            "image: follows [build]",
        ]
    );
}

#[test]
fn a_stage_that_reads_everything_may_run_for_what_another_names() {
    let edited = [("go.mod", "x 1.0,y 2.0"), ("main.go", "1")];
    assert_eq!(
        Run::new(&edited, &["repository", "build", "image"]).reasons(),
        ["repository: copies-inputs", "build: input flags.json removed []", "image: input flags.json removed []",]
    );
}

#[test]
fn what_else_changed_is_said_and_nothing_is_guessed() {
    let run = |change: &dyn Fn(&mut Run)| {
        let mut run = Run::new(FILES, &["modules", "build"]);
        change(&mut run);
        run.reasons()
    };
    let follows = "build: follows [modules]";
    assert_eq!(run(&|_| ()), ["modules: not-kept", follows]);
    assert_eq!(run(&|run| run.builder = "there"), ["modules: setting builder here there", follows]);
    assert_eq!(run(&|run| run.no_cache = true), ["modules: no-cache", "build: no-cache"]);
    let other = |run: &mut Run| run.dockerfile = DOCKERFILE.replace("golang", "golang:2");
    assert_eq!(run(&other), ["modules: instructions docker/a.Dockerfile", follows]);
    assert_eq!(run(&|run| run.ran = &[]), [""; 0]);
}

#[test]
fn a_base_that_moved_is_known_where_the_builder_names_digests() {
    let mut record = Record::default();
    Run { base: Some("golang@sha256:1"), ..Run::new(FILES, ALL) }.explain(&mut record);
    let rebuild = Run { base: Some("golang@sha256:2"), ..Run::new(FILES, &["modules"]) }.explain(&mut record);
    let stages = rebuild.stages.expect("are known");
    assert_eq!(described(&stages[0].reasons[0]), "base golang@sha256:1 golang@sha256:2");
}

#[test]
fn without_a_record_only_the_order_of_stages_is_known() {
    let rebuild = Run::new(FILES, &["modules", "build"]).explain(&mut Record::default());
    assert!(!rebuild.has_record && rebuild.inputs.is_empty());
    let stages = rebuild.stages.expect("are known");
    let reasons: Vec<_> = stages.iter().map(|stage| described(&stage.reasons[0])).collect();
    assert_eq!(reasons, ["no-record", "follows [modules]"]);
}

#[test]
fn a_record_holds_what_the_last_runs_were_made_from_and_no_more() {
    let mut record = Record::default();
    Run::new(FILES, ALL).explain(&mut record);
    let first = serde_json::to_string(&record).expect("serialises");
    Run::new(&[("main.go", "2")], ALL).explain(&mut record);
    let second = serde_json::to_string(&record).expect("serialises");
    assert!(!second.contains("flags.json") && !second.contains("x 1.0"), "{second}");
    Run::new(FILES, ALL).explain(&mut record);
    assert_eq!(serde_json::to_string(&record).expect("serialises"), first);
    assert!(record.is_whole());
    let broken: Record = serde_json::from_str(&first.replace("\"inputs\":[0", "\"inputs\":[9")).expect("parses");
    assert!(!broken.is_whole());
}

#[test]
fn a_file_is_read_once_and_not_again_while_its_state_is_the_same() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = Utf8Path::from_path(folder.path()).expect("is UTF-8").join("a");
    std::fs::write(&path, "A").expect("writes");
    let digest = |text: &str| Ok(Read { digest: text.to_owned(), packages: None });
    let unread = || panic!("is read again");
    // It has just been written: its time may not tell of another edit.
    assert_eq!(crate::files::FileState::of(&path), None);
    let state = crate::files::FileState::for_test(1);
    let mut recorder = Recorder::new(Record::default());
    let first = recorder.input("a".into(), || Some(state), || digest("A")).expect("is recorded");
    assert_eq!(recorder.input("a".into(), || None, unread).expect("is recorded"), first);
    let mut recorder = Recorder::new(recorder.into_record());
    assert_eq!(recorder.input("a".into(), || Some(state), unread).expect("is recorded"), first);
    let mut recorder = Recorder::new(recorder.into_record());
    let other = crate::files::FileState::for_test(2);
    assert_ne!(recorder.input("a".into(), || Some(other), || digest("B")).expect("is recorded"), first);
}
