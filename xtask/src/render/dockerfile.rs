//! Writing a Dockerfile: instructions, mounts and comments in one layout.

use camino::Utf8Path;

use crate::quote;

/// A Dockerfile in the making.
pub(super) struct Dockerfile {
    text: String,
}

/// The script that holds compilations back, from the repository's root.
pub(crate) const LIMIT_SCRIPT: &str = "docker/limit.sh";

/// Its text.
pub(super) const LIMIT: &str = include_str!("limit.sh");

/// Variables that name the proxies of a network.
pub(crate) const PROXY_VARIABLES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/// A `RUN` with its mounts.
pub(super) struct Run {
    mounts: Vec<String>,
    commands: Vec<String>,
}

impl Dockerfile {
    pub(super) fn new() -> Self {
        Self { text: String::new() }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    pub(super) fn comment(&mut self, comment: &str) {
        for line in comment.lines() {
            self.line(&format!("# {line}"));
        }
    }

    /// Starts a stage, with a comment that says what it is for.
    pub(super) fn stage(&mut self, purpose: &str, from: &str, name: &str) {
        self.comment(purpose);
        self.line(&format!("FROM {from} AS {name}"));
    }

    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// The stage that all others take the repository's files from. The builder's keys hold file modes; so that checkouts
    /// with another umask find each other's results, the modes are made the same before anything else sees them.
    pub(super) fn repository(&mut self) {
        self.stage(
            "repository: what the ignore file beside this one lets the builder see, with the same modes whatever the umask.",
            "scratch",
            "repository",
        );
        self.line("COPY --chmod=u=rwX,go=rX . /");
        self.blank();
    }

    /// Copies files of the repository.
    pub(super) fn copy_from_repository(&mut self, sources: &[&str], target: &str) {
        self.copy("--from=repository", sources, target);
    }

    /// `COPY`, with the sources taken literally.
    pub(super) fn copy(&mut self, options: &str, sources: &[&str], target: &str) {
        self.line(&format!("COPY {options} {}", quote::copy_words(sources, target)));
    }

    /// The argument that the ids of cache mounts begin with.
    pub(super) fn cache_scope(&mut self) {
        self.comment(
            "Builds that must not share a cache, such as releases and pull requests, name scopes of their own.",
        );
        self.line("ARG CACHE_SCOPE=shared");
    }

    /// Writes a file from here; the builder expands nothing in it.
    pub(super) fn file(&mut self, target: &Utf8Path, text: &str) {
        let mut target = quote::dockerfile_word(target.as_str());
        if target.starts_with('"') {
            // The form with a text splits words at every space; what a variable stands for it leaves whole.
            self.line(&format!("ARG FILE={target}"));
            "$FILE".clone_into(&mut target);
        }
        self.text.push_str(&format!("COPY <<'END' {target}\n{text}END\n"));
    }

    pub(super) fn run(&mut self, run: &Run) {
        let parts =
            run.mounts.iter().map(|mount| format!("--mount={mount}")).chain([run.commands.join(" && \\\n    ")]);
        let parts = parts.collect::<Vec<_>>().join(" \\\n    ");
        self.line(&format!("RUN {parts}"));
    }
}

impl Run {
    pub(super) fn new(command: impl Into<String>) -> Self {
        Self { mounts: Vec::new(), commands: vec![command.into()] }
    }

    /// A compilation: `variables` as a shell sets them, each ended by a space, then the compiler's words. So that many
    /// services at once exhaust no machine, it waits for its turn; how many have theirs takes no part in the cache key.
    pub(super) fn compilation(variables: &str, words: &str) -> Self {
        Self::new(format!("{variables}sh /{LIMIT_SCRIPT} {words}"))
            .mount(format!("type=bind,from=repository,source={LIMIT_SCRIPT},target=/{LIMIT_SCRIPT}"))
            .mount("type=cache,id=compilations,target=/compilations")
            .mount("type=secret,id=JOBS,env=JOBS")
    }

    /// A command that runs once those before it have succeeded.
    #[must_use]
    pub(super) fn then(mut self, command: impl Into<String>) -> Self {
        self.commands.push(command.into());
        self
    }

    /// A command that has to succeed before all others run.
    #[must_use]
    pub(super) fn after(mut self, command: impl Into<String>) -> Self {
        self.commands.insert(0, command.into());
        self
    }

    #[must_use]
    pub(super) fn mount(mut self, mount: impl Into<String>) -> Self {
        self.mounts.push(mount.into());
        self
    }

    #[must_use]
    pub(super) fn mounts(mut self, mounts: impl IntoIterator<Item = String>) -> Self {
        self.mounts.extend(mounts);
        self
    }
}

/// Mounts for a step that downloads. All are optional, and none takes part in the cache key or stays in a layer.
pub(super) fn network_mounts(variables: &[&str]) -> Vec<String> {
    // Over the system's own bundle: Go, cargo, apt and git all look there.
    let files = ["type=secret,id=ca-bundle,target=/etc/ssl/certs/ca-certificates.crt".to_owned()];
    let variables = PROXY_VARIABLES.iter().chain(variables);
    files.into_iter().chain(variables.map(|name| format!("type=secret,id={name},env={name}"))).collect()
}

/// The mounts of a service's own build secrets.
pub(super) fn secret_mounts(ids: &[String]) -> impl Iterator<Item = String> {
    ids.iter().map(|id| format!("type=secret,id={id}"))
}

/// The stage's step that installs Debian packages, if there are any.
pub(super) fn install_packages(dockerfile: &mut Dockerfile, packages: &[String]) {
    if packages.is_empty() {
        return;
    }
    let install = Run::new("apt-get update")
        .mounts(network_mounts(&[]))
        .then(format!(
            "apt-get install --yes --no-install-recommends {}",
            packages.iter().map(|package| quote::shell_word(package)).collect::<Vec<_>>().join(" ")
        ))
        .then("rm -rf /var/lib/apt/lists/*");
    dockerfile.run(&install);
}
