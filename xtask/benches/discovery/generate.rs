//! Made-up repositories of Go and Rust services.

use std::fmt::Write as _;
use std::fs;

use camino::Utf8Path;

/// Packages of each Go service, the main one among them.
const PACKAGES: usize = 10;

/// Packages that the Go services share.
const SHARED: usize = 40;

/// For so many Go services there is a Rust one.
pub const GO_FOR_EACH_RUST: usize = 5;

/// Writes a repository of `services` Go services and the Rust services that go with them.
pub fn repository(root: &Utf8Path, services: usize) {
    write(root, "go.mod", "module example.com/shop\n\ngo 1.26\n");
    write(root, "go.sum", "");
    for number in 0..SHARED {
        // Each builds on some of those before it, as packages do.
        let imports: Vec<_> = [number / 2, number / 3].into_iter().filter(|before| *before < number).collect();
        go_package(root, &format!("core/c{number}"), &format!("c{number}"), &imports.into_iter().map(shared).collect());
    }
    for service in 0..services {
        let dir = format!("services/s{service}");
        for number in 1..PACKAGES {
            let own =
                (number + 1..PACKAGES.min(number + 3)).map(|next| format!("example.com/shop/{dir}/internal/p{next}"));
            let imports = own.chain([shared(number * 4), shared((number * 4 + service) % SHARED)]).collect();
            go_package(root, &format!("{dir}/internal/p{number}"), &format!("p{number}"), &imports);
        }
        let imports = [1, 2].map(|number| format!("example.com/shop/{dir}/internal/p{number}")).to_vec();
        go_package(root, &dir, "main", &imports);
    }
    rust_services(root, services / GO_FOR_EACH_RUST);
}

fn shared(number: usize) -> String {
    format!("example.com/shop/core/c{number}")
}

/// Four files: of the package, of another system and of a test; with code as long as it usually is.
fn go_package(root: &Utf8Path, dir: &str, name: &str, imports: &Vec<String>) {
    let mut imported = String::from("\t\"fmt\"\n\t\"strings\"\n\n");
    for import in imports {
        let _ = writeln!(imported, "\t_ {import:?}");
    }
    let body = |file: &str| {
        (0..40).fold(String::new(), |mut text, number| {
            let _ = write!(
                text,
                "\n// {file}{number} says what it was given.\nfunc {file}{number}(values ...string) string {{\n\
                 \treturn fmt.Sprintf(\"{number}: %s\", strings.Join(values, \", \"))\n}}\n"
            );
            text
        })
    };
    for (file, suffix) in [("run", ""), ("state", ""), ("open", "_windows"), ("run", "_test")] {
        let head = format!("// Package {name} is made up.\npackage {name}\n\nimport (\n{imported})\n");
        let main = if name == "main" && file == "run" && suffix.is_empty() { "\nfunc main() {}\n" } else { "" };
        let text = format!("{head}{main}{}", body(&format!("{file}{}", suffix.trim_start_matches('_'))));
        write(root, &format!("{dir}/{file}{suffix}.go"), &text);
    }
}

/// A workspace of services and of a crate that they share.
fn rust_services(root: &Utf8Path, services: usize) {
    write(root, "rust/Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"shared\", \"services/*\"]\n");
    let package = |name: &str, rest: &str| {
        format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n{rest}")
    };
    let body = |name: &str| {
        (0..40).fold(String::new(), |mut text, number| {
            let _ = write!(
                text,
                "\n/// Says what it was given.\npub fn {name}{number}(values: &[&str]) -> String {{\n    \
                 format!(\"{number}: {{}}\", values.join(\", \"))\n}}\n"
            );
            text
        })
    };
    let modules = ["config", "routes", "state"];
    let declared = modules.map(|module| format!("pub mod {module};\n")).concat();
    for (dir, manifest, first, main) in
        [("shared".to_owned(), package("shared", ""), "lib.rs", "")].into_iter().chain((0..services).map(|number| {
            let depends = "\n[dependencies]\nshared = { path = \"../../shared\" }\n";
            let manifest = package(&format!("r{number}"), depends);
            (format!("services/r{number}"), manifest, "main.rs", "\nfn main() {}\n")
        }))
    {
        write(root, &format!("rust/{dir}/Cargo.toml"), &manifest);
        write(root, &format!("rust/{dir}/src/{first}"), &format!("{declared}{main}{}", body("own")));
        for module in modules {
            write(root, &format!("rust/{dir}/src/{module}.rs"), &body(module));
        }
    }
}

fn write(root: &Utf8Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("is in a folder")).expect("creates");
    fs::write(path, text).expect("writes");
}
