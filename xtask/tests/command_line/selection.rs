//! Which services images are made of by default: what the repository's own files ship, and no helpers.

use crate::support::Repository;

/// Folder, whether an image is made of it, and why, for each service.
fn listed(repository: &Repository) -> String {
    let services = repository.xtask(&["list", "--json"]).succeeds().json()["services"].clone();
    let text = |service: &serde_json::Value, key: &str| service[key].as_str().expect("is text").to_owned();
    let mut lines: Vec<String> = services
        .as_array()
        .expect("is a list")
        .iter()
        .map(|service| {
            let image = if service["selected"] == true { "yes" } else { "no" };
            format!("{} {image}: {}", text(service, "dir"), text(service, "reason"))
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

fn with_mains(folders: &[&str]) -> Repository {
    let repository = Repository::new();
    repository.write("go.mod", "module example.com/shop\n\ngo 1.26\n");
    for folder in folders {
        repository.write(&format!("{folder}/main.go"), "package main\n\nfunc main() {}\n");
    }
    repository
}

#[test]
fn helpers_are_left_out_and_one_line_reverses_it() {
    let repository = with_mains(&["cmd/api", "cmd/api-gen", "e2e/runner", "examples/hello", "third_party/tool"]);
    repository.write("plugins/auth/main.go", "package main\n\nvar Plugin int\n");
    repository.rust_service("firmware", "firmware", "");
    repository.write("firmware/src/main.rs", "#![no_main]\n");
    repository.rust_service("guest", "guest", "");
    repository.write("guest/.cargo/config.toml", "[build]\ntarget = \"wasm32-wasip1\"\n");
    insta::assert_snapshot!(listed(&repository), @r"
    cmd/api yes: a Go main package
    cmd/api-gen no: is a helper by its name: `api-gen`
    e2e/runner no: lies under `e2e`, which holds no services by default
    examples/hello no: lies under `examples`, which holds no services by default
    firmware no: has #![no_main], as firmware and fuzz targets
    guest no: is compiled to WebAssembly: guest/.cargo/config.toml sets the target
    plugins/auth no: has no func main, as a plugin
    third_party/tool no: lies under `third_party`, which holds no services by default
    ");
    repository.write("examples/hello/image.toml", "skip = false\n");
    repository.write("Cargo.toml", "[workspace]\n[workspace.metadata.images]\ninclude = [\"cmd/api-gen\"]\n");
    let listed = listed(&repository);
    assert!(listed.contains("cmd/api-gen yes: the settings include `cmd/api-gen`\n"), "{listed}");
    assert!(listed.contains("examples/hello yes: `skip = false` is set in examples/hello/image.toml\n"), "{listed}");
}

#[test]
fn what_a_release_builds_is_shipped_wherever_it_lies() {
    let repository =
        with_mains(&["cmd/web", "cmd/worker", "cmd/debug", "examples/base", "examples/other", "tools/ctl"]);
    repository.write(".goreleaser.yaml", "builds:\n  - id: base\n    main: ./examples/base\n    binary: shop\n");
    repository.write(
        "Dockerfile",
        "FROM golang AS build\nARG NAME=web\nRUN go build -o /out ./cmd/${NAME}\nFROM scratch\nCOPY --from=build /out /\n",
    );
    repository.write("compose.yaml", "services:\n  worker:\n    build:\n      args:\n        NAME: worker\n");
    repository.write(".github/workflows/release.yml", "jobs:\n  a:\n    steps:\n      - run: |\n          make ctl\n");
    repository.write("Makefile", "ctl:\n\tgo build -o bin/$@ ./tools/$@\n");
    insta::assert_snapshot!(listed(&repository), @r"
    cmd/debug no: the Dockerfiles and release files build others only
    cmd/web yes: a Go main package, shipped by Dockerfile
    cmd/worker yes: a Go main package, shipped by Dockerfile
    examples/base yes: a Go main package, shipped by .goreleaser.yaml
    examples/other no: lies under `examples`, which holds no services by default
    tools/ctl yes: a Go main package, shipped by Makefile
    ");
}

#[test]
fn where_not_all_is_understood_nothing_is_left_out_for_it() {
    let repository = with_mains(&["cmd/web", "cmd/worker"]);
    repository.write("build/web/Dockerfile", "FROM golang AS build\nRUN go build -o /out ./cmd/web\n");
    assert!(listed(&repository).contains("cmd/worker no: "));
    repository.write("build/any/Dockerfile", "FROM golang AS build\nARG WHAT\nRUN go build -o /out $WHAT\n");
    insta::assert_snapshot!(listed(&repository), @r"
    cmd/web yes: a Go main package, shipped by build/web/Dockerfile
    cmd/worker yes: a Go main package
    ");
}

#[test]
fn binaries_of_a_workspace_are_told_by_package_and_name() {
    let repository = Repository::with_services(&["api", "worker", "probe"]);
    repository.write(
        "Dockerfile",
        "FROM rust AS build\nRUN cargo build --release -p api\nFROM debian\nCOPY --from=build /src/target/release/worker /usr/bin/\n",
    );
    repository.write("tests/Dockerfile", "FROM rust\nRUN cargo build -p probe\n");
    insta::assert_snapshot!(listed(&repository), @r"
    api yes: a Rust package with a binary, shipped by Dockerfile
    probe no: the Dockerfiles and release files build others only
    worker yes: a Rust package with a binary, shipped by Dockerfile
    ");
}

#[test]
fn generated_dockerfiles_are_no_evidence() {
    let repository = with_mains(&["cmd/web"]);
    repository.xtask(&["generate"]).succeeds();
    repository.write("cmd/worker/main.go", "package main\n\nfunc main() {}\n");
    insta::assert_snapshot!(listed(&repository), @r"
    cmd/web yes: a Go main package
    cmd/worker yes: a Go main package
    ");
}
