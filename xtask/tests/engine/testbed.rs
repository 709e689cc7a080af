//! The engine, the registry and the builder that `xtask/tests/testbed/up` provides.

use std::process::{Command, Output};

/// What makes and removes builders.
const BUILDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testbed/builder");

/// A variable of the testbed's environment.
pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: `bash .ci/run` starts the testbed and sets it"))
}

/// The loopback registry, as `127.0.0.1:5100`.
pub fn registry() -> String {
    variable("TESTBED_REGISTRY")
}

/// The second builder, which is not the engine's own.
pub fn remote_builder() -> String {
    variable("TESTBED_BUILDER_REMOTE")
}

/// A builder with nothing in its cache, as another machine has it. It goes away when it goes out of scope.
pub struct Builder {
    pub name: String,
}

impl Builder {
    pub fn create(name: &str) -> Self {
        read(BUILDER, &["create", name]);
        Self { name: name.to_owned() }
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        run(BUILDER, &["remove", &self.name]);
    }
}

/// The options that builds need here: the network of steps, and the certificates that downloads trust.
pub fn build_options() -> Vec<String> {
    let options = [("--network", variable("TESTBED_NETWORK")), ("--ca-bundle", variable("TESTBED_CA_BUNDLE"))];
    options
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .flat_map(|(option, value)| [option.to_owned(), value])
        .collect()
}

/// What a program writes to its standard output. It must succeed.
pub fn read(program: &str, arguments: &[&str]) -> String {
    let output = run(program, arguments);
    assert!(
        output.status.success(),
        "{program} {} failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("is UTF-8")
}

/// Runs a program to its end.
pub fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// Whether the registry has a manifest under this reference, as `name:tag`.
pub fn has_tag(reference: &str) -> bool {
    let (name, tag) = reference.rsplit_once(':').expect("has a tag");
    let url = format!("http://{}/v2/{name}/manifests/{tag}", registry());
    let accept = "Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
                  application/vnd.docker.distribution.manifest.v2+json";
    let status = read(
        "curl",
        &[
            "--silent",
            "--noproxy",
            "*",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
            "--header",
            accept,
            &url,
        ],
    );
    match status.as_str() {
        "200" => true,
        "404" => false,
        other => panic!("the registry answers {other} for {url}"),
    }
}
