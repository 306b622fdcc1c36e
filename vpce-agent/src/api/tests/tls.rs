use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::*;
use crate::{
    api::{ServeError, Server},
    model::{Api, Connections, Identity},
};

fn api(listen: SocketAddr) -> Api {
    Api {
        listen,
        identity: None,
        names: vec!["vpce.example".to_owned()],
        limits: LIMITS,
        connections: Connections::default(),
    }
}

fn start(dir: &Path) -> Server {
    Server::start(&api(([127, 0, 0, 1], 0).into()), dir, Sample::new().frame()).unwrap()
}

/// A connection that trusts the certificate of the directory.
fn connect(to: SocketAddr, name: &'static str, dir: &Path, alpn: &[u8]) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dir.join("api.crt")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let connection = ClientConnection::new(Arc::new(config), name.try_into().unwrap()).unwrap();
    StreamOwned::new(connection, TcpStream::connect(to).unwrap())
}

#[test]
fn it_is_served_by_tls_for_each_of_its_names() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path());
    for name in ["localhost", "127.0.0.1", "vpce.example"] {
        let mut stream = connect(server.address(), name, dir.path(), b"http/1.1");
        stream.write_all(b"GET /v1 HTTP/1.1\r\nHost: vpce\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("https://vpce/v1/"), "{text}");
    }
    let mut stream = connect(server.address(), "localhost", dir.path(), b"h2");
    // The preface and empty settings; the answer begins with settings too (RFC 9113 §3.4).
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!((frame[3], stream.conn.alpn_protocol()), (4, Some(&b"h2"[..])));
}

#[test]
fn its_own_certificate_is_made_once_and_its_key_is_for_the_agent_alone() {
    let dir = tempfile::tempdir().unwrap();
    let first = start(dir.path()).fingerprint();
    assert_eq!(start(dir.path()).fingerprint(), first);
    let key = dir.path().join("api.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let text = first.to_string();
    assert_eq!((text.len(), text.split(':').count()), (95, 32), "{text}");
    // With the certificate gone both are made anew.
    fs::remove_file(dir.path().join("api.crt")).unwrap();
    assert_ne!(start(dir.path()).fingerprint(), first);
}

#[test]
fn a_given_certificate_is_shown_and_a_wrong_one_refused() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let made = start(dir.path()).fingerprint();
    start(other.path());
    let with = |certificate: &Path, key: &Path| {
        let identity = Some(Identity { certificate: certificate.join("api.crt"), key: key.join("api.key") });
        let api = Api { identity, ..api(([127, 0, 0, 1], 0).into()) };
        Server::start(&api, other.path(), Sample::new().frame())
    };
    assert_eq!(with(dir.path(), dir.path()).unwrap().fingerprint(), made);
    let told = with(dir.path(), other.path()).unwrap_err().to_string();
    assert!(told.ends_with("give a certificate and the key that it was made for"), "{told}");
    fs::write(other.path().join("api.key"), "none").unwrap();
    let told = with(dir.path(), other.path()).unwrap_err().to_string();
    assert!(told.ends_with("give a certificate and a private key in PEM"), "{told}");
}

#[test]
fn an_address_that_is_taken_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let api = api(taken.local_addr().unwrap());
    let failed = Server::start(&api, dir.path(), Sample::new().frame());
    assert!(matches!(failed, Err(ServeError::Listen { .. })));
}
