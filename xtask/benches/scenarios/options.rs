//! The command line of the benchmark.

/// What to run.
#[derive(Debug, Default)]
pub struct Options {
    /// Only these scenarios; all of them where none is named.
    pub scenarios: Vec<String>,
    /// How often each build is timed, where the scenario has no number of its own.
    pub repeats: Option<usize>,
    /// Takes the larger, generated workspace instead of this repository's own services.
    pub full: bool,
}

pub const USAGE: &str = "usage: cargo bench --bench scenarios -- [--full] [--repeats N] [--scenario NAME]…";

impl Options {
    /// Reads the words after the program's name.
    ///
    /// # Errors
    /// A word is unknown or lacks its value.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value\nhint: {USAGE}"));
            match word.as_str() {
                // Cargo's own, for the benchmarks that it runs.
                "--bench" => {}
                "--full" => options.full = true,
                "--scenario" => options.scenarios.push(value()?),
                "--repeats" => {
                    let number = value()?;
                    let repeats = number.parse().ok().filter(|repeats| *repeats > 0);
                    options.repeats = Some(repeats.ok_or_else(|| format!("{number} is no number of repeats"))?);
                }
                _ => return Err(format!("unknown argument {word}\nhint: {USAGE}")),
            }
        }
        Ok(options)
    }
}
