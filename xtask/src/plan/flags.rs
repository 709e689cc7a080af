//! The flags that a build gives its compiler, as one line of text.

use super::{Build, GoBuild, RustBuild};

impl Build {
    /// What decides a binary's size beside its sources and its toolchain, as far as the plan says it: flags, tags and
    /// features. As `-trimpath -buildvcs=false -ldflags='-s -w'`.
    pub fn flags(&self) -> String {
        match self {
            Self::Go(build) if build.cgo => format!("CGO_ENABLED=1 {}", build.flags()),
            Self::Go(build) => build.flags(),
            Self::Rust(build) => format!("--release{} -C strip=symbols", build.feature_flags()),
        }
    }
}

impl GoBuild {
    /// What every compilation is told: the same in the dependency stage and in the build, or nothing is reused.
    pub fn compiler_flags(&self) -> String {
        let tags = if self.tags.is_empty() { String::new() } else { format!(" -tags={}", self.tags.join(",")) };
        format!("-trimpath -buildvcs=false{tags}")
    }

    /// What the build of a binary is told.
    pub fn flags(&self) -> String {
        format!("{} -ldflags='-s -w'", self.compiler_flags())
    }
}

impl RustBuild {
    /// The features of the service, as ` --features worker/tls`, or nothing.
    pub fn feature_flags(&self) -> String {
        if self.features.is_empty() { String::new() } else { format!(" --features {}", self.features.join(",")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_those_of_the_dockerfile() {
        let go = |tags: &[&str], cgo| {
            let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
            Build::Go(Box::new(GoBuild { tags, cgo, ..GoBuild::default() })).flags()
        };
        assert_eq!(go(&[], false), "-trimpath -buildvcs=false -ldflags='-s -w'");
        assert_eq!(go(&["a", "b"], true), "CGO_ENABLED=1 -trimpath -buildvcs=false -tags=a,b -ldflags='-s -w'");
        let rust = |features: &[&str]| {
            let features = features.iter().map(|feature| (*feature).to_owned()).collect();
            Build::Rust(Box::new(RustBuild { features, ..RustBuild::default() })).flags()
        };
        assert_eq!(rust(&[]), "--release -C strip=symbols");
        assert_eq!(rust(&["a/x", "a/y"]), "--release --features a/x,a/y -C strip=symbols");
    }
}
