//! The systems that a package is built for, and which build tags are set on each.

use memchr::memchr;

use super::Flags;
use super::constraint::Expression;

/// A set of platforms, one bit for each.
pub(super) type Mask = u32;

/// Linux on each of the architectures asked for, with their levels, at once: what is built on any of them belongs to the inputs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Platforms {
    goarchs: Vec<String>,
    cgo: bool,
    tags: Vec<String>,
    go_minor: u32,
}

/// Systems other than Linux whose name a file may end in: Go leaves those files out. (`x_js_y.go` is for every system.)
/// Sorted.
pub const OTHER_SYSTEMS: [&str; 17] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "windows",
    "zos",
];
/// Sorted.
const KNOWN_ARCHITECTURES: [&str; 24] = [
    "386",
    "amd64",
    "amd64p32",
    "arm",
    "arm64",
    "arm64be",
    "armbe",
    "loong64",
    "mips",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "mipsle",
    "ppc",
    "ppc64",
    "ppc64le",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "wasm",
];

impl Platforms {
    pub(super) fn new(flags: &Flags) -> Self {
        // As many as a mask holds; there are not that many architectures.
        let goarchs = flags.goarchs.iter().take(Mask::BITS as usize).cloned().collect();
        Self { goarchs, cgo: flags.cgo, tags: flags.tags.clone(), go_minor: flags.go_minor }
    }

    /// All of them.
    pub(super) fn all(&self) -> Mask {
        (0..self.goarchs.len()).fold(0, |mask, bit| mask | 1 << bit)
    }

    /// The architectures of a part of them, without their levels; sorted. None for all of them.
    pub(super) fn architectures(&self, mask: Mask) -> Vec<String> {
        if mask == self.all() {
            return Vec::new();
        }
        let of_mask = self.goarchs.iter().enumerate().filter(|(bit, _)| mask & 1 << bit != 0);
        let mut names: Vec<_> =
            of_mask.map(|(_, name)| name.split('/').next().unwrap_or_default().to_owned()).collect();
        names.dedup();
        names
    }

    pub(super) fn cgo(&self) -> bool {
        self.cgo
    }

    /// Where an expression holds.
    pub(super) fn matching(&self, expression: &Expression) -> Mask {
        expression.holds(&|name| self.tag(name)) & self.all()
    }

    /// Where a file of this name is built, going by the system and architecture in it.
    pub(super) fn file_name(&self, name: &str) -> Mask {
        let stem = memchr(b'.', name.as_bytes()).map_or(name, |end| &name[..end]);
        // What stands before the first underscore is a name, whatever it says.
        let Some(start) = memchr(b'_', stem.as_bytes()) else { return self.all() };
        let mut parts = stem[start + 1..].rsplit('_');
        let mut last = parts.next();
        if last == Some("test") {
            last = parts.next();
        }
        let Some(last) = last else { return self.all() };
        let is_architecture = KNOWN_ARCHITECTURES.binary_search(&last).is_ok();
        let is_system = |part: &str| part == "linux" || OTHER_SYSTEMS.binary_search(&part).is_ok();
        let system = parts.next().filter(|part| is_system(part));
        match system {
            Some(system) if is_architecture => self.tag(last) & self.tag(system),
            _ if is_architecture || is_system(last) => self.tag(last),
            _ => self.all(),
        }
    }

    /// Where a tag is set.
    fn tag(&self, name: &str) -> Mask {
        let is_set = match name {
            "linux" | "unix" | "gc" => true,
            "cgo" => self.cgo,
            _ => self.is_release(name) || self.is_experiment(name) || self.tags.iter().any(|tag| tag == name),
        };
        if is_set {
            return self.all();
        }
        let sets = |platform: &str| {
            let (goarch, level) = platform.split_once('/').unwrap_or((platform, ""));
            name == goarch || is_feature(goarch, level, name)
        };
        let bits = self.goarchs.iter().enumerate().filter(|(_, goarch)| sets(goarch));
        bits.fold(0, |mask, (bit, _)| mask | 1 << bit)
    }

    /// `go1.1` up to the toolchain's release; the module's `go` line plays no part.
    fn is_release(&self, name: &str) -> bool {
        let number = name.strip_prefix("go1.").filter(|number| !number.starts_with(['0', '+']));
        number.and_then(|number| number.parse().ok()).is_some_and(|minor: u32| minor >= 1 && minor <= self.go_minor)
    }

    /// The experiments that a release of the toolchain has on.
    fn is_experiment(&self, name: &str) -> bool {
        let since = |name: &str| match name {
            "regabiwrappers" | "regabiargs" => Some(17..=u32::MAX),
            "aliastypeparams" => Some(23..=25),
            "swissmap" | "spinbitmutex" | "synchashtriemap" => Some(24..=25),
            "dwarf5" => Some(25..=u32::MAX),
            "randomizedheapbase64" | "greenteagc" => Some(26..=u32::MAX),
            _ => None,
        };
        name.strip_prefix("goexperiment.").and_then(since).is_some_and(|releases| releases.contains(&self.go_minor))
    }
}

/// Whether an architecture has a feature such as `amd64.v1` at a level such as `v3`; at the one that Go takes by default
/// where none is given.
fn is_feature(goarch: &str, level: &str, name: &str) -> bool {
    let Some(feature) = name.strip_prefix(goarch).and_then(|rest| rest.strip_prefix('.')) else { return false };
    let up_to = |default: &str, levels: &[&str]| {
        let level = match level {
            "" => default,
            level if goarch == "arm" => level.trim_start_matches('v'),
            level => level,
        };
        let place = |of: &str| levels.iter().position(|known| *known == of);
        place(feature).is_some_and(|place_of_feature| Some(place_of_feature) <= place(level))
    };
    match goarch {
        "386" => feature == "sse2",
        "amd64" => up_to("v1", &["v1", "v2", "v3", "v4"]),
        "arm" => up_to("7", &["5", "6", "7"]),
        // Level 9.0 has all of 8.5.
        "arm64" if level == "v9" => ["v8.0", "v8.1", "v8.2", "v8.3", "v8.4", "v8.5", "v9.0"].contains(&feature),
        "arm64" => feature == "v8.0",
        "mips" | "mipsle" | "mips64" | "mips64le" => feature == "hardfloat",
        "ppc64" | "ppc64le" => feature == "power8",
        "riscv64" => up_to("rva20u64", &["rva20u64", "rva22u64", "rva23u64"]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platforms(goarchs: &[&str]) -> Platforms {
        let goarchs = goarchs.iter().map(|goarch| (*goarch).to_owned()).collect();
        Platforms::new(&Flags { goarchs, cgo: true, tags: vec!["prod".into()], go_minor: 26 })
    }

    /// Go's TestMatchFile and TestGoodOSArchFile, for Linux.
    #[test]
    fn names_keep_files_for_their_platforms() {
        let table = [
            ("foo.go", 0b11),
            ("foo_linux.go", 0b11),
            ("foo_amd64.go", 0b01),
            ("foo_linux_arm64.go", 0b10),
            ("foo_linux_arm64_test.go", 0b10),
            ("foo_windows.go", 0),
            ("foo_windows_amd64.go", 0),
            ("foo_windows_linux.go", 0b11),
            ("foo_amd64_linux.go", 0b11),
            ("foo_linux_other.go", 0b11),
            ("foo_unix.go", 0b11),
            ("foo_android.go", 0),
            ("linux.go", 0b11),
            ("windows.go", 0b11),
            ("arm64.s", 0b11),
            ("windows_test.go", 0b11),
            ("_windows.go", 0),
            ("foo_riscv64.go", 0),
            ("foo_windows.pb.go", 0),
            ("foo.pb_windows.go", 0b11),
            ("a_b_c_arm64.syso", 0b10),
            ("foo_.go", 0b11),
        ];
        let platforms = platforms(&["amd64", "arm64"]);
        for (name, mask) in table {
            assert_eq!(platforms.file_name(name), mask, "{name}");
        }
    }

    #[test]
    fn names_can_be_searched_for() {
        assert!(OTHER_SYSTEMS.is_sorted() && KNOWN_ARCHITECTURES.is_sorted());
    }

    #[test]
    fn a_level_has_the_features_of_those_below() {
        let table = [
            ("amd64.v1", 0b0001),
            ("amd64.v3", 0b0001),
            ("amd64.v4", 0),
            ("arm.5", 0b0010),
            ("arm.6", 0b0010),
            ("arm.7", 0),
            ("arm64", 0b0100),
            ("arm64.v8.5", 0b0100),
            ("arm64.v9.1", 0),
            ("riscv64.rva20u64", 0b1000),
            ("riscv64.rva22u64", 0),
        ];
        let platforms = platforms(&["amd64/v3", "arm/v6", "arm64/v9", "riscv64"]);
        for (text, mask) in table {
            let expression = Expression::parse(text).expect(text);
            assert_eq!(platforms.matching(&expression), mask, "{text}");
        }
        assert_eq!(platforms.architectures(0b0011), ["amd64", "arm"]);
        assert_eq!(platforms.architectures(0b1111), [""; 0]);
    }

    #[test]
    fn tags_are_set_as_by_the_toolchain() {
        let table = [
            ("linux", 0b111),
            ("unix", 0b111),
            ("gc", 0b111),
            ("cgo", 0b111),
            ("prod", 0b111),
            ("go1.1", 0b111),
            ("go1.26", 0b111),
            ("go1.27", 0),
            ("go1.0", 0),
            ("go1.01", 0),
            ("go1", 0),
            ("amd64", 0b001),
            ("amd64.v1", 0b001),
            ("amd64.v2", 0),
            ("arm64.v8.0", 0b010),
            ("arm.7", 0b100),
            ("goexperiment.greenteagc", 0b111),
            ("goexperiment.swissmap", 0),
            ("windows", 0),
            ("ignore", 0),
            ("!linux", 0),
            ("!amd64", 0b110),
            ("amd64 || arm", 0b101),
            ("linux && !arm", 0b011),
        ];
        let platforms = platforms(&["amd64", "arm64", "arm"]);
        for (text, mask) in table {
            let expression = Expression::parse(text).expect(text);
            assert_eq!(platforms.matching(&expression), mask, "{text}");
        }
    }
}
