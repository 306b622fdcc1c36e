//! `vpcectl get`.

use ipnet::Ipv4Net;
use serde_json::{Value, json};

use super::{
    CliError, Kind, Told,
    output::{self, Output, with_header},
    session::Session,
};
use crate::{
    model::{
        difference::{Between, Difference, Fault},
        status::{BackendStatus, EndpointStatus, PortStatus, Status},
    },
    socket,
};

/// One object whose key is the kind; `drops` is the object itself.
pub(super) fn show(kind: Kind, status: &Status, output: Output) -> Result<String, CliError> {
    let value = match kind {
        Kind::Vpcs => json!({ "vpcs": status.vpcs }),
        Kind::Services => json!({ "services": status.services }),
        Kind::Endpoints => json!({ "endpoints": status.endpoints }),
        Kind::Drops => json!(status.packets),
        Kind::Alarms => json!({ "alarms": status.alarms }),
    };
    output.show(&value, || table(kind, status))
}

/// What of the gateway is not as it is wanted; yes: all is.
pub(super) async fn differences(session: &Session) -> Result<Told, CliError> {
    session.check_operator()?;
    let mut told: Value = session.read(socket::DIFFERENCES.to_owned()).await?;
    let all: Vec<Difference> = serde_json::from_value(told["differences"].take())?;
    let columns: [output::Column<Difference>; 4] = [
        ("BETWEEN", |one| between(one.between).to_owned()),
        ("KIND", |one| one.kind.clone()),
        ("NAME", |one| one.name.clone()),
        ("IS", |one| fault(one.fault).to_owned()),
    ];
    let text = || if all.is_empty() { "all is as it is wanted".to_owned() } else { output::table(&columns, &all) };
    let text = session.output.show(&json!({ "differences": all }), text)?;
    Ok(if all.is_empty() { Told::yes(text) } else { Told::no(text) })
}

const fn between(between: Between) -> &'static str {
    match between {
        Between::File => "file and gateway",
        Between::Api => "API and gateway",
        Between::Kernel => "gateway and kernel",
    }
}

const fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Missing => "missing",
        Fault::Other => "other than wanted",
        Fault::Stray => "not wanted",
    }
}

fn table(kind: Kind, status: &Status) -> String {
    match kind {
        Kind::Vpcs => vpcs(status),
        Kind::Services => services(status),
        Kind::Endpoints => endpoints(&status.endpoints),
        Kind::Drops => packets(status),
        Kind::Alarms => alarms(status),
    }
}

/// `100.125.0.0/16, 100.126.0.0/16`
pub(super) fn networks(prefixes: &[Ipv4Net]) -> String {
    prefixes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// `tcp 80->8080, udp 53->53`
pub(super) fn ports(ports: &[PortStatus]) -> String {
    if ports.is_empty() {
        return "all".to_owned();
    }
    let ports: Vec<String> =
        ports.iter().map(|port| format!("{} {}->{}", port.protocol, port.client, port.server)).collect();
    ports.join(", ")
}

/// The MAC, or what its absence means.
pub(super) fn mac(backend: &BackendStatus) -> &str {
    backend.mac.as_deref().unwrap_or("does not answer ARP")
}

fn vpcs(status: &Status) -> String {
    let mut table = with_header(&["NAME", "DOMAIN", "ADDRESS", "SUBNETS", "INTERFACE", "STATE", "HOOK"]);
    for vpc in &status.vpcs {
        let subnets: Vec<String> = vpc.subnets.iter().map(|(name, cidr)| format!("{name} {cidr}")).collect();
        for attachment in &vpc.attachments {
            table.add_row([
                vpc.name.as_str(),
                vpc.domain.as_deref().unwrap_or("-"),
                &vpc.address.to_string(),
                &subnets.join(", "),
                &attachment.interface,
                &attachment.state,
                attachment.hook.as_deref().unwrap_or("-"),
            ]);
        }
    }
    table.to_string()
}

fn services(status: &Status) -> String {
    let mut table = with_header(&["NAME", "VPC", "KIND", "BACKEND", "MAC", "PORTS", "ENDPOINTS"]);
    for service in &status.services {
        table.add_row([
            service.name.as_str(),
            &service.vpc,
            &service.backend.kind,
            &service.backend.address.to_string(),
            mac(&service.backend),
            &ports(&service.ports),
            &service.endpoints.join(", "),
        ]);
    }
    table.to_string()
}

fn endpoints(endpoints: &[EndpointStatus]) -> String {
    let mut table = with_header(&[
        "NAME", "STATE", "ADDRESS", "VPC", "SERVICE", "BACKEND", "OPEN", "LIMIT", "PEAK", "REFUSED", "ALARM",
    ]);
    for endpoint in endpoints {
        let backend = &endpoint.backend;
        let silent = if backend.mac.is_none() { " (does not answer ARP)" } else { "" };
        table.add_row([
            endpoint.name.clone(),
            endpoint.state.clone(),
            match endpoint.address {
                Some(address) => address.to_string(),
                None if endpoint.prefixes.is_empty() => "-".to_owned(),
                None => networks(&endpoint.prefixes),
            },
            endpoint.vpc.clone(),
            endpoint.service.clone(),
            format!("{}{silent}", backend.address),
            endpoint.connections.open.to_string(),
            endpoint.connections.limit.to_string(),
            endpoint.connections.peak.to_string(),
            endpoint.refused.to_string(),
            endpoint.alarm.clone().unwrap_or_default(),
        ]);
    }
    table.to_string()
}

fn alarms(status: &Status) -> String {
    let mut table = with_header(&["ALARM", "ENDPOINT", "SINCE", "MEANS"]);
    for alarm in &status.alarms {
        table.add_row([
            alarm.alarm.as_str(),
            alarm.endpoint.as_deref().unwrap_or("-"),
            &format!("{} s", alarm.since_secs),
            &alarm.cure,
        ]);
    }
    table.to_string()
}

fn packets(status: &Status) -> String {
    let packets = &status.packets;
    let mut table = with_header(&["PACKETS", "COUNT"]);
    for (name, count) in [
        ("in", packets.packets_in),
        ("passed to the kernel", packets.passed),
        ("forwarded to backends", packets.forwarded),
        ("replied to clients", packets.replied),
        ("answered by the gateway", packets.answered),
    ] {
        table.add_row([name.to_owned(), count.to_string()]);
    }
    for (reason, count) in &packets.drops {
        table.add_row([format!("dropped: {reason}"), count.to_string()]);
    }
    table.to_string()
}
