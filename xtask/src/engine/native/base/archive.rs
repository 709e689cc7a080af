//! A base in an archive on the disk: unpacked once into a layout, under the digest of the archive.

use std::io::Read as _;

use anyhow::{Context as _, Result};
use camino::Utf8Path;

use super::Bases;
use crate::error::Error;
use crate::files;
use crate::oci;
use crate::oci::compression::uncompressed;
use crate::oci::layer::inside;
use crate::oci::layout::{Layout, MARKER};
use crate::oci::reference::is_digest;

/// What stands before the path of an archive, from the repository's root.
pub(super) const ARCHIVE: &str = "oci-archive:";

const HOW: &str =
    "`docker image save` of Docker 25 or newer makes one, and `skopeo copy --all docker://IMAGE oci-archive:FILE`";

impl Bases<'_> {
    /// The layout of the archive of this name, at a path.
    pub(super) fn unpacked(&mut self, name: &str, path: &Utf8Path) -> Result<Layout> {
        let archive = files::read_if_exists(path)?;
        let archive = archive.ok_or_else(|| Error::usage(format!("there is no file {path}")).hint(HOW))?;
        let digest = oci::digest(&archive);
        let folder = self.of(&digest).join("archive");
        // As a tag does, the name leads to an image, and the one that it led to before goes away.
        self.tags.insert(name.to_owned(), digest);
        let layout = Layout::new(&folder);
        if layout.is_whole() {
            return Ok(layout);
        }
        if self.session.is_none() {
            let problem = "it is an archive, and was not unpacked yet";
            return Err(Error::usage(problem).hint("a run without --dry-run unpacks it").into());
        }
        unpack(&archive, &layout, &folder).map(|()| layout)
    }
}

/// Writes what is in an archive into a layout, the index last.
fn unpack(archive: &[u8], layout: &Layout, folder: &Utf8Path) -> Result<()> {
    let mut index = None;
    for entry in tar::Archive::new(uncompressed(archive)?).entries()? {
        let mut entry = entry.context("the archive is broken")?;
        let path = inside(Utf8Path::new(&String::from_utf8_lossy(&entry.path_bytes())));
        let digest = path.strip_prefix("blobs/sha256/").map(|hex| format!("sha256:{hex}"));
        let digest = digest.filter(|digest| is_digest(digest));
        if !entry.header().entry_type().is_file() || digest.is_none() && path != "index.json" {
            continue;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).context("the archive is broken")?;
        let Some(digest) = digest else {
            index = Some(bytes);
            continue;
        };
        if oci::digest(&bytes) != digest {
            return Err(Error::usage(format!("{path} in it is cut off, or something else than its name says"))
                .hint(HOW)
                .into());
        }
        files::write(&layout.blob(&digest), &bytes)?;
    }
    let index = index.ok_or_else(|| Error::usage("there is no index.json in it, as OCI archives have").hint(HOW))?;
    files::write(&folder.join("oci-layout"), MARKER)?;
    files::write(&folder.join("index.json"), &index)
}
