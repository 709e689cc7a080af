//! The repository that a command works on.

use std::env;
use std::mem::ManuallyDrop;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};

use crate::config::{self, Settings};
use crate::discover::{self, Discovery};
use crate::error::Error;
use crate::files::{self, tree::Tree};
use crate::plan::{self, Plans};
use crate::render;
use crate::sync;

/// A repository with its settings.
pub(super) struct Repository {
    pub(super) settings: Settings,
    /// Never freed: the process ends with the command, and all that is known of a large repository is many values.
    pub(super) tree: ManuallyDrop<Tree>,
    /// The file that holds the settings, where it is one of the repository.
    pub(super) settings_file: Option<Utf8PathBuf>,
}

/// What a repository holds, and what becomes of it.
pub(super) struct Survey {
    pub(super) discovery: Discovery,
    pub(super) plans: Plans,
}

impl Repository {
    /// Opens the repository in `directory`, else the one around the current folder.
    pub(super) fn open(directory: Option<&Utf8Path>, config: Option<&Utf8Path>) -> Result<Self> {
        let root = match directory {
            Some(directory) => {
                files::canonical(directory).ok().filter(|folder| files::is_folder(folder)).ok_or_else(|| {
                    Error::usage(format!("no such folder: {directory}")).hint("-C takes the folder of a repository")
                })?
            }
            None => root_around(&current_folder()?),
        };
        let settings = config::read_settings(&root, config)?;
        let settings_file = config::settings_file(&root, config)?;
        Ok(Self { settings, tree: ManuallyDrop::new(Tree::new(root)), settings_file })
    }

    pub(super) fn root(&self) -> &Utf8Path {
        self.tree.root()
    }

    /// The bake files of a person's own that are there.
    pub(super) fn bake_overrides(&self) -> Vec<Utf8PathBuf> {
        render::bake_overrides().into_iter().filter(|file| self.tree.is_file(file)).collect()
    }

    pub(super) fn discover(&self) -> Result<Discovery> {
        discover::discover(&self.tree, &self.settings, &sync::owners(self.root())?)
    }

    /// What is there, and what becomes of it.
    pub(super) fn survey(&self) -> Result<Survey> {
        let discovery = self.discover()?;
        let selected: Vec<_> = discovery.services.iter().filter(|service| service.selected).collect();
        let inputs = discover::inputs_of_all(&self.tree, &discovery, &selected, &self.settings.platforms);
        let plans = plan::plan(selected.into_iter().zip(inputs).collect(), &self.settings)?;
        Ok(Survey { discovery, plans })
    }

    /// The same, of a repository that has services.
    pub(super) fn plan(&self) -> Result<Survey> {
        let survey = self.survey()?;
        if survey.plans.images.is_empty() && survey.plans.refused.is_empty() {
            return Err(Error::usage(format!("no service is selected in {}", self.root()))
                .hint("`cargo xtask list` shows what was found, and why it is left out")
                .into());
        }
        Ok(survey)
    }
}

#[expect(clippy::disallowed_methods, reason = "a command works where it was called")]
pub(super) fn current_folder() -> Result<Utf8PathBuf> {
    let folder = env::current_dir().context("the current folder is gone")?;
    let folder = Utf8PathBuf::from_path_buf(folder);
    let folder = folder.map_err(|path| Error::usage(format!("the folder's name is not UTF-8: {}", path.display())))?;
    files::canonical(&folder)
}

/// The nearest folder above that git knows as a checkout, else the folder itself.
fn root_around(folder: &Utf8Path) -> Utf8PathBuf {
    folder.ancestors().find(|above| files::exists(&above.join(".git"))).unwrap_or(folder).to_owned()
}
