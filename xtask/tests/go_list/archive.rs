//! Go's text archives: files in one text, each after a line `-- name --`.

/// A text archive.
pub struct Archive {
    /// What comes before the first file.
    pub comment: String,
    /// Names and contents.
    pub files: Vec<(String, String)>,
}

impl Archive {
    pub fn parse(text: &str) -> Self {
        let mut archive = Self { comment: String::new(), files: Vec::new() };
        for line in text.split_inclusive('\n') {
            let name = line.trim_end().strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --"));
            match name {
                Some(name) => archive.files.push((name.trim().to_owned(), String::new())),
                None => archive.files.last_mut().map_or(&mut archive.comment, |(_, text)| text).push_str(line),
            }
        }
        archive
    }
}
