//! Parses what follows the Ethernet header, once, into a checked type.

use crate::{
    dataplane::Frame,
    reason::DropReason,
    tcp::{FIN, RST, SYN, Segment},
    wire::{self, IcmpHdr, Ipv4Hdr, StartHdr, TCP, TcpHdr, UDP, UdpHdr},
};

/// A TCP segment whose lengths agree with its packet and its frame.
pub(super) struct Tcp<'f> {
    pub header: &'f mut TcpHdr,
    pub segment: Segment,
}

/// A UDP datagram whose lengths agree with its packet and its frame.
pub(super) struct Udp<'f> {
    pub header: &'f mut UdpHdr,
}

/// The packet that an ICMP error is about, as far as it is surely quoted.
pub(super) struct Quoted<'f> {
    pub ip: &'f mut Ipv4Hdr,
    pub start: &'f mut StartHdr,
}

/// Which part of its datagram a packet is (RFC 791 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// The first fragment: it has the transport header.
    First,
    /// A later one, without ports.
    Later,
}

#[inline(always)]
pub(super) fn part(ip: &Ipv4Hdr) -> Part {
    match u16::from_be_bytes(ip.frags) {
        frags if frags & 0x1fff != 0 => Part::Later,
        frags if frags & 0x2000 != 0 => Part::First,
        _ => Part::Whole,
    }
}

/// Checks the IPv4 header; answers the bytes of payload, which comes next in the frame.
///
/// # Errors
/// Why the packet can't be translated; it matters only where the packet is ours.
#[inline(always)]
pub(super) fn ipv4<'f, F: Frame<'f>>(ip: &Ipv4Hdr, frame: &mut F, length: usize) -> Result<usize, DropReason> {
    let header = usize::from(ip.vihl & 0x0f) * 4;
    let total = usize::from(u16::from_be_bytes(ip.tot_len));
    if ip.vihl >> 4 != 4 || header < size_of::<Ipv4Hdr>() || total < header || total > length {
        return Err(DropReason::MalformedIp);
    }
    frame.skip(header - size_of::<Ipv4Hdr>());
    Ok(total - header)
}

/// Takes the TCP header of a payload.
#[inline(always)]
pub(super) fn tcp<'f, F: Frame<'f>>(frame: &mut F, payload: usize) -> Result<Tcp<'f>, DropReason> {
    let header = frame.take::<TcpHdr>().ok_or(DropReason::MalformedTcp)?;
    // The data offset and the flags: bytes 12 and 13 (RFC 9293 §3.1).
    let (offset, flags) = (usize::from(wire::bytes(header)[12] >> 4) * 4, wire::bytes(header)[13]);
    let contradicts = flags & SYN != 0 && flags & (FIN | RST) != 0;
    if offset < size_of::<TcpHdr>() || offset > payload || contradicts {
        return Err(DropReason::MalformedTcp);
    }
    #[expect(clippy::cast_possible_truncation, reason = "an IPv4 packet has less than 2^16 bytes")]
    let segment = Segment {
        flags,
        seq: u32::from_be_bytes(header.seq),
        ack: u32::from_be_bytes(header.ack_seq),
        payload: (payload - offset) as u32,
    };
    Ok(Tcp { header, segment })
}

/// Takes the UDP header of a payload, which is `part` of the datagram.
#[inline(always)]
pub(super) fn udp<'f, F: Frame<'f>>(frame: &mut F, payload: usize, part: Part) -> Result<Udp<'f>, DropReason> {
    let header = frame.take::<UdpHdr>().ok_or(DropReason::MalformedUdp)?;
    let length = usize::from(u16::from_be_bytes(header.len));
    let whole = matches!(part, Part::Whole);
    if length < size_of::<UdpHdr>() || payload < size_of::<UdpHdr>() || (whole && length > payload) {
        return Err(DropReason::MalformedUdp);
    }
    Ok(Udp { header })
}

/// Takes the ICMP header of a payload.
#[inline(always)]
pub(super) fn icmp<'f, F: Frame<'f>>(frame: &mut F, payload: usize) -> Result<&'f mut IcmpHdr, DropReason> {
    let header = frame.take::<IcmpHdr>().ok_or(DropReason::MalformedIcmp)?;
    if payload >= size_of::<IcmpHdr>() { Ok(header) } else { Err(DropReason::MalformedIcmp) }
}

/// Takes what an ICMP error quotes, `payload` being the bytes of the whole message.
#[inline(always)]
pub(super) fn quoted<'f, F: Frame<'f>>(frame: &mut F, payload: usize) -> Result<Quoted<'f>, DropReason> {
    let ip = frame.take::<Ipv4Hdr>().ok_or(DropReason::MalformedIcmp)?;
    let header = usize::from(ip.vihl & 0x0f) * 4;
    let whole = size_of::<IcmpHdr>() + header + size_of::<StartHdr>();
    // Of a later fragment the quote has no ports.
    let later = u16::from_be_bytes(ip.frags) & 0x1fff != 0;
    if ip.vihl >> 4 != 4 || header < size_of::<Ipv4Hdr>() || payload < whole || later {
        return Err(DropReason::MalformedIcmp);
    }
    if ip.proto != TCP && ip.proto != UDP {
        return Err(DropReason::Protocol);
    }
    frame.skip(header - size_of::<Ipv4Hdr>());
    let start = frame.take::<StartHdr>().ok_or(DropReason::MalformedIcmp)?;
    Ok(Quoted { ip, start })
}
