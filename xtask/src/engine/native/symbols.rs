//! The binaries of an image once more, with their symbols: the same code, of which symbols tell the crates.

use anyhow::Result;
use camino::Utf8Path;

use super::base::Bases;
use super::{BASES, Native, compile, failure, fresh};
use crate::engine::BuildFailure;
use crate::files;
use crate::plan::ImagePlan;

/// As in the generated Dockerfiles: of a wrapper Cargo takes no notice, and compiles with it as without.
const WRAPPER: &str = "#!/bin/sh\nexec \"$@\" -C strip=debuginfo\n";

impl Native<'_> {
    /// Compiles the binaries of a Rust service as they were for its image, and leaves them with their symbols in `to`, in a
    /// folder for each platform. The reason, where they do not compile.
    ///
    /// # Errors
    /// A base or a tool is not there, or a file cannot be written.
    pub fn with_symbols(
        &self,
        image: &ImagePlan,
        to: &Utf8Path,
        say: &(dyn Fn(&str) + Sync),
    ) -> Result<Option<BuildFailure>> {
        let (kept, session) = (self.work.join(BASES), self.session(say));
        let (targets, refused) = self.targets(std::slice::from_ref(image), &mut Bases::new(&kept, Some(session)))?;
        if let Some(failure) = refused.into_iter().next() {
            return Ok(Some(failure));
        }
        let wrapper = self.work.join("with-symbols");
        files::write_program(&wrapper, WRAPPER)?;
        for mut step in compile::steps(self.place(), &targets)?.into_iter().flatten() {
            // What this leaves is no image's: without its sources on record, the next run compiles them anew.
            fresh::forget_all(&step.output)?;
            if let Some(forget) = step.forget.as_ref().filter(|_| files::is_folder(&step.output)) {
                forget.command()?.run()?;
            }
            say(&format!("{}: {} compiles, with symbols", step.title(), step.line.program));
            step.line.set.insert("RUSTC_WRAPPER".to_owned(), wrapper.to_string());
            let command = step.line.command()?;
            let line = command.to_shell();
            let output = command.output()?;
            if !output.status.success() {
                return Ok(Some(failure(&step, &output.stderr, &line)));
            }
            for target in &step.targets {
                let folder = to.join(target.platform.to_string().replace('/', "_"));
                files::create_folder(&folder)?;
                let bins = &target.image.container.bins;
                bins.iter().try_for_each(|bin| files::rename(&step.output.join(bin), &folder.join(bin)))?;
            }
        }
        Ok(None)
    }
}
