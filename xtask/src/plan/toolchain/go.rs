//! Which Go builds a service.

use crate::discover::go::{GoVersion, Lines};

/// The release taken where a repository asks for no newer one.
const DEFAULT: GoVersion = GoVersion::release(26);
/// The first release whose official images stand on Debian 13.
const ON_TRIXIE: u32 = 25;

/// The oldest Go that may build a module, going by its lines and the newest `go` line of the modules that it is built with.
pub(in crate::plan) fn asked(lines: &Lines, newest: Option<GoVersion>) -> Option<GoVersion> {
    toolchain(lines).max(go(lines)).max(newest)
}

/// The release that the official image is taken of: a `toolchain` line is a choice; a `go` line is a least version, of
/// which the newest patch is taken. One that asks for more than the `toolchain` line counts alone, as for Go itself.
fn release(lines: &Lines, newest: Option<GoVersion>) -> GoVersion {
    let least = go(lines).max(newest);
    match (toolchain(lines), least) {
        (Some(chosen), least) if Some(chosen) >= least => chosen,
        (_, Some(least)) if least.is_pre_release() && least > DEFAULT => least,
        (_, Some(least)) if least.minor() > DEFAULT.minor() => GoVersion::release(least.minor()),
        _ => DEFAULT,
    }
}

/// N in the release `1.N` that a module is built with.
pub(in crate::plan) fn minor(lines: &Lines) -> u32 {
    release(lines, None).minor()
}

/// The official image of the Go that a module is built with.
pub(in crate::plan) fn image(lines: &Lines, newest: Option<GoVersion>) -> String {
    let release = release(lines, newest);
    let debian = if release.minor() >= ON_TRIXIE { "trixie" } else { "bookworm" };
    format!("golang:{release}-{debian}")
}

fn go(lines: &Lines) -> Option<GoVersion> {
    lines.go.as_deref().and_then(GoVersion::parse)
}

fn toolchain(lines: &Lines) -> Option<GoVersion> {
    lines.toolchain.as_deref().and_then(GoVersion::parse_toolchain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(go: &str, toolchain: &str) -> Lines {
        let line = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Lines { go: line(go), toolchain: line(toolchain) }
    }

    #[test]
    fn the_newest_of_the_lines_decides() {
        let table = [
            // A go line is a least version.
            ("", "", "golang:1.26-trixie"),
            ("1.25.0", "", "golang:1.26-trixie"),
            ("1.26.9", "", "golang:1.26-trixie"),
            ("1.27", "", "golang:1.27-trixie"),
            ("1.27.1", "", "golang:1.27-trixie"),
            // A toolchain line is a choice.
            ("1.24", "go1.26.3", "golang:1.26.3-trixie"),
            ("1.21", "go1.22.4", "golang:1.22.4-bookworm"),
            ("1.21.0", "go1.21.0", "golang:1.21.0-bookworm"),
            ("", "go1.22.4-custom", "golang:1.22.4-bookworm"),
            ("1.19", "go1.20", "golang:1.20-bookworm"),
            // One that is older than the go line counts for nothing.
            ("1.26.0", "go1.24.3", "golang:1.26-trixie"),
            ("1.28.0", "go1.27.3", "golang:1.28-trixie"),
            ("1.25.3", "go1.25rc1", "golang:1.26-trixie"),
            ("1.23", "default", "golang:1.26-trixie"),
            ("1.27", "default", "golang:1.27-trixie"),
            // A version before the release has a tag of its own.
            ("1.27rc1", "", "golang:1.27rc1-trixie"),
            ("1.27", "go1.27rc2", "golang:1.27rc2-trixie"),
            ("1.25", "go1.27beta1", "golang:1.27beta1-trixie"),
            ("1.21rc2", "default", "golang:1.26-trixie"),
        ];
        for (go, toolchain, expected) in table {
            assert_eq!(image(&lines(go, toolchain), None), expected, "go {go}, toolchain {toolchain}");
        }
    }

    #[test]
    fn a_module_that_is_built_along_may_ask_for_more() {
        let newest = GoVersion::parse("1.27.2");
        assert_eq!(image(&lines("1.24", ""), newest), "golang:1.27-trixie");
        assert_eq!(image(&lines("1.24", "go1.25.1"), newest), "golang:1.27-trixie");
        assert_eq!(image(&lines("1.24", "go1.28.1"), newest), "golang:1.28.1-trixie");
        assert_eq!(asked(&lines("1.24", "go1.25.1"), newest), newest);
        assert_eq!(asked(&lines("1.24", "default"), None), GoVersion::parse("1.24"));
    }
}
