//! `attach` of the `[[vpc]]` sections: which frames of which interface are a VPC's.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;

use super::{
    Cause, Holder, net,
    report::Read,
    rule,
    table::{Keys, Table},
    value::{Value, each},
};
use crate::model::{Attachment, Mode, Segment, Vxlan};

const KEYS: Keys = &[
    ("interface", r#"interface = "eth1""#),
    ("vlan", "vlan = 100"),
    ("vxlan", r#"vxlan = { vni = 42, local = "192.0.2.1", interface = "eth0" }"#),
    ("mode", r#"mode = "auto""#),
];

const VXLAN_KEYS: Keys = &[
    ("vni", "vni = 42"),
    ("local", r#"local = "192.0.2.1""#),
    ("interface", r#"interface = "eth0""#),
    ("remotes", r#"remotes = ["192.0.2.2"]"#),
];

const TUNNEL: &str = "an attachment by VXLAN";

/// IEEE 802.1Q: 0 and 4095 name no VLAN.
const MAX_VLAN: u32 = 4094;
/// RFC 7348: 24 bits.
const MAX_VNI: u32 = (1 << 24) - 1;

/// Reads the attachments of all VPCs, each of which must be another. Lines are those where each was
/// written.
pub(super) struct Attachments<'d, 'p> {
    transit: Read<Ipv4Net>,
    /// Of those that have none of their own.
    mode: Read<Mode>,
    present: Option<&'p BTreeSet<String>>,
    whole: BTreeMap<&'d str, usize>,
    parted: BTreeMap<&'d str, usize>,
    vlans: BTreeMap<(&'d str, u16), usize>,
    vnis: BTreeMap<(&'d str, u32), usize>,
    tunnels: BTreeMap<(Ipv4Addr, u32), usize>,
    modes: BTreeMap<&'d str, (Mode, usize)>,
}

impl<'d, 'p> Attachments<'d, 'p> {
    /// None yet. Interfaces must be of `present`, where that is given.
    pub(super) fn new(transit: Read<Ipv4Net>, mode: Read<Mode>, present: Option<&'p BTreeSet<String>>) -> Self {
        let (whole, parted) = (BTreeMap::new(), BTreeMap::new());
        let (vlans, vnis, tunnels) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { transit, mode, present, whole, parted, vlans, vnis, tunnels, modes: BTreeMap::new() }
    }

    pub(super) fn read(&mut self, place: Value<'d>) -> Read<Attachment> {
        let table = place.table(KEYS)?;
        let own = table.optional("mode", |value| Ok((value, value.word(Mode::ALL)?)));
        if let Some(tunnel) = table.optional("vxlan", |value| self.tunnel(value)).transpose() {
            let interface = table.refuse("interface", TUNNEL, r#"write it within: vxlan = { interface = "eth0" }"#);
            let vlan = table.refuse("vlan", TUNNEL, "leave it out");
            let tunnel = interface.and(vlan).and(tunnel);
            return self.with_mode(place, own, tunnel);
        }
        let part = self.on_interface(table);
        self.with_mode(place, own, part)
    }

    /// An interface, or a VLAN of it.
    fn on_interface(&mut self, table: Table<'d>) -> Read<(&'d str, Segment)> {
        let interface = table.required("interface", |value| Ok((value, self.interface(value)?)));
        let vlan = table.optional("vlan", |value| Ok((value, value.number_to(MAX_VLAN)?)));
        let ((at, interface), vlan) = (interface?, vlan?);
        let segment = match vlan {
            None => {
                if let Some(&line) = self.parted.get(interface) {
                    return at.fail(Cause::Parted { interface: interface.to_owned(), line });
                }
                claim(&mut self.whole, interface, at, || format!("{interface:?}"))?;
                Segment::Untagged
            }
            Some((at, vlan)) => {
                self.part(at, interface)?;
                claim(&mut self.vlans, (interface, vlan), at, || format!("{vlan} of interface {interface:?}"))?;
                Segment::Vlan(vlan)
            }
        };
        Ok((interface, segment))
    }

    /// The whole attachment, whose mode is its own or that of all.
    fn with_mode(
        &mut self,
        place: Value<'d>,
        own: Read<Option<(Value<'d>, Mode)>>,
        part: Read<(&'d str, Segment)>,
    ) -> Read<Attachment> {
        let (own, (interface, segment)) = (own?, part?);
        let (at, mode) = match own {
            Some(own) => own,
            None => (place, self.mode?),
        };
        match self.modes.entry(interface) {
            Entry::Vacant(vacant) => drop(vacant.insert((mode, at.line()))),
            Entry::Occupied(first) => {
                let (other, line) = *first.get();
                if other != mode {
                    let (interface, mode, other) = (interface.to_owned(), mode.name(), other.name());
                    return at.fail(Cause::ModesDiffer { interface, mode, other, line });
                }
            }
        }
        Ok(Attachment { interface: interface.to_owned(), segment, mode })
    }

    fn tunnel(&mut self, value: Value<'d>) -> Read<(&'d str, Segment)> {
        let table = value.table(VXLAN_KEYS)?;
        let vni = table.required("vni", |value| Ok((value, value.number_to(MAX_VNI)?)));
        let local = table.required("local", |value| self.underlay(value));
        let interface = table.required("interface", |value| Ok((value, self.interface(value)?)));
        let remotes = table.or("remotes", Vec::new(), |value| self.remotes(value, local));
        let ((at, vni), local, (interface_at, interface)) = (vni?, local?, interface?);
        self.part(interface_at, interface)?;
        claim(&mut self.vnis, (interface, vni), at, || format!("{vni} of interface {interface:?}"))?;
        claim(&mut self.tunnels, (local, vni), at, || format!("{vni} of local {local}"))?;
        Ok((interface, Segment::Vxlan(Vxlan { vni, local, remotes: remotes? })))
    }

    fn interface(&self, value: Value<'d>) -> Read<&'d str> {
        let interface = value.text_by(rule::INTERFACE)?;
        if let Some(present) = self.present.filter(|present| !present.contains(interface)) {
            let (interface, present) = (interface.to_owned(), present.iter().cloned().collect());
            return value.fail(Cause::InterfaceMissing { interface, present });
        }
        Ok(interface)
    }

    /// Notes that an interface carries a VLAN or a tunnel. Then it can't be attached whole: a driver
    /// that strips tags would mix tenants up, and an underlay is no tenant's.
    fn part(&mut self, at: Value<'d>, interface: &'d str) -> Read<()> {
        if let Some(&line) = self.whole.get(interface) {
            return at.fail(Cause::Whole { interface: interface.to_owned(), line });
        }
        self.parted.entry(interface).or_insert_with(|| at.line());
        Ok(())
    }

    fn underlay(&self, value: Value<'d>) -> Read<Ipv4Addr> {
        let address = net::address(value)?;
        match self.transit {
            Ok(transit) if transit.contains(&address) => {
                value.fail(Cause::UnderlayInTransit { key: value.key.to_owned(), address, transit })
            }
            _ => Ok(address),
        }
    }

    fn remotes(&self, value: Value<'d>, local: Read<Ipv4Addr>) -> Read<Vec<Ipv4Addr>> {
        let mut lines = BTreeMap::new();
        each(value.items(0..=usize::MAX)?, |value| {
            let address = self.underlay(value)?;
            if local.is_ok_and(|local| local == address) {
                return value.fail(Cause::Held { address, by: Holder::Gateway });
            }
            claim(&mut lines, address, value, || address.to_string())?;
            Ok(address)
        })
    }
}

/// Reports what was taken before.
fn claim<K: Ord>(lines: &mut BTreeMap<K, usize>, is: K, at: Value<'_>, name: impl FnOnce() -> String) -> Read<()> {
    match lines.entry(is) {
        Entry::Vacant(vacant) => {
            vacant.insert(at.line());
            Ok(())
        }
        Entry::Occupied(first) => {
            at.fail(Cause::Duplicate { key: at.key.to_owned(), value: name(), line: *first.get() })
        }
    }
}
