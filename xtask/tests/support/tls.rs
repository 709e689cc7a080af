//! TLS for a registry, with a certificate of an authority of the tests' own. Both are good until 2120; `openssl ca` made
//! them, and the authority's key was thrown away.

use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The host of the certificate.
pub const HOST: &str = "registry.test";

/// The file of the authority's certificate.
pub const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/certificates/authority.pem");

/// The server's side of a connection.
pub fn accept(stream: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
    let certificate = CertificateDer::from(include_bytes!("certificates/registry.der").as_slice());
    let key = PrivateKeyDer::try_from(include_bytes!("certificates/registry.key.der").as_slice()).expect("is a key");
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
    let connection = ServerConnection::new(Arc::new(config.expect("fit"))).expect("is configured");
    StreamOwned::new(connection, stream)
}
