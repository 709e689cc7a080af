use serde::{Deserialize, Serialize};

/// A shortened URL, as the server shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its path on the server.
    pub code: String,
    /// Where it leads.
    pub url: String,
    /// The outcome of the latest check, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
}

/// Whether a link's URL answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// It answered, and with success.
    pub ok: bool,
    /// The HTTP status, if there was an answer at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// Whether a text has the form of a link's code: eight characters of lower-case base32.
#[must_use]
pub fn is_code(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_server_writes() {
        let json = r#"[
            {"code":"abcd2345","url":"https://go.dev","created_at":"2026-01-02T03:04:05Z"},
            {"code":"efgh2345","url":"https://a.test","created_at":"2026-01-02T03:04:05Z",
             "check":{"ok":false,"checked_at":"2026-01-02T03:04:05Z"}}
        ]"#;
        let links: Vec<Link> = serde_json::from_str(json).expect("is valid");
        assert_eq!(links[0].check, None);
        assert_eq!(links[1].check, Some(Check { ok: false, status: None }));
    }

    #[test]
    fn codes_are_told_from_other_paths() {
        assert!(is_code("abcd2345"));
        for text in ["", "metrics", "abcd234", "abcd23456", "abcd2341", "ABCD2345", "äbcd234", "../metri"] {
            assert!(!is_code(text), "{text}");
        }
    }
}
