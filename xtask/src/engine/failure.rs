//! What a person reads when a build failed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::display::listed;
use super::lacking::{Keys, Lacking};
use super::progress::{BuildProgress, Failure, TargetState};

/// How much of a command is shown: the first lines of a script say what it is.
const COMMAND_CHARACTERS: usize = 300;

/// Names each service that failed, the command it failed at, and the end of that command's own log; or, where no service
/// is to blame, what buildx said.
///
/// The text has no final line end. `progress` is that of a bake which has ended without success.
pub fn failure_text(progress: &BuildProgress) -> String {
    let failures = progress.failures();
    let mut text = String::new();
    for failure in &failures {
        push_failure(&mut text, failure);
    }
    if failures.is_empty() {
        let what = if progress.lost_connection().is_some() { "the builder is gone" } else { "the build failed" };
        let _ = writeln!(text, "{}: {what}", listed(progress.names()));
    }
    if failures.iter().all(|failure| failure.step.is_none()) {
        push_lines(&mut text, "buildx says", &unsaid(progress, &failures));
    }
    let targets = progress.targets(Duration::ZERO);
    let cancelled = targets.iter().filter(|target| target.state == TargetState::Cancelled);
    let cancelled: Vec<String> = cancelled.map(|target| target.name.clone()).collect();
    if !failures.is_empty() && !cancelled.is_empty() {
        let _ = writeln!(text, "cancelled with it, and tried again without it: {}", listed(&cancelled));
    }
    text.truncate(text.trim_end().len());
    text
}

/// What a person can do about a bake that has ended without success: one line. `keys` are those of the targets.
pub fn failure_hint(progress: &BuildProgress, keys: &BTreeMap<String, Keys>) -> String {
    let failures = progress.failures();
    if progress.lost_connection().is_some() {
        return "see whether `cargo xtask doctor` finds the builder; what was built is in its cache".to_owned();
    }
    if is_disk_full(progress, &failures) {
        return "free the builder's disk: `docker system df` shows what takes it, `docker buildx prune` empties the cache"
            .to_owned();
    }
    let Some((failure, step)) = failures.iter().find_map(|failure| Some((failure, failure.step.as_ref()?))) else {
        return "`docker buildx bake --file docker/docker-bake.hcl --print` shows what the builder was given"
            .to_owned();
    };
    if step.command.starts_with("load metadata for ") {
        return "check the image's name (`base`, `builder`), the network, and `docker login` for a private registry"
            .to_owned();
    }
    if step.command.starts_with("pushing ") || failure.error.contains("failed to push") {
        return "check that the registry answers, that --image-prefix names it, and `docker login`".to_owned();
    }
    if DOWNLOADING.contains(&step.stage.as_str()) {
        return "this step downloads: it may need --network host, --ca-bundle, or GOPROXY and HTTPS_PROXY to be set"
            .to_owned();
    }
    let name = failure.targets.first().map_or("NAME", String::as_str);
    if let Some(lacking) = Lacking::read(failure.log.iter().map(String::as_str)) {
        return lacking.hint(name, keys.get(name).unwrap_or(&Keys::default()));
    }
    format!("mend it, then `cargo xtask image {name}`; --verbose shows the whole log")
}

/// Stages of the generated Dockerfiles that need the network.
const DOWNLOADING: [&str; 3] = ["go-modules", "rust-crates", "rust-toolchain"];

fn is_disk_full(progress: &BuildProgress, failures: &[Failure]) -> bool {
    let said = failures.iter().flat_map(|failure| failure.log.iter().chain([&failure.error])).map(String::as_str);
    // The system capitalises its words, the builder does not.
    said.chain(progress.plain_lines()).any(|line| line.to_ascii_lowercase().contains("no space left on device"))
}

fn push_failure(text: &mut String, failure: &Failure) {
    let services = if failure.targets.is_empty() { "the build".to_owned() } else { listed(&failure.targets) };
    let Some(step) = &failure.step else {
        let error = failure.error.strip_prefix("failed to solve: ").unwrap_or(&failure.error);
        let _ = writeln!(text, "{services} failed: {error}");
        return;
    };
    let place = step.place().map(|place| format!(" at {place}")).unwrap_or_default();
    let _ = writeln!(text, "{services} failed{place}");
    let _ = writeln!(text, "  {}", shortened(&step.short_command()));
    push_lines(text, "its log", &failure.log.iter().map(String::as_str).collect::<Vec<_>>());
    let _ = writeln!(text, "  {}", reason(&failure.error));
}

/// What buildx wrote, without the errors that the failures repeat.
fn unsaid<'a>(progress: &'a BuildProgress, failures: &[Failure]) -> Vec<&'a str> {
    let is_said =
        |line: &str| line.starts_with("ERROR: ") && failures.iter().any(|failure| line.ends_with(&failure.error));
    progress.plain_lines().filter(|line| !is_said(line)).collect()
}

fn push_lines(text: &mut String, whose: &str, lines: &[&str]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "  {whose}:");
    for line in lines {
        text.push_str(format!("    {line}").trim_end());
        text.push('\n');
    }
}

/// The builder repeats the whole command in its error; what counts comes after.
fn reason(error: &str) -> &str {
    error.rsplit_once("\" did not complete successfully: ").map_or(error, |(_, reason)| reason)
}

fn shortened(command: &str) -> String {
    match command.char_indices().nth(COMMAND_CHARACTERS) {
        Some((end, _)) => format!("{}…", &command[..end]),
        None => command.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replayed(targets: &[&str], recording: &str) -> String {
        let mut progress = BuildProgress::new(targets.iter().copied());
        for line in recording.lines() {
            progress.feed(line, Duration::ZERO);
        }
        progress.finish(false, Duration::ZERO);
        format!("{}\nhint: {}", failure_text(&progress), failure_hint(&progress, &BTreeMap::new()))
    }

    #[test]
    fn a_step_of_one_service() {
        let text = replayed(&["worker", "api", "web"], include_str!("progress/testdata/failure.jsonl"));
        insta::assert_snapshot!(text, @r#"
        web failed at [build 2/2]
          RUN echo compiling web; sleep 0.3; echo "web.go:3: undefined: x" >&2; exit 4
          its log:
            compiling web
            web.go:3: undefined: x
          exit code: 4
        cancelled with it, and tried again without it: worker, api
        hint: mend it, then `cargo xtask image web`; --verbose shows the whole log
        "#);
    }

    #[test]
    fn a_step_that_all_share() {
        let text = replayed(&["worker", "api", "web"], include_str!("progress/testdata/shared-failure.jsonl"));
        insta::assert_snapshot!(text, @"
        worker, api, web failed at [go-modules 4/4]
          RUN echo downloading; sleep 0.3
          network bridge not found
        hint: this step downloads: it may need --network host, --ca-bundle, or GOPROXY and HTTPS_PROXY to be set
        ");
    }

    #[test]
    fn a_base_image_that_is_not_there() {
        let text = replayed(&["worker"], include_str!("progress/testdata/nobase.jsonl"));
        insta::assert_snapshot!(text, @"
        worker failed
          load metadata for docker.io/library/progress-nobase:9
          docker.io/library/progress-nobase:9: not found
        hint: check the image's name (`base`, `builder`), the network, and `docker login` for a private registry
        ");
    }

    #[test]
    fn a_dockerfile_that_does_not_parse() {
        let text = replayed(&["worker"], include_str!("progress/testdata/syntax.jsonl"));
        insta::assert_snapshot!(text, @"
        worker failed: dockerfile parse error on line 15: unknown instruction: BOOM (did you mean FROM?)
          buildx says:
            worker.Dockerfile:15
            --------------------
              13 |     FROM scratch
              14 |     COPY --from=build /m/worker.txt /worker.txt
              15 | >>> BOOM
              16 |
            --------------------
        hint: `docker buildx bake --file docker/docker-bake.hcl --print` shows what the builder was given
        ");
    }

    #[test]
    fn a_target_without_a_dockerfile() {
        let text = replayed(&["worker", "api", "web"], include_str!("progress/testdata/missing.jsonl"));
        insta::assert_snapshot!(text, @"
        web failed: failed to read dockerfile: open web.Dockerfile: no such file or directory
        cancelled with it, and tried again without it: worker, api
        hint: `docker buildx bake --file docker/docker-bake.hcl --print` shows what the builder was given
        ");
    }

    #[test]
    fn a_bake_that_never_began() {
        let daemon = replayed(&["worker", "api"], include_str!("progress/testdata/daemon.jsonl"));
        let unknown = replayed(&["worker", "api"], include_str!("progress/testdata/unknown.jsonl"));
        insta::assert_snapshot!(format!("{daemon}\n---\n{unknown}"), @"
        worker, api: the builder is gone
          buildx says:
            ERROR: Cannot connect to the Docker daemon at unix:///run/docker.sock. Is the docker daemon running?
        hint: see whether `cargo xtask doctor` finds the builder; what was built is in its cache
        ---
        worker, api: the build failed
          buildx says:
            ERROR: failed to find target nope
        hint: `docker buildx bake --file docker/docker-bake.hcl --print` shows what the builder was given
        ");
    }

    #[test]
    fn a_builder_that_went_away() {
        let text = replayed(&["worker", "api"], include_str!("progress/testdata/daemon-died.jsonl"));
        insta::assert_snapshot!(text, @"
        worker, api: the builder is gone
          buildx says:
            ERROR: target worker: failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF
        hint: see whether `cargo xtask doctor` finds the builder; what was built is in its cache
        ");
    }

    #[test]
    fn a_disk_that_is_full() {
        let step = replayed(&["worker", "api"], include_str!("progress/testdata/disk-full-step.jsonl"));
        let builder = replayed(&["worker", "api"], include_str!("progress/testdata/disk-full.jsonl"));
        insta::assert_snapshot!(format!("{step}\n---\n{builder}"), @"
        worker failed at [build 2/2]
          RUN echo compiling worker; dd if=/dev/zero of=/big bs=1M count=80
          its log:
            compiling worker
            dd: error writing '/big': No space left on device
            54+0 records in
            53+0 records out
          exit code: 1
        cancelled with it, and tried again without it: api
        hint: free the builder's disk: `docker system df` shows what takes it, `docker buildx prune` empties the cache
        ---
        api failed at [build 2/2]
          RUN sleep 1; echo compiling api; dd if=/dev/zero of=/big bs=1M count=1
          failed to prepare v10 as srx1j1p78vlg4g2u79veyrtgs: no space left on device
        worker failed at [build 2/2]
          RUN echo compiling worker; dd if=/dev/zero of=/big bs=1M count=30
          failed to prepare v10 as qzj24f966vgoz5rhwbb5aqlsx: no space left on device
        hint: free the builder's disk: `docker system df` shows what takes it, `docker buildx prune` empties the cache
        ");
    }

    #[test]
    fn a_registry_that_does_not_answer() {
        let text = replayed(&["api", "web"], include_str!("progress/testdata/push.jsonl"));
        insta::assert_snapshot!(text, @r#"
        api failed
          pushing 127.0.0.1:1/api:1 with docker
          Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused
        hint: check that the registry answers, that --image-prefix names it, and `docker login`
        "#);
    }

    #[test]
    fn a_long_command_is_cut() {
        assert_eq!(shortened(&"é".repeat(400)).chars().count(), COMMAND_CHARACTERS + 1);
        assert_eq!(shortened("RUN true"), "RUN true");
    }
}
