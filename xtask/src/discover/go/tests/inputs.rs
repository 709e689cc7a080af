//! What the files of a service are, and why.

use super::*;

fn files_of(repository: &Repository, dir: &str, flags: &Flags) -> Vec<String> {
    let found = read(&repository.tree).expect("can read").mains;
    let main = found.iter().find(|main| main.dir == dir).expect("a main package there");
    let files = files(&repository.tree, main, flags).expect("builds");
    files.iter().map(|file| file.to_string()).collect()
}

fn explained(repository: &Repository, dir: &str, flags: &Flags, file: &str) -> String {
    let found = read(&repository.tree).expect("can read").mains;
    let main = found.iter().find(|main| main.dir == dir).expect("a main package there");
    explain(&repository.tree, main, flags, Utf8Path::new(file)).expect("is explained")
}

const WITH_C: &str = r#"
-- go.mod --
module m.example
go 1.26
-- cmd/app/main.go --
package main

/*
#cgo CFLAGS: -I${SRCDIR}/../../include -DX="a b"
#cgo linux LDFLAGS: -L${SRCDIR}/../../target/release -lengine
#cgo windows LDFLAGS: -L${SRCDIR}/../../target/release -lother
#cgo LDFLAGS: ${SRCDIR}/own.o
#include "deep/a.h"
#include <stdio.h>
*/
import "C"

import _ "m.example/asm"
-- cmd/app/code.c --
#include "local.h"
-- cmd/app/local.h --
#include "../shared/b.h"
-- cmd/app/own.o --
-- cmd/app/default.pgo --
-- cmd/shared/b.h --
#include "c.h"
-- cmd/shared/c.h --
#include "b.h"
-- cmd/shared/unused.h --
-- include/deep/a.h --
-- target/release/libengine.a --
-- target/release/libother.a --
-- asm/asm.go --
package asm
-- asm/asm_amd64.s --
#include "textflag.h"
#include "../include/deep/asm.h"
-- include/deep/asm.h --
"#;

#[test]
fn what_c_reaches_elsewhere_is_an_input() {
    let repository = repository(WITH_C);
    let cgo = Flags { cgo: true, ..flags() };
    assert_eq!(
        files_of(&repository, "cmd/app", &cgo),
        [
            "asm/asm.go",
            "asm/asm_amd64.s",
            "cmd/app/code.c",
            "cmd/app/default.pgo",
            "cmd/app/local.h",
            "cmd/app/main.go",
            "cmd/app/own.o",
            "cmd/shared/b.h",
            "cmd/shared/c.h",
            "go.mod",
            "include/deep/a.h",
            "include/deep/asm.h",
            "target/release/libengine.a",
        ]
    );
    let named = inputs_of(&repository, "cmd/app", &cgo).expect("builds").named;
    assert_eq!(named.len(), 7, "{named:?}");
    let old = Flags { go_minor: 20, goarchs: vec!["arm64".into()], ..cgo };
    let files = files_of(&repository, "cmd/app", &old);
    assert!(!files.iter().any(|file| file.ends_with("default.pgo") || file.contains("asm.h")), "{files:?}");
}

#[cfg(unix)]
#[test]
fn links_are_inputs_with_what_they_lead_to() {
    let repository = repository(
        r#"
-- go.mod --
module m.example
go 1.26
-- main.go --
package main
import _ "m.example/linked/sub"
-- real/sub/sub.go --
package sub
-- other/text.go --
package main
"#,
    );
    let root = repository.tree.root();
    std::os::unix::fs::symlink("real", root.join("linked")).expect("links");
    std::os::unix::fs::symlink("other/../other/text.go", root.join("text.go")).expect("links");
    let expected = ["go.mod", "linked", "linked/sub/sub.go", "main.go", "other/text.go", "real/sub/sub.go", "text.go"];
    assert_eq!(files_of(&repository, "", &flags()), expected);
    std::os::unix::fs::symlink("/etc/passwd", root.join("outside.go")).expect("links");
    let tree = Tree::new(root.to_owned());
    let main = read(&tree).expect("can read").mains.remove(0);
    let error = files(&tree, &main, &flags()).expect_err("is refused");
    assert!(format!("{error:#}").contains("outside.go"), "{error:#}");
}

#[test]
fn every_file_is_explained() {
    let c = repository(WITH_C);
    let cgo = Flags { cgo: true, ..flags() };
    let ordinary = repository(ORDINARY);
    let amd64 = Flags { goarchs: vec!["amd64".into()], ..flags() };
    let table = [
        ("go.mod", "in: Go reads it to know the modules"),
        ("cmd/server/main.go", "in: compiled"),
        (
            "internal/fast/fast.go",
            "in: compiled; example.com/shop/cmd/server imports example.com/shop/internal/store imports \
             example.com/shop/internal/fast",
        ),
        ("cmd/server/main_test.go", "out: a test of example.com/shop/cmd/server"),
        ("cmd/server/gen.go", "out: its constraint `//go:build ignore` does not hold on linux/amd64"),
        ("cmd/server/wake_windows.go", "out: its name keeps it for another platform than linux/amd64"),
        (
            "cmd/worker/v2/main.go",
            "out: neither example.com/shop/cmd/server nor what it imports imports example.com/shop/cmd/worker/v2",
        ),
        ("common/go.sum", "out: there is no such file"),
        ("cmd", "out: it is a folder"),
        ("cmd/server/index.html", "in: embedded by cmd/server/main.go:11 as `index.html`"),
        ("README.md", "out: Go does not compile such a file, and no compiled file embeds, includes or links it"),
        ("other/main.go", "out: the build of example.com/shop/cmd/server does not load its module other.example"),
        ("other/go.mod", "out: the build of example.com/shop/cmd/server loads no module or workspace from there"),
    ];
    let root = ordinary.tree.root();
    for (file, text) in [
        ("cmd/server/index.html", "hello"),
        ("cmd/server/static/a.css", "a {}"),
        ("README.md", "read"),
        ("other/go.mod", "module other.example\n"),
        ("other/main.go", "package main\n"),
    ] {
        crate::files::write(&root.join(file), text.as_bytes()).expect("can write");
    }
    for (file, expected) in table {
        assert_eq!(explained(&ordinary, "cmd/server", &amd64, file), expected, "{file}");
    }
    assert_eq!(explained(&c, "cmd/app", &cgo, "cmd/app/default.pgo"), "in: Go optimises by this profile");
    assert_eq!(explained(&c, "cmd/app", &cgo, "cmd/shared/b.h"), "in: cmd/app/local.h includes or links it");
    assert_eq!(
        explained(&c, "cmd/app", &cgo, "asm/asm_amd64.s"),
        "in: compiled; m.example/cmd/app imports m.example/asm"
    );
}

#[test]
fn a_copy_of_a_library_is_whole_where_others_may_import_it() {
    let archive = r#"
-- go.mod --
module github.com/us/shop
go 1.26
require (
	github.com/them/lib v1.2.3
	github.com/third/user v1.0.0
	github.com/us/common v0.0.0
)
replace github.com/them/lib => ./forks/lib
replace github.com/us/common => ./common
-- main.go --
package main
import (
	_ "github.com/them/lib/a"
	_ "github.com/us/common"
)
-- user/main.go --
package main
import (
	_ "github.com/third/user"
	_ "github.com/us/common"
)
-- forks/lib/go.mod --
module github.com/them/lib
-- forks/lib/a/a.go --
package a
-- forks/lib/b/b.go --
package b
-- forks/lib/testdata/t.go --
package t
-- common/go.mod --
module github.com/us/common
-- common/common.go --
package common
-- common/other/other.go --
package other
"#;
    let repository = repository(archive);
    let folders = |dir: &str| -> Vec<String> {
        let inputs = inputs_of(&repository, dir, &flags()).expect("builds");
        inputs.packages.iter().map(|package| package.dir.to_string()).collect()
    };
    // Nothing from elsewhere is imported, so nothing else can import the copy.
    assert_eq!(folders(""), ["", "common", "forks/lib/a"]);
    // What `user` imports is not known here. It may import the library, but hardly the repository's own module.
    assert_eq!(folders("user"), ["common", "forks/lib/a", "forks/lib/b", "user"]);
    assert!(
        explained(&repository, "user", &flags(), "forks/lib/b/b.go").starts_with("in: a module from elsewhere may")
    );
}

#[test]
fn vendored_packages_are_followed_and_a_stale_folder_is_refused() {
    let archive = r#"
-- go.mod --
module m.example
go 1.26
require example.com/a v1.0.0
-- main.go --
package main
import _ "example.com/a/b"
-- vendor/modules.txt --
# example.com/a v1.0.0
## explicit; go 1.26
example.com/a/b
example.com/a/c
-- vendor/example.com/a/b/b.go --
package b
import _ "example.com/a/c"
-- vendor/example.com/a/c/c.go --
package c
-- vendor/example.com/a/d/d.go --
package d
"#;
    let whole = repository(archive);
    let inputs = inputs_of(&whole, "", &flags()).expect("builds");
    assert_eq!(inputs.vendor.as_deref(), Some(Utf8Path::new("vendor")));
    assert_eq!(paths(&inputs.third_party), ["example.com/a/b", "example.com/a/c"]);
    let expected =
        ["go.mod", "main.go", "vendor/example.com/a/b/b.go", "vendor/example.com/a/c/c.go", "vendor/modules.txt"];
    assert_eq!(files_of(&whole, "", &flags()), expected);
    let stale = repository(&archive.replace("require example.com/a v1.0.0", "require example.com/a v1.1.0"));
    let error = inputs_of(&stale, "", &flags()).expect_err("is refused");
    assert_eq!(
        format!("{error:#}"),
        "inconsistent vendoring: example.com/a v1.1.0 is required, but not marked as explicit in vendor/modules.txt"
    );
}
