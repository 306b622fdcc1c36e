//! Where backends are: what is asked, what is heard, what becomes of it in the maps.

use std::{
    collections::{BTreeMap, BTreeSet},
    io, iter,
    net::Ipv4Addr,
    os::fd::OwnedFd,
    time::Instant,
};

use vpce_common::layout::Heard;

use super::{
    Entries, Gateway, ReconcileError,
    compile::compile_part,
    words::{self, Word},
};
use crate::{model::Attachment, neighbours::Wanted};

/// Messages that are heard at once, at most: a flood of ARP must not hold up the rest.
const HEAR_MOST: usize = 1024;

impl Gateway {
    /// The ARP questions to send now.
    pub fn questions(&mut self, now: Instant) -> Vec<Word> {
        let due = self.neighbours.due(now);
        due.into_iter().flat_map(|(link, wanted)| self.question(link, wanted)).collect()
    }

    /// Notes who said where they are; answers whether that is news. Of many only the first: call it again.
    pub fn hear(&mut self, now: Instant) -> bool {
        let mut news = false;
        self.heard = 0;
        let heard = iter::from_fn(|| self.dataplane.maps.heard.take());
        for Heard { link, address, station } in heard.take(HEAR_MOST) {
            self.heard += 1;
            if self.neighbours.hear(link, address.into(), station, now) {
                let address = Ipv4Addr::from(address);
                tracing::info!(%address, mac = %station.mac, "backend found");
                news = true;
            }
        }
        news
    }

    /// Whether there may be more than were heard at once.
    pub(super) const fn hears_more(&self) -> bool {
        self.heard == HEAR_MOST
    }

    /// Readable while somebody said where they are.
    ///
    /// # Errors
    /// When the process may have no more descriptors.
    pub fn ears(&self) -> io::Result<OwnedFd> {
        self.dataplane.maps.heard.descriptor()
    }

    /// Whether every backend was found.
    #[must_use]
    pub fn all_found(&self) -> bool {
        self.neighbours.all_found()
    }

    /// Whether what answers for a service does not answer ARP.
    #[must_use]
    pub fn is_silent(&self, service: &str) -> bool {
        let number = self
            .desired
            .services
            .get(service)
            .and_then(|service| self.leases.backend(*self.leases.vpcs.get(&service.vpc)?, &service.target));
        number.is_some_and(|number| self.neighbours.is_silent(number))
    }

    /// Enters where backends are now.
    ///
    /// # Errors
    /// When the kernel refuses a write: the next pass goes on from there.
    pub fn meet(&mut self) -> Result<(), ReconcileError> {
        let found = self.neighbours.found();
        let known = std::mem::replace(&mut self.facts.neighbours, found);
        let numbers = known.keys().chain(self.facts.neighbours.keys()).copied();
        let moved = numbers.filter(|number| known.get(number) != self.facts.neighbours.get(number)).collect();
        let Some(last) = &self.last else { return Ok(()) };
        let part = compile_part(&self.desired, &self.leases, &self.facts, &last.links, &BTreeSet::new(), &moved);
        let then = Entries { settings: last.settings, ..part };
        let now = last.part(&then, &then);
        self.write(&now, &then)
    }

    fn question(&self, number: u32, wanted: Ipv4Addr) -> Vec<Word> {
        let link = self.last.as_ref().and_then(|entries| entries.links.get(&number)).filter(|link| link.ifindex != 0);
        let lease = self.leases.links.get(number as usize);
        let (Some(link), Some(lease)) = (link, lease) else { return Vec::new() };
        let attachment = self.attachments().find(|attachment| lease.is_of(attachment));
        words::question(link, wanted, attachment.map_or(&[], Attachment::remotes))
    }

    /// Whom to look for: each backend that is on link, else the router of its VPC.
    pub(super) fn wanted(&self) -> BTreeMap<u32, Wanted> {
        let mut wanted = BTreeMap::new();
        for service in self.desired.services.values() {
            let vpc = &self.desired.vpcs[&service.vpc];
            let vpc_number = self.leases.vpcs[&service.vpc];
            let backend = service.target.address();
            let Some(number) = self.leases.backend(vpc_number, &service.target) else { continue };
            let on_link = vpc.address.trunc().contains(&backend)
                || vpc.next_hop.is_none()
                || vpc.subnets.values().any(|subnet| subnet.contains(&backend));
            let address = vpc.next_hop.filter(|_| !on_link).unwrap_or(backend);
            let link = |is: &Attachment| Some((self.leases.link(vpc_number, is)?, is.remotes().to_vec()));
            let links = vpc.attach.iter().filter_map(link).collect();
            wanted.insert(number, Wanted { address, links });
        }
        wanted
    }
}
