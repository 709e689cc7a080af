//! The command line.

use std::num::NonZeroU32;

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand};

use crate::engine::Engine;
use crate::engine::cache::CacheStore;
use crate::oci::reference::RegistryHost;

/// Container images for the Go and Rust services of one repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
pub struct Cli {
    /// Work on the repository in this folder.
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub directory: Option<Utf8PathBuf>,

    /// Take the repository's settings from this TOML file instead of its Cargo.toml.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<Utf8PathBuf>,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Generate, build, measure and check the images of all services.
    Images(ImagesArguments),
    /// The same for the named services.
    Image {
        /// The services' names, as `cargo xtask list` shows them.
        #[arg(required = true)]
        names: Vec<String>,
        /// How to build them.
        #[command(flatten)]
        arguments: ImagesArguments,
    },
    /// Show every service that was found, and why it is selected or not.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show exactly the files that can change the image of a service.
    Inputs {
        /// The services' names, as `cargo xtask list` shows them; without one, those of all images.
        names: Vec<String>,
        /// Say instead why this file can change the image, or why it cannot.
        #[arg(long, value_name = "FILE")]
        explain: Option<Utf8PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write the generated files under docker/.
    Generate {
        /// Write nothing; print what is stale, and exit 1 if anything is.
        #[arg(long)]
        check: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the plan: every image's stages, inputs and settings, as JSON.
    Plan,
    /// Check the sizes of images, and say where their bytes are.
    #[command(subcommand)]
    Sizes(SizesCommand),
    /// Say whether this machine can build, and what is missing.
    Doctor {
        /// The builder to look at.
        #[arg(long, value_name = "NAME")]
        builder: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What to do about sizes.
#[derive(Debug, Subcommand)]
pub enum SizesCommand {
    /// Compare the images of the last run with their budgets and docker/sizes.lock; exit 1 if one is too large.
    Check {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Write the report as Markdown into this file too, as a comment on GitHub takes it.
        #[arg(long, value_name = "FILE")]
        markdown: Option<Utf8PathBuf>,
        /// Write the report as one HTML page into this file too.
        #[arg(long, value_name = "FILE")]
        html: Option<Utf8PathBuf>,
    },
    /// Write the sizes of the last run's images into docker/sizes.lock, which accepts them.
    Update {
        /// The services' names, as `cargo xtask list` shows them; without one, those of all images.
        names: Vec<String>,
        /// Take over only what became smaller.
        #[arg(long)]
        tighten: bool,
    },
    /// Show the sizes that docker/sizes.lock had from commit to commit.
    History {
        /// The image's name.
        name: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what an image or a binary is made of, down to Go packages and Rust crates.
    Explain {
        /// A service, whose image is that of the last run; or a binary, an image's archive or OCI layout, or its tag.
        what: String,
        /// Tell the crates of a stripped Rust binary by a copy that has its symbols: this file, again for another; without
        /// one, build the service's copy as its image was built.
        #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
        symbols: Option<Vec<Utf8PathBuf>>,
        /// Show every part, however small.
        #[arg(long)]
        all: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Write it as one HTML page into this file too.
        #[arg(long, value_name = "FILE")]
        html: Option<Utf8PathBuf>,
    },
    /// Show what grew and what shrank from one image or binary to another.
    Diff {
        /// What was before: a binary, an image's archive or OCI layout, its tag, or a service.
        before: String,
        /// What is after, likewise.
        after: String,
        /// Tell the crates of a stripped Rust binary by a copy that has its symbols: this file, again for another; without
        /// one, build the service's copy as its image was built.
        #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
        symbols: Option<Vec<Utf8PathBuf>>,
        /// Show every change, however small.
        #[arg(long)]
        all: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Write it as one HTML page into this file too.
        #[arg(long, value_name = "FILE")]
        html: Option<Utf8PathBuf>,
    },
}

/// How to build images.
#[derive(Debug, Clone, Default, Args)]
pub struct ImagesArguments {
    /// Build for this platform, as linux/arm64; again for another.
    #[arg(long = "platform", value_name = "PLATFORM", value_delimiter = ',')]
    pub platforms: Vec<String>,

    /// Push the images, once every one of them is built and within its budget.
    #[arg(long)]
    pub push: bool,

    /// Load the images into the Docker engine; the default where the builder is the engine's own.
    #[arg(long, conflicts_with = "output")]
    pub load: bool,

    /// Write the images into this folder, each as an OCI layout.
    #[arg(long, value_name = "DIR")]
    pub output: Option<Utf8PathBuf>,

    /// Write the images into this one file, for `docker load`, once every one of them is built and within its budget.
    #[arg(long, value_name = "FILE")]
    pub tarball: Option<Utf8PathBuf>,

    /// Tag the images so; again for another tag.
    #[arg(long = "tag", value_name = "TAG", default_value = "latest")]
    pub tags: Vec<String>,

    /// What stands before every image's name, as registry.example.com/team/.
    #[arg(long, value_name = "PREFIX")]
    pub image_prefix: Option<String>,

    /// Speak to this registry in plain HTTP, e.g. registry.internal:5000; repeat it for another.
    #[arg(long = "insecure-registry", value_name = "HOST")]
    pub insecure_registries: Vec<RegistryHost>,

    /// What builds: bake is docker buildx, native this machine's go and cargo; auto takes native only where no builder
    /// answers, and never for a push [default: auto].
    #[arg(long, value_enum, value_name = "ENGINE", hide_possible_values = true)]
    pub engine: Option<Engine>,

    /// The buildx builder to use.
    #[arg(long, value_name = "NAME")]
    pub builder: Option<String>,

    /// Rebuild every step.
    #[arg(long)]
    pub no_cache: bool,

    /// Let this many services compile at once on the builder, each with this many compilers at most [default: the
    /// builder's processors].
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroU32>,

    /// The network of build steps, as host.
    #[arg(long, value_name = "MODE")]
    pub network: Option<String>,

    /// Certificates that build steps trust, for a proxy that intercepts; never in an image.
    #[arg(long, value_name = "FILE")]
    pub ca_bundle: Option<Utf8PathBuf>,

    /// Read layers from this cache, as ghcr.io/team/cache or type=gha.
    #[arg(long, value_name = "CACHE")]
    pub cache: Option<CacheStore>,

    /// Write layers to the cache too; what runs code of others, as a pull request, must not.
    #[arg(long)]
    pub cache_export: bool,

    /// Keep caches apart from those of other scopes, as a release from pull requests.
    #[arg(long, value_name = "NAME")]
    pub cache_scope: Option<String>,

    /// Say which stages were built again, and which input changed.
    #[arg(long)]
    pub explain: bool,

    /// Print the commands that would run; write and build nothing.
    #[arg(long)]
    pub dry_run: bool,

    /// Show what the builder's steps write.
    #[arg(long, short)]
    pub verbose: bool,

    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,

    /// Write the report as Markdown into this file too, as a comment on GitHub takes it.
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<Utf8PathBuf>,

    /// Write the report as one HTML page into this file too: what the images are made of, and how they came to it.
    #[arg(long, value_name = "FILE")]
    pub html: Option<Utf8PathBuf>,
}
