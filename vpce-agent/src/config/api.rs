//! The `[api]` section: the HTTPS API.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use super::{
    Cause,
    endpoint::MAX_CONNECTIONS,
    report::Read,
    rule,
    table::{Keys, Table},
    value::{Value, each},
};
use crate::model::{Api, Connections, Identity, Limits};

const KEYS: Keys = &[
    ("listen", r#"listen = "127.0.0.1:8443""#),
    ("certificate", r#"certificate = "/etc/vpce/api.crt""#),
    ("key", r#"key = "/etc/vpce/api.key""#),
    ("names", r#"names = ["vpce.example"]"#),
    ("max_body_bytes", "max_body_bytes = 262144"),
    ("timeout_secs", "timeout_secs = 30"),
    ("max_requests", "max_requests = 256"),
    ("requests_per_sec", "requests_per_sec = 100"),
    ("basic_connections", "basic_connections = 3000"),
    ("professional_connections", "professional_connections = 1000000"),
];

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8443);
const MAX_NAMES: usize = 32;
const DEFAULT_BODY: u32 = 1 << 18;
const DEFAULT_SECS: u32 = 30;
const DEFAULT_REQUESTS: u32 = 256;
const DEFAULT_PER_SEC: u32 = 100;

/// Without the section there is no HTTPS server.
pub(super) fn read(root: Table<'_>) -> Read<Option<Api>> {
    root.optional("api", |value| section(value.section("[api]", KEYS)?))
}

fn section(table: Table<'_>) -> Read<Api> {
    let listen = table.or("listen", DEFAULT_LISTEN, listen);
    let identity = identity(table);
    let names = table.or("names", Vec::new(), |names| {
        each(names.items(0..=MAX_NAMES)?, |name| name.text_by(rule::HOST).map(str::to_owned))
    });
    let integer = |key, default, least, most| table.or(key, default, |value: Value<'_>| value.integer(least..=most));
    let body = integer("max_body_bytes", DEFAULT_BODY, 1024, 1 << 26);
    let secs = integer("timeout_secs", DEFAULT_SECS, 1, 3600);
    let requests = integer("max_requests", DEFAULT_REQUESTS, 1, 65536);
    let per_sec = integer("requests_per_sec", DEFAULT_PER_SEC, 1, 1_000_000);
    let default = Connections::default();
    let basic = integer("basic_connections", default.basic, 1, MAX_CONNECTIONS);
    // Who upgrades an endpoint never gets less.
    let least = basic.unwrap_or(1);
    let professional = integer("professional_connections", default.professional, least, MAX_CONNECTIONS);
    let connections = Connections { basic: basic?, professional: professional? };
    let limits = Limits {
        body: body? as usize,
        time: Duration::from_secs(secs?.into()),
        requests: requests? as usize,
        per_sec: per_sec?,
    };
    Ok(Api { listen: listen?, identity: identity?, names: names?, limits, connections })
}

fn listen(value: Value<'_>) -> Read<SocketAddr> {
    let text = value.text()?;
    text.parse().or_else(|_| value.fail(Cause::NotASocket { key: value.key.to_owned(), text: text.to_owned() }))
}

/// Both files, or neither.
fn identity(table: Table<'_>) -> Read<Option<Identity>> {
    let file = |key, other| match table.optional(other, Ok)? {
        Some(_) => table.required(key, path).map(Some),
        None => table.optional(key, path),
    };
    let (certificate, key) = (file("certificate", "key"), file("key", "certificate"));
    Ok(certificate?.zip(key?).map(|(certificate, key)| Identity { certificate, key }))
}

fn path(value: Value<'_>) -> Read<PathBuf> {
    value.text_by(rule::PATH).map(PathBuf::from)
}
