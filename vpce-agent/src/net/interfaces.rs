//! Interfaces of this network namespace, from netlink: sysfs shows those of the mount's namespace.

use std::{collections::BTreeMap, io, pin::Pin};

use futures_util::{FutureExt as _, Stream, StreamExt as _, TryStreamExt as _};
use rtnetlink::{
    MulticastGroup,
    packet_route::link::{InfoKind, InfoPortKind, LinkAttribute, LinkInfo, LinkXdp, XdpAttached},
};
use vpce_common::wire::Mac;

use crate::model::{Hook, Kind};

/// Why the network can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// No netlink socket.
    #[error("can't open a netlink socket: {source}")]
    Socket {
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refused the question.
    #[error("can't list interfaces: {source}")]
    List {
        /// What the kernel said.
        source: rtnetlink::Error,
    },
    /// No packet socket.
    #[error("can't open a packet socket: {source}; it needs CAP_NET_RAW")]
    Packet {
        /// What the kernel said.
        source: io::Error,
    },
}

/// An interface that can be attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interface {
    /// Its index.
    pub index: u32,
    /// Its address.
    pub mac: Mac,
    /// Bytes of the largest IP packet that it carries.
    pub mtu: u32,
    /// What it is.
    pub kind: Kind,
    /// Whether a bridge has it.
    pub bridged: bool,
    /// Whether a packet can be handed on to its other end at once: it is a veth whose other end is in another network
    /// namespace, and has no XDP program of its own, which would see nothing of that.
    pub hands_on: bool,
    /// Where an XDP program sits on it, ours or another.
    pub xdp: Option<Hook>,
}

/// The largest MTU of a veth. Another one tells that an XDP program is on its other end, whose frames the driver can
/// make no longer than its buffers (`veth_xdp_set` in drivers/net/veth.c).
const VETH_MTU: u32 = 65535;

/// Asks for interfaces, and is told when one changes.
pub struct Interfaces {
    handle: rtnetlink::Handle,
    news: Pin<Box<dyn Stream<Item = ()>>>,
}

impl Interfaces {
    /// Opens the netlink socket. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`NetError::Socket`].
    pub fn new() -> Result<Self, NetError> {
        let (connection, handle, messages) = rtnetlink::new_multicast_connection(&[MulticastGroup::Link])
            .map_err(|source| NetError::Socket { source })?;
        tokio::spawn(connection);
        Ok(Self { handle, news: Box::pin(messages.map(drop)) })
    }

    /// Waits until an interface came, went or changed; the kernel may lose such news where there are many.
    pub async fn changed(&mut self) {
        if self.news.next().await.is_none() {
            // No news any more: whoever waits must not be kept busy.
            std::future::pending::<()>().await;
        }
        // One look is enough for all that came at once.
        while self.news.next().now_or_never().flatten().is_some() {}
    }

    /// Every Ethernet interface, by name.
    ///
    /// # Errors
    /// [`NetError::List`].
    pub async fn all(&self) -> Result<BTreeMap<String, Interface>, NetError> {
        let mut links = self.handle.link().get().execute();
        let mut all = BTreeMap::new();
        while let Some(link) = links.try_next().await.map_err(|source| NetError::List { source })? {
            let (mut name, mut largest) = (None, 0);
            let (index, mac) = (link.header.index, Mac::default());
            let mut interface =
                Interface { index, mac, mtu: 0, kind: Kind::Card, bridged: false, hands_on: false, xdp: None };
            for attribute in link.attributes {
                match attribute {
                    LinkAttribute::IfName(is) => name = Some(is),
                    LinkAttribute::Address(is) => interface.mac = Mac(is.try_into().unwrap_or_default()),
                    LinkAttribute::Mtu(is) => interface.mtu = is,
                    LinkAttribute::MaxMtu(is) => largest = is,
                    LinkAttribute::LinkInfo(facts) => {
                        interface.kind = facts.iter().find_map(kind).unwrap_or(Kind::Card);
                        interface.bridged = facts.iter().any(is_port);
                    }
                    LinkAttribute::LinkNetNsId(_) => interface.hands_on = true,
                    LinkAttribute::Xdp(facts) => interface.xdp = facts.iter().find_map(hook),
                    _ => {}
                }
            }
            // Others too have a lower end elsewhere: a VLAN, a tunnel.
            interface.hands_on &= interface.kind == Kind::Veth && largest == VETH_MTU;
            if let (Some(name), true) = (name, interface.mac != Mac::default()) {
                all.insert(name, interface);
            }
        }
        Ok(all)
    }
}

/// What an interface is: the kernel's own tell it, cards do not.
const fn kind(fact: &LinkInfo) -> Option<Kind> {
    match fact {
        LinkInfo::Kind(InfoKind::Bond) => Some(Kind::Bond),
        LinkInfo::Kind(InfoKind::Veth) => Some(Kind::Veth),
        LinkInfo::Kind(InfoKind::Tun) => Some(Kind::Tap),
        LinkInfo::Kind(InfoKind::Bridge) => Some(Kind::Bridge),
        LinkInfo::Kind(_) => Some(Kind::Virtual),
        _ => None,
    }
}

const fn is_port(fact: &LinkInfo) -> bool {
    matches!(fact, LinkInfo::PortKind(InfoPortKind::Bridge))
}

fn hook(fact: &LinkXdp) -> Option<Hook> {
    match fact {
        LinkXdp::Attached(XdpAttached::Driver | XdpAttached::Hardware) => Some(Hook::Native),
        LinkXdp::Attached(XdpAttached::SocketBuffer) => Some(Hook::Generic),
        _ => None,
    }
}
