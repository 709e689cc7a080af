//! What was found, as a table and in rates.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::oracle::Answer;
use super::verdict::{Refusal, Repository, Verdict};

/// The columns after the name.
const COLUMNS: [&str; 7] = ["FOUND", "SELECTED", "PLANNED", "REFUSED", "UNREAD", "SECONDS", "PEAK MB"];

/// Rows that are printed as soon as they are known, so that their width is settled before.
pub struct Table {
    width: usize,
}

impl Table {
    /// A table of repositories with these names.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self { width: names.map(str::len).max().unwrap_or_default().max("REPOSITORY".len()) }
    }

    pub fn header(&self) -> String {
        self.line("REPOSITORY", &COLUMNS.map(str::to_owned), "WHY")
    }

    pub fn row(&self, repository: &Repository) -> String {
        let why = match &repository.whole {
            Some(refusal) => format!("as a whole: {}", refusal.class),
            None => classes(repository.refusals()),
        };
        self.line(&repository.name, &numbers(std::slice::from_ref(repository)), &why)
    }

    pub fn totals(&self, repositories: &[Repository]) -> String {
        self.line("all", &numbers(repositories), &classes(repositories.iter().flat_map(Repository::refusals)))
    }

    fn line(&self, name: &str, numbers: &[String; 7], why: &str) -> String {
        let columns = COLUMNS.iter().zip(numbers);
        let cells: String = columns.map(|(header, number)| format!("  {number:>0$}", header.len())).collect();
        format!("{name:<0$}{cells}  {why}", self.width).trim_end().to_owned()
    }
}

fn numbers(repositories: &[Repository]) -> [String; 7] {
    let sum = |count: &dyn Fn(&Repository) -> usize| repositories.iter().map(count).sum::<usize>().to_string();
    let peak = repositories.iter().map(|repository| repository.peak_bytes).max().unwrap_or_default();
    [
        sum(&|repository| repository.services.len()),
        sum(&Repository::selected),
        sum(&|repository| repository.count(Verdict::Planned)),
        sum(&|repository| repository.count(Verdict::Refused)),
        sum(&|repository| repository.problems.len()),
        format!("{:.2}", repositories.iter().map(|repository| repository.seconds).sum::<f64>()),
        format!("{:.0}", peak as f64 / 1e6),
    ]
}

/// How many refusals each class has, as `2 lock, 1 cgo`.
fn classes<'a>(refusals: impl Iterator<Item = &'a Refusal>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for refusal in refusals {
        *counts.entry(&refusal.class).or_default() += 1;
    }
    let words = counts.iter().map(|(class, count)| format!("{count} {class}"));
    words.collect::<Vec<_>>().join(", ")
}

/// What the goals are about.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Rates {
    pub repositories: usize,
    /// Repositories that are refused before any service is looked at.
    pub refused_as_a_whole: usize,
    /// Repositories of which each selected service is refused for a reason of its own.
    pub nothing_planned: usize,
    pub selected: usize,
    pub planned: usize,
    /// In 100 selected services.
    pub planned_percent: f64,
    pub refused: usize,
    /// Refusals that Go or Cargo shares.
    pub true_refusals: usize,
    /// Refusals of what Go or Cargo would build.
    pub false_refusals: usize,
    /// Refusals of which Go and Cargo say nothing here.
    pub unknown_refusals: usize,
    /// Refusals, of whichever kind, since the checkout lacks what git has.
    pub incomplete_checkouts: usize,
}

impl Rates {
    pub fn of(repositories: &[Repository]) -> Self {
        let answers: Vec<Option<Answer>> = repositories
            .iter()
            .flat_map(|repository| &repository.services)
            .filter_map(|service| Some(service.refusal.as_ref()?.oracle.as_ref().map(|word| word.answer)))
            .collect();
        let refusals = |answer| answers.iter().filter(|other| **other == Some(answer)).count();
        let (true_refusals, false_refusals) = (refusals(Answer::Refuses), refusals(Answer::Accepts));
        let selected: usize = repositories.iter().map(Repository::selected).sum();
        let planned: usize = repositories.iter().map(|repository| repository.count(Verdict::Planned)).sum();
        let is_empty = |repository: &&Repository| repository.selected() > 0 && repository.count(Verdict::Planned) == 0;
        let refusals_of_services = || repositories.iter().flat_map(Repository::refusals);
        Self {
            repositories: repositories.len(),
            refused_as_a_whole: repositories.iter().filter(|repository| repository.whole.is_some()).count(),
            nothing_planned: repositories.iter().filter(is_empty).count(),
            selected,
            planned,
            planned_percent: 100.0 * planned as f64 / selected.max(1) as f64,
            refused: answers.len(),
            true_refusals,
            false_refusals,
            unknown_refusals: answers.len() - true_refusals - false_refusals,
            incomplete_checkouts: refusals_of_services().filter(|refusal| refusal.lacks.is_some()).count(),
        }
    }
}

impl fmt::Display for Rates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "refused as a whole: {} of {} repositories; each service is refused in {} more",
            self.refused_as_a_whole, self.repositories, self.nothing_planned
        )?;
        let (planned, selected) = (self.planned, self.selected);
        writeln!(formatter, "planned: {planned} of {selected} selected services, {:.1} in 100", self.planned_percent)?;
        write!(
            formatter,
            "refused: {}; Go or Cargo refuses {} of them too, would build {}, and says nothing here of {}; {} are about what \
             the checkout lacks",
            self.refused, self.true_refusals, self.false_refusals, self.unknown_refusals, self.incomplete_checkouts
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::oracle::Word;
    use super::super::verdict::Seen;
    use super::*;

    fn seen(verdict: Verdict, answer: Option<Answer>) -> Seen {
        let oracle = answer.map(|answer| Word { answer, asked: String::new(), words: String::new() });
        let text = "Cargo.lock is out of date".to_owned();
        let refusal = Refusal { class: "lock".to_owned(), text, oracle, ..Refusal::default() };
        let (name, dir, language, reason) = Default::default();
        Seen { name, dir, language, reason, verdict, refusal: (verdict == Verdict::Refused).then_some(refusal) }
    }

    fn repositories() -> [Repository; 3] {
        let healthy = vec![
            seen(Verdict::Planned, None),
            seen(Verdict::NotSelected, None),
            seen(Verdict::Refused, Some(Answer::Refuses)),
            seen(Verdict::Refused, Some(Answer::Accepts)),
        ];
        let healthy = Repository {
            name: "a".to_owned(),
            services: healthy,
            seconds: 1.5,
            peak_bytes: 2_000_000,
            ..Repository::default()
        };
        let broken = vec![seen(Verdict::Refused, None)];
        let mut broken = Repository { name: "broken".to_owned(), services: broken, ..Repository::default() };
        broken.find_what_it_lacks(vec!["a/README.md".to_owned(), "a/Cargo.lock".to_owned()]);
        [healthy, broken, Repository::default()]
    }

    #[test]
    fn a_rate_counts_services_and_repositories() {
        insta::assert_snapshot!(Rates::of(&repositories()), @r"
        refused as a whole: 0 of 3 repositories; each service is refused in 1 more
        planned: 1 of 4 selected services, 25.0 in 100
        refused: 3; Go or Cargo refuses 1 of them too, would build 1, and says nothing here of 1; 1 are about what the checkout lacks
        ");
    }

    #[test]
    fn a_repository_is_a_row() {
        let repositories = repositories();
        let table = Table::of(["a", "broken"].into_iter());
        let lines = [table.header(), table.row(&repositories[0]), table.totals(&repositories)];
        insta::assert_snapshot!(lines.join("\n"), @r"
        REPOSITORY  FOUND  SELECTED  PLANNED  REFUSED  UNREAD  SECONDS  PEAK MB  WHY
        a               4         3        1        2       0     1.50        2  2 lock
        all             5         4        1        3       0     1.50        2  3 lock
        ");
    }
}
