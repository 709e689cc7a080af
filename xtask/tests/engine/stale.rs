//! No image is ever made of sources other than those that are there.

use std::fs::{File, FileTimes};
use std::time::{Duration, SystemTime};

use crate::checkout::Checkout;
use crate::container::output;

/// The sources that print a marker, in both languages.
const SOURCES: [(&str, &str); 2] = [("hello", "go/cmd/hello/main.go"), ("greeter", "rust/greeter/src/main.rs")];

fn write_marker(checkout: &Checkout, marker: &str, age: Duration) {
    checkout.write(SOURCES[0].1, &format!("package main\n\nfunc main() {{ print(\"{marker}\") }}\n"));
    checkout.write(SOURCES[1].1, &format!("fn main() {{\n    eprint!(\"{marker}\");\n}}\n"));
    for (_, path) in SOURCES {
        let file = File::options().write(true).open(checkout.root.join(path)).expect("opens");
        file.set_times(FileTimes::new().set_modified(SystemTime::now() - age)).expect("sets the time");
    }
}

fn assert_images_print(checkout: &Checkout, marker: &str) {
    checkout.images(&[]).with_code(0);
    for (name, _) in SOURCES {
        assert_eq!(printed(&checkout.reference(name)), marker, "{name}");
    }
}

/// What an image prints; Go's `print` writes to standard error.
fn printed(reference: &str) -> String {
    let words = ["run", "--rm", "--network=none", reference];
    let output = crate::testbed::run("docker", &words);
    String::from_utf8(output.stderr).expect("is UTF-8")
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_file_that_is_put_back_with_its_old_time_is_built() {
    let checkout = Checkout::of_two_services("put-back").remembering();
    write_marker(&checkout, "A", 3 * MINUTE);
    assert_images_print(&checkout, "A");
    write_marker(&checkout, "B", 2 * MINUTE);
    assert_images_print(&checkout, "B");
    write_marker(&checkout, "A", 3 * MINUTE);
    checkout.write("rust/greeter/src/unrelated.rs", "// new\n");
    checkout.write("go/cmd/hello/unrelated.go", "package main\n");
    assert_images_print(&checkout, "A");
}

#[test]
fn two_worktrees_on_one_builder_each_get_their_own() {
    let (first, second) =
        (Checkout::of_two_services("worktree-a").remembering(), Checkout::of_two_services("worktree-b").remembering());
    write_marker(&first, "first", MINUTE);
    write_marker(&second, "second", 5 * MINUTE);
    assert_images_print(&first, "first");
    assert_images_print(&second, "second");
    assert_images_print(&first, "first");
    assert_eq!(output(&first.reference("hello"), &[]), "");
}

/// The builder alone would miss it: it looks at lengths and times.
#[test]
fn a_file_in_the_place_of_one_as_long_and_as_old_is_built() {
    let checkout = Checkout::of_two_services("same-time").remembering();
    let age = SystemTime::now() - MINUTE;
    for marker in ["A", "B", "C"] {
        write_marker(&checkout, marker, MINUTE);
        for (name, path) in SOURCES {
            let file = File::options().write(true).open(checkout.root.join(path)).expect("opens");
            file.set_times(FileTimes::new().set_modified(age)).expect("sets the time");
            // One by one: images that are built together disturb what the builder keeps of each other's files.
            checkout.image(name, &[]).with_code(0);
            assert_eq!(printed(&checkout.reference(name)), marker, "{name}");
        }
    }
}
