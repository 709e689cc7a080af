//! Reading one layer as it passes: how large, how well it compresses, what is in it.

use std::io::{self, BufRead, BufReader, Read, Write};

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use sha2::{Digest as _, Sha256};

use super::{FileSize, Layer};
use crate::oci::hex_digest;

/// How many files of a layer are remembered.
const LARGEST: usize = 10;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Reads a layer, compressed or not, to its end. Returns the digest of its uncompressed archive and what is in it.
pub(super) fn read(layer: impl Read) -> Result<(String, Layer)> {
    read_plain(uncompressed(layer)?)
}

/// The layer's archive as a stream, however it is compressed.
pub(crate) fn uncompressed<'a>(layer: impl Read + 'a) -> Result<Box<dyn Read + 'a>> {
    let mut layer = BufReader::with_capacity(64 * 1024, layer);
    let head = io::BufRead::fill_buf(&mut layer).context("cannot read the layer")?;
    if head.starts_with(&ZSTD) {
        return Ok(Box::new(Zstd { frame: Some(StreamingDecoder::new(layer).context("cannot read the layer")?) }));
    }
    Ok(if head.starts_with(&GZIP) { Box::new(MultiGzDecoder::new(layer)) } else { Box::new(layer) })
}

/// A stream of frames, which the decoder reads one at a time.
struct Zstd<R: BufRead> {
    frame: Option<StreamingDecoder<R, FrameDecoder>>,
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(frame) = &mut self.frame {
            let length = frame.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                return Ok(length);
            }
            let Some(mut rest) = self.frame.take().map(StreamingDecoder::into_inner) else { break };
            if !rest.fill_buf()?.is_empty() {
                self.frame = Some(StreamingDecoder::new(rest).map_err(io::Error::other)?);
            }
        }
        Ok(0)
    }
}

fn read_plain(archive: impl Read) -> Result<(String, Layer)> {
    let mut passing = Passing::new(archive);
    let mut files = Vec::new();
    let mut archive = tar::Archive::new(&mut passing);
    for entry in archive.entries().context("cannot read the layer")? {
        let entry = entry.context("the layer's archive is broken")?;
        if entry.header().entry_type().is_file() {
            let path = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
            files.push(FileSize { bytes: entry.size(), path: format!("/{}", path.trim_start_matches('/')) });
        }
    }
    // What stands behind the archive's end mark counts too.
    io::copy(&mut passing, &mut io::sink()).context("cannot read the layer")?;
    files.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.path.cmp(&b.path)));
    files.truncate(LARGEST);
    passing.finish(files)
}

/// Counts, hashes and compresses what is read through it.
struct Passing<R> {
    inner: R,
    hash: Sha256,
    unpacked: u64,
    compressor: GzEncoder<Count>,
}

/// Counts what is written to it.
struct Count(u64);

impl<R: Read> Passing<R> {
    fn new(inner: R) -> Self {
        let compressor = GzEncoder::new(Count(0), Compression::default());
        Self { inner, hash: Sha256::new(), unpacked: 0, compressor }
    }

    fn finish(self, largest_files: Vec<FileSize>) -> Result<(String, Layer)> {
        let compressed = self.compressor.finish().context("cannot compress the layer")?.0;
        let digest = hex_digest(self.hash);
        Ok((digest, Layer { unpacked: self.unpacked, compressed, largest_files }))
    }
}

impl<R: Read> Read for Passing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hash.update(&buffer[..length]);
        self.compressor.write_all(&buffer[..length])?;
        self.unpacked += length as u64;
        Ok(length)
    }
}

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
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

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
    fn a_layer_is_the_same_compressed_or_not() {
        let plain = archive(&[("a", 10), ("dir/large", 5_000), (".wh.gone", 0)]);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&plain).expect("compresses");
        let gzip = gzip.finish().expect("ends");

        let (digest, layer) = read(plain.as_slice()).expect("reads");
        assert_eq!(read(gzip.as_slice()).expect("reads"), (digest, layer.clone()));
        assert_eq!(layer.unpacked, plain.len() as u64);
        assert!(layer.compressed < layer.unpacked);
        assert_eq!(layer.largest_files[0], FileSize { bytes: 5_000, path: "/dir/large".into() });
    }

    #[test]
    fn a_layer_that_ends_early_is_an_error() {
        let plain = archive(&[("large", 5_000)]);
        let error = read(&plain[..2_000]).expect_err("is cut off");
        assert_eq!(format!("{error:#}").split(": ").next(), Some("the layer's archive is broken"));
    }

    #[test]
    fn zstd_of_several_frames_is_read() {
        let plain = archive(&[("a", 10), ("dir/large", 5_000)]);
        // As a compressor on several threads writes it.
        let zstd: Vec<u8> =
            plain.chunks(3_000).flat_map(|chunk| compress_to_vec(chunk, CompressionLevel::Fastest)).collect();
        assert_eq!(read(zstd.as_slice()).expect("reads"), read(plain.as_slice()).expect("reads"));
        assert!(read(&zstd[..zstd.len() - 20]).is_err(), "it ends early");
    }
}
