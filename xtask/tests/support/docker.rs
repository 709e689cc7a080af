//! A docker that says what the test wants.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use super::Repository;
use super::image::{oci_layout, saved_image, saved_program};

/// Where the recorded streams of real builds are.
const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/engine/progress/testdata");

/// A fake docker on the PATH of a repository's runs. `docker.sh` does what the answers say.
pub struct Docker {
    folder: Utf8PathBuf,
}

impl Docker {
    /// Puts a docker on the PATH that has no sub-commands.
    pub fn without_plugins(repository: &Repository) -> Self {
        let script = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/docker.sh");
        std::os::unix::fs::symlink(script, repository.base.join("programs/docker")).expect("links");
        Self { folder: repository.docker() }
    }

    /// Puts a docker on the PATH that has an engine, a buildx that is new enough, and builds everything: each image holds
    /// a base of 10 kB and a binary of 20 kB.
    pub fn working(repository: &Repository) -> Self {
        let docker = Self::without_plugins(repository);
        docker.answer("--version", "echo Docker version 28.5.2, build a1b2c3");
        docker.answer("buildx version", "echo github.com/docker/buildx v0.29.1 a7d6a2c");
        docker.driver("docker");
        docker.answer("buildx bake", "bake_succeeds");
        docker.answer("system df", "echo Images 1.6GB");
        docker.file("image.tar", saved_image(&[&[("etc/base", 10_000)]], &[("worker", 20_000)]));
        docker.answer("image save", "cat \"$FAKE_DOCKER/image.tar\"");
        docker
    }

    /// Every image holds this program, as the worker.
    pub fn builds_program(&self, program: &std::path::Path) {
        self.file("image.tar", saved_program("worker", &fs::read(program).expect("reads")));
    }

    /// What a sub-command does: the end of a POSIX shell's script.
    pub fn answer(&self, command: &str, script: &str) {
        self.file(command, script);
    }

    /// A bake of `target` fails as it was recorded; one without it succeeds.
    pub fn bake_fails(&self, target: &str, recording: &str) {
        let fail = self.recording(recording);
        let script = format!("if bakes {target}; then {fail}; exit 1; fi\nbake_succeeds");
        self.answer("buildx bake", &script);
    }

    /// The command that prints a recorded stream.
    pub fn recording(&self, name: &str) -> String {
        format!("cat '{RECORDINGS}/{name}' >&2")
    }

    /// The builder is one beside the engine, which writes layouts.
    pub fn beside_the_engine(&self) {
        self.driver("docker-container");
        for (path, bytes) in oci_layout(&[("etc/base", 10_000)], &[("worker", 20_000)]) {
            self.file(&format!("layout/{path}"), bytes);
        }
    }

    fn driver(&self, driver: &str) {
        let text = format!(
            "Name:          test\nDriver:        {driver}\n\nNodes:\nName:             test\nStatus:           running\n\
             BuildKit version: v0.26.2\nPlatforms:        linux/amd64*, linux/arm64\n"
        );
        self.answer("buildx inspect", &format!("cat <<'END'\n{text}END"));
        // As `docker buildx use` does.
        self.file("../home/.docker/buildx/current", format!("{{\"Name\":\"{driver}\"}}"));
    }

    /// A file that answers may use, as `$FAKE_DOCKER/name`.
    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().expect("is in a folder")).expect("creates");
        fs::write(path, contents).expect("writes");
    }
}
