//! The routes to the server, and the way of a request along them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderName, StatusCode, Version, header};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use shared::{BaseUrl, is_code};

use crate::request_id;

// The public routes, from `routes.txt`: `static ROUTES: &[(&str, MethodFilter)]`.
include!(concat!(env!("OUT_DIR"), "/routes.rs"));

/// Headers that concern one connection and not what is said on it (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// An answer of the gateway's own.
type Refusal = (StatusCode, &'static str);

const NOT_FOUND: Refusal = (StatusCode::NOT_FOUND, "not found\n");
const UNREACHABLE: Refusal = (StatusCode::BAD_GATEWAY, "the server cannot be reached\n");
const TOO_SLOW: Refusal = (StatusCode::GATEWAY_TIMEOUT, "the server took too long to answer\n");

struct Proxy {
    client: Client<HttpConnector, Body>,
    upstream: BaseUrl,
    timeout: Duration,
}

/// All public routes, each leading to the server at `upstream`, which has to begin its answers within `timeout`.
pub fn router(upstream: BaseUrl, timeout: Duration) -> Router {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true); // or else a body waits for the acknowledgement of its headers
    let client = Client::builder(TokioExecutor::new()).build(connector);
    ROUTES
        .iter()
        .fold(Router::new(), |router, &(path, methods)| router.route(path, on(methods, forward)))
        .fallback(|| async { NOT_FOUND })
        .with_state(Arc::new(Proxy { client, upstream, timeout }))
}

async fn forward(State(proxy): State<Arc<Proxy>>, codes: RawPathParams, request: Request) -> Result<Response, Refusal> {
    // Or else `/{code}` would make all of the server's top level public.
    if codes.iter().any(|(_, code)| !is_code(code)) {
        return Err(NOT_FOUND);
    }
    proxy.send(request).await
}

impl Proxy {
    async fn send(&self, mut request: Request) -> Result<Response, Refusal> {
        let resource = request.uri().path_and_query().cloned();
        *request.uri_mut() = self.upstream.with(resource.unwrap_or(PathAndQuery::from_static("/")));
        *request.version_mut() = Version::HTTP_11;
        remove_hop_by_hop(request.headers_mut());
        request.headers_mut().remove(header::HOST); // the client puts in the server's

        match tokio::time::timeout(self.timeout, self.client.request(request)).await {
            Ok(Ok(mut response)) => {
                remove_hop_by_hop(response.headers_mut());
                Ok(response.map(Body::new))
            }
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no answer from the server");
                Err(UNREACHABLE)
            }
            Err(_) => Err(TOO_SLOW),
        }
    }
}

/// Removes the headers of [`HOP_BY_HOP`] and those that `Connection` names. The gateway's own stays, or else a client
/// could hide from the server's logs.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .filter(|name| *name != request_id::HEADER)
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_the_connection_stay_behind() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Secret, X-Request-Id"),
            ("connection", "keep-alive"),
            ("keep-alive", "timeout=5"),
            ("x-secret", "a"),
            ("x-request-id", "b"),
        ] {
            headers.append(name, value.parse().expect("is a header's value"));
        }
        remove_hop_by_hop(&mut headers);
        let left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["x-request-id"]);
    }
}
