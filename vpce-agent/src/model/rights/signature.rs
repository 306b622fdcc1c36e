//! The vendor's signature, SDK-HMAC-SHA256.
//!
//! The canonical form is that of the vendor's own client. The query is read as forms are, `+` for a
//! space: what is signed must be what the operation will read.

use std::{
    borrow::Cow,
    fmt::Write as _,
    time::{Duration, UNIX_EPOCH},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Denied, Request, Secret};

/// How far a client's clock may be from ours, either way.
pub const SKEW_SECS: u64 = 15 * 60;

pub(super) const FORM: &str = "SDK-HMAC-SHA256 Access=…, SignedHeaders=…;…, Signature=…";

const ALGORITHM: &str = "SDK-HMAC-SHA256";
const DATE: &str = "x-sdk-date";
const HASH: &str = "x-sdk-content-sha256";

const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A signature that is of the right form, and no more than that yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signature<'r> {
    /// The AK.
    pub(super) key: &'r str,
    signed_headers: &'r str,
    /// Hex, in lower case.
    pub(super) text: &'r str,
    date: &'r str,
    /// Unix seconds.
    pub(super) signed_at: u64,
}

impl<'r> Signature<'r> {
    /// Takes apart what the request has; `None` where it isn't signed.
    pub(super) fn of(request: &Request<'r>) -> Result<Option<Self>, Denied> {
        let Some(value) = request.value("authorization").map_err(|_| Denied::BadAuthorization)? else {
            return Ok(None);
        };
        let value = str::from_utf8(value).map_err(|_| Denied::BadAuthorization)?;
        let (algorithm, fields) = value.split_once(' ').ok_or(Denied::BadAuthorization)?;
        if algorithm != ALGORITHM {
            return Err(Denied::Algorithm { algorithm: algorithm.to_owned() });
        }
        let (key, signed_headers, text) = fields_of(fields).ok_or(Denied::BadAuthorization)?;
        if !signed_headers.split(';').any(|name| name.eq_ignore_ascii_case(DATE)) {
            return Err(Denied::DateNotSigned);
        }
        let date = request.value(DATE).map_err(|_| Denied::BadDate { found: "there more than once" })?;
        let date = date.ok_or(Denied::BadDate { found: "missing" })?;
        let (date, signed_at) = unix_seconds(date).ok_or(Denied::BadDate { found: "no date of that form" })?;
        Ok(Some(Self { key, signed_headers, text, date, signed_at }))
    }

    /// Refuses what was not signed with this secret, or not just now.
    pub(super) fn check(&self, request: &Request<'_>, secret: &Secret, now: u64) -> Result<(), Denied> {
        let secs = now.abs_diff(self.signed_at);
        if secs > SKEW_SECS {
            return Err(Denied::Skew { secs, from: if self.signed_at < now { "behind" } else { "ahead of" } });
        }
        let expected = sign(request, self.signed_headers, self.date, secret)?;
        let equal = expected.as_bytes().ct_eq(self.text.as_bytes());
        if bool::from(equal) { Ok(()) } else { Err(Denied::Signature) }
    }
}

/// Signs a request: the hex of the signature for these headers, `;` between them, and this date.
///
/// # Errors
/// When the request lacks one of the headers, or tells another hash than that of its body.
pub fn sign(request: &Request<'_>, signed_headers: &str, date: &str, secret: &Secret) -> Result<String, Denied> {
    let canonical = Sha256::digest(canonical(request, signed_headers)?);
    let mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes());
    let Ok(mut mac) = mac else { unreachable!("HMAC takes keys of any length") };
    mac.update(format!("{ALGORITHM}\n{date}\n{}", hex::encode(canonical)).as_bytes());
    Ok(hex::encode(mac.finalize().into_bytes()))
}

fn canonical(request: &Request<'_>, signed_headers: &str) -> Result<Vec<u8>, Denied> {
    let mut text = format!("{}\n{}\n{}\n", request.method, path(request.path), query(request.query)).into_bytes();
    for name in signed_headers.split(';').map(str::to_ascii_lowercase) {
        let count = request.values(&name).count();
        let (Some(value), 1) = (request.values(&name).next(), count) else {
            return Err(Denied::SignedHeader { name, count });
        };
        text.extend([name.as_bytes(), b":", value, b"\n"].concat());
    }
    let hash = payload_hash(request)?;
    text.extend(format!("\n{signed_headers}\n{hash}").as_bytes());
    Ok(text)
}

fn path(path: &str) -> String {
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    let mut text = String::with_capacity(path.len() + 1);
    for (index, segment) in decoded.split(|byte| *byte == b'/').enumerate() {
        let separator = if index == 0 { "" } else { "/" };
        // A `String` takes whatever is written.
        let _ = write!(text, "{separator}{}", percent_encode(segment, RESERVED));
    }
    if !text.ends_with('/') {
        text.push('/');
    }
    text
}

fn query(query: &str) -> String {
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = (query.split('&').filter(|pair| !pair.is_empty()))
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (form_decoded(key), form_decoded(value)))
        .collect();
    pairs.sort();
    let pairs = pairs
        .iter()
        .map(|(key, value)| format!("{}={}", percent_encode(key, RESERVED), percent_encode(value, RESERVED)));
    pairs.collect::<Vec<_>>().join("&")
}

fn form_decoded(text: &str) -> Vec<u8> {
    let text = if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    percent_decode_str(&text).collect()
}

/// The body's own hash; where the request tells one too, that must be the same.
fn payload_hash(request: &Request<'_>) -> Result<String, Denied> {
    let hash = hex::encode(Sha256::digest(request.body));
    match request.value(HASH) {
        Ok(None) => Ok(hash),
        Ok(Some(told)) if told == hash.as_bytes() => Ok(hash),
        Ok(Some(b"UNSIGNED-PAYLOAD")) => Err(Denied::UnsignedPayload),
        _ => Err(Denied::PayloadHash),
    }
}

/// `Access=…, SignedHeaders=…, Signature=…`
fn fields_of(text: &str) -> Option<(&str, &str, &str)> {
    let mut fields = text.split(',').map(str::trim_ascii);
    let mut field = |name| fields.next()?.strip_prefix(name)?.strip_prefix('=');
    let all = (field("Access")?, field("SignedHeaders")?, field("Signature")?);
    fields.next().is_none().then_some(all)
}

/// The date itself, and as Unix seconds: `YYYYMMDDTHHMMSSZ`.
fn unix_seconds(date: &[u8]) -> Option<(&str, u64)> {
    let text = str::from_utf8(date).ok().filter(|text| text.len() == 16 && text.is_ascii())?;
    let [year, month, day] = [&text[..4], &text[4..6], &text[6..8]];
    let [hour, minute, second] = [&text[9..11], &text[11..13], &text[13..15]];
    let rfc3339 = format!("{year}-{month}-{day}{}{hour}:{minute}:{second}{}", &text[8..9], &text[15..]);
    let time = humantime::parse_rfc3339(&rfc3339).ok()?;
    let since: Duration = time.duration_since(UNIX_EPOCH).ok()?;
    Some((text, since.as_secs()))
}
