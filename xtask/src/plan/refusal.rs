//! Services that cannot be planned. Each costs its own image, and no other.

use camino::Utf8PathBuf;

use super::ImagePlan;
use crate::error::Error;
use crate::service::Service;

/// What becomes of the selected services.
#[derive(Debug, Clone, Default)]
pub struct Plans {
    /// The images that can be built, sorted by name.
    pub images: Vec<ImagePlan>,
    /// The services of which none can be made, sorted by name.
    pub refused: Vec<Refusal>,
}

/// A selected service of which no image can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The name that its image would have.
    pub name: String,
    /// Its folder, from the repository's root.
    pub dir: Utf8PathBuf,
    /// The reason.
    pub error: Error,
}

impl Refusal {
    /// An image that was planned, and of which something keeps what builds from making it.
    pub fn of_image(image: &ImagePlan, error: &anyhow::Error) -> Self {
        Self { name: image.name.clone(), dir: image.dir.clone(), error: Error::of(error) }
    }
}

impl Plans {
    /// The names of all, those that cannot be planned among them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let images = self.images.iter().map(|image| image.name.as_str());
        images.chain(self.refused.iter().map(|refusal| refusal.name.as_str()))
    }

    /// What becomes of some of the services, by their names.
    #[must_use]
    pub fn only(&self, is_asked: impl Fn(&str) -> bool) -> Self {
        Self {
            images: self.images.iter().filter(|image| is_asked(&image.name)).cloned().collect(),
            refused: self.refused.iter().filter(|refusal| is_asked(&refusal.name)).cloned().collect(),
        }
    }

    /// Adds the service that an error stops.
    pub(super) fn refuse(&mut self, service: &Service, error: &anyhow::Error) {
        let (name, dir) = (service.name.clone(), service.dir.clone());
        self.refused.push(Refusal { name, dir, error: Error::of(error) });
    }

    /// Sorts both, so that the same repository always says the same.
    pub(super) fn sorted(mut self) -> Self {
        self.images.sort_by(|a, b| a.name.cmp(&b.name));
        self.refused.sort_by(|a, b| (&a.name, &a.dir).cmp(&(&b.name, &b.dir)));
        self
    }
}
