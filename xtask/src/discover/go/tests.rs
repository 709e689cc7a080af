//! Small repositories, written as Go writes those of its own tests: `-- path --` before each file.

mod builds;
mod inputs;

use camino::Utf8PathBuf;

use super::*;
use crate::error::hints;

pub(super) struct Repository {
    pub(super) tree: Tree,
    _folder: tempfile::TempDir,
}

pub(super) fn repository(archive: &str) -> Repository {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("a path in UTF-8");
    let mut files: Vec<(&str, String)> = Vec::new();
    for line in archive.split_inclusive('\n') {
        match line.strip_prefix("-- ").and_then(|line| line.trim_end().strip_suffix(" --")) {
            Some(name) => files.push((name, String::new())),
            None => files.last_mut().map_or((), |(_, text)| text.push_str(line)),
        }
    }
    for (name, text) in files {
        crate::files::write(&root.join(name), text.as_bytes()).expect("can write");
    }
    Repository { tree: Tree::new(root), _folder: folder }
}

fn flags() -> Flags {
    Flags { goarchs: vec!["amd64".into(), "arm64".into()], cgo: false, tags: Vec::new(), go_minor: 26 }
}

/// Each main package as `folder executable run-folder package`.
fn mains(repository: &Repository) -> Vec<String> {
    let found = read(&repository.tree).expect("can read").mains;
    let line = |main: &Main| format!("{} {} {} {}", main.dir, main.executable, main.run_dir, main.package);
    found.iter().map(line).collect()
}

fn inputs_of(repository: &Repository, dir: &str, flags: &Flags) -> Result<Inputs> {
    let found = read(&repository.tree).expect("can read").mains;
    let main = found.iter().find(|main| main.dir == dir).expect("a main package there");
    inputs(&repository.tree, main, flags)
}

fn paths(packages: &[ThirdParty]) -> Vec<&str> {
    packages.iter().map(|package| package.path.as_str()).collect()
}

#[test]
fn names_of_executables_and_services() {
    let table = [
        ("example.com/shop/cmd/server", "server", "server"),
        ("example.com/shop/server/v2", "server", "server"),
        ("example.com/shop/tap/cmd", "cmd", "tap"),
        ("example.com/shop/cmd", "cmd", "shop"),
        ("example.com/shop/v2/cmd", "cmd", "shop"),
        ("example.com/shop/tap/cmd/v2", "cmd", "tap"),
        ("example.com/shop/cmd/cmdline", "cmdline", "cmdline"),
        ("shop/cmd", "cmd", "shop"),
        ("example.com/cmd", "cmd", "cmd"),
        ("cmd", "cmd", "cmd"),
    ];
    for (import_path, of_executable, of_service) in table {
        assert_eq!(executable(import_path), of_executable, "{import_path}");
        assert_eq!(name(import_path, of_executable), of_service, "{import_path}");
    }
}

#[test]
fn the_shortest_way_into_a_module() {
    let repository = repository(
        r#"
-- go.mod --
module example.com/shop

go 1.26.0

require (
	github.com/a/b v1.0.0
	github.com/a/b/v2 v2.0.0
	github.com/a/bc v1.0.0
)
-- main.go --
package main

import (
	_ "example.com/shop/internal/api"
	_ "example.com/shop/internal/far"
	_ "fmt"
	_ "github.com/a/b/v2/near"
)

func main() {}
-- internal/api/api.go --
package api

import _ "github.com/a/b/far"
import _ "github.com/a/b/v2/elsewhere"
-- internal/far/far.go --
package far

import _ "example.com/shop/internal/api"
import _ "github.com/a/bc"
"#,
    );
    let found = read(&repository.tree).expect("can read").mains;
    let modules = ["github.com/a/b", "github.com/a/b/v2", "github.com/a/bc", "github.com/a/c", "example.com/shop"];
    let ways = ways_into(&repository.tree, &found[0], &flags(), &modules).expect("can read");
    let ways: Vec<_> = ways.iter().map(|(module, way)| format!("{module}: {way}")).collect();
    assert_eq!(
        ways,
        [
            "github.com/a/b: example.com/shop imports example.com/shop/internal/api imports github.com/a/b/far",
            "github.com/a/b/v2: example.com/shop imports github.com/a/b/v2/near",
            "github.com/a/bc: example.com/shop imports example.com/shop/internal/far imports github.com/a/bc",
        ]
    );
}

const ORDINARY: &str = r#"
-- go.mod --
module example.com/shop

go 1.26.0

require (
	example.com/common v0.0.0
	github.com/spf13/cobra v1.9.1
)

replace example.com/common => ./common
-- go.sum --
-- common/go.mod --
module example.com/common

go 1.26.0
-- common/text/text.go --
package text
-- cmd/server/main.go --
package main

import (
	_ "embed"
	"fmt"

	"example.com/common/text"
	"example.com/shop/internal/store"
)

//go:embed index.html static/*
var page string
-- cmd/server/index.html --
-- cmd/server/static/page.css --
-- cmd/server/main_test.go --
package main

import "example.com/shop/internal/fake"
-- cmd/server/gen.go --
//go:build ignore

package main
-- cmd/server/wake_windows.go --
package main

import "example.com/shop/internal/windows"
-- cmd/worker/v2/main.go --
package main

import "github.com/spf13/cobra/doc"
-- internal/store/store.go --
package store
-- internal/store/store_arm64.s --
-- internal/store/store_darwin.go --
package store
-- internal/store/fast.go --
//go:build amd64 && go1.26 && !purego

package store

import "example.com/shop/internal/fast"
-- internal/fast/fast.go --
package fast
-- cmd/tests/only_test.go --
package main
-- _old/main.go --
package main
-- testdata/main.go --
package main
"#;

#[test]
fn an_ordinary_module_has_the_mains_that_go_lists() {
    let repository = repository(ORDINARY);
    assert_eq!(mains(&repository), ["cmd/server server  ./cmd/server", "cmd/worker/v2 worker  ./cmd/worker/v2"]);
}

#[test]
fn inputs_are_the_closure_of_the_imports() {
    let repository = repository(ORDINARY);
    let package = |dir: &str, files: &[&str], embeds: &[&str]| {
        Arc::new(InputPackage {
            dir: dir.into(),
            files: files.iter().map(|file| (*file).to_owned()).collect(),
            embeds: embeds.iter().map(|embed| (*embed).to_owned()).collect(),
        })
    };
    let server = inputs_of(&repository, "cmd/server", &flags()).expect("builds");
    assert_eq!(server.module_files, ["common/go.mod", "go.mod", "go.sum"]);
    assert_eq!(paths(&server.third_party), [""; 0]);
    assert_eq!(
        server.packages,
        [
            package("cmd/server", &["main.go"], &["index.html", "static/*"]),
            package("common/text", &["text.go"], &[]),
            package("internal/fast", &["fast.go"], &[]),
            package("internal/store", &["fast.go", "store.go", "store_arm64.s"], &[]),
        ]
    );
    let arm = Flags { goarchs: vec!["arm64".into()], ..flags() };
    let server = inputs_of(&repository, "cmd/server", &arm).expect("builds");
    assert_eq!(server.packages.len(), 3, "{:?}", server.packages);
    let worker = inputs_of(&repository, "cmd/worker/v2", &flags()).expect("builds");
    assert_eq!(paths(&worker.third_party), ["github.com/spf13/cobra/doc"]);
}

#[test]
fn a_workspace_is_built_from_its_own_folder() {
    let repository = repository(
        r#"
-- go/go.work --
go 1.26
use (
	./a/
	"b"
)
-- go/go.work.sum --
-- go/a/go.mod --
module a.example
go 1.26
-- go/a/go.sum --
-- go/a/main.go --
package main
import "b.example/lib"
-- go/b/go.mod --
module b.example
go 1.26
-- go/b/lib/lib.go --
package lib
-- go/alone/go.mod --
module alone.example
-- go/alone/main.go --
package main
"#,
    );
    assert_eq!(mains(&repository), ["go/a a.example go ./a", "go/alone alone.example go/alone ."]);
    let inputs = inputs_of(&repository, "go/a", &flags()).expect("builds");
    assert_eq!(inputs.module_files, ["go/a/go.mod", "go/a/go.sum", "go/b/go.mod", "go/go.work", "go/go.work.sum"]);
    assert_eq!(inputs.packages.iter().map(|package| package.dir.as_str()).collect::<Vec<_>>(), ["go/a", "go/b/lib"]);
}

#[test]
fn what_go_refuses_is_told_with_file_and_line() {
    let text = |error: &anyhow::Error| format!("{error:#}");
    let repository = repository(
        r#"
-- go.mod --
module m.example
go 1.26
-- broken/go.mod --
module broken
requires x
-- broken/main.go --
package main
-- missing/main.go --
package main

import "example.com/nowhere"
-- generated/main.go --
package main

import "m.example/proto/v1"
-- cgo/main.go --
package main

import "C"
"#,
    );
    let found = read(&repository.tree).expect("can read");
    assert_eq!(found.problems, []);
    let broken: Vec<_> =
        found.broken.iter().map(|(main, fault)| format!("{}: {}: {}", main.name, fault.place, fault.message)).collect();
    assert_eq!(broken, ["broken: broken/go.mod:2: unknown directive: requires"]);
    assert_eq!(
        mains(&repository),
        ["cgo cgo  ./cgo", "generated generated  ./generated", "missing missing  ./missing"]
    );
    let missing = inputs_of(&repository, "missing", &flags()).expect_err("is refused");
    assert_eq!(text(&missing), "missing/main.go:3: no required module provides example.com/nowhere");
    assert_eq!(hints(&missing), ["`go get example.com/nowhere` adds it; `go mod tidy` mends all imports"]);
    let generated = inputs_of(&repository, "generated", &flags()).expect_err("is refused");
    assert_eq!(text(&generated), "generated/main.go:3: no required module provides m.example/proto/v1");
    assert_eq!(hints(&generated), ["put its Go files into proto/v1: what is generated has to be there first"]);
    let cgo = inputs_of(&repository, "cgo", &flags()).expect_err("is refused");
    assert_eq!(text(&cgo), "build constraints exclude all Go files in cgo");
    inputs_of(&repository, "cgo", &Flags { cgo: true, ..flags() }).expect("builds with cgo");
}
