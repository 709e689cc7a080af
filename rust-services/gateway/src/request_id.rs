//! A name for each request, by which the logs of all services can be brought together.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

/// The header that carries it.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request an id, whatever it brings, repeats the id in the response, and logs the request under it.
pub async fn with_request_id(mut request: Request, next: Next) -> Response {
    let id = fresh();
    request.headers_mut().insert(HEADER, id.clone());

    let span =
        tracing::info_span!("request", id = id.to_str().ok(), method = %request.method(), path = request.uri().path());
    async {
        let start = Instant::now();
        let mut response = next.run(request).await;
        response.headers_mut().insert(HEADER, id);
        tracing::info!(status = response.status().as_u16(), elapsed = ?start.elapsed(), "answered");
        response
    }
    .instrument(span)
    .await
}

/// An id that no other request has: a random number for the process, and one that counts its requests.
fn fresh() -> HeaderValue {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
    static REQUESTS: AtomicU64 = AtomicU64::new(1);

    let request = REQUESTS.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}-{request}", *PROCESS).try_into().expect("digits and a dash are a header's value")
}
