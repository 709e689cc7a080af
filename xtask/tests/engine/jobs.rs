//! How many services compile at once.

use crate::checkout::Checkout;
use crate::container::output;

/// A build script that takes a second, and tells when that was and how many compilers Cargo may have.
const BUILD_SCRIPT: &str = r#"
use std::time::{Duration, Instant, SystemTime};

fn now() -> u128 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()
}

fn main() {
    let (start, begun) = (Instant::now(), now());
    while start.elapsed() < Duration::from_secs(1) {}
    println!("cargo::rustc-env=RAN={begun} {} {}", now(), std::env::var("NUM_JOBS").unwrap());
}
"#;

#[test]
fn no_more_compile_at_once_than_jobs_say_and_the_number_builds_nothing_again() {
    let checkout = Checkout::new("jobs");
    let names = ["one", "three", "two"];
    for name in names {
        let manifest = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n");
        checkout.write(&format!("{name}/Cargo.toml"), &manifest);
        // The builder remembers what an earlier run of the tests has built.
        checkout.write(&format!("{name}/build.rs"), &format!("// {}\n{BUILD_SCRIPT}", std::process::id()));
        checkout.write(&format!("{name}/src/main.rs"), "fn main() {\n    print!(\"{}\", env!(\"RAN\"));\n}\n");
    }
    checkout.images(&["--jobs", "1"]).with_code(0);
    let mut ran: Vec<Vec<u64>> = Vec::new();
    for name in names {
        let text = output(&checkout.reference(name), &[]);
        ran.push(text.split(' ').map(|number| number.parse().expect("is a number")).collect());
    }
    ran.sort();
    assert!(ran.windows(2).all(|pair| pair[0][1] <= pair[1][0]), "two ran at once: {ran:?}");
    assert!(ran.iter().all(|ran| ran[2] == 1), "Cargo had more than one compiler: {ran:?}");

    let ended = checkout.images(&["--jobs", "3"]).with_code(0);
    assert!(names.iter().all(|name| ended.is_cached(name)), "{}", ended.stderr);
    let ended = checkout.images(&[]).with_code(0);
    assert!(names.iter().all(|name| ended.is_cached(name)), "{}", ended.stderr);
}
