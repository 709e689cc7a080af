//! What there is to say about the links.

use std::io::{self, Write};

use clap::ValueEnum;
use serde::Serialize;
use shared::Link;

/// The report's head, for people. What is down follows, a link on each line.
const TEMPLATE: &str = include_str!("report.txt");

/// How a report is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs: one object on each line
    Json,
}

/// The links, counted by the outcome of their latest check.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    total: usize,
    up: usize,
    unchecked: usize,
    down: Vec<&'a Link>,
}

impl<'a> Report<'a> {
    /// The report on `links`.
    pub fn new(links: &'a [Link]) -> Self {
        let mut report = Self { total: links.len(), up: 0, unchecked: 0, down: Vec::new() };
        for link in links {
            match &link.check {
                None => report.unchecked += 1,
                Some(check) if check.ok => report.up += 1,
                Some(_) => report.down.push(link),
            }
        }
        report
    }

    /// Writes the report in one piece.
    pub fn write(&self, format: Format, mut out: impl Write) -> io::Result<()> {
        let text = match format {
            Format::Text => self.to_text(),
            Format::Json => serde_json::to_string(self)? + "\n",
        };
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    fn to_text(&self) -> String {
        let mut text = TEMPLATE
            .replace("{total}", &self.total.to_string())
            .replace("{up}", &self.up.to_string())
            .replace("{down}", &self.down.len().to_string())
            .replace("{unchecked}", &self.unchecked.to_string());
        for Link { code, url, check } in &self.down {
            let status = check.as_ref().and_then(|check| check.status);
            let status = status.map_or("---".to_owned(), |status| status.to_string());
            text.extend([code, "   ", &status, "   ", url, "\n"]);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use shared::Check;

    use super::*;

    fn links() -> Vec<Link> {
        let checks = [
            None,
            Some(Check { ok: true, status: Some(200) }),
            Some(Check { ok: false, status: Some(404) }),
            Some(Check { ok: false, status: None }),
        ];
        let link =
            |(code, check): (&str, _)| Link { code: code.to_owned(), url: "https://a.test/{up}".to_owned(), check };
        ["aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd"].into_iter().zip(checks).map(link).collect()
    }

    fn written(format: Format) -> String {
        let mut out = Vec::new();
        Report::new(&links()).write(format, &mut out).expect("a vector takes everything");
        String::from_utf8(out).expect("is text")
    }

    #[test]
    fn text_counts_all_and_names_what_is_down() {
        let expected = "\
links           4
  up            1
  down          2
  not checked   1
cccccccc   404   https://a.test/{up}
dddddddd   ---   https://a.test/{up}
";
        assert_eq!(written(Format::Text), expected);
    }

    #[test]
    fn json_is_one_line() {
        let text = written(Format::Json);
        assert!(text.starts_with(r#"{"total":4,"up":1,"unchecked":1,"down":[{"code":"cccccccc","#), "{text}");
        assert_eq!(text.find('\n'), Some(text.len() - 1));
    }
}
