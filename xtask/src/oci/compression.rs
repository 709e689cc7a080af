//! How a layer is compressed, and the archive in its blob.

use std::io::{self, BufRead, BufReader, Read};

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use serde::{Deserialize, Serialize};
use xshell::{Shell, cmd};

use super::document::{LAYER, ZSTD_LAYER};
use crate::process::Command;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How the layers of an image are compressed on their way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// What every registry and engine knows.
    #[default]
    Gzip,
    /// Smaller by a little, and faster to unpack.
    Zstd,
}

impl Compression {
    /// The media type of a layer.
    pub fn layer_type(self) -> &'static str {
        match self {
            Self::Gzip => LAYER,
            Self::Zstd => ZSTD_LAYER,
        }
    }
}

/// Compresses a file by the program of that name: libraries that do as well take longer to compile than all of this tool.
/// The same bytes on one thread and from one release of it are compressed to the same.
///
/// # Errors
/// There is no such program, or it fails.
pub(super) fn zstd(plain: &Utf8Path, compressed: &Utf8Path) -> Result<()> {
    let shell = Shell::new()?;
    let options = ["--quiet", "--force", "--single-thread", "-3"];
    Command::from(cmd!(shell, "zstd {options...} -o {compressed} {plain}")).run().map(drop)
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
