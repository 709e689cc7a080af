//! What Go, and Debian's compilers of C, compile for.

use super::{Build, ImagePlan};
use crate::error::Error;

/// The architectures of Go on Linux, each with the levels that a platform may name.
const OF_GO: [(&str, &[&str]); 13] = [
    ("386", &[]),
    ("amd64", &["v1", "v2", "v3", "v4"]),
    ("arm", &["v5", "v6", "v7"]),
    ("arm64", &["v8", "v9"]),
    ("loong64", &[]),
    ("mips", &[]),
    ("mips64", &[]),
    ("mips64le", &[]),
    ("mipsle", &[]),
    ("ppc64", &[]),
    ("ppc64le", &[]),
    ("riscv64", &[]),
    ("s390x", &[]),
];

/// What the names of Debian's compilers of C begin with, by how an architecture with its level begins.
pub const C_COMPILERS: [(&str, &str); 7] = [
    ("386", "i686-linux-gnu"),
    ("amd64", "x86_64-linux-gnu"),
    ("arm64", "aarch64-linux-gnu"),
    ("armv7", "arm-linux-gnueabihf"),
    ("ppc64le", "powerpc64le-linux-gnu"),
    ("riscv64", "riscv64-linux-gnu"),
    ("s390x", "s390x-linux-gnu"),
];

/// What the name of a compiler of C for an architecture begins with; `None` where Debian has none.
pub fn c_compiler(architecture: &str, level: &str) -> Option<&'static str> {
    let level = if (architecture, level) == ("arm", "") { "v7" } else { level };
    let name = format!("{architecture}{level}");
    C_COMPILERS.into_iter().find_map(|(start, compiler)| name.starts_with(start).then_some(compiler))
}

/// Checks that an image can be compiled for platforms, e.g. `linux/arm/v7`.
///
/// # Errors
/// It is one of Go, and Go knows no such platform.
pub fn check(image: &ImagePlan, platforms: &[String]) -> Result<(), Error> {
    match &image.build {
        Build::Go(_) => platforms.iter().try_for_each(|platform| check_go(platform)),
        Build::Rust(_) => Ok(()),
    }
}

fn check_go(platform: &str) -> Result<(), Error> {
    let mut parts = platform.split('/').skip(1);
    let (architecture, level) = (parts.next().unwrap_or_default(), parts.next());
    let Some((_, levels)) = OF_GO.iter().find(|(name, _)| *name == architecture) else {
        let known: Vec<_> = OF_GO.iter().map(|(name, _)| *name).collect();
        return Err(Error::usage(format!("Go does not compile for {platform}"))
            .hint(format!("name another one in `platforms` or --platform: linux/ and {}", known.join(", "))));
    };
    match level {
        Some(level) if !levels.contains(&level) => {
            let known: Vec<_> = levels.iter().map(|level| format!(", linux/{architecture}/{level}")).collect();
            Err(Error::usage(format!("Go does not compile for {platform}: it has no level {level} of {architecture}"))
                .hint(format!("name another one in `platforms` or --platform: linux/{architecture}{}", known.concat())))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::describe;

    #[test]
    fn a_platform_that_go_does_not_know_is_refused() {
        let refusal = |platform| check_go(platform).map_err(|error| describe(&error.into())).expect_err("is refused");
        insta::assert_snapshot!(refusal("linux/x86_64"), @"
        error: Go does not compile for linux/x86_64
        hint: name another one in `platforms` or --platform: linux/ and 386, amd64, arm, arm64, loong64, mips, mips64, mips64le, mipsle, ppc64, ppc64le, riscv64, s390x
        ");
        insta::assert_snapshot!(refusal("linux/arm/v8"), @"
        error: Go does not compile for linux/arm/v8: it has no level v8 of arm
        hint: name another one in `platforms` or --platform: linux/arm, linux/arm/v5, linux/arm/v6, linux/arm/v7
        ");
        insta::assert_snapshot!(refusal("linux/s390x/v1"), @"
        error: Go does not compile for linux/s390x/v1: it has no level v1 of s390x
        hint: name another one in `platforms` or --platform: linux/s390x
        ");
        for platform in ["linux/amd64", "linux/amd64/v3", "linux/arm", "linux/arm/v6", "linux/arm64/v8", "linux/mipsle"]
        {
            assert_eq!(check_go(platform).map_err(|error| error.to_string()), Ok(()), "{platform}");
        }
    }

    #[test]
    fn compilers_of_c_by_architecture_and_level() {
        let names = [("amd64", "v3"), ("arm", ""), ("arm", "v6"), ("arm64", "v8"), ("mips", "")];
        let compilers = names.map(|(architecture, level)| c_compiler(architecture, level).unwrap_or("none"));
        assert_eq!(compilers, ["x86_64-linux-gnu", "arm-linux-gnueabihf", "none", "aarch64-linux-gnu", "none"]);
    }
}
