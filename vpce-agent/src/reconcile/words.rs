//! What the agent itself says in tenant networks, as frames. Pure.

use std::{iter, net::Ipv4Addr};

use etherparse::{ArpHardwareId, ArpPacket, EtherType, PacketBuilder};
use vpce_common::{
    layout::{Ended, Link, Station},
    wire::{Be16, Be32, Mac},
};

use crate::net::Via;

/// One frame to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// How it leaves.
    pub via: Via,
    /// The bytes.
    pub frame: Vec<u8>,
}

/// Asks by ARP (RFC 826) who has `wanted`; in a tunnel each of `remotes`.
pub(super) fn question(link: &Link, wanted: Ipv4Addr, remotes: &[Ipv4Addr]) -> Vec<Word> {
    let sender = (link.mac.0, Ipv4Addr::from(link.address).octets());
    let operation = etherparse::ArpOperation::REQUEST;
    let packet = ArpPacket::new(
        ArpHardwareId::ETHERNET,
        EtherType::IPV4,
        operation,
        &sender.0,
        &sender.1,
        &[0; 6],
        &wanted.octets(),
    );
    let Ok(packet) = packet else { return Vec::new() };
    let ends = if link.segment.is_vxlan() { remotes } else { &[Ipv4Addr::UNSPECIFIED] };
    let ends = ends.iter().map(|&vtep| Station { mac: Mac::BROADCAST, vtep: vtep.into(), ..Station::default() });
    ends.map(|to| word(link, to, EtherType::ARP, &packet.to_bytes())).collect()
}

/// Resets both ends of a connection that ended without their doing (RFC 9293 §3.10.7.4). Each believes
/// the one that has the number that it expects next (RFC 5961 §3).
pub(super) fn last_words(ended: &Ended, client: &Link, backend: Option<(&Link, Station)>) -> Vec<Word> {
    let Ended { ends, client_next, backend_next, .. } = ended;
    let seen_by_client = (ends.key.endpoint, ends.key.endpoint_port);
    let to_client = rsts(seen_by_client, (ends.key.client, ends.key.client_port), *client_next, backend_next[0]);
    let seen_by_backend = (ends.transit, ends.transit_port);
    let to_backend = rsts(seen_by_backend, (ends.server, ends.server_port), *backend_next, client_next[0]);
    let mut words = Vec::new();
    if client.ifindex != 0 {
        words.extend(to_client.map(|rst| word(client, ended.client, EtherType::IPV4, &rst)));
    }
    if let Some((link, station)) = backend.filter(|(link, _)| link.ifindex != 0) {
        words.extend(to_backend.map(|rst| word(link, station, EtherType::IPV4, &rst)));
    }
    words
}

/// One of each number.
fn rsts(
    from: (Be32, Be16),
    to: (Be32, Be16),
    [acknowledged, sent]: [u32; 2],
    other: u32,
) -> impl Iterator<Item = Vec<u8>> {
    let second = (sent != acknowledged).then_some(sent);
    iter::once(acknowledged).chain(second).map(move |number| rst(from, to, number, other))
}

fn rst(from: (Be32, Be16), to: (Be32, Be16), number: u32, acknowledged: u32) -> Vec<u8> {
    let octets = |address: Be32| Ipv4Addr::from(address).octets();
    let packet = PacketBuilder::ipv4(octets(from.0), octets(to.0), 64);
    let packet = packet.tcp(from.1.get(), to.1.get(), number, 0).rst().ack(acknowledged);
    let mut bytes = Vec::new();
    // Into memory: it does not fail.
    let _ = packet.write(&mut bytes, &[]);
    bytes
}

/// Wraps a packet for its link.
fn word(link: &Link, to: Station, kind: EtherType, packet: &[u8]) -> Word {
    let mut frame = Vec::new();
    let mut via = Via::Interface(link.ifindex);
    if link.segment.is_vxlan() {
        via = Via::Tunnel { local: link.local.into(), remote: to.vtep.into() };
        // RFC 7348 §5: the flag that there is an identifier, and it.
        frame.extend([8, 0, 0, 0]);
        frame.extend((link.segment.id() << 8).to_be_bytes());
    }
    frame.extend(to.mac.0);
    frame.extend(link.mac.0);
    if !link.segment.is_vxlan() && link.segment.id() != 0 {
        frame.extend([0x81, 0]);
        frame.extend(&link.segment.id().to_be_bytes()[2..]);
    }
    frame.extend(kind.0.to_be_bytes());
    frame.extend(packet);
    Word { via, frame }
}

#[cfg(test)]
mod tests {
    use etherparse::{SlicedPacket, TransportSlice};
    use vpce_common::layout::{Dialables, Ends, FlowKey, Segment};

    use super::*;

    const GATEWAY: Mac = Mac([2, 0, 0, 0, 1, 1]);
    const STATION: Station =
        Station { mac: Mac([2, 0, 0, 0, 0, 1]), hop: Mac([2; 6]), vtep: Be32::from_wire([192, 0, 2, 2]) };

    fn link(segment: Segment) -> Link {
        Link {
            ifindex: 7,
            address: Ipv4Addr::new(10, 0, 0, 254).into(),
            mac: GATEWAY,
            vpc: 1,
            segment,
            local: Ipv4Addr::new(192, 0, 2, 1).into(),
            mtu: 1500,
            peer: 0,
            dialables: Dialables::NONE,
        }
    }

    #[test]
    fn a_question_goes_to_all_with_the_tag_of_its_link_or_to_each_end_of_its_tunnels() {
        let wanted = Ipv4Addr::new(10, 0, 0, 5);
        let plain = &question(&link(Segment::UNTAGGED), wanted, &[])[0];
        assert_eq!((plain.via, plain.frame.len()), (Via::Interface(7), 42));
        assert_eq!(plain.frame[..14], [&[0xff; 6][..], &GATEWAY.0, &[8, 6]].concat());
        assert_eq!(plain.frame[28..], [&[10, 0, 0, 254][..], &[0; 6], &[10, 0, 0, 5]].concat());
        let tagged = &question(&link(Segment::vlan(100)), wanted, &[])[0];
        assert_eq!(tagged.frame, [&plain.frame[..12], &[0x81, 0, 0, 100], &plain.frame[12..]].concat());
        let remotes = [Ipv4Addr::new(192, 0, 2, 2), Ipv4Addr::new(192, 0, 2, 3)];
        let tunnelled = question(&link(Segment::vxlan(0x12_3456)), wanted, &remotes);
        let local = Ipv4Addr::new(192, 0, 2, 1);
        assert_eq!(
            tunnelled.iter().map(|word| word.via).collect::<Vec<_>>(),
            remotes.map(|remote| Via::Tunnel { local, remote })
        );
        assert_eq!(tunnelled[0].frame, [&[8, 0, 0, 0, 0x12, 0x34, 0x56, 0][..], &plain.frame].concat());
    }

    #[test]
    fn both_ends_get_a_rst_with_the_number_that_they_expect() {
        let key = FlowKey {
            client: Ipv4Addr::new(10, 0, 0, 5).into(),
            endpoint: Ipv4Addr::new(10, 0, 0, 100).into(),
            client_port: Be16::new(4000),
            endpoint_port: Be16::new(80),
            vpc: 1,
            protocol: 6,
        };
        let ends = Ends {
            key,
            transit: Ipv4Addr::new(198, 19, 128, 7).into(),
            server: Ipv4Addr::new(10, 0, 0, 6).into(),
            transit_port: Be16::new(1025),
            server_port: Be16::new(8080),
            ..Ends::default()
        };
        let (client_next, backend_next) = ([11, 11], [22, 23]);
        let ended = Ended { ends, client_link: 0, client: STATION, client_next, backend_next, reserved: 0 };
        let words = last_words(&ended, &link(Segment::UNTAGGED), Some((&link(Segment::vlan(5)), STATION)));
        assert_eq!(words.len(), 3, "another one where an acknowledgement may be under way");
        for (word, from, to, number) in [
            (&words[0].frame, ([10, 0, 0, 100], 80), ([10, 0, 0, 5], 4000), 11),
            (&words[1].frame, ([198, 19, 128, 7], 1025), ([10, 0, 0, 6], 8080), 22),
            (&words[2].frame, ([198, 19, 128, 7], 1025), ([10, 0, 0, 6], 8080), 23),
        ] {
            let packet = SlicedPacket::from_ethernet(word).unwrap();
            let Some(etherparse::NetSlice::Ipv4(ip)) = packet.net else { panic!("no IPv4") };
            let Some(TransportSlice::Tcp(tcp)) = packet.transport else { panic!("no TCP") };
            let (source, destination) = (ip.header().source(), ip.header().destination());
            assert_eq!(((source, tcp.source_port()), (destination, tcp.destination_port())), (from, to));
            assert!(tcp.rst());
            assert_eq!(tcp.sequence_number(), number);
            assert_eq!(tcp.calc_checksum_ipv4(source, destination).unwrap(), tcp.checksum());
        }
        let gone = Link { ifindex: 0, ..link(Segment::UNTAGGED) };
        assert_eq!(last_words(&ended, &gone, None), []);
    }
}
