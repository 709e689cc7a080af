//! Builds the images of a plan.

pub mod display;
pub mod failure;
pub mod progress;
