use super::*;

#[test]
fn what_is_no_binary_is_none() {
    for bytes in [&b""[..], b"\x7fELF", b"#!/bin/sh\n", b"{}", &[0; 4096]] {
        assert_eq!(binary(bytes, &[]), None);
    }
}

#[test]
fn a_sum_is_that_of_its_parts_and_sorted() {
    let leaf = |name: &str, bytes| Part::leaf(Kind::Section, name, bytes, How::Exact);
    let sum = Part::sum(Kind::File, "worker", How::Exact, vec![leaf("b", 1), leaf("a", 1), leaf("c", 5)]);
    assert_eq!(sum.bytes, 7);
    assert_eq!(sum.parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), ["c", "a", "b"]);
}
