//! The streams under `testdata` were recorded from buildx 0.29.1 with BuildKit 0.26 (docker driver; `remote` a remote
//! builder), their digests shortened and all but the first statuses left out.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const SEVERAL: [&str; 3] = ["worker", "api", "web"];

/// The time between two lines of a replayed stream.
const PACE: Duration = Duration::from_millis(10);

fn recorded(name: &str) -> &'static str {
    match name {
        "success" => include_str!("testdata/success.jsonl"),
        "cached" => include_str!("testdata/cached.jsonl"),
        "failure" => include_str!("testdata/failure.jsonl"),
        "shared-failure" => include_str!("testdata/shared-failure.jsonl"),
        "missing" => include_str!("testdata/missing.jsonl"),
        "remote" => include_str!("testdata/remote.jsonl"),
        "single" => include_str!("testdata/single.jsonl"),
        "interrupted" => include_str!("testdata/interrupted.jsonl"),
        "syntax" => include_str!("testdata/syntax.jsonl"),
        "unknown" => include_str!("testdata/unknown.jsonl"),
        "daemon-died" => include_str!("testdata/daemon-died.jsonl"),
        "daemon" => include_str!("testdata/daemon.jsonl"),
        _ => panic!("no recording {name}"),
    }
}

/// Replays a recording without its end; returns the time of its last line.
fn replay(targets: &[&str], name: &str) -> (BuildProgress, Vec<LogLine>, Duration) {
    let mut progress = BuildProgress::new(targets.iter().copied());
    let (mut now, mut log) = (Duration::ZERO, Vec::new());
    for line in recorded(name).lines() {
        now += PACE;
        log.extend(progress.feed(line, now));
    }
    (progress, log, now)
}

fn finished(targets: &[&str], name: &str, success: bool) -> BuildProgress {
    let (mut progress, _, now) = replay(targets, name);
    progress.finish(success, now);
    progress
}

fn states(progress: &BuildProgress, now: Duration) -> Vec<TargetState> {
    progress.targets(now).into_iter().map(|target| target.state).collect()
}

fn final_states(progress: &BuildProgress) -> Vec<TargetState> {
    states(progress, Duration::from_secs(3600))
}

#[test]
fn nothing_has_begun_before_the_first_line() {
    let progress = BuildProgress::new(SEVERAL);
    assert_eq!(states(&progress, Duration::ZERO), [TargetState::Waiting; 3]);
    assert!(progress.failures().is_empty());
}

#[test]
fn a_target_is_done_when_it_was_exported_and_is_quiet() {
    let (progress, _, now) = replay(&SEVERAL, "success");
    assert!(states(&progress, now).contains(&TargetState::Running));
    assert_eq!(states(&progress, now + QUIET), [TargetState::Done; 3]);
    let waited = progress.targets(now + QUIET * 100);
    assert!(waited.iter().all(|target| target.elapsed <= now), "{waited:?}");
}

#[test]
fn a_shared_step_runs_for_all_targets_at_once() {
    let mut progress = BuildProgress::new(SEVERAL);
    let mut now = Duration::ZERO;
    for line in recorded("success").lines() {
        now += PACE;
        progress.feed(line, now);
        let targets = progress.targets(now);
        let stages: Vec<_> =
            targets.iter().map(|target| target.step.as_ref().map_or("", |step| step.activity())).collect();
        if line.contains("shared deps") && stages == ["go-deps"; 3] {
            assert!(targets.iter().all(|target| target.state == TargetState::Running));
            return;
        }
    }
    panic!("no line with which all targets are at go-deps");
}

#[test]
fn cached_steps_are_counted_without_the_base_image() {
    let cached = finished(&SEVERAL, "cached", true).targets(Duration::ZERO);
    let counts: Vec<_> = cached.iter().map(|target| (target.cached, target.steps)).collect();
    assert_eq!(counts, [(7, 7); 3]);
    let built = finished(&SEVERAL, "success", true).targets(Duration::ZERO);
    assert!(built.iter().all(|target| target.cached < target.steps && target.steps == 7), "{built:?}");
}

#[test]
fn one_failing_target_cancels_the_others() {
    let (progress, _, now) = replay(&SEVERAL, "failure");
    let expected = [TargetState::Cancelled, TargetState::Cancelled, TargetState::Failed];
    assert_eq!(states(&progress, now), expected);
    assert_eq!(final_states(&finished(&SEVERAL, "failure", false)), expected);
    let failures = progress.failures();
    let [failure] = failures.as_slice() else { panic!("one failure: {failures:?}") };
    assert_eq!(failure.targets, ["web"]);
    assert_eq!(failure.log, ["compiling web", "web.go:3: undefined: x"]);
    assert!(failure.error.ends_with("exit code: 4"), "{}", failure.error);
}

#[test]
fn a_failing_step_that_all_share_fails_all() {
    let progress = finished(&SEVERAL, "shared-failure", false);
    assert_eq!(final_states(&progress), [TargetState::Failed; 3]);
    let failures = progress.failures();
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].targets, SEVERAL);
}

#[test]
fn a_target_may_fail_without_a_step() {
    let progress = finished(&SEVERAL, "missing", false);
    assert_eq!(final_states(&progress), [TargetState::Cancelled, TargetState::Cancelled, TargetState::Failed]);
    let failures = progress.failures();
    assert_eq!((failures.len(), failures[0].targets.as_slice()), (1, &["web".to_owned()][..]));
    assert_eq!(failures[0].step, None);
}

#[test]
fn a_cache_that_cannot_be_read_fails_nothing() {
    let (progress, _, now) = replay(&["s1", "s2"], "remote");
    assert_eq!(states(&progress, now + QUIET), [TargetState::Done; 2]);
    assert!(progress.failures().is_empty());
    assert!(progress.warnings().iter().any(|text| text.contains("JSONArgsRecommended")), "{:?}", progress.warnings());
}

#[test]
fn a_single_target_has_no_prefix_and_owns_every_step() {
    // A stage of the target's own name must not be taken for the target.
    let progress = finished(&["build"], "single", true);
    let targets = progress.targets(Duration::ZERO);
    assert_eq!((targets[0].state, targets[0].steps), (TargetState::Done, 7));
    assert_eq!(targets[0].step.as_ref().map(Step::activity), Some("export"));
}

#[test]
fn an_interrupted_build_is_cancelled() {
    let progress = finished(&["slow"], "interrupted", false);
    assert_eq!(final_states(&progress), [TargetState::Cancelled]);
    assert!(progress.failures().is_empty());
}

#[test]
fn a_step_that_is_the_same_as_another_is_cancelled_and_its_target_is_not() {
    let mut progress = BuildProgress::new(&["api".to_owned(), "web".to_owned()]);
    let started = r#""started":"2026-11-27T02:10:14.4Z""#;
    let lines = [
        format!(
            r#"{{"vertexes":[{{"digest":"sha256:a","name":"[web toolchain 1/1] RUN x",{started},"completed":"2026-11-27T02:10:14.5Z","error":"context canceled: context canceled"}}]}}"#
        ),
        format!(r#"{{"vertexes":[{{"digest":"sha256:b","name":"[api toolchain 1/1] RUN x",{started}}}]}}"#),
    ];
    for line in &lines {
        progress.feed(line, Duration::ZERO);
    }
    assert_eq!(states(&progress, Duration::ZERO), [TargetState::Running; 2]);
    progress.finish(true, Duration::ZERO);
    assert_eq!(final_states(&progress), [TargetState::Done; 2]);
}

#[test]
fn words_of_buildx_itself_are_kept() {
    for (name, words) in [
        ("unknown", "ERROR: failed to find target nope"),
        ("daemon", "ERROR: Cannot connect to the Docker daemon"),
        ("syntax", "ERROR: failed to solve: dockerfile parse error on line 15"),
    ] {
        let progress = finished(&["worker"], name, false);
        assert_eq!(final_states(&progress), [TargetState::Failed], "{name}");
        assert!(progress.plain_lines().any(|line| line.starts_with(words)), "{name}");
    }
}

#[test]
fn each_line_of_a_log_comes_once_with_its_step() {
    let (_, log, _) = replay(&SEVERAL, "success");
    let lines = |text: &str| log.iter().filter(|line| line.text == text).count();
    assert_eq!((lines("shared deps"), lines("build web"), lines("3")), (1, 1, 1));
    let web = log.iter().find(|line| line.text == "build web").expect("web writes");
    assert_eq!((web.target.as_deref(), web.step.activity()), (Some("web"), "build"));
}

#[test]
fn a_target_depends_on_the_inputs_of_its_steps() {
    let mut progress = BuildProgress::new(["api", "worker"]);
    let lines = [
        r#"{"vertexes":[{"digest":"a","inputs":["s"],"name":"[api build 1/1] RUN true"}]}"#,
        r#"{"vertexes":[{"digest":"s","name":"[deps 1/1] RUN false","inputs":["t"]}]}"#,
        r#"{"vertexes":[{"digest":"w","inputs":["s"],"name":"[worker build 1/1] RUN true"}]}"#,
        r#"{"vertexes":[{"digest":"t","name":"[deps 1/1] RUN false","started":"x","completed":"y","error":"no"}]}"#,
    ];
    for line in lines {
        progress.feed(line, PACE);
    }
    assert_eq!(progress.failures()[0].targets, ["api", "worker"]);
}

proptest! {
    #[test]
    fn no_line_panics(lines in prop::collection::vec(".{0,80}", 0..20)) {
        let mut progress = BuildProgress::new(SEVERAL);
        for line in &lines {
            progress.feed(line, PACE);
        }
        progress.finish(false, PACE);
        progress.targets(PACE);
        progress.failures();
    }

    #[test]
    fn no_damage_to_a_recording_panics(cuts in prop::collection::vec((any::<u16>(), any::<u16>()), 0..30), swap in any::<u16>()) {
        let mut progress = BuildProgress::new(SEVERAL);
        let mut lines: Vec<String> = recorded("failure").lines().map(str::to_owned).collect();
        let count = lines.len();
        lines.rotate_left(usize::from(swap) % count);
        for (line, cut) in cuts {
            let line = &mut lines[usize::from(line) % count];
            let kept: String = line.chars().take(usize::from(cut) % (line.len() + 1)).collect();
            *line = kept + "\"}]}";
        }
        for line in &lines {
            progress.feed(line, PACE);
            progress.targets(PACE);
        }
        progress.finish(true, PACE);
        progress.failures();
    }
}

#[test]
fn a_builder_that_went_away_is_no_targets_fault() {
    let progress = finished(&["worker", "api"], "daemon-died", false);
    let words =
        "target worker: failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF";
    assert_eq!(progress.lost_connection(), Some(words));
    assert!(progress.failures().is_empty());
    assert_eq!(final_states(&progress), [TargetState::Cancelled; 2]);
    assert_eq!(finished(&["worker"], "failure", false).lost_connection(), None);
}

#[test]
fn stages_that_ran_and_how_long() {
    let progress = finished(&SEVERAL, "success", true);
    let stages = &progress.stages()["worker"];
    let ran: Vec<_> = stages.iter().map(|(name, stage)| (name.as_str(), stage.ran, stage.steps)).collect();
    assert_eq!(ran, [("build", 2, 2), ("go-deps", 1, 1), ("go-modules", 1, 3), ("stage-3", 1, 1)]);
    assert!(stages.values().all(|stage| (stage.ran == 0) <= (stage.took == Duration::ZERO)), "{stages:?}");
    let cached = finished(&SEVERAL, "cached", true);
    assert!(cached.stages().values().flat_map(|stages| stages.values()).all(|stage| stage.ran == 0));
}

#[test]
fn a_step_takes_as_long_as_it_runs_and_a_base_has_a_digest_where_it_is_named() {
    let mut progress = BuildProgress::new(["a"]);
    let mut feed = |milliseconds: u64, vertex: &str| {
        progress.feed(&format!("{{\"vertexes\":[{vertex}]}}"), Duration::from_millis(milliseconds));
    };
    feed(0, r#"{"digest":"f","name":"[build 1/3] FROM golang:1@sha256:0a","started":"1","completed":"1"}"#);
    feed(0, r#"{"digest":"r","name":"[build 2/3] RUN x","started":"1"}"#);
    // It looks for itself in the cache, and stops meanwhile.
    feed(10, r#"{"digest":"r","name":"[build 2/3] RUN x","started":"1","completed":"2"}"#);
    feed(500, r#"{"digest":"r","name":"[build 2/3] RUN x","started":"3"}"#);
    feed(900, r#"{"digest":"r","name":"[build 2/3] RUN x","started":"3","completed":"4"}"#);
    feed(900, r#"{"digest":"c","name":"[build 3/3] COPY a b","started":"4","completed":"4","cached":true}"#);
    let mut build = progress.stages()["a"]["build"].clone();
    let base = Some("golang:1@sha256:0a".to_owned());
    assert_eq!(build, StageProgress { steps: 2, ran: 1, took: Duration::from_millis(410), base: base.clone() });
    // Of another bake, after a failure elsewhere.
    build.extend(StageProgress { steps: 2, ran: 1, took: Duration::from_millis(90), base: None });
    assert_eq!(build, StageProgress { steps: 2, ran: 2, took: Duration::from_millis(500), base });
}
