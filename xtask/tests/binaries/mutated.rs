//! Binaries that are broken: nothing may panic, and what is said still adds up.

use std::sync::LazyLock;

use proptest::prelude::*;
use xtask::explain;

use crate::go::Program;
use crate::tools::check_sums;

/// A binary, and the places in it that its parts are found by.
struct Sample {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let program = Program::new();
    let builds =
        [("stripped", &["-ldflags=-s -w"][..]), ("pie", &["-ldflags=-s -w", "-buildmode=pie"]), ("whole", &[])];
    builds.map(|(name, arguments)| sample(std::fs::read(program.build(name, arguments, &[])).unwrap())).into()
});

fn sample(bytes: Vec<u8>) -> Sample {
    let headers = u64::from_le_bytes(bytes[0x28..0x30].try_into().unwrap()) as usize;
    let mut places = vec![0, 64, headers];
    for magic in [&b"\xf1\xff\xff\xff\0\0\x01\x08"[..], b"\xff Go buildinf:"] {
        places.extend(bytes.windows(magic.len()).position(|window| window == magic));
    }
    Sample { bytes, places }
}

fn check(bytes: &[u8]) {
    if let Some(binary) = explain::binary(bytes, &[]) {
        check_sums(&binary, bytes.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn changed_bytes(
        sample in 0..3_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..600_usize, any::<u8>()), 1..6),
    ) {
        let sample = &SAMPLES[sample];
        let mut bytes = sample.bytes.clone();
        for (place, distance, byte) in changes {
            let at = sample.places[place.index(sample.places.len())] + distance;
            if let Some(changed) = bytes.get_mut(at) {
                *changed = byte;
            }
        }
        check(&bytes);
    }

    #[test]
    fn a_file_that_ends_early(sample in 0..3_usize, end in any::<prop::sample::Index>()) {
        let bytes = &SAMPLES[sample].bytes;
        check(&bytes[..end.index(bytes.len())]);
    }

    #[test]
    fn bytes_that_only_begin_as_a_binary(rest in prop::collection::vec(any::<u8>(), 0..400)) {
        check(&[b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0", rest.as_slice()].concat());
    }
}
