//! Reading one layer as it passes: how large, how well it compresses, what is in it.

use std::io::{self, Read, Write};

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use super::{FileSize, KnownLayer, Layer, remembered};
use crate::fit::LayerContents;
use crate::oci::compression::uncompressed;
use crate::oci::hex_digest;

/// Reads a layer, compressed or not, to its end. Returns the digest of its uncompressed archive and what is in it.
/// `blob` is the bytes that it has compressed, where they are known; else they are estimated.
pub(super) fn read(layer: impl Read, blob: Option<u64>) -> Result<(String, KnownLayer)> {
    let mut passing = Passing::new(uncompressed(layer)?, blob.is_none());
    let (mut files, mut contents) = (Vec::new(), LayerContents::default());
    let mut archive = tar::Archive::new(&mut passing);
    for entry in archive.entries().context("cannot read the layer")? {
        let mut entry = entry.context("the layer's archive is broken")?;
        if entry.header().entry_type().is_file() {
            let path = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
            files.push(FileSize { bytes: entry.size(), path: format!("/{}", path.trim_start_matches('/')) });
        }
        contents.note(&mut entry).context("the layer's archive is broken")?;
    }
    // What stands behind the archive's end mark counts too.
    io::copy(&mut passing, &mut io::sink()).context("cannot read the layer")?;
    let files = remembered(files);
    let unpacked = passing.unpacked;
    let compressed = passing.sample.map_or(Ok(blob.unwrap_or(unpacked)), |sample| sample.estimate(unpacked))?;
    let layer = Layer { unpacked, compressed, largest_files: files };
    Ok((hex_digest(passing.hash), KnownLayer { layer, contents: Some(contents.for_starting()) }))
}

/// Counts and hashes what is read through it, and compresses some of it.
struct Passing<R> {
    inner: R,
    hash: Sha256,
    unpacked: u64,
    sample: Option<Sample>,
}

impl<R: Read> Passing<R> {
    fn new(inner: R, is_sampled: bool) -> Self {
        Self { inner, hash: Sha256::new(), unpacked: 0, sample: is_sampled.then(Sample::new) }
    }
}

impl<R: Read> Read for Passing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hash.update(&buffer[..length]);
        if let Some(sample) = &mut self.sample {
            sample.pass(self.unpacked, &buffer[..length])?;
        }
        self.unpacked += length as u64;
        Ok(length)
    }
}

/// How well a layer compresses, known from its beginning and from parts of the rest: all of it would take longer than
/// everything else that is done with the layer.
struct Sample {
    head: GzEncoder<Count>,
    rest: GzEncoder<Count>,
    /// The bytes that went through `rest`.
    taken: u64,
}

impl Sample {
    /// The beginning that is compressed whole, in bytes.
    const HEAD: u64 = 1 << 20;
    /// Of the rest one piece of this size is taken, and then some are left out.
    const PIECE: u64 = 64 << 10;
    const EVERY: u64 = 4;

    fn new() -> Self {
        let encoder = || GzEncoder::new(Count(0), Compression::default());
        Self { head: encoder(), rest: encoder(), taken: 0 }
    }

    /// Takes its part of some bytes, which start at `from` in the layer.
    fn pass(&mut self, mut from: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let left_of_piece = Self::PIECE - from % Self::PIECE;
            let (piece, others) = bytes.split_at(bytes.len().min(left_of_piece as usize));
            if from < Self::HEAD {
                self.head.write_all(piece)?;
            } else if (from / Self::PIECE).is_multiple_of(Self::EVERY) {
                self.rest.write_all(piece)?;
                self.taken += piece.len() as u64;
            }
            from += piece.len() as u64;
            bytes = others;
        }
        Ok(())
    }

    /// The compressed bytes of a layer of so many.
    fn estimate(self, unpacked: u64) -> Result<u64> {
        let head = self.head.finish().context("cannot compress the layer")?.0;
        let rest = self.rest.finish().context("cannot compress the layer")?.0;
        let above = u128::from(unpacked.saturating_sub(Self::HEAD)) * u128::from(rest);
        Ok(head + u64::try_from(above.checked_div(u128::from(self.taken)).unwrap_or(0)).unwrap_or(u64::MAX))
    }
}

/// Counts what is written to it.
struct Count(u64);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, usize)]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, size) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(*size as u64);
            header.set_cksum();
            archive.append_data(&mut header, path, vec![b'x'; *size].as_slice()).expect("appends");
        }
        archive.into_inner().expect("ends")
    }

    #[test]
    fn all_files_in_the_root_folder_are_remembered() {
        let names: Vec<_> = (0..12).flat_map(|number| [format!("binary-{number}"), format!("dir/{number}")]).collect();
        let files: Vec<_> =
            names.iter().map(|name| (name.as_str(), if name.starts_with("dir") { 600 } else { 5 })).collect();
        let (_, known) = read(archive(&files).as_slice(), None).expect("reads");
        let is_in_root = |file: &&FileSize| file.path.starts_with("/binary-");
        let files = &known.layer.largest_files;
        assert_eq!((files.len(), files.iter().filter(is_in_root).count()), (22, 12));
    }

    #[test]
    fn a_layer_is_the_same_compressed_or_not() {
        let plain = archive(&[("a", 10), ("dir/large", 5_000), (".wh.gone", 0)]);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&plain).expect("compresses");
        let gzip = gzip.finish().expect("ends");

        let (digest, known) = read(plain.as_slice(), None).expect("reads");
        assert_eq!(read(gzip.as_slice(), None).expect("reads"), (digest, known.clone()));
        let layer = known.layer;
        assert_eq!(layer.unpacked, plain.len() as u64);
        assert!(layer.compressed < layer.unpacked);
        assert_eq!(layer.largest_files[0], FileSize { bytes: 5_000, path: "/dir/large".into() });
    }

    #[test]
    fn a_layer_that_ends_early_is_an_error() {
        let plain = archive(&[("large", 5_000)]);
        let error = read(&plain[..2_000], None).expect_err("is cut off");
        assert_eq!(format!("{error:#}").split(": ").next(), Some("the layer's archive is broken"));
    }

    #[test]
    fn what_is_known_of_the_blob_is_not_estimated() {
        let plain = archive(&[("a", 10)]);
        let (digest, known) = read(plain.as_slice(), Some(77)).expect("reads");
        assert_eq!(known.layer.compressed, 77);
        assert_eq!(read(plain.as_slice(), None).expect("reads").0, digest);
    }

    #[test]
    fn a_large_layer_is_estimated_from_parts() {
        // Neighbours compress differently, as the sections of a binary do.
        let mut state = 1_u32;
        let bytes: Vec<u8> = (0..12_u32 << 20)
            .map(|at| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8 & if at % 900_001 < 600_000 { 0x0f } else { 0xff }
            })
            .collect();
        let mut sample = Sample::new();
        let (mut from, mut gzip) = (0, GzEncoder::new(Count(0), Compression::default()));
        for chunk in bytes.chunks(10_007) {
            sample.pass(from, chunk).expect("compresses");
            gzip.write_all(chunk).expect("compresses");
            from += chunk.len() as u64;
        }
        let (estimate, exact) = (sample.estimate(from).expect("ends"), gzip.finish().expect("ends").0);
        assert!(estimate.abs_diff(exact) < exact / 20, "{estimate} for {exact}");
    }
}
