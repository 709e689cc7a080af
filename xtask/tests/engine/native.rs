//! The engine that needs no Docker: what it makes is valid, starts, and is what a builder makes of the same sources.

use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use crate::checkout::Checkout;
use crate::container::{self, Container, free_address};
use crate::testbed;

/// The layout of an image.
struct Layout(Utf8PathBuf);

impl Layout {
    fn of(checkout: &Checkout, name: &str) -> Self {
        Self(checkout.root.join("target/images/layouts").join(name))
    }

    fn blob(&self, descriptor: &Value) -> Utf8PathBuf {
        self.0.join("blobs").join(descriptor["digest"].as_str().expect("is a digest").replace(':', "/"))
    }

    fn document(&self, path: &Utf8Path) -> Value {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        serde_json::from_str(&text).expect("is JSON")
    }

    fn manifest(&self) -> Value {
        self.document(&self.blob(&self.document(&self.0.join("index.json"))["manifests"][0]))
    }

    fn diff_ids(&self) -> Vec<String> {
        let config = self.document(&self.blob(&self.manifest()["config"]));
        let ids = config["rootfs"]["diff_ids"].as_array().expect("is a list").iter();
        ids.map(|id| id.as_str().expect("is a digest").to_owned()).collect()
    }

    /// What the image prints under runc, started from nothing but the layout.
    fn run(&self, arguments: &[&str]) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let bundle = Utf8Path::from_path(folder.path()).expect("is UTF-8");
        let rootfs = bundle.join("rootfs");
        fs::create_dir(&rootfs).expect("creates");
        for layer in self.manifest()["layers"].as_array().expect("is a list") {
            testbed::read("tar", &["-C", rootfs.as_str(), "-xzf", self.blob(layer).as_str()]);
        }
        testbed::read("runc", &["spec", "--bundle", bundle.as_str()]);
        let path = bundle.join("config.json");
        let mut spec = self.document(&path);
        let config = self.document(&self.blob(&self.manifest()["config"]));
        let entrypoint = config["config"]["Entrypoint"].as_array().expect("is a list").iter();
        let words: Vec<_> = entrypoint.cloned().chain(arguments.iter().map(|word| Value::from(*word))).collect();
        spec["process"]["args"] = words.into();
        spec["process"]["terminal"] = false.into();
        spec["process"]["cwd"] = config["config"]["WorkingDir"].clone();
        spec["process"]["user"] = serde_json::json!({"uid": 65532, "gid": 65532});
        fs::write(&path, spec.to_string()).expect("writes");
        let (state, id) = (bundle.join("state"), format!("native-{}", std::process::id()));
        testbed::read("runc", &["--root", state.as_str(), "run", "--bundle", bundle.as_str(), &id])
    }
}

/// Checks an image as it is on the disk, and as a registry hands it out.
fn validate(layout: &Layout, name: &str) {
    skopeo_reads(&format!("oci:{}:latest", layout.0));
    let reference = format!("{}/native/{name}:latest", testbed::registry());
    testbed::read("crane", &["push", "--insecure", layout.0.as_str(), &reference]);
    let output = testbed::run("crane", &["validate", "--insecure", "--remote", &reference]);
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Checks that skopeo takes an image, whose digests it compares, for every platform.
fn skopeo_reads(image: &str) {
    testbed::read("skopeo", &["inspect", image]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let to = format!("dir:{}", folder.path().display());
    // A `docker-archive` is of one platform, and `--all` means nothing to it.
    testbed::read("skopeo", &["copy", "--quiet", "--all", image, &to]);
}

#[test]
fn an_image_for_two_platforms_is_valid() {
    let checkout = Checkout::of_two_services("two");
    checkout.native(&["image", "hello", "--platform", "linux/amd64,linux/arm64"]).with_code(0);
    validate(&Layout::of(&checkout, "hello"), "two");
}

#[test]
fn the_services_of_this_repository_are_valid_and_start_with_runc_and_docker() {
    let checkout = Checkout::of_this_repository("native");
    let ended = checkout.native(&["images", "--load", "--json"]).with_code(0);
    assert_eq!(ended.images().len(), 4);
    for name in ["gateway", "reporter", "server", "worker"] {
        let layout = Layout::of(&checkout, name);
        validate(&layout, name);
        assert_eq!(layout.run(&["--version"]).split_whitespace().next(), Some(name));
        let reference = checkout.reference(name);
        assert_eq!(container::output(&reference, &["--version"]).split_whitespace().next(), Some(name));
    }
    let address = free_address();
    let worker = Container::start(&checkout.reference("worker"), &["--env", &format!("LISTEN_ADDR={address}")], &[]);
    worker.is_healthy(&address).unwrap_or_else(|error| panic!("worker: {error}"));
    assert_eq!(worker.user(), "65532:65532");
}

#[test]
fn a_tarball_of_either_engine_is_loaded_with_every_image_in_it() {
    let checkout = Checkout::of_two_services("tarball");
    let builder = testbed::remote_builder();
    // What a tag named before is still in a builder's layout.
    checkout.images(&["--builder", &builder]).with_code(0);
    checkout.replace("go/cmd/hello/main.go", "hello", "good evening");
    for engine in ["native", "bake"] {
        let file = checkout.root.join(format!("{engine}.tar"));
        let output = ["--tag", "latest", "--tag", "v2", "--tarball", file.as_str()];
        let ended = match engine {
            "native" => checkout.native(&[&["images"] as &[_], &output].concat()),
            _ => checkout.images(&[&["--builder", &builder] as &[_], &output].concat()),
        };
        ended.with_code(0);
        for tag in ["latest", "v2"] {
            for name in ["hello", "greeter"] {
                testbed::run("docker", &["image", "rm", "--force", &format!("tarball/{name}:{tag}")]);
            }
        }
        skopeo_reads(&format!("docker-archive:{file}:tarball/hello:v2"));
        testbed::read("docker", &["image", "load", "--input", file.as_str()]);
        for (name, text) in [("hello", "good evening"), ("greeter", "hello")] {
            assert_eq!(container::complaint(&format!("tarball/{name}:v2")), text);
        }
        testbed::read("docker", &["image", "inspect", "tarball/hello:latest", "tarball/greeter:latest"]);
    }
}

#[test]
fn a_go_layer_is_the_one_that_a_builder_makes() {
    let checkout = Checkout::of_two_services("same");
    checkout.native(&["image", "hello"]).with_code(0);
    let native = Layout::of(&checkout, "hello").diff_ids();
    checkout.image("hello", &["--builder", &testbed::remote_builder()]).with_code(0);
    assert_eq!(native.last(), Layout::of(&checkout, "hello").diff_ids().last());
}

#[test]
fn zstd_holds_for_the_base_too_and_changes_no_archive() {
    let checkout = Checkout::of_two_services("zstd");
    let name = format!("{}/distroless/static-debian13:nonroot", testbed::registry());
    let digest = testbed::read("crane", &["digest", &name]);
    let base = format!("base = \"{name}@{}\"\n", digest.trim());
    checkout.write("go/cmd/hello/image.toml", &base);
    checkout.native(&["image", "hello"]).with_code(0);
    let plain = Layout::of(&checkout, "hello").diff_ids();
    checkout.write("go/cmd/hello/image.toml", &format!("{base}compression = \"zstd\"\n"));
    checkout.native(&["image", "hello", "--load"]).with_code(0);
    let layout = Layout::of(&checkout, "hello");
    assert_eq!(layout.diff_ids(), plain);
    let manifest = layout.manifest();
    for layer in manifest["layers"].as_array().expect("is a list") {
        assert_eq!(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar+zstd");
    }
    // crane takes every layer for gzip.
    skopeo_reads(&format!("oci:{}:latest", layout.0));
    assert_eq!(container::complaint(&checkout.reference("hello")), "hello");
    // On another day and in another folder the same bytes.
    fs::remove_dir_all(&layout.0).expect("removes");
    checkout.native(&["image", "hello"]).with_code(0);
    assert_eq!(layout.manifest(), manifest);
}

#[test]
fn on_one_base_of_a_registry_every_layer_is_the_one_that_a_builder_makes() {
    let checkout = Checkout::of_two_services("based");
    let name = format!("{}/distroless/static-debian13:nonroot", testbed::registry());
    checkout.write("go/cmd/hello/image.toml", &format!("base = \"{name}\"\n"));
    checkout.native(&["image", "hello"]).with_code(0);
    let native = Layout::of(&checkout, "hello").diff_ids();
    validate(&Layout::of(&checkout, "hello"), "based");
    checkout.image("hello", &["--builder", &testbed::remote_builder()]).with_code(0);
    assert_eq!(native, Layout::of(&checkout, "hello").diff_ids());
    assert!(native.len() > 1);
}

#[test]
fn on_the_embedded_base_every_layer_is_the_one_that_a_builder_makes() {
    let checkout = Checkout::of_two_services("embedded");
    checkout.write("go/cmd/hello/image.toml", "base = \"embedded\"\nargs = [\"now\"]\n");
    checkout.native(&["image", "hello"]).with_code(0);
    let native = Layout::of(&checkout, "hello").diff_ids();
    let layout = Layout::of(&checkout, "hello");
    let builder = testbed::remote_builder();
    checkout.image("hello", &["--builder", &builder, "--platform", "linux/arm64"]).with_code(0);
    assert_eq!(layout.diff_ids()[0], native[0]);
    checkout.image("hello", &["--builder", &builder]).with_code(0);
    assert_eq!(layout.diff_ids(), native);
    validate(&layout, "embedded");
    layout.run(&[]);
    // The engine's own builder takes no layout.
    checkout.image("hello", &[]).with_code(0);
    let layers = "{{range .RootFS.Layers}}{{.}} {{end}}";
    let own = testbed::read("docker", &["image", "inspect", "--format", layers, &checkout.reference("hello")]);
    assert_eq!(own.split_whitespace().collect::<Vec<_>>(), native);
}

#[test]
fn an_image_of_another_tag_is_not_measured_again() {
    let checkout = Checkout::of_two_services("tags");
    let build = |tag: &str| {
        let images = checkout.image("hello", &["--builder", &testbed::remote_builder(), "--tag", tag, "--json"]);
        images.with_code(0).images().into_iter().map(|image| image["digest"].clone()).collect::<Vec<_>>()
    };
    let first = build("v1");
    checkout.replace("go/cmd/hello/main.go", "hello", "good evening");
    let second = build("v2");
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
}

#[test]
fn the_same_tree_gives_the_same_digests_in_another_path_for_another_user() {
    let checkout = Checkout::of_two_services("moved");
    checkout.write("go/cmd/hello/flags.json", "{}");
    checkout.write("go/cmd/hello/image.toml", "files = [{ from = \"flags.json\", to = \"/etc/flags.json\" }]\n");
    let home = tempfile::tempdir().expect("a temporary folder");
    let home = Utf8Path::from_path(home.path()).expect("is UTF-8");
    let mine = std::env::var("HOME").expect("is set");
    // Toolchains are installed, and caches are not: those of the other user are empty.
    let rustup = std::env::var("RUSTUP_HOME").unwrap_or_else(|_| format!("{mine}/.rustup"));
    let modules = testbed::read("go", &["env", "GOMODCACHE"]);
    let other = [
        ("HOME", home.to_string()),
        ("CARGO_HOME", format!("{home}/cargo")),
        ("RUSTUP_HOME", rustup),
        ("GOMODCACHE", modules.trim().to_owned()),
        ("GOCACHE", format!("{home}/go-cache")),
        ("LC_ALL", "de_DE.UTF-8".to_owned()),
        ("TZ", "Asia/Kathmandu".to_owned()),
        ("RUSTFLAGS", "-Copt-level=1".to_owned()),
    ];
    let users = [("one", "022", "go=rX", &[] as &[_]), ("another/with a longer name", "077", "go=", &other)];
    let digests = users.map(|(folder, umask, modes, environment)| {
        let root = checkout.root.join(folder);
        let script = format!(
            "umask {umask} && mkdir -p \"$2/.git\" && cp -r go rust \"$2\" && chmod -R {modes} \"$2\" && exec \"$0\" \"$@\""
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_xtask"), "-C", root.as_str(), "images"]);
        command.args(["--engine", "native", "--json"]).current_dir(&checkout.root);
        let output = command.envs(environment.iter().cloned()).output().expect("sh starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).expect("is JSON");
        let images = report["images"].as_array().expect("is a list").clone();
        images.iter().map(|image| image["digest"].clone()).collect::<Vec<_>>()
    });
    assert_eq!(digests[0].len(), 2);
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn rust_on_a_base_with_a_loader_is_linked_with_its_libc_and_starts() {
    let checkout = Checkout::of_two_services("dynamic");
    let base = format!("{}/distroless/cc-debian13:nonroot", testbed::registry());
    checkout.write(
        "rust/greeter/Cargo.toml",
        &format!("[package]\nname = \"greeter\"\nedition = \"2024\"\n[package.metadata.image]\nbase = \"{base}\"\n"),
    );
    let ended = checkout.native(&["image", "greeter", "--load"]).with_code(0);
    assert!(!ended.stderr.contains("linked statically"), "{}", ended.stderr);
    let layout = Layout::of(&checkout, "greeter");
    validate(&layout, "dynamic");
    assert_eq!(container::complaint(&checkout.reference("greeter")), "hello");
    let native = layout.diff_ids();
    checkout.image("greeter", &["--builder", &testbed::remote_builder()]).with_code(0);
    let built = layout.diff_ids();
    assert_eq!(native.split_last().expect("has layers").1, built.split_last().expect("has layers").1, "one base");
}

#[test]
fn a_source_that_comes_back_with_its_old_time_is_compiled_again() {
    let checkout = Checkout::of_two_services("back");
    let build = || {
        checkout.native(&["image", "greeter"]).with_code(0);
        Layout::of(&checkout, "greeter").diff_ids()
    };
    let source = checkout.root.join("rust/greeter/src/main.rs");
    let time = source.metadata().and_then(|is| is.modified()).expect("has a time");
    let first = build();
    checkout.replace("rust/greeter/src/main.rs", "hello", "good evening");
    assert_ne!(build(), first);
    checkout.replace("rust/greeter/src/main.rs", "good evening", "hello");
    fs::File::options().append(true).open(&source).and_then(|file| file.set_modified(time)).expect("sets its time");
    assert_eq!(build(), first);
}
