//! Rules for the values of requests.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;

use super::{
    Refusal,
    item::Mapping,
    request::{PortMapping, Tag},
};
use crate::model::{Connections, Desired, Dial, Permission, Port, Protocol, rule};

/// How much there may be of what; the guide's figures by default (§1.4, §2.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Services of a tenant that has no quota of its own.
    pub services: u32,
    /// Endpoints of a tenant that has no quota of its own.
    pub endpoints: u32,
    /// Connections of an endpoint.
    pub connections: Connections,
    /// Tags of a resource.
    pub tags: usize,
    /// Characters of a tag's key.
    pub tag_key: usize,
    /// Characters of a tag's value.
    pub tag_value: usize,
    /// Port mappings of a service.
    pub ports: usize,
    /// Entries of a service's whitelist.
    pub permissions: usize,
    /// Entries of an endpoint's whitelist.
    pub whitelist: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            services: 20,
            endpoints: 50,
            connections: Connections::default(),
            tags: 10,
            tag_key: 36,
            tag_value: 43,
            ports: 200,
            permissions: 1000,
            whitelist: 100,
        }
    }
}

const MAX_DESCRIPTION: usize = 512;

impl Limits {
    /// Those that the file sets, and the others by default.
    pub(super) fn of(desired: &Desired) -> Self {
        let connections = desired.api.as_ref().map(|api| api.connections).unwrap_or_default();
        Self { connections, ..Self::default() }
    }

    /// Tags of a request, which may not repeat a key.
    pub(super) fn tags(self, tags: &[Tag]) -> Result<BTreeMap<String, String>, Refusal> {
        let mut read = BTreeMap::new();
        for Tag { key, value } in tags {
            self.check_key(key)?;
            if !(1..=self.tag_value).contains(&value.chars().count()) {
                return Err(Refusal::TagValueSize { value: value.clone(), most: self.tag_value });
            }
            check_tag(value)?;
            if read.insert(key.clone(), value.clone()).is_some() {
                return Err(Refusal::TagKeyRepeated { key: key.clone() });
            }
        }
        self.check_count(&read)?;
        Ok(read)
    }

    pub(super) fn check_key(self, key: &str) -> Result<(), Refusal> {
        if !(1..=self.tag_key).contains(&key.chars().count()) {
            return Err(Refusal::TagKeySize { key: key.to_owned(), most: self.tag_key });
        }
        check_tag(key)
    }

    pub(super) fn check_count(self, tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
        let (count, most) = (tags.len(), self.tags);
        if count > most { Err(Refusal::TagsTooMany { count, most }) } else { Ok(()) }
    }

    /// Port mappings of a request: at least one; neither what is dialled nor what is published is there twice.
    pub(super) fn ports(self, ports: Option<&[PortMapping]>) -> Result<Vec<Mapping>, Refusal> {
        let Some(ports) = ports.filter(|ports| !ports.is_empty()) else {
            return Err(Refusal::PortEmpty { field: "ports" });
        };
        if ports.len() > self.ports {
            return Err(Refusal::PortsTooMany { count: ports.len(), most: self.ports });
        }
        let (mut clients, mut servers) = (BTreeSet::new(), BTreeSet::new());
        let mut read = Vec::with_capacity(ports.len());
        for entry in ports {
            let protocol = match entry.protocol.as_deref() {
                None => Protocol::Tcp,
                Some(name) => Protocol::from_name(name).ok_or_else(|| Refusal::Protocol { value: name.to_owned() })?,
            };
            let client = Dial { protocol, port: port("client_port", entry.client_port)? };
            let server = Dial { protocol, port: port("server_port", entry.server_port)? };
            for (field, dial, seen) in [("client_port", client, &mut clients), ("server_port", server, &mut servers)] {
                if !seen.insert(dial) {
                    return Err(Refusal::PortRepeated { field, port: dial.port.0.get(), protocol: wire(protocol) });
                }
            }
            read.push(Mapping { client, server: server.port });
        }
        Ok(read)
    }

    /// A whitelist of clients: addresses and networks.
    pub(super) fn whitelist(self, entries: &[String]) -> Result<Vec<Ipv4Net>, Refusal> {
        let (count, most) = (entries.len(), self.whitelist);
        if count > most {
            return Err(Refusal::WhitelistTooMany { count, most });
        }
        let mut read = Vec::with_capacity(count);
        for entry in entries {
            let reason = "use an IPv4 address, or a network such as 10.0.0.0/24";
            let net = network(entry).ok_or_else(|| Refusal::Whitelist { value: entry.clone(), reason })?;
            if read.contains(&net) {
                return Err(Refusal::Whitelist { value: entry.clone(), reason: "it is there twice" });
            }
            read.push(net);
        }
        Ok(read)
    }
}

/// An address, or a network with nothing behind its prefix.
pub(super) fn network(text: &str) -> Option<Ipv4Net> {
    match text.parse::<Ipv4Addr>() {
        Ok(address) => Some(address.into()),
        Err(_) => text.parse::<Ipv4Net>().ok().filter(|net| net.addr() == net.network()),
    }
}

/// A whitelist's entry as it was written.
pub(super) fn show(net: Ipv4Net) -> String {
    if net.prefix_len() == 32 { net.addr().to_string() } else { net.to_string() }
}

fn check_tag(text: &str) -> Result<(), Refusal> {
    if rule::is_of_tag(text, usize::MAX) { Ok(()) } else { Err(Refusal::Tag { text: text.to_owned() }) }
}

fn port(field: &'static str, value: Option<i64>) -> Result<Port, Refusal> {
    let value = value.ok_or(Refusal::PortEmpty { field })?;
    let port = u16::try_from(value).ok().and_then(std::num::NonZeroU16::new);
    port.map(Port).ok_or(Refusal::Port { field, value })
}

/// A protocol as the API writes it.
pub(super) const fn wire(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    }
}

/// A service's short name; none where it is empty.
pub(super) fn service_name(name: Option<&str>) -> Result<String, Refusal> {
    match name {
        None | Some("") => Ok(String::new()),
        Some(name) if rule::SERVICE_NAME.admits(name) => Ok(name.to_owned()),
        Some(name) => Err(Refusal::ServiceName { value: name.to_owned(), allowed: "0 to 16 of A-Z a-z 0-9 _ -" }),
    }
}

pub(super) fn description(text: Option<&str>) -> Result<String, Refusal> {
    let text = text.unwrap_or_default();
    if text.chars().count() <= MAX_DESCRIPTION && !text.contains(['<', '>']) {
        return Ok(text.to_owned());
    }
    let allowed = format!("at most {MAX_DESCRIPTION} characters, none of < >");
    Err(Refusal::Parameter { field: "description", value: text.chars().take(64).collect(), allowed })
}

pub(super) fn permission(text: &str) -> Result<Permission, Refusal> {
    // The API writes "anyone" in two ways.
    let parsed = if text == "iam:domain::*" { Some(Permission::Anyone) } else { Permission::parse(text) };
    let reason = "use iam:domain:: and a domain (1 to 64 of A-Z a-z 0-9 -), or *";
    parsed.ok_or_else(|| Refusal::Permission { value: text.to_owned(), reason })
}

/// The only type of permissions there is.
pub(super) fn permission_type(text: Option<&str>) -> Result<(), Refusal> {
    only("permission_type", text, "domainId")
}

/// A field that can have one value only.
pub(super) fn only(field: &'static str, value: Option<&str>, allowed: &'static str) -> Result<(), Refusal> {
    match value {
        Some(value) if !value.is_empty() && value != allowed => {
            Err(Refusal::Parameter { field, value: value.to_owned(), allowed: format!("{allowed:?}, or leave it out") })
        }
        _ => Ok(()),
    }
}

/// A field that isn't offered.
pub(super) fn none(field: &'static str, value: Option<&str>) -> Result<(), Refusal> {
    match value {
        Some(value) if !value.is_empty() => {
            let allowed = "nothing: it isn't offered, leave it out".to_owned();
            Err(Refusal::Parameter { field, value: value.to_owned(), allowed })
        }
        _ => Ok(()),
    }
}

/// What an action says, of two.
pub(super) fn action(text: Option<&str>, [yes, no]: [&'static str; 2], allowed: &'static str) -> Result<bool, Refusal> {
    match text {
        None | Some("") => Err(Refusal::ActionEmpty { allowed }),
        Some(text) if text == yes => Ok(true),
        Some(text) if text == no => Ok(false),
        Some(text) => Err(Refusal::Action { value: text.to_owned(), allowed }),
    }
}
