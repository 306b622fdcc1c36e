//! TLS to the gateway, and what shows whose a request is.

use std::{
    fs, io,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use uuid::Uuid;

use super::{ClientError, Credentials, Profile, Request};
use crate::model::{
    resource::Time,
    rights::{self, Origin, sign},
};

/// What is signed beside the body. The nonce makes each request another one: the gateway takes no signature twice.
const SIGNED: &str = "host;x-sdk-date;x-sdk-nonce";

/// A profile, ready to connect.
pub(super) struct Https {
    profile: Profile,
    authority: String,
    tls: TlsConnector,
}

impl std::fmt::Debug for Https {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Https").field("profile", &self.profile).finish_non_exhaustive()
    }
}

impl Https {
    pub(super) fn new(profile: Profile) -> Result<Self, ClientError> {
        let roots = roots(profile.ca.as_deref())?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().map_err(|source| ClientError::Setup { source })?;
        let tls = Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into();
        let Profile { host, port, .. } = &profile;
        let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Ok(Self { profile, authority, tls })
    }

    /// The value of the header `Host`.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) async fn connect(&self) -> Result<TlsStream<TcpStream>, ClientError> {
        let Profile { endpoint, host, port, .. } = &self.profile;
        let unreached = |source| ClientError::Reach { endpoint: endpoint.clone(), source };
        let name = ServerName::try_from(host.clone()).map_err(|error| unreached(io::Error::other(error)))?;
        let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(unreached)?;
        self.tls.connect(name, stream).await.map_err(|source| {
            let endpoint = endpoint.clone();
            match source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(untrusted @ rustls::Error::InvalidCertificate(_)) => {
                    ClientError::Untrusted { endpoint, source: untrusted.clone() }
                }
                _ => ClientError::Tls { endpoint, source },
            }
        })
    }

    /// What shows whose the request is.
    pub(super) fn headers(&self, request: &Request) -> Result<Vec<(&'static str, String)>, ClientError> {
        match &self.profile.credentials {
            Credentials::Token(token) => Ok(vec![("x-auth-token", token.reveal().to_owned())]),
            Credentials::Key { access, secret } => {
                let date = compact(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()));
                let nonce = Uuid::new_v4().simple().to_string();
                let headers = [
                    ("host", self.authority.as_bytes()),
                    ("x-sdk-date", date.as_bytes()),
                    ("x-sdk-nonce", nonce.as_bytes()),
                ];
                let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
                let signed = rights::Request {
                    method: request.method.as_str(),
                    path,
                    query,
                    headers: &headers,
                    body: &request.bytes(),
                    // Only who answers knows it.
                    origin: Origin(0),
                };
                let signature = sign(&signed, SIGNED, &date, secret);
                let signature = signature.map_err(|error| ClientError::Unsigned { reason: error.to_string() })?;
                let value = format!("SDK-HMAC-SHA256 Access={access}, SignedHeaders={SIGNED}, Signature={signature}");
                Ok(vec![("x-sdk-date", date), ("x-sdk-nonce", nonce), ("authorization", value)])
            }
        }
    }
}

/// `20260131T080000Z`
fn compact(unix_secs: u64) -> String {
    Time(unix_secs).to_string().replace(['-', ':'], "")
}

/// The certificates of a file, or those of the system.
fn roots(ca: Option<&Path>) -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = ca else {
        // What of the system's can't be read is not trusted.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let bad = |reason: String| ClientError::Authorities { path: path.to_owned(), reason };
    let text = fs::read(path).map_err(|error| bad(error.to_string()))?;
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    if roots.is_empty() { Err(bad("there is no certificate in it".to_owned())) } else { Ok(roots) }
}
