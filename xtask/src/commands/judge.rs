//! An image against its budget and the lock file: the same after a build and by `sizes check`.

use std::borrow::Cow;

use anyhow::Result;
use camino::Utf8Path;

use crate::budget::lock::{self, LOCK_FILE, LockedImage, NATIVE_TOOLCHAIN, SizesLock};
use crate::budget::release::{Drift, LastRelease};
use crate::budget::{self, judge_nodes};
use crate::commands::sizes::release::last_release;
use crate::config::Settings;
use crate::engine::Engine;
use crate::error::Error;
use crate::explain::{Denied, Inside};
use crate::files;
use crate::measure::{ImageSize, Measured};
use crate::plan::ImagePlan;
use crate::report::{ImageReport, Report};

/// What an image depends on beside its sources.
#[derive(PartialEq, Eq)]
pub(super) struct Grounds<'a> {
    pub(super) base: &'a str,
    pub(super) toolchain: &'a str,
    /// Nothing where an older release of this tool did not keep them.
    pub(super) flags: Option<Cow<'a, str>>,
}

impl<'a> Grounds<'a> {
    /// Those of an image that this machine's compilers build, or a builder.
    pub(super) fn of(image: &'a ImagePlan, is_native: bool) -> Self {
        let flags = Some(image.build.flags().into());
        if is_native {
            Self { base: &image.native_base, toolchain: NATIVE_TOOLCHAIN, flags }
        } else {
            Self { base: &image.base, toolchain: &image.builder, flags }
        }
    }

    /// Those of an image that was measured.
    pub(super) fn of_measured(image: &'a LockedImage) -> Self {
        let flags = image.flags.as_deref().map(Cow::Borrowed);
        Self { base: &image.base, toolchain: &image.toolchain, flags }
    }

    /// Those of the engine that the settings name: what it builds is pushed, and what the lock is for.
    pub(super) fn as_set(image: &'a ImagePlan, settings: &Settings) -> Self {
        Self::of(image, settings.engine == Some(Engine::Native))
    }
}

/// The sizes that were accepted before.
pub(super) struct Accepted {
    /// The lock file of now.
    lock: SizesLock,
    /// That of the last release, which is read only where one of the images asks for it.
    release: LastRelease,
}

impl Accepted {
    /// Reads what images are compared with. Of a release the tags of its own commit are not meant.
    pub(super) fn read(root: &Utf8Path, images: &[ImagePlan], is_release: bool) -> Result<Self> {
        let has_limit = images.iter().any(|image| image.growth_since_release.is_some());
        let release = if has_limit { last_release(root, is_release) } else { LastRelease::None };
        Ok(Self { lock: read_lock(root)?, release })
    }
}

/// Compares an image with its budget and the lock, by what is known of its `inside`; what it must not hold is not looked at.
pub(super) fn judge(
    image: &ImagePlan,
    size: ImageSize,
    grounds: Grounds,
    settings: &Settings,
    accepted: &Accepted,
    inside: Option<&Inside>,
) -> ImageReport {
    let as_set = Grounds::as_set(image, settings);
    let limits = image.budget.as_ref().map(|budget| budget.on(&size.platform)).unwrap_or_default();
    let budgets = budget::judge(&size, &image.container.bins, limits, image.warn_at);
    let (now, is_as_set) = (locked(&size, &grounds, inside), grounds == as_set);
    let drift = image.growth_since_release.map(|growth| Drift::of(now.clone(), &accepted.release, growth, is_as_set));
    let growth = lock::compare(now, &accepted.lock, image.growth, is_as_set);
    ImageReport {
        references: Vec::new(),
        pushed: false,
        verdict: budget::verdict(&budgets, settings.require_budget),
        budgets,
        base: grounds.base.to_owned(),
        set_base: as_set.base.to_owned(),
        is_kept_back: false,
        previous: None,
        growth,
        drift,
        denied: Denied::default(),
        size,
    }
}

/// Compares what nodes hold with their budgets, once all images are in the report.
pub(super) fn judge_all_nodes(report: &mut Report, settings: &Settings) {
    let images: Vec<_> = report.images.iter().map(|image| &image.size).collect();
    report.nodes = judge_nodes(&settings.nodes, &images, settings.warn_at);
}

/// What the lock file would say of an image.
fn locked(size: &ImageSize, grounds: &Grounds, inside: Option<&Inside>) -> LockedImage {
    LockedImage {
        name: size.name.clone(),
        platform: size.platform.clone(),
        unpacked: size.unpacked.bytes,
        own: size.own.bytes,
        transfer: exact(size.transfer),
        compressor: compressor(size),
        base: grounds.base.to_owned(),
        base_layers: size.base_chain_id(),
        toolchain: grounds.toolchain.to_owned(),
        compiler: inside.and_then(|inside| inside.compiler.clone()),
        toolchain_bytes: inside.and_then(|inside| inside.toolchain_bytes),
        flags: grounds.flags.as_deref().map(str::to_owned),
    }
}

/// What compressed the layers, where what that came to is known exactly.
pub(super) fn compressor(size: &ImageSize) -> Option<String> {
    size.compressor.clone().filter(|_| size.transfer.how.is_exact())
}

/// The bytes, where they are known exactly.
pub(super) fn exact(measured: Measured) -> Option<u64> {
    measured.how.is_exact().then_some(measured.bytes)
}

/// Reads the lock file; an empty lock where there is none.
pub(super) fn read_lock(root: &Utf8Path) -> Result<SizesLock> {
    let text = files::read_text_if_exists(&root.join(LOCK_FILE))?;
    let Some(text) = text else { return Ok(SizesLock::default()) };
    SizesLock::parse(&text).map_err(|message| {
        Error::usage(format!("{LOCK_FILE}: {message}"))
            .hint(format!("take it as it was committed, or remove it and run `cargo xtask images` and `{UPDATE}`"))
            .into()
    })
}

/// The command that writes the lock file.
pub(super) const UPDATE: &str = "cargo xtask sizes update";
