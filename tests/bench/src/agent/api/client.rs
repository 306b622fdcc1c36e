//! A client of the HTTPS API: one connection that is kept, requests signed as the vendor's SDKs sign them.

use std::{
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::Path,
    sync::Arc,
    time::SystemTime,
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use sha2::{Digest as _, Sha256};

/// Where the API listens.
const PORT: u16 = 8443;
const HOST: &str = "localhost:8443";
const ALGORITHM: &str = "SDK-HMAC-SHA256";

/// An access key.
#[derive(Clone, Debug)]
pub struct Key {
    /// AK.
    pub access: String,
    /// SK.
    pub secret: String,
}

/// A connection to the API of this thread's namespace.
pub struct Client {
    stream: StreamOwned<ClientConnection, TcpStream>,
    key: Key,
    answer: Vec<u8>,
    /// Among those that are connected at once.
    pub number: usize,
}

impl Client {
    /// Connects, and trusts this certificate alone.
    pub fn connect(certificate: &Path, key: &Key, number: usize) -> Self {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(certificate).expect("the API's certificate");
        roots.add(certificate).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().expect("versions of TLS");
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("a TLS client");
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, PORT)).expect("the API listens");
        socket.set_nodelay(true).expect("a socket");
        Self { stream: StreamOwned::new(connection, socket), key: key.clone(), answer: Vec::new(), number }
    }

    /// The body of the answer to a request, which must be of status 200. `target` is a path, and a query whose
    /// parts are in order and need no encoding.
    ///
    /// # Panics
    /// Where it is not.
    pub fn ask(&mut self, method: &str, target: &str, body: &str) -> &str {
        let request = self.request(method, target, body);
        self.stream.write_all(request.as_bytes()).expect("the API takes a request");
        let (status, body) = self.hear();
        let body = str::from_utf8(body).expect("an answer of text");
        assert!(status == "200", "{method} {target}: {status} {body}");
        body
    }

    fn request(&self, method: &str, target: &str, body: &str) -> String {
        let date = humantime::format_rfc3339_seconds(SystemTime::now()).to_string().replace(['-', ':'], "");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let hash = hex::encode(Sha256::digest(body));
        let headers = format!("host:{HOST}\nx-sdk-date:{date}\n");
        let canonical = format!("{method}\n{path}/\n{query}\n{headers}\nhost;x-sdk-date\n{hash}");
        let text = format!("{ALGORITHM}\n{date}\n{}", hex::encode(Sha256::digest(canonical)));
        let mac = Hmac::<Sha256>::new_from_slice(self.key.secret.as_bytes()).expect("HMAC takes any key");
        let signature = hex::encode(mac.chain_update(text).finalize().into_bytes());
        let mut request = format!("{method} {target} HTTP/1.1\r\nhost: {HOST}\r\nx-sdk-date: {date}\r\n");
        let written = write!(
            request,
            "authorization: {ALGORITHM} Access={}, SignedHeaders=host;x-sdk-date, Signature={signature}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.key.access,
            body.len()
        );
        written.expect("a String takes all");
        request
    }

    /// Reads an answer: its status and its body.
    fn hear(&mut self) -> (String, &[u8]) {
        self.answer.clear();
        let mut head = None;
        loop {
            if head.is_none() {
                head = self.answer.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4);
            }
            if let Some(head) = head {
                let text = String::from_utf8_lossy(&self.answer[..head]).into_owned();
                let status = text.split(' ').nth(1).expect("a status").to_owned();
                let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
                let length: usize = length.expect("a length").parse().expect("a number");
                if self.answer.len() >= head + length {
                    return (status, &self.answer[head..head + length]);
                }
            }
            let mut part = [0; 16384];
            let read = self.stream.read(&mut part).expect("an answer");
            assert!(read > 0, "the API closed the connection");
            self.answer.extend_from_slice(&part[..read]);
        }
    }
}
