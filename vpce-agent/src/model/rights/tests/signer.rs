//! A straightforward signer: what a client does, from parts that are not encoded yet.

use sha2::{Digest as _, Sha256};

use crate::model::rights::{Origin, Request};

/// What a client wants to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) method: String,
    /// Segments of the path, not encoded.
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    /// Those that are signed, by name in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// What it sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Ask {
    pub(super) fn sent(&self, authorization: Option<String>) -> Sent {
        let mut headers = self.headers.clone();
        headers.extend(authorization.map(|value| ("authorization".to_owned(), value)));
        let path = self.encoded_path();
        let query: Vec<String> =
            self.query.iter().map(|(key, value)| format!("{}={}", encoded(key), encoded(value))).collect();
        Sent { method: self.method.clone(), path, query: query.join("&"), headers, body: self.body.clone() }
    }

    pub(super) fn signed(&self, id: &str, secret: &str) -> Sent {
        let (names, signature) = self.signature(secret);
        let value = format!("SDK-HMAC-SHA256 Access={id}, SignedHeaders={names}, Signature={signature}");
        self.sent(Some(value))
    }

    fn encoded_path(&self) -> String {
        self.path.iter().map(|segment| format!("/{}", encoded(segment))).collect::<Vec<_>>().concat()
    }

    /// The names of the signed headers, and the signature.
    pub(super) fn signature(&self, secret: &str) -> (String, String) {
        let path = self.encoded_path();
        let mut query = self.query.clone();
        query.sort();
        let query: Vec<String> =
            query.iter().map(|(key, value)| format!("{}={}", encoded(key), encoded(value))).collect();
        let mut headers = self.headers.clone();
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let canonical = [
            self.method.clone(),
            format!("{path}/"),
            query.join("&"),
            lines.concat(),
            names.clone(),
            hex::encode(Sha256::digest(&self.body)),
        ]
        .join("\n");
        let (_, date) = self.headers.iter().find(|(name, _)| name == "x-sdk-date").unwrap();
        let text = format!("SDK-HMAC-SHA256\n{date}\n{}", hex::encode(Sha256::digest(canonical)));
        (names, hex::encode(hmac(secret.as_bytes(), text.as_bytes())))
    }
}

impl Sent {
    pub(super) fn with<T>(&self, use_it: impl FnOnce(&Request<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        use_it(&Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
            body: &self.body,
            origin: Origin(1),
        })
    }
}

pub(super) fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// RFC 2104, for keys of up to 64 bytes.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::digest([&block.map(|byte| byte ^ 0x36)[..], text].concat());
    Sha256::digest([&block.map(|byte| byte ^ 0x5c)[..], &inner[..]].concat()).to_vec()
}
