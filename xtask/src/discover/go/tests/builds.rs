//! What decides how a main package is built, beside its files.

use super::*;

fn main_of(repository: &Repository, dir: &str) -> Main {
    let found = read(&repository.tree).expect("can read").mains;
    found.into_iter().find(|main| main.dir == dir).expect("a main package there")
}

#[test]
fn the_lines_of_a_workspace_stand_for_those_of_its_modules() {
    let archive = r#"
-- go.work --
go 1.27.0
toolchain go1.27.3
use ./a/
replace example.com/c => ./c
-- a/go.mod --
module example.com/a
go 1.24
toolchain go1.28.0
require example.com/c v1.0.0
-- a/main.go --
package main
-- alone/go.mod --
module example.com/alone
go 1.26
toolchain go1.26.1
-- alone/main.go --
package main
-- c/go.mod --
module example.com/c
go 1.27.1
-- c/c.go --
package c
"#;
    let whole = repository(archive);
    let lines = |go: &str, toolchain: &str| Lines { go: Some(go.into()), toolchain: Some(toolchain.into()) };
    assert_eq!(main_of(&whole, "a").lines, lines("1.27.0", "go1.27.3"));
    assert_eq!(main_of(&whole, "alone").lines, lines("1.26", "go1.26.1"));
    // A replaced module that is newer than its workspace is no fault, but wants a Go of its own version.
    assert_eq!(inputs_of(&whole, "a", &flags()).expect("builds").go, GoVersion::parse("1.27.1"));
}

#[test]
fn packages_of_other_modules_are_known_by_architecture() {
    let archive = r#"
-- go.mod --
module example.com/m
go 1.26
require (
	example.com/neon v1.0.0
	example.com/plain v1.0.0
)
-- main.go --
package main
import _ "example.com/plain"
-- fast_arm64.go --
package main
import _ "example.com/neon"
"#;
    let vendored = r#"
-- vendor/modules.txt --
# example.com/neon v1.0.0
## explicit; go 1.26
example.com/neon
# example.com/plain v1.0.0
## explicit; go 1.26
example.com/plain
-- vendor/example.com/neon/neon_arm64.go --
package neon
-- vendor/example.com/plain/plain.go --
package plain
"#;
    for archive in [archive.to_owned(), format!("{}{}", archive.trim_end(), vendored)] {
        let inputs = inputs_of(&repository(&archive), "", &flags()).expect("builds");
        let imported: Vec<_> =
            inputs.third_party.iter().map(|package| (package.path.as_str(), package.goarchs.join(","))).collect();
        assert_eq!(imported, [("example.com/neon", "arm64".to_owned()), ("example.com/plain", String::new())]);
    }
}

#[test]
fn only_a_module_of_before_1_17_loads_modules_that_it_does_not_import() {
    let with = |go: &str, rest: &str| {
        let archive = format!(
            "-- go.mod --\nmodule example.com/m\ngo {go}\nrequire example.com/x v1.0.0\n-- main.go --\npackage main\n{rest}"
        );
        inputs_of(&repository(&archive), "", &flags()).expect("builds").loads_all_modules
    };
    assert!(with("1.16", ""));
    assert!(!with("1.17", ""));
    assert!(!with("1.16", "-- go.work --\ngo 1.26\nuse .\n"));
}
