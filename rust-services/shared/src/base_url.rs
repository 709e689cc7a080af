use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use thiserror::Error;

/// Where a service is: `http://`, a host and perhaps a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Uri);

/// A text that is no [`BaseUrl`].
#[derive(Debug, Error)]
#[error("must be like http://host:port, without credentials, path or query")]
pub struct InvalidBaseUrl;

impl BaseUrl {
    /// The URL of a resource of the service.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "it does not panic: parsing has made sure of scheme and host")]
    pub fn with(&self, resource: PathAndQuery) -> Uri {
        let mut parts = self.0.clone().into_parts();
        parts.path_and_query = Some(resource);
        Uri::from_parts(parts).expect("there are a scheme and a host")
    }
}

impl FromStr for BaseUrl {
    type Err = InvalidBaseUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|_| InvalidBaseUrl)?;
        let suitable = uri.scheme() == Some(&Scheme::HTTP)
            && uri.authority().is_some_and(is_host_and_port)
            && uri.path_and_query().is_none_or(|resource| resource == "/");
        if suitable { Ok(Self(uri)) } else { Err(InvalidBaseUrl) }
    }
}

/// Whether there is a host, perhaps a port, and nothing else. `Uri` takes a port that is no number for none at all.
fn is_host_and_port(authority: &Authority) -> bool {
    let (text, host) = (authority.as_str(), authority.host());
    !host.is_empty() && !text.contains('@') && (text == host || authority.port_u16().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_follows_the_host() {
        for base in ["http://server:8080", "http://server:8080/"] {
            let base: BaseUrl = base.parse().expect("is a base url");
            assert_eq!(base.with(PathAndQuery::from_static("/links?a=b")), "http://server:8080/links?a=b");
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for text in ["", "server:8080", "/links", "https://server", "http://me:secret@server", "http://server/api"] {
            assert!(text.parse::<BaseUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_port_is_a_port_and_a_host_is_there() {
        assert!("http://[::1]:8080".parse::<BaseUrl>().is_ok());
        for text in ["http://", "http://:8080", "http://server:", "http://server:http", "http://server:99999"] {
            assert!(text.parse::<BaseUrl>().is_err(), "{text}");
        }
    }
}
