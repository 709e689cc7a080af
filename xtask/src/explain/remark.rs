//! What would make a binary smaller.

use serde::Serialize;

use super::{BuildInfo, Kind, Language, Part};

/// Something that takes more bytes than it has to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// The bytes that it is about.
    pub bytes: u64,
    /// What it is, and what can be done.
    pub text: String,
}

impl Remark {
    /// The remark with the file that it is about in front.
    pub(super) fn about(self, file: &str) -> Self {
        Self { text: format!("{file} {}", self.text), ..self }
    }
}

/// An embedded file that is worth a word.
const LARGE_EMBED: u64 = 1_000_000;

pub(super) fn of_binary(sections: &[Part], language: Option<Language>, build: Option<&BuildInfo>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let sum = |is_it: &dyn Fn(&str) -> bool| -> u64 {
        sections.iter().filter(|part| part.kind == Kind::Section && is_it(&part.name)).map(|part| part.bytes).sum()
    };
    let debug = sum(&|name| name.starts_with(".debug") || name.starts_with(".zdebug"));
    let symbols = sum(&|name| matches!(name, ".symtab" | ".strtab"));
    if debug + symbols > 0 {
        let remedy = match language {
            Some(Language::Go) if !has_flags(build) => "link with -ldflags='-s -w'",
            Some(Language::Rust) => "set `strip = true` in the release profile",
            _ => "strip it after it is linked",
        };
        let what = match (debug, symbols) {
            (0, _) => "symbols",
            (_, 0) => "debug information",
            _ => "symbols and debug information",
        };
        remarks.push(Remark { bytes: debug + symbols, text: format!("holds {what}: {remedy}") });
    }
    for embed in sections.iter().flat_map(|section| &section.parts) {
        if embed.kind == Kind::Embed && embed.bytes >= LARGE_EMBED {
            let text = format!("embeds {}: ship it as a file, compressed, or not at all", embed.name);
            remarks.push(Remark { bytes: embed.bytes, text });
        }
    }
    remarks
}

fn has_flags(build: Option<&BuildInfo>) -> bool {
    let flags = build.and_then(|build| build.settings.get("-ldflags"));
    flags.is_some_and(|flags| ["-s", "-w"].iter().all(|flag| flags.split(' ').any(|word| word == *flag)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::How;

    fn remarks(section: &str, inner: Vec<Part>, flags: Option<&str>) -> Vec<String> {
        let build = flags.map(|flags| BuildInfo {
            settings: [("-ldflags".to_owned(), flags.to_owned())].into(),
            ..BuildInfo::default()
        });
        let section = Part { bytes: 2_000_000, ..Part::sum(Kind::Section, section, How::Exact, inner) };
        let found = of_binary(&[section], Some(Language::Go), build.as_ref());
        found.into_iter().map(|remark| remark.text).collect()
    }

    #[test]
    fn an_embedded_file_is_worth_a_word_where_it_is_large() {
        let embed = |bytes| vec![Part::leaf(Kind::Embed, "assets/map.json", bytes, How::Exact)];
        let expected = "embeds assets/map.json: ship it as a file, compressed, or not at all";
        assert_eq!(remarks(".rodata", embed(1_000_000), None), [expected]);
        assert_eq!(remarks(".rodata", embed(999_999), None), [""; 0]);
    }

    #[test]
    fn flags_are_named_where_they_were_forgotten() {
        let forgotten = "holds symbols: link with -ldflags='-s -w'";
        for flags in [None, Some(""), Some("-X main.version=-s"), Some("-s")] {
            assert_eq!(remarks(".symtab", Vec::new(), flags), [forgotten], "{flags:?}");
        }
        let both = Some("-X main.version=1 -s -w");
        assert_eq!(remarks(".symtab", Vec::new(), both), ["holds symbols: strip it after it is linked"]);
        assert_eq!(remarks(".text", Vec::new(), None), [""; 0]);
    }
}
