//! What Go and Cargo compile, and no container can run by itself: plugins, libraries for C, guests of a WebAssembly host.

use camino::Utf8Path;

use crate::discover::rust::{Package, RootKind};
use crate::files::tree::{Below as _, Tree};
use crate::service::{Service, Source};

/// Why the service is no program that a container can run; nothing for one that is.
pub(super) fn cannot_run(tree: &Tree, service: &Service) -> Option<String> {
    match &service.source {
        Source::Go(main) => go(tree, &main.dir),
        Source::Rust(package) => rust(tree, package, &service.bins),
    }
}

/// What the main package's own files say. Whether Go takes a file on one platform does not matter here.
fn go(tree: &Tree, dir: &Utf8Path) -> Option<String> {
    let entries = tree.entries(dir).ok()?;
    let is_source = |name: &str| name.ends_with(".go") && !name.ends_with("_test.go");
    let sources = entries.iter().filter(|entry| entry.is_file() && is_source(&entry.name));
    let texts: Vec<String> = sources.filter_map(|entry| text(tree, &dir.below(&entry.name))).collect();
    let mains: Vec<&str> = texts.iter().filter_map(|text| body_of_main(text)).collect();
    if texts.iter().any(|text| imports(text, "syscall/js")) {
        return Some("is compiled to WebAssembly: it imports syscall/js".to_owned());
    }
    if texts.iter().any(|text| lines_beginning(text, "//go:wasmexport ")) {
        return Some("is compiled to WebAssembly: it has go:wasmexport".to_owned());
    }
    if mains.is_empty() {
        return Some("has no func main, as a plugin".to_owned());
    }
    if mains.iter().any(|body| !is_empty(body)) {
        return None;
    }
    if texts.iter().any(|text| imports(text, "C") && lines_beginning(text, "//export ")) {
        return Some("is a library for C: its main is empty, and it exports functions".to_owned());
    }
    let mode = ["plugin", "c-archive", "c-shared"].into_iter().find(|mode| {
        texts.iter().any(|text| {
            [format!("buildmode={mode}"), format!("buildmode {mode}")].iter().any(|flag| text.contains(flag))
        })
    });
    mode.map(|mode| format!("is built with -buildmode={mode}, and its main is empty"))
}

fn text(tree: &Tree, file: &Utf8Path) -> Option<String> {
    Some(String::from_utf8_lossy(&tree.read(file).ok()??).into_owned())
}

fn imports(source: &str, path: &str) -> bool {
    let quoted = format!("\"{path}\"");
    source.lines().map(str::trim).any(|line| {
        let line = line.strip_prefix("import").map_or(line, str::trim_start);
        line.strip_prefix(quoted.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([';', ' ', '\t', '/']))
    })
}

fn lines_beginning(source: &str, with: &str) -> bool {
    source.lines().any(|line| line.starts_with(with))
}

/// What follows the opening brace of `func main`.
fn body_of_main(source: &str) -> Option<&str> {
    let heads =
        source.match_indices("func main").filter(|(at, _)| *at == 0 || source[..*at].ends_with(['\n', ';', '\r']));
    let mut bodies = heads.filter_map(|(at, head)| {
        let rest = source[at + head.len()..].trim_start().strip_prefix('(')?.trim_start().strip_prefix(')')?;
        rest.trim_start().strip_prefix('{')
    });
    bodies.next()
}

/// Whether nothing but comments stands before the closing brace.
fn is_empty(body: &str) -> bool {
    let mut rest = body.trim_start();
    loop {
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, rest)| rest).trim_start();
        } else {
            return rest.starts_with('}');
        }
    }
}

fn rust(tree: &Tree, package: &Package, bins: &[String]) -> Option<String> {
    if let Some(config) = wasm_target(tree, &package.dir) {
        return Some(format!("is compiled to WebAssembly: {config} sets the target"));
    }
    if ["Trunk.toml", "spin.toml"].iter().any(|name| tree.has_file(&package.dir, name).unwrap_or(false)) {
        return Some("is compiled to WebAssembly, for a browser or another host".to_owned());
    }
    let is_kept = |bin: &String| bins.is_empty() || bins.contains(bin);
    let mut roots =
        package.roots.iter().filter(|root| matches!(&root.kind, RootKind::Binary(bin) if is_kept(bin))).peekable();
    roots.peek()?;
    let has_no_main = |file: &Utf8Path| text(tree, file).is_some_and(|text| is_no_main(&text));
    roots.all(|root| has_no_main(&root.file)).then(|| "has #![no_main], as firmware and fuzz targets".to_owned())
}

/// Whether a source has the attribute, whatever the platform.
fn is_no_main(source: &str) -> bool {
    source.lines().any(|line| {
        let line: String = line.chars().filter(|character| !character.is_whitespace()).collect();
        line.starts_with("#![no_main]")
    })
}

/// The Cargo configuration beside a package, or above it, that compiles it to WebAssembly. The one at the root of the
/// repository counts for a package there only.
fn wasm_target(tree: &Tree, dir: &Utf8Path) -> Option<String> {
    let folders = dir.ancestors().filter(|folder| !folder.as_str().is_empty() || dir.as_str().is_empty());
    let files = folders.flat_map(|folder| [".cargo/config.toml", ".cargo/config"].map(|name| folder.below(name)));
    files.into_iter().find_map(|file| {
        let table: toml::Table = text(tree, &file)?.parse().ok()?;
        let target = table.get("build")?.get("target")?.as_str()?;
        target.starts_with("wasm").then(|| file.into_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_go(source: &str) -> Option<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Utf8Path::from_path(folder.path()).expect("UTF-8").to_owned();
        std::fs::write(root.join("main.go"), source).expect("writes");
        std::fs::write(root.join("main_test.go"), "package main\n\nfunc main() { }\n").expect("writes");
        go(&Tree::new(root), Utf8Path::new(""))
    }

    #[test]
    fn a_go_package_that_is_no_program_is_told_by_its_sources() {
        for (source, expected) in [
            ("package main\n\nfunc main() {}\n", None),
            ("package main\n\nfunc main() {\n\trun()\n}\n", None),
            ("package main\n\nvar Plugin int\n", Some("has no func main, as a plugin")),
            ("package main\n\nfunc mainly() {}\n", Some("has no func main, as a plugin")),
            (
                "package main\n\nimport \"C\"\n\n//export add\nfunc add() {}\n\nfunc main() {\n\t// for cgo\n}\n",
                Some("is a library for C: its main is empty, and it exports functions"),
            ),
            ("package main\n\nimport \"C\"\n\n//export add\nfunc add() {}\n\nfunc main() { add() }\n", None),
            (
                "// Build it with go build -buildmode=plugin.\npackage main\n\nfunc main() {}\n",
                Some("is built with -buildmode=plugin, and its main is empty"),
            ),
            (
                "package main\n\nimport (\n\t\"syscall/js\"\n)\n\nfunc main() {}\n",
                Some("is compiled to WebAssembly: it imports syscall/js"),
            ),
        ] {
            assert_eq!(of_go(source).as_deref(), expected, "{source}");
        }
    }

    #[test]
    fn no_main_counts_only_without_a_condition() {
        assert!(is_no_main("#![no_std]\n#! [ no_main ]\n"));
        assert!(!is_no_main("#![cfg_attr(target_arch = \"wasm32\", no_main)]\nfn main() {}\n"));
    }
}
