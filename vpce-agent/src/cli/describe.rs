//! `vpcectl describe`.

use std::fmt::Write as _;

use super::list::{mac, networks, ports};
use crate::model::status::EndpointStatus;

pub(super) fn endpoint(endpoint: &EndpointStatus) -> String {
    let address = |address: Option<std::net::Ipv4Addr>| address.map_or_else(|| "-".to_owned(), |is| is.to_string());
    let tags: Vec<String> = endpoint.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let backend = &endpoint.backend;
    let connections = &endpoint.connections;
    let place = match &endpoint.subnet {
        Some(subnet) => format!("{} ({} / {subnet})", address(endpoint.address), endpoint.vpc),
        None => format!("{} ({})", networks(&endpoint.prefixes), endpoint.vpc),
    };
    let rows = [
        ("Name", endpoint.name.clone()),
        ("State", endpoint.state.clone()),
        ("Address", place),
        ("Ports", ports(&endpoint.ports)),
        ("Service", endpoint.service.clone()),
        ("Backend", format!("{} {} ({})", backend.kind, backend.address, backend.vpc)),
        ("Backend MAC", mac(backend).to_owned()),
        ("Transit address", address(endpoint.transit_address)),
        ("Tags", if tags.is_empty() { "-".to_owned() } else { tags.join(", ") }),
        (
            "Connections",
            format!(
                "{} of {} open, {} half-open, peak {}, refused {}",
                connections.open, connections.limit, connections.half_open, connections.peak, endpoint.refused
            ),
        ),
        ("Alarm", endpoint.alarm.clone().unwrap_or_else(|| "none".to_owned())),
        ("Forward", format!("{} packets, {} bytes", endpoint.forward.packets, endpoint.forward.bytes)),
        ("Reply", format!("{} packets, {} bytes", endpoint.reply.packets, endpoint.reply.bytes)),
    ];
    let mut text = String::new();
    for (name, value) in rows {
        // A `String` takes everything.
        let _ = writeln!(text, "{name:<16} {value}");
    }
    let drops = endpoint.drops.iter().map(|(reason, count)| format!("{reason} {count}")).collect::<Vec<_>>();
    let _ = write!(text, "{:<16} {}", "Drops", if drops.is_empty() { "none".to_owned() } else { drops.join(", ") });
    text
}
