//! One line of `docker buildx bake --progress rawjson`: a `SolveStatus` of BuildKit's `client/graph.go`.

use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SolveStatus {
    pub(super) vertexes: Vec<Vertex>,
    pub(super) logs: Vec<VertexLog>,
    pub(super) warnings: Vec<VertexWarning>,
}

/// A step. Times are the builder's own and only tell whether something happened.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Vertex {
    pub(super) digest: String,
    pub(super) inputs: Vec<String>,
    pub(super) name: String,
    pub(super) started: Option<String>,
    pub(super) completed: Option<String>,
    pub(super) cached: bool,
    pub(super) error: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct VertexLog {
    pub(super) vertex: String,
    /// 1 is standard output, 2 standard error.
    pub(super) stream: i64,
    /// Base64 of bytes that begin and end anywhere in a line, or in a character.
    pub(super) data: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct VertexWarning {
    /// Base64 of the text.
    pub(super) short: Option<String>,
    pub(super) url: String,
}

impl SolveStatus {
    /// `None` for a line that is not one of these objects, such as an error of buildx itself.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let status: Self = serde_json::from_str(line).ok()?;
        let says_nothing = status.vertexes.is_empty() && status.logs.is_empty() && status.warnings.is_empty();
        // Any other JSON object would parse too, since every field may be missing.
        (!says_nothing || line.trim() == "{}" || line.starts_with("{\"statuses\":")).then_some(status)
    }
}

/// The bytes of standard Base64, padded or not; anything else is left out, as a broken log is better than none.
pub(super) fn decode_base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for sextet in text.bytes().filter_map(sextet) {
        bits = (bits << 6 | u32::from(sextet)) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_with_and_without_padding() {
        for (text, bytes) in
            [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg", "foob"), ("4pyT", "✓")]
        {
            assert_eq!(decode_base64(text), bytes.as_bytes(), "{text}");
        }
        assert_eq!(decode_base64("++//"), [0xfb, 0xef, 0xff]);
    }

    #[test]
    fn a_plain_line_is_not_a_status() {
        assert!(SolveStatus::parse("ERROR: no builder \"x\" found").is_none());
        assert!(SolveStatus::parse("123").is_none());
        assert!(SolveStatus::parse("{\"error\":\"no such job\"}").is_none());
        assert!(SolveStatus::parse("{}").is_some());
        assert!(SolveStatus::parse("{\"statuses\":[{\"id\":\"extract\"}]}").is_some());
    }
}
