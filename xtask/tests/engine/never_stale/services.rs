//! Two Go services and two Rust services that compile in a second or two, and everything about them that steps change.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;

use super::Binaries;
use super::random::Random;
use crate::checkout::Checkout;
use crate::testbed;

pub const GO: [&str; 2] = ["alpha", "beta"];
pub const RUST: [&str; 2] = ["one", "two"];

/// Releases of a Go module and of a crate, with what a lock file says of them.
pub const ERRORS: [&str; 2] = ["v0.9.0", "v0.9.1"];
pub const ITOA: [(&str, &str); 2] = [
    ("1.0.14", "d75a2a4b1b190afb6f5425f10f6a8f959d2ea0b9c2b1d79553551850539e4674"),
    ("1.0.15", "4a5f13b858c8d314ee3e8f639011f7ccefe71f97f96e50151fb991f267928e2c"),
];

/// A checkout of the services.
pub struct Services {
    pub checkout: Checkout,
    /// What was built last.
    pub built: Vec<&'static str>,
    /// What files held before, and when that was written.
    pub past: Vec<Past>,
}

/// What a file held before.
pub struct Past {
    pub path: String,
    pub bytes: Vec<u8>,
    pub modified: std::time::SystemTime,
}

impl Services {
    pub fn create(checkout: Checkout, random: &mut Random) -> Self {
        let services = Self { checkout, built: Vec::new(), past: Vec::new() };
        services.write_go(random);
        services.write_rust(random);
        services.checkout.write(".gitignore", "/docker/\n/target/\n");
        services.git(&["init", "--quiet", "--initial-branch=main"]);
        services.commit();
        services
    }

    fn write_go(&self, random: &mut Random) {
        let write = |path: &str, text: String| self.checkout.write(path, &text);
        write("go/go.mod", go_mod(ERRORS[0]));
        write(
            "go/go.sum",
            "github.com/pkg/errors v0.9.0 h1:J8lpUdobwIeCI7OiSxHqEwJUKvJwicL5+3v1oe2Yb4k=\n\
             github.com/pkg/errors v0.9.0/go.mod h1:bwawxfHBFNV+L2hUp1rHADufV3IMtnDRdf1r5NINEl0=\n\
             github.com/pkg/errors v0.9.1 h1:FEBLx1zS214owpjy7qsBeixbURkuhQAwrK5UwLGTwt4=\n\
             github.com/pkg/errors v0.9.1/go.mod h1:bwawxfHBFNV+L2hUp1rHADufV3IMtnDRdf1r5NINEl0=\n"
                .to_owned(),
        );
        write(
            "go/cmd/alpha/main.go",
            format!(
                r#"package main

import (
	"embed"

	"example.com/tiny/internal/words"
	"github.com/pkg/errors"
)

//go:embed data
var data embed.FS

func main() {{
	println("{}", words.All(), mode, errors.New("x").Error())
	entries, _ := data.ReadDir("data")
	for _, entry := range entries {{
		println(entry.Name())
	}}
}}
"#,
                random.token()
            ),
        );
        for (name, constraint) in [("loud", "loud"), ("quiet", "!loud")] {
            let token = random.token();
            write(
                &format!("go/cmd/alpha/{name}.go"),
                format!("//go:build {constraint}\n\npackage main\n\nconst mode = \"{name} {token}\"\n"),
            );
        }
        write("go/cmd/alpha/image.toml", "tags = []\n".to_owned());
        let beta = "package main\n\nimport \"example.com/tiny/internal/words\"\n\nfunc main() { println(words.All(), ";
        write("go/cmd/beta/main.go", format!("{beta}\"{}\") }}\n", random.token()));
        let words = "package words\n\nvar all = []string{";
        let tail = "}\n\n// All returns all.\nfunc All() string { text := \"\"; for _, word := range all { text += word }; return text }\n";
        write("go/internal/words/words.go", format!("{words}\"{}\"{tail}", random.token()));
        for name in ["a", "b", "c"] {
            write(&format!("go/internal/words/{name}.go"), more_words(random));
            write(&format!("go/cmd/alpha/data/{name}.txt"), random.token());
        }
    }

    fn write_rust(&self, random: &mut Random) {
        let write = |path: &str, text: String| self.checkout.write(path, &text);
        write(
            "rust/Cargo.toml",
            "[workspace]\nmembers = [\"one\", \"shared\", \"two\"]\nresolver = \"3\"\n".to_owned(),
        );
        self.write_rust_versions(0, 0, false);
        let shared = "mod extra;\npub fn all() -> String {\n    let mode = if cfg!(feature = \"loud\")";
        let (loud, quiet, own) = (random.token(), random.token(), random.token());
        write(
            "rust/shared/src/lib.rs",
            format!(
                "{shared} {{ \"{loud}\" }} else {{ \"{quiet}\" }};\n    format!(\"{own} {{mode}} {{}}\", extra::WORD)\n}}\n"
            ),
        );
        write("rust/shared/src/extra.rs", format!("pub const WORD: &str = \"{}\";\n", random.token()));
        write(
            "rust/one/src/main.rs",
            format!(
                "fn main() {{\n    let mut buffer = itoa::Buffer::new();\n    println!(\"{} {{}} {{}} {{}} {{}}\", shared::all(), \
                 include_str!(\"../data/a.txt\"), env!(\"CARGO_PKG_VERSION\"), buffer.format(7));\n}}\n",
                random.token()
            ),
        );
        write(
            "rust/two/build.rs",
            "fn main() {\n    let mut files: Vec<_> = std::fs::read_dir(\"data\").unwrap().map(|entry| \
             entry.unwrap().path()).collect();\n    files.sort();\n    let text: Vec<_> = files.iter().map(|file| \
             format!(\"{} {}\", file.display(), std::fs::read_to_string(file).unwrap())).collect();\n    \
             std::fs::write(format!(\"{}/data\", std::env::var(\"OUT_DIR\").unwrap()), text.concat()).unwrap();\n    \
             println!(\"cargo::rerun-if-changed=data\");\n}\n"
                .to_owned(),
        );
        write(
            "rust/two/src/main.rs",
            format!(
                "fn main() {{\n    println!(\"{} {{}} {{}}\", shared::all(), include_str!(concat!(env!(\"OUT_DIR\"), \"/data\")));\n}}\n",
                random.token()
            ),
        );
        for name in ["a", "b", "c"] {
            write(&format!("rust/one/data/{name}.txt"), random.token());
            write(&format!("rust/two/data/{name}.txt"), random.token());
        }
    }

    /// Writes the manifests and the lock file for a release of the crate, a version of `one`, and a feature.
    pub fn write_rust_versions(&self, itoa: usize, version: usize, loud: bool) {
        let (release, checksum) = ITOA[itoa];
        let features = if loud { ", features = [\"loud\"]" } else { "" };
        let write = |path: &str, text: String| self.checkout.write(path, &text);
        let package = |name: &str, version: &str, rest: &str| {
            format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2024\"\n\n{rest}")
        };
        let version = format!("0.{version}.0");
        let dependencies =
            format!("[dependencies]\nitoa = \"={release}\"\nshared = {{ path = \"../shared\"{features} }}\n");
        write("rust/one/Cargo.toml", package("one", &version, &dependencies));
        write("rust/two/Cargo.toml", package("two", "0.1.0", "[dependencies]\nshared = { path = \"../shared\" }\n"));
        write("rust/shared/Cargo.toml", package("shared", "0.1.0", "[features]\nloud = []\n"));
        write(
            "rust/Cargo.lock",
            format!(
                "version = 4\n\n[[package]]\nname = \"itoa\"\nversion = \"{release}\"\n\
                 source = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{checksum}\"\n\n\
                 [[package]]\nname = \"one\"\nversion = \"{version}\"\ndependencies = [\n \"itoa\",\n \"shared\",\n]\n\n\
                 [[package]]\nname = \"shared\"\nversion = \"0.1.0\"\n\n\
                 [[package]]\nname = \"two\"\nversion = \"0.1.0\"\ndependencies = [\n \"shared\",\n]\n"
            ),
        );
    }

    /// The sources as they are now, by path.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut waiting = vec![self.checkout.root.join("go"), self.checkout.root.join("rust")];
        while let Some(folder) = waiting.pop() {
            for entry in folder.read_dir_utf8().expect("lists") {
                let path = entry.expect("lists").into_path();
                if path.is_dir() {
                    waiting.push(path);
                } else {
                    let name = path.strip_prefix(&self.checkout.root).expect("is below").to_string();
                    files.insert(name, fs::read(path).expect("reads"));
                }
            }
        }
        files
    }

    /// The build tags of `alpha`, as an option.
    pub fn go_tags(&self) -> &'static str {
        if self.checkout.read("go/cmd/alpha/image.toml").contains("loud") { "-tags=loud" } else { "" }
    }

    /// The image that a service is compiled in.
    pub fn builder(&self, name: &str) -> String {
        let dockerfile = self.checkout.read(&format!("docker/{name}.Dockerfile"));
        let from = dockerfile.lines().find_map(|line| line.strip_prefix("FROM --platform=$BUILDPLATFORM "));
        from.and_then(|from| from.split(' ').next()).expect("starts from an image").to_owned()
    }

    /// The binaries in the images that were built last.
    pub fn in_images(&self) -> Binaries {
        let references: Vec<_> = self.built.iter().map(|name| self.checkout.reference(name)).collect();
        let words: Vec<_> = ["image", "save"].into_iter().chain(references.iter().map(String::as_str)).collect();
        let archive = testbed::run("docker", &words).stdout;
        let mut binaries = Binaries::new();
        for entry in tar::Archive::new(archive.as_slice()).entries().expect("is an archive") {
            let mut entry = entry.expect("is whole");
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("reads");
            for (name, binary) in binaries_of_layer(&bytes) {
                assert!(binaries.insert(name.clone(), binary).is_none(), "{name} is there twice");
            }
        }
        assert_eq!(binaries.keys().collect::<Vec<_>>().len(), self.built.len(), "{:?}", binaries.keys());
        binaries
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"];
        testbed::read("git", &[&["-C", self.checkout.root.as_str()], &who[..], arguments].concat())
    }

    /// Commits what there is.
    pub fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "a step"]);
    }
}

pub fn go_mod(errors: &str) -> String {
    format!("module example.com/tiny\n\ngo 1.26\n\nrequire github.com/pkg/errors {errors}\n")
}

pub fn more_words(random: &mut Random) -> String {
    format!("package words\n\nfunc init() {{ all = append(all, \"{}\") }}\n", random.token())
}

/// The services' binaries in a layer; none where it is something else.
fn binaries_of_layer(bytes: &[u8]) -> Binaries {
    let mut binaries = Binaries::new();
    let mut archive = tar::Archive::new(bytes);
    for mut entry in archive.entries().into_iter().flatten().map_while(Result::ok) {
        let name = entry.path().map(|path| path.display().to_string()).unwrap_or_default();
        if GO.iter().chain(&RUST).any(|service| *service == name) {
            let mut binary = Vec::new();
            entry.read_to_end(&mut binary).expect("reads");
            binaries.insert(name, binary);
        }
    }
    binaries
}

/// The words of steps in a binary.
pub fn tokens(binary: &[u8]) -> Vec<String> {
    let mark = b"token-";
    let starts = binary.windows(mark.len()).enumerate().filter(|(_, window)| window == mark);
    starts.map(|(at, _)| String::from_utf8_lossy(&binary[at..(at + 14).min(binary.len())]).into_owned()).collect()
}
