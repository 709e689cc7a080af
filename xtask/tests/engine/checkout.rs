//! A checkout to build images of.

use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::testbed;

/// A checkout in a folder of its own. Its images have names that start with its prefix.
pub struct Checkout {
    _folder: tempfile::TempDir,
    pub root: Utf8PathBuf,
    prefix: String,
    /// Whether runs may find what they made before, and not ask the builder.
    remembers: bool,
}

/// How a run ended.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Checkout {
    /// An empty one.
    pub fn new(prefix: &str) -> Self {
        Self::in_folder(prefix, "")
    }

    /// An empty one in a folder of this name.
    pub fn in_folder(prefix: &str, name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root =
            Utf8Path::from_path(folder.path()).expect("is UTF-8").canonicalize_utf8().expect("is there").join(name);
        fs::create_dir_all(root.join(".git")).expect("creates");
        Self { _folder: folder, root, prefix: format!("{prefix}/"), remembers: false }
    }

    /// One whose runs leave out what has not changed, as a person's do. Without this the builder is asked for every image.
    pub fn remembering(self) -> Self {
        Self { remembers: true, ..self }
    }

    /// A copy of this repository as git knows it, and of what is not committed yet.
    pub fn of_this_repository(prefix: &str) -> Self {
        let checkout = Self::new(prefix);
        let here = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("is in a workspace");
        let arguments = ["-C", here.as_str(), "ls-files", "--cached", "--others", "--exclude-standard"];
        for path in testbed::read("git", &arguments).lines() {
            let (from, to) = (here.join(path), checkout.root.join(path));
            if from.is_file() {
                fs::create_dir_all(to.parent().expect("is in a folder")).expect("creates");
                fs::copy(from, to).expect("copies");
            }
        }
        checkout
    }

    /// A repository with a Go service `hello` and a Rust service `greeter`, both without dependencies. The manifest has
    /// no version, so that nothing but its sources tells the service from its empty stand-in.
    pub fn of_two_services(prefix: &str) -> Self {
        let checkout = Self::new(prefix);
        checkout.write("go/go.mod", "module example.com/hello\n\ngo 1.26\n");
        checkout.write("go/cmd/hello/main.go", "package main\n\nfunc main() { print(\"hello\") }\n");
        let manifest = "[package]\nname = \"greeter\"\nedition = \"2024\"\n";
        checkout.write("rust/greeter/Cargo.toml", manifest);
        checkout.write("rust/greeter/src/main.rs", "fn main() {\n    eprint!(\"hello\");\n}\n");
        checkout
    }

    pub fn write(&self, path: &str, contents: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("is in a folder")).expect("creates");
        fs::write(path, contents).expect("writes");
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Replaces a text that must be there.
    pub fn replace(&self, path: &str, old: &str, new: &str) {
        let text = self.read(path);
        assert!(text.contains(old), "{path} has no {old:?}");
        self.write(path, &text.replacen(old, new, 1));
    }

    /// The reference of an image.
    pub fn reference(&self, name: &str) -> String {
        format!("{}{name}:latest", self.prefix)
    }

    /// Runs `xtask images` on this checkout, with these arguments too.
    pub fn images(&self, arguments: &[&str]) -> Ended {
        self.forget(arguments);
        run(&mut self.images_command(arguments))
    }

    /// Loses the record of what images were made from, unless this run is about it.
    fn forget(&self, arguments: &[&str]) {
        let record = self.root.join("target/images/inputs.json");
        if !self.remembers && !arguments.contains(&"--explain") && record.exists() {
            fs::remove_file(record).expect("removes");
        }
    }

    /// The same as a command, for a test that starts it in its own way.
    pub fn images_command(&self, arguments: &[&str]) -> Command {
        self.command(&["images", "--image-prefix", &self.prefix], arguments)
    }

    /// Runs `xtask image` on this checkout for one service.
    pub fn image(&self, name: &str, arguments: &[&str]) -> Ended {
        self.image_with_environment(name, &[], arguments)
    }

    /// The same with more in the environment.
    pub fn image_with_environment(&self, name: &str, environment: &[(&str, &str)], arguments: &[&str]) -> Ended {
        self.forget(arguments);
        let words = ["image", name, "--image-prefix", &self.prefix];
        run(self.command(&words, arguments).envs(environment.iter().copied()))
    }

    /// Runs a command of the tool that builds, without a builder.
    pub fn native(&self, words: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["-C", self.root.as_str()]).args(words).args([
            "--image-prefix",
            &self.prefix,
            "--engine",
            "native",
        ]);
        run(command.env_remove("GITHUB_STEP_SUMMARY"))
    }

    /// Runs a command about sizes.
    pub fn sizes(&self, words: &[&str]) -> Ended {
        run(Command::new(env!("CARGO_BIN_EXE_xtask")).args(["-C", self.root.as_str(), "sizes"]).args(words))
    }

    /// Runs a command of the tool that builds.
    pub fn xtask(&self, words: &[&str], arguments: &[&str]) -> Ended {
        run(&mut self.command(words, arguments))
    }

    fn command(&self, words: &[&str], arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["-C", self.root.as_str()]).args(words).args(testbed::build_options()).args(arguments);
        command.env_remove("GITHUB_STEP_SUMMARY");
        command
    }
}

fn run(command: &mut Command) -> Ended {
    let output = command.output().expect("xtask starts");
    let text = |bytes| String::from_utf8(bytes).expect("is UTF-8");
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Ended {
    /// The run, which must have ended with this code.
    pub fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// The images of the JSON report.
    pub fn images(&self) -> Vec<serde_json::Value> {
        let report: serde_json::Value = serde_json::from_str(&self.stdout).expect("is JSON");
        report["images"].as_array().expect("is a list").clone()
    }

    /// Whether every step of an image came from the cache.
    pub fn is_cached(&self, name: &str) -> bool {
        self.cached(name) == "all"
    }

    /// How many steps of an image did not.
    pub fn steps_run(&self, name: &str) -> usize {
        let number = |text: &str| text.parse::<usize>().expect("is a number");
        match self.cached(name).split_once(" of ") {
            Some((cached, all)) => number(all.trim_end_matches(" steps")) - number(cached),
            None => 0,
        }
    }

    /// What of an image came from the cache, as `all` or `3 of 5 steps`.
    fn cached(&self, name: &str) -> &str {
        let done = self.stderr.lines().find(|line| line.starts_with(&format!("{name}: done in ")));
        let done = done.unwrap_or_else(|| panic!("{name} is not done:\n{}", self.stderr));
        done.split_once(" (").and_then(|(_, cached)| cached.strip_suffix(" cached)")).expect("says what was cached")
    }
}
