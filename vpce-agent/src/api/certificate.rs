//! The certificate that the API shows; its own where none is given.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
};
use sha2::{Digest as _, Sha256};

use crate::model::{Api, Identity};

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file can't be read or written.
    #[error("{path}: {source}; see `certificate` and `key` of [api]", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{path}: {source}; give a certificate and a private key in PEM", path = .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: pem::Error,
    },
    /// The two can't be used together.
    #[error("{path}: {source}; give a certificate and the key that it was made for", path = .path.display())]
    Unusable {
        /// The certificate.
        path: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// None can be made.
    #[error("can't make a certificate: {source}; name others in [api] names")]
    Made {
        /// Why.
        #[from]
        source: rcgen::Error,
    },
}

/// The SHA-256 of a certificate. Displayed as other tools do: `AB:CD:…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if index == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

/// What TLS takes, and the fingerprint of the certificate; makes one in the directory where none is
/// given and none is there.
pub(super) fn load(api: &Api, dir: &Path) -> Result<(Arc<ServerConfig>, Fingerprint), CertificateError> {
    let own = || Identity { certificate: dir.join("api.crt"), key: dir.join("api.key") };
    let identity = api.identity.clone().unwrap_or_else(own);
    if api.identity.is_none() && !identity.certificate.exists() {
        make(api, &identity)?;
    }
    identify(&identity)
}

/// Checks that the certificate that is given, if one is, can be shown.
///
/// # Errors
/// [`CertificateError`]
pub fn check(api: &Api) -> Result<(), CertificateError> {
    api.identity.as_ref().map_or(Ok(()), |identity| identify(identity).map(drop))
}

/// Reads a certificate and its key.
fn identify(
    Identity { certificate: path, key }: &Identity,
) -> Result<(Arc<ServerConfig>, Fingerprint), CertificateError> {
    let bad = |path: &Path, source| CertificateError::Pem { path: path.to_owned(), source };
    let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    let chain = chain.map_err(|source| bad(path, source))?;
    let first = chain.first().ok_or_else(|| bad(path, pem::Error::NoItemsFound))?;
    let fingerprint = Fingerprint(Sha256::digest(first).into());
    let key = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|source| bad(key, source))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|source| CertificateError::Unusable { path: path.clone(), source })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((Arc::new(config), fingerprint))
}

/// Makes a certificate and its key. The certificate comes last: where it is, its key is too.
fn make(api: &Api, at: &Identity) -> Result<(), CertificateError> {
    let mut names = vec!["localhost".to_owned()];
    let listen = Some(api.listen.ip()).filter(|address| !address.is_unspecified());
    let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    names.extend(loopback.into_iter().chain(listen).map(|address| address.to_string()));
    names.extend(api.names.iter().cloned());
    names.sort();
    names.dedup();
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, "vpce-agent");
    let certificate = params.self_signed(&key)?;
    write(&at.key, 0o600, &key.serialize_pem())?;
    write(&at.certificate, 0o644, &certificate.pem())
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    fs::read(path).map_err(|source| CertificateError::Io { path: path.to_owned(), source })
}

/// Writes a file whole; it is never there with less, nor open to others.
fn write(path: &Path, mode: u32, text: &str) -> Result<(), CertificateError> {
    let new = path.with_extension("new");
    let write = || {
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file: File = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|source| CertificateError::Io { path: path.to_owned(), source })
}
