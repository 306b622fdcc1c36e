//! `vpcectl describe`.

use super::{
    list::{mac, networks, ports},
    output::lines,
};
use crate::model::status::{EndpointStatus, VpcStatus};

pub(super) fn vpc(vpc: &VpcStatus) -> String {
    let mut rows = vec![
        ("Name", vpc.name.clone()),
        ("Id", vpc.id.to_string()),
        ("Domain", vpc.domain.clone().unwrap_or_else(|| "-".to_owned())),
        ("Address", vpc.address.to_string()),
        ("Route table", vpc.route_table_id.to_string()),
    ];
    for (name, cidr) in &vpc.subnets {
        let id = vpc.subnet_ids.get(name).map(ToString::to_string).unwrap_or_default();
        rows.push(("Subnet", format!("{name} {cidr} {id}")));
    }
    for attachment in &vpc.attachments {
        rows.push(("Attachment", format!("{}: {}", attachment.interface, attachment.state)));
        let why = attachment.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        rows.extend(attachment.hook.as_ref().map(|hook| ("  Hook", format!("{hook}{why}"))));
        rows.extend(attachment.cost.clone().map(|cost| ("  Cost", cost)));
    }
    lines(&rows)
}

pub(super) fn endpoint(endpoint: &EndpointStatus) -> String {
    let address = |address: Option<std::net::Ipv4Addr>| address.map_or_else(|| "-".to_owned(), |is| is.to_string());
    let tags: Vec<String> = endpoint.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let backend = &endpoint.backend;
    let connections = &endpoint.connections;
    let place = match &endpoint.subnet {
        Some(subnet) => format!("{} ({} / {subnet})", address(endpoint.address), endpoint.vpc),
        None => format!("{} ({})", networks(&endpoint.prefixes), endpoint.vpc),
    };
    let drops = endpoint.drops.iter().map(|(reason, count)| format!("{reason} {count}")).collect::<Vec<_>>();
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
        ("Drops", if drops.is_empty() { "none".to_owned() } else { drops.join(", ") }),
    ];
    lines(&rows)
}
