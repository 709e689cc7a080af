//! What is missing where Rust is compiled for a platform, and the commands that bring it. Pure: the host is passed in.

use super::rust::Linkage;
use crate::engine::native::own_architecture;
use crate::error::Error;
use crate::oci::document::Platform;
use crate::plan::platforms::c_compiler;

/// Whether this machine's own compiler of C compiles for a platform.
pub(super) fn is_own(platform: &Platform) -> bool {
    Host { os: std::env::consts::OS, architecture: own_architecture() }.is(platform)
}

/// Why C is not compiled for a platform here, if it is not.
pub(in crate::engine) fn no_c_compiler(platform: &Platform, is_there: impl Fn(&str) -> bool) -> Option<Error> {
    if is_own(platform) {
        return None;
    }
    let Some(triple) = c_compiler(&platform.architecture, &platform.variant) else {
        let error = Error::usage(format!("`cgo`: no compiler of C is known for {platform}"));
        return Some(error.hint("set `cgo = false`, or name another --platform, e.g. linux/arm64"));
    };
    let program = format!("{triple}-gcc");
    (!is_there(&program)).then(|| {
        let package = triple.replace('_', "-");
        Error::usage(format!("`cgo` for {platform} needs {program}, which is not on PATH"))
            .hint(format!("install it, on Debian by the packages gcc-{package} and g++-{package}; or --engine bake"))
    })
}

/// The machine that compiles.
#[derive(Debug, Clone, Copy)]
pub(super) struct Host<'a> {
    /// As in [`std::env::consts::OS`].
    pub(super) os: &'a str,
    /// By Go's name.
    pub(super) architecture: &'a str,
}

impl Host<'_> {
    /// Whether its own linker and libraries are those of the platform.
    pub(super) fn is(self, platform: &Platform) -> bool {
        self.os == "linux" && self.architecture == platform.architecture
    }

    /// Why no target that would do is there.
    pub(super) fn no_target(self, platform: &Platform, base_has_loader: bool) -> Error {
        let linkage = if base_has_loader { Linkage::Glibc } else { Linkage::Musl };
        let Some(triple) = linkage.triple(platform) else {
            return Error::usage(format!("no Rust target is known for the platform {platform}"))
                .hint("--platform linux/amd64 or linux/arm64");
        };
        if base_has_loader && !self.is(platform) {
            let problem = format!(
                "Rust cannot be linked for {platform} here: the base has a loader, and its glibc is only on Linux machines of \
                 that architecture"
            );
            return Error::failure(problem)
                .hint("without `base`, Rust is linked statically, with musl; or --engine bake");
        }
        let problem = format!("Rust cannot be compiled for {platform} here: the target {triple} is not installed");
        let linker = if self.is(platform) { String::new() } else { format!(", and {}", self.linker(&triple)) };
        Error::failure(problem).hint(format!("`rustup target add {triple}`{linker}; or --engine bake"))
    }

    /// What mends a compilation for another platform that failed by its linker, if it did.
    pub(super) fn no_linker(self, platform: &Platform, triple: &str, stderr: &str) -> Option<String> {
        let has_failed = ["error: linking with `", "error: linker `"].iter().any(|start| stderr.contains(start));
        (has_failed && !self.is(platform)).then(|| format!("{}; or --engine bake", self.linker(triple)))
    }

    /// The linker that a target wants here.
    fn linker(self, triple: &str) -> String {
        let variable = triple.to_ascii_uppercase().replace('-', "_");
        let architecture = triple.split('-').next().unwrap_or_default();
        let with_c = match self.os {
            "macos" => format!(
                "want {architecture}-linux-musl-gcc there, which `brew install filosottile/musl-cross/musl-cross` brings"
            ),
            "linux" => format!(
                "want {architecture}-linux-gnu-gcc there, from Debian's gcc-{}-linux-gnu",
                architecture.replace('_', "-")
            ),
            _ => "are compiled in WSL".to_owned(),
        };
        format!(
            "CARGO_TARGET_{variable}_LINKER=rust-lld, the linker that comes with rustup (crates with C code {with_c})"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::describe;

    const MAC: Host = Host { os: "macos", architecture: "arm64" };
    const WINDOWS: Host = Host { os: "windows", architecture: "amd64" };
    const LINUX: Host = Host { os: "linux", architecture: "amd64" };

    fn no_target(host: Host, platform: &str, base_has_loader: bool) -> String {
        describe(&host.no_target(&Platform::parse(platform), base_has_loader).into())
    }

    #[test]
    fn c_for_another_platform_needs_a_compiler_for_that() {
        let refusal = |platform: &str, is_there: bool| {
            no_c_compiler(&Platform::parse(platform), |_| is_there).map(|error| describe(&error.into()))
        };
        assert_eq!(refusal("linux/s390x", true), None);
        insta::assert_snapshot!(refusal("linux/s390x", false).expect("is refused"), @"
        error: `cgo` for linux/s390x needs s390x-linux-gnu-gcc, which is not on PATH
        hint: install it, on Debian by the packages gcc-s390x-linux-gnu and g++-s390x-linux-gnu; or --engine bake
        ");
        insta::assert_snapshot!(refusal("linux/arm/v6", true).expect("is refused"), @"
        error: `cgo`: no compiler of C is known for linux/arm/v6
        hint: set `cgo = false`, or name another --platform, e.g. linux/arm64
        ");
    }

    #[test]
    fn what_a_static_program_needs_on_each_system() {
        insta::assert_snapshot!(no_target(MAC, "linux/arm64", false), @"
        error: Rust cannot be compiled for linux/arm64 here: the target aarch64-unknown-linux-musl is not installed
        hint: `rustup target add aarch64-unknown-linux-musl`, and CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld, the linker that comes with rustup (crates with C code want aarch64-linux-musl-gcc there, which `brew install filosottile/musl-cross/musl-cross` brings); or --engine bake
        ");
        insta::assert_snapshot!(no_target(WINDOWS, "linux/amd64", false), @"
        error: Rust cannot be compiled for linux/amd64 here: the target x86_64-unknown-linux-musl is not installed
        hint: `rustup target add x86_64-unknown-linux-musl`, and CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld, the linker that comes with rustup (crates with C code are compiled in WSL); or --engine bake
        ");
        insta::assert_snapshot!(no_target(LINUX, "linux/arm64", false), @"
        error: Rust cannot be compiled for linux/arm64 here: the target aarch64-unknown-linux-musl is not installed
        hint: `rustup target add aarch64-unknown-linux-musl`, and CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld, the linker that comes with rustup (crates with C code want aarch64-linux-gnu-gcc there, from Debian's gcc-aarch64-linux-gnu); or --engine bake
        ");
        insta::assert_snapshot!(no_target(LINUX, "linux/amd64", false), @"
        error: Rust cannot be compiled for linux/amd64 here: the target x86_64-unknown-linux-musl is not installed
        hint: `rustup target add x86_64-unknown-linux-musl`; or --engine bake
        ");
    }

    #[test]
    fn what_a_base_with_a_loader_needs() {
        insta::assert_snapshot!(no_target(MAC, "linux/arm64", true), @"
        error: Rust cannot be linked for linux/arm64 here: the base has a loader, and its glibc is only on Linux machines of that architecture
        hint: without `base`, Rust is linked statically, with musl; or --engine bake
        ");
        insta::assert_snapshot!(no_target(LINUX, "linux/amd64", true), @"
        error: Rust cannot be compiled for linux/amd64 here: the target x86_64-unknown-linux-gnu is not installed
        hint: `rustup target add x86_64-unknown-linux-gnu`; or --engine bake
        ");
        insta::assert_snapshot!(no_target(LINUX, "linux/s390x", true), @"
        error: no Rust target is known for the platform linux/s390x
        hint: --platform linux/amd64 or linux/arm64
        ");
    }

    #[test]
    fn a_linker_for_another_machine_is_named_where_it_was_the_linker_that_failed() {
        let triple = "aarch64-unknown-linux-musl";
        let hint = |host: Host, stderr| host.no_linker(&Platform::parse("linux/arm64"), triple, stderr);
        for stderr in ["error: linking with `cc` failed: exit status: 1", "error: linker `cc` not found"] {
            let hint = hint(MAC, stderr).expect("is the linker");
            assert!(hint.starts_with("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld, "), "{hint}");
            assert_eq!(
                Host { os: "linux", architecture: "arm64" }.no_linker(&Platform::parse("linux/arm64"), triple, stderr),
                None
            );
        }
        assert_eq!(hint(MAC, "error[E0425]: cannot find value `linker`"), None);
    }
}
