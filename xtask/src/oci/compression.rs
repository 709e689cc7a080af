//! How a layer is compressed, and the archive in its blob.

use std::io::{self, BufRead, BufReader, Read};

use anyhow::{Context as _, Result};
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use serde::{Deserialize, Serialize};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How the layers of an image are compressed on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// What every registry and engine knows.
    Gzip,
    /// Smaller by a little, and faster to unpack.
    Zstd,
}

/// The archive as a stream.
///
/// # Errors
/// The blob cannot be read, or does not start as its compression does.
pub fn uncompressed<'a>(layer: impl Read + 'a) -> Result<Box<dyn Read + 'a>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    fn read(blob: &[u8]) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        uncompressed(blob)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn zstd_of_several_frames_is_read() {
        let plain: Vec<u8> = (0..9_000_u32).map(|number| (number % 251) as u8).collect();
        // As a compressor on several threads writes it.
        let zstd: Vec<u8> =
            plain.chunks(3_000).flat_map(|chunk| compress_to_vec(chunk, CompressionLevel::Fastest)).collect();
        assert_eq!(read(&zstd).expect("reads"), plain);
        assert!(read(&zstd[..zstd.len() - 20]).is_err(), "it ends early");
    }

    #[test]
    fn what_is_not_compressed_passes() {
        assert_eq!(read(b"plain").expect("reads"), b"plain");
        assert_eq!(read(b"").expect("reads"), b"");
    }
}
