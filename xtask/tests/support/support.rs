//! What tests of the command line stand on: a repository in a temporary folder, fake programs, and the built binary
//! that runs in the one and sees nothing but the other.

mod compilers;
mod docker;
mod image;
pub mod registry;
mod repository;
mod run;
pub mod tls;

pub use compilers::Compilers;
pub use docker::Docker;
pub use image::{labelled_image, labelled_programs, saved_image};
pub use repository::Repository;
pub use run::Run;
