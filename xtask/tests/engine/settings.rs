//! What services may ask for, in images that are built and run.

use crate::checkout::Checkout;
use crate::container::output;
use crate::testbed;

#[test]
fn an_image_holds_what_its_settings_say() {
    let checkout = Checkout::of_two_services("settings");
    checkout.write("go/cmd/hello/flags.json", "{\"dark\": true}\n");
    checkout.write(
        "go/cmd/hello/image.toml",
        r#"
args = ["/etc/hello/flags.json"]
env = { GREETING = "a $5 \"tip\"" }
ports = ["8080/tcp"]
workdir = "/var/lib/hello"
files = [
    { from = "flags.json", to = "/etc/hello/flags.json" },
    { from = "/etc/passwd", to = "/etc/passwd.copy", image = "gcr.io/distroless/static-debian13:nonroot" },
]
"#,
    );
    checkout.write(
        "go/cmd/hello/main.go",
        r#"package main

import ("fmt"; "os")

func main() {
	flags, err := os.ReadFile(os.Args[1])
	if err != nil { panic(err) }
	if _, err := os.ReadFile("/etc/passwd.copy"); err != nil { panic(err) }
	dir, _ := os.Getwd()
	fmt.Printf("%s%s %s", flags, os.Getenv("GREETING"), dir)
}
"#,
    );
    checkout.image("hello", &[]).with_code(0);
    let reference = checkout.reference("hello");
    assert_eq!(output(&reference, &[]), "{\"dark\": true}\na $5 \"tip\" /var/lib/hello");
    let config =
        testbed::read("docker", &["image", "inspect", "--format", "{{json .Config.ExposedPorts}}", &reference]);
    assert_eq!(config.trim(), "{\"8080/tcp\":{}}");
}

#[test]
fn layers_are_compressed_as_the_settings_say() {
    let checkout = Checkout::of_two_services("compression");
    let prefix = format!("{}/compression/", testbed::registry());
    let arguments = ["--builder", &testbed::remote_builder(), "--push", "--image-prefix", &prefix, "--json"];
    let mut sent = Vec::new();
    // What a builder has compressed before does not stay.
    for compression in ["zstd", "gzip", "zstd"] {
        checkout.write("go/cmd/hello/image.toml", &format!("compression = \"{compression}\"\n"));
        let images = checkout.xtask(&["image", "hello"], &arguments).with_code(0).images();
        let reference = format!("{prefix}hello:latest");
        let manifest = testbed::read("crane", &["manifest", "--insecure", &reference]);
        let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("is JSON");
        for layer in manifest["layers"].as_array().expect("is a list") {
            let media_type = layer["mediaType"].as_str().expect("is a text");
            assert!(media_type.ends_with(&format!("+{compression}")), "{compression}: {media_type}");
        }
        // It compares the digests of what it reads.
        let (from, to) = (format!("docker://{reference}"), format!("dir:{}/{}", checkout.root, sent.len()));
        testbed::read("skopeo", &["copy", "--quiet", "--src-tls-verify=false", &from, &to]);
        let pulled = testbed::read("crane", &["digest", "--insecure", &reference]);
        assert_eq!(images[0]["digest"], pulled.trim());
        sent.push((images[0]["digest"].clone(), images[0]["transfer_bytes"].clone(), images[0]["own_bytes"].clone()));
    }
    assert_eq!(sent[0], sent[2]);
    assert!(sent[0].1 != sent[1].1 && sent[0].2 == sent[1].2, "{sent:?}");
}

#[test]
fn cgo_gets_a_compiler_and_a_base_with_libc() {
    let checkout = Checkout::of_two_services("cgo");
    checkout.write("go/cmd/hello/image.toml", "cgo = true\nbase = \"gcr.io/distroless/cc-debian13:nonroot\"\n");
    checkout.write(
        "go/cmd/hello/main.go",
        "package main\n\n// static int answer(void) { return 42; }\nimport \"C\"\n\nfunc main() { println(C.answer()) }\n",
    );
    checkout.image("hello", &[]).with_code(0);
    let ran = testbed::run("docker", &["run", "--rm", "--network=none", &checkout.reference("hello")]);
    assert_eq!(String::from_utf8_lossy(&ran.stderr), "42\n");
}

#[test]
fn debian_packages_and_secrets_are_there_for_the_build_and_in_no_image() {
    let checkout = Checkout::of_two_services("secrets");
    checkout.replace(
        "rust/greeter/Cargo.toml",
        "edition = \"2024\"\n",
        "edition = \"2024\"\nbuild = \"build.rs\"\n\n[package.metadata.image]\npackages = [\"file\"]\nsecrets = [\"token\"]\n",
    );
    checkout.write(
        "rust/greeter/build.rs",
        r#"fn main() {
    let file = std::process::Command::new("file").arg("--version").output().expect("the package is installed");
    assert!(file.status.success());
    let token = std::fs::read_to_string("/run/secrets/token").unwrap_or_default();
    println!("cargo::rustc-env=TOKEN_LENGTH={}", token.len());
}
"#,
    );
    checkout.write("rust/greeter/src/main.rs", "fn main() {\n    print!(\"{}\", env!(\"TOKEN_LENGTH\"));\n}\n");
    let ended = checkout.image_with_environment("greeter", &[("TOKEN", "s3cr3t-t0k3n")], &[]).with_code(0);
    assert!(!ended.stderr.contains("s3cr3t"), "{}", ended.stderr);
    let reference = checkout.reference("greeter");
    assert_eq!(output(&reference, &[]), "12");
    let archive = testbed::run("docker", &["image", "save", &reference]).stdout;
    let has = |text: &str| archive.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("org.opencontainers.image.title") && !has("s3cr3t-t0k3n"), "the secret is in the image");
    // A secret that is not set is no error: the build then does without it, and from the cache.
    checkout.image("greeter", &[]).with_code(0);
}
