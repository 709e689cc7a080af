//! What BuildKit and buildx put into a vertex's name.

/// A step of a build, read from a vertex's name.
///
/// Names look like `[worker linux/amd64 go-deps 2/3] RUN go build …`, `[worker internal] load build definition from …`
/// or `[worker] exporting to image`. The target comes from buildx and is there only when it builds several; the platform
/// only when there are several of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// The Dockerfile's stage; empty where it has a single one without a name, and for what is not a Dockerfile's step.
    pub stage: String,
    /// The step's number within its stage and their count; none for the builder's own steps.
    pub position: Option<(u32, u32)>,
    /// `linux/arm64` or `linux/amd64->arm64`, where an image is built for several platforms.
    pub platform: Option<String>,
    /// The instruction as the builder shows it, such as `RUN --mount=… go build`, or the builder's own words.
    pub command: String,
}

impl Step {
    /// Reads a name, and the target that it belongs to if its first word is one of `targets`.
    pub(super) fn parse(name: &str, targets: &[String]) -> (Option<usize>, Self) {
        let bracketed = name.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let Some((inside, command)) = bracketed else {
            return (None, Self { command: name.to_owned(), ..Self::default() });
        };
        let mut words = inside.split(' ').peekable();
        let target = words.peek().and_then(|word| targets.iter().position(|target| target == word));
        if target.is_some() {
            words.next();
        }
        let mut step = Self { command: command.trim_start().to_owned(), ..Self::default() };
        for word in words {
            if let Some(position) = parse_position(word) {
                step.position = Some(position);
            } else if word.contains('/') {
                step.platform = Some(word.to_owned());
            } else if step.stage.is_empty() {
                step.stage = word.to_owned();
            }
        }
        (target, step)
    }

    /// One word or two for a line of progress: the stage, or what the builder does beside the Dockerfile's steps.
    pub fn activity(&self) -> &str {
        if self.position.is_some() {
            return if self.stage.is_empty() { "build" } else { &self.stage };
        }
        if self.command.starts_with("exporting cache") {
            "cache export"
        } else if self.is_export() {
            "export"
        } else {
            "preparation"
        }
    }

    /// `[go-deps 2/3]`, or nothing where the step is the builder's own.
    pub fn place(&self) -> Option<String> {
        let (number, count) = self.position?;
        let words = [self.platform.as_deref(), Some(self.stage.as_str()).filter(|stage| !stage.is_empty())];
        let mut place: String = words.into_iter().flatten().map(|word| format!("{word} ")).collect();
        place.push_str(&format!("{number}/{count}"));
        Some(format!("[{place}]"))
    }

    /// Whether the image is complete once this has been done.
    pub(super) fn is_export(&self) -> bool {
        self.position.is_none() && self.command.starts_with("exporting to ")
    }

    /// Whether this comes after the builds of all targets, and concerns none of them any more.
    pub(super) fn is_afterwards(&self) -> bool {
        self.position.is_none() && self.command.starts_with("resolving provenance for metadata file")
    }

    /// Whether the build goes on when this fails: a cache that cannot be read is a cache that is empty.
    pub(super) fn may_fail(&self) -> bool {
        self.position.is_none() && self.command.starts_with("importing cache manifest from ")
    }

    /// The instruction without the options that follow `RUN`: mounts, network and security.
    pub fn short_command(&self) -> String {
        let Some(mut rest) = self.command.strip_prefix("RUN ") else { return self.command.clone() };
        loop {
            rest = rest.trim_start();
            let option =
                ["--mount=", "--network=", "--security=", "--device="].iter().any(|start| rest.starts_with(start));
            match rest.split_once(' ') {
                Some((_, after)) if option => rest = after,
                _ => return format!("RUN {rest}"),
            }
        }
    }
}

fn parse_position(word: &str) -> Option<(u32, u32)> {
    let (number, count) = word.split_once('/')?;
    Some((number.parse().ok()?, count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str) -> (Option<usize>, Step) {
        Step::parse(name, &["worker".to_owned(), "api".to_owned()])
    }

    #[test]
    fn a_step_of_a_dockerfile() {
        let (target, step) =
            parse("[api linux/amd64->arm64 go-deps 2/3] RUN --mount=type=bind,target=/src go build ./...");
        assert_eq!(target, Some(1));
        assert_eq!((step.stage.as_str(), step.position), ("go-deps", Some((2, 3))));
        assert_eq!(step.place().as_deref(), Some("[linux/amd64->arm64 go-deps 2/3]"));
        assert_eq!(step.short_command(), "RUN go build ./...");
        assert_eq!(step.activity(), "go-deps");
    }

    #[test]
    fn steps_that_only_the_builder_knows() {
        let (target, step) = parse("[worker internal] load build definition from worker.Dockerfile");
        assert_eq!((target, step.activity()), (Some(0), "preparation"));
        let (target, step) = parse("[worker] exporting to image");
        assert_eq!((target, step.activity(), step.is_export()), (Some(0), "export", true));
        let (target, step) = parse("exporting cache to registry");
        assert_eq!((target, step.activity(), step.is_export()), (None, "cache export", false));
    }

    #[test]
    fn a_stage_without_a_name_and_a_target_nobody_asked_for() {
        let (target, step) = parse("[1/2] FROM scratch");
        assert_eq!((target, step.place().as_deref(), step.activity()), (None, Some("[1/2]"), "build"));
        assert_eq!(parse("[other go-deps 2/3] RUN true").0, None);
    }
}
