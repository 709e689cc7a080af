//! What is known of a checkout, as values that are also the JSON file.

use serde::{Deserialize, Serialize};

use super::oracle::Word;
use super::table::Rates;

/// The JSON file.
#[derive(Debug, Serialize)]
pub struct Document {
    pub rates: Rates,
    pub repositories: Vec<Repository>,
}

/// A checkout with its services.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Repository {
    /// The name of its folder.
    pub name: String,
    pub commit: Option<String>,
    /// Why nothing of it can be planned.
    pub whole: Option<Refusal>,
    pub services: Vec<Seen>,
    /// What git has and the checkout does not: files, and folders of submodules.
    pub lacks: Vec<String>,
    /// Parts of it that cannot be read and belong to no service.
    pub problems: Vec<Refusal>,
    /// From the first look until all files are rendered.
    pub seconds: f64,
    pub peak_bytes: u64,
}

/// A service that was found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Seen {
    pub name: String,
    /// Its folder, from the repository's root.
    pub dir: String,
    pub language: String,
    pub verdict: Verdict,
    /// Why it is selected, or why not.
    pub reason: String,
    pub refusal: Option<Refusal>,
}

/// What becomes of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    NotSelected,
    Planned,
    Refused,
}

/// Why a service or a repository is refused.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// One of a few words; see [`super::class`].
    pub class: String,
    pub text: String,
    pub hint: String,
    /// What Go or Cargo says of the same; nothing where neither has a say.
    pub oracle: Option<Word>,
    /// What it is about, where git has it and the checkout does not: a file, or the folder of a submodule.
    pub lacks: Option<String>,
}

impl Repository {
    /// Notes of each refusal whether it is about what the checkout lacks.
    pub fn find_what_it_lacks(&mut self, lacks: Vec<String>) {
        for refusal in self.services.iter_mut().filter_map(|service| service.refusal.as_mut()) {
            let words = refusal.oracle.as_ref().map_or("", |word| word.words.as_str());
            let is_about = |path: &&String| {
                let name = path.rsplit('/').next().unwrap_or(path);
                [&refusal.text, words].iter().any(|text| text.contains(name))
            };
            refusal.lacks = lacks.iter().find(is_about).cloned();
        }
        self.lacks = lacks;
    }

    /// How many services became this.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.services.iter().filter(|service| service.verdict == verdict).count()
    }

    /// How many services an image is to be made of.
    pub fn selected(&self) -> usize {
        self.services.len() - self.count(Verdict::NotSelected)
    }

    /// Each refusal, the one of the whole first.
    pub fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.whole.iter().chain(self.services.iter().filter_map(|service| service.refusal.as_ref()))
    }
}
