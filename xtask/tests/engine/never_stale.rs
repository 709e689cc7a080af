//! Random steps on tiny services; after each, the images hold what a clean build of the same tree gives.
//!
//! `NEVER_STALE_STEPS=300` takes more steps than a usual run, `NEVER_STALE_SEED` others. A seed that found something stays
//! in `FOUND`.

mod clean;
mod random;
mod services;
mod steps;

use std::collections::BTreeMap;

use crate::checkout::Checkout;
use clean::CleanBuilds;
use random::Random;
use services::Services;
use steps::Step;

/// What the binaries of images or of a clean build are, by name.
type Binaries = BTreeMap<String, Vec<u8>>;

/// How many steps a usual run takes.
const STEPS: usize = 12;

/// Seeds, and how many steps it took to find a stale binary, before it was mended.
const FOUND: [(u64, usize); 0] = [];

#[test]
fn images_are_those_of_a_clean_build() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("is a number"));
    let steps = number("NEVER_STALE_STEPS").map_or(STEPS, |steps| usize::try_from(steps).expect("fits"));
    take(number("NEVER_STALE_SEED").unwrap_or(1), steps);
}

#[test]
fn what_was_once_stale_is_not_again() {
    for (seed, steps) in FOUND {
        take(seed, steps);
    }
}

/// Takes random steps in two checkouts of one name, on one builder.
#[expect(clippy::print_stderr, reason = "hundreds of steps take a while; --nocapture shows them")]
fn take(seed: u64, steps: usize) {
    let mut random = Random::new(seed);
    let mut clean = CleanBuilds::new();
    let mut checkouts = ["first", "second"].map(|name| {
        let prefix = format!("never-stale-{name}-{seed}");
        Services::create(Checkout::in_folder(&prefix, "services").remembering(), &mut random)
    });
    let mut taken = Vec::new();
    for number in 1..=steps {
        let [first, second] = &mut checkouts;
        let (services, other) = if random.below(4) == 0 { (second, first) } else { (first, second) };
        let step = Step::random(&mut random);
        let what = step.take(services, other, &mut random);
        eprintln!("step {number} in {}: {what}", services.checkout.root);
        taken.push(format!("{number}: {what}"));
        let built: Vec<&Services> = if step == Step::BuildBothAtOnce { vec![services, other] } else { vec![services] };
        for services in built {
            for (name, binary) in services.in_images() {
                let is_clean = binary == clean.binaries(services)[&name];
                assert!(
                    is_clean,
                    "seed {seed}: after step {number} the image {name} of {} is stale.\n\
                     It holds {:?}, the tree {:?}\n{}",
                    services.checkout.root,
                    services::tokens(&binary),
                    services::tokens(&clean.binaries(services)[&name]),
                    taken.join("\n")
                );
            }
        }
    }
}
