//! Where backends are: asks by ARP, keeps the answers fresh, tells when one goes silent.
//!
//! Pure: the caller sends what [`Neighbours::due`] says and reports what was heard.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use vpce_common::layout::Station;

/// An answer is asked for again after this, of very many after [`PACE`] for each.
const FRESH: Duration = Duration::from_secs(5);
/// An answer is asked for again after this, however many there are.
const STALE: Duration = Duration::from_secs(30);
/// An answer is good for so much longer for each backend.
const PACE: Duration = Duration::from_millis(10);
/// Between two questions that are not answered.
const RETRY: Duration = Duration::from_secs(1);
/// So many unanswered questions make a backend unreachable.
const PATIENCE: u32 = 3;

/// Where a backend is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// Number of the link that it answered on.
    pub link: u32,
    /// Where it is there, or its router.
    pub station: Station,
}

/// A backend moves at most this often: two stations that claim its address must not keep the gateway busy.
const SETTLE: Duration = Duration::from_secs(1);

/// Who must be found, and where to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The backend's address, or that of the router towards it.
    pub address: Ipv4Addr,
    /// The links of its VPC, by number. Of a tunnel with the ends that are asked: only they are believed,
    /// where any are named.
    pub links: BTreeMap<u32, Vec<Ipv4Addr>>,
}

impl Wanted {
    fn believes(&self, link: u32, station: Station) -> bool {
        self.links.get(&link).is_some_and(|ends| ends.is_empty() || ends.contains(&station.vtep.into()))
    }
}

#[derive(Debug)]
struct Entry {
    wanted: Wanted,
    found: Option<Neighbour>,
    asked: Option<Instant>,
    heard: Option<Instant>,
    unanswered: u32,
    /// When it was last found elsewhere than before.
    moved: Option<Instant>,
}

impl Entry {
    fn new(wanted: Wanted, found: Option<Neighbour>) -> Self {
        Self { wanted, found, asked: None, heard: None, unanswered: 0, moved: None }
    }
}

/// All backends' neighbours, by number of the backend.
#[derive(Debug, Default)]
pub struct Neighbours {
    entries: BTreeMap<u32, Entry>,
    /// Whom an address on a link is the way to: anybody may say much, so it is looked up, not looked for.
    ways: BTreeMap<(u32, Ipv4Addr), Vec<u32>>,
}

impl Neighbours {
    /// Looks for these and no others. What is known of them stays; `adopted` is what an earlier
    /// agent knew, believed until it proves wrong.
    pub fn want(&mut self, wanted: BTreeMap<u32, Wanted>, mut adopted: BTreeMap<u32, Neighbour>) {
        let mut old = std::mem::take(&mut self.entries);
        self.ways.clear();
        for (number, wanted) in wanted {
            for &link in wanted.links.keys() {
                self.ways.entry((link, wanted.address)).or_default().push(number);
            }
            let kept = old.remove(&number).filter(|entry| entry.wanted.address == wanted.address);
            let mut entry = kept.unwrap_or_else(|| Entry::new(wanted.clone(), adopted.remove(&number)));
            entry.found = entry.found.filter(|found| wanted.believes(found.link, found.station));
            self.entries.insert(number, Entry { wanted, ..entry });
        }
    }

    /// The questions to send now: number of the link, and the address to ask for.
    pub fn due(&mut self, now: Instant) -> Vec<(u32, Ipv4Addr)> {
        let mut questions = Vec::new();
        let fresh_for = (PACE * u32::try_from(self.entries.len()).unwrap_or(u32::MAX)).clamp(FRESH, STALE);
        for entry in self.entries.values_mut() {
            let since = |then: Option<Instant>| then.map(|then| now.saturating_duration_since(then));
            let fresh = since(entry.heard).is_some_and(|age| age < fresh_for);
            let waiting = since(entry.asked).is_some_and(|age| age < RETRY);
            if fresh || waiting {
                continue;
            }
            if entry.unanswered >= PATIENCE && entry.found.take().is_some() {
                tracing::warn!(address = %entry.wanted.address, "backend does not answer ARP");
            }
            entry.unanswered = entry.unanswered.saturating_add(1);
            entry.asked = Some(now);
            questions.extend(entry.wanted.links.keys().map(|&link| (link, entry.wanted.address)));
        }
        questions
    }

    /// Notes who is where; answers whether that is news.
    pub fn hear(&mut self, link: u32, address: Ipv4Addr, station: Station, now: Instant) -> bool {
        let mut news = false;
        for number in self.ways.get(&(link, address)).into_iter().flatten() {
            let Some(entry) = self.entries.get_mut(number) else { continue };
            if entry.wanted.believes(link, station) {
                let found = Some(Neighbour { link, station });
                let moves = entry.found != found;
                let restless = entry.moved.is_some_and(|then| now.saturating_duration_since(then) < SETTLE);
                if moves && entry.found.is_some() && restless {
                    continue;
                }
                if moves {
                    entry.moved = Some(now);
                }
                news |= moves;
                entry.found = found;
                entry.heard = Some(now);
                entry.unanswered = 0;
            }
        }
        news
    }

    /// Whether none is missing.
    #[must_use]
    pub fn all_found(&self) -> bool {
        self.entries.values().all(|entry| entry.found.is_some())
    }

    /// Whether a backend was asked for, and did not answer.
    #[must_use]
    pub fn is_silent(&self, number: u32) -> bool {
        self.entries.get(&number).is_some_and(|entry| entry.found.is_none() && entry.unanswered > PATIENCE)
    }

    /// Whether these and no others are found.
    #[must_use]
    pub fn are(&self, found: &BTreeMap<u32, Neighbour>) -> bool {
        self.entries.iter().filter_map(|(number, entry)| Some((number, entry.found.as_ref()?))).eq(found)
    }

    /// Who is found.
    #[must_use]
    pub fn found(&self) -> BTreeMap<u32, Neighbour> {
        self.entries.iter().filter_map(|(number, entry)| Some((*number, entry.found?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use vpce_common::wire::{Be32, Mac};

    use super::*;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
    const MAC: Station = station(1);

    const fn station(last: u8) -> Station {
        Station { mac: Mac([2, 0, 0, 0, 0, last]), hop: Mac([0; 6]), vtep: Be32::new(0) }
    }

    fn links<const N: usize>(numbers: [u32; N]) -> BTreeMap<u32, Vec<Ipv4Addr>> {
        numbers.map(|number| (number, Vec::new())).into()
    }

    fn wanted() -> BTreeMap<u32, Wanted> {
        BTreeMap::from([(7, Wanted { address: ADDRESS, links: links([1, 2]) })])
    }

    fn neighbours() -> (Neighbours, Instant) {
        let mut neighbours = Neighbours::default();
        neighbours.want(wanted(), BTreeMap::new());
        (neighbours, Instant::now())
    }

    #[test]
    fn a_new_backend_is_asked_for_at_once_on_every_link_and_again_each_second() {
        let (mut neighbours, start) = neighbours();
        assert_eq!(neighbours.due(start), [(1, ADDRESS), (2, ADDRESS)]);
        assert_eq!(neighbours.due(start + RETRY / 2), []);
        assert_eq!(neighbours.due(start + RETRY).len(), 2);
    }

    #[test]
    fn an_answer_is_news_once_and_is_asked_for_again_when_it_is_old() {
        let (mut neighbours, start) = neighbours();
        neighbours.due(start);
        assert!(neighbours.hear(2, ADDRESS, MAC, start));
        assert!(!neighbours.hear(2, ADDRESS, MAC, start));
        assert_eq!(neighbours.found(), BTreeMap::from([(7, Neighbour { link: 2, station: MAC })]));
        assert_eq!(neighbours.due(start + FRESH / 2), []);
        assert_eq!(neighbours.due(start + FRESH).len(), 2);
    }

    #[test]
    fn answers_of_very_many_are_asked_for_again_more_seldom() {
        let all = |count: u32| (0..count).map(|number| (number, wanted()[&7].clone())).collect();
        for (count, fresh_for) in [(500, FRESH), (1000, FRESH * 2), (10_000, STALE)] {
            let (mut neighbours, start) = neighbours();
            neighbours.want(all(count), BTreeMap::new());
            neighbours.hear(1, ADDRESS, MAC, start);
            assert_eq!(neighbours.due(start + fresh_for * 99 / 100), [], "{count}");
            assert_eq!(neighbours.due(start + fresh_for).len(), 2 * count as usize, "{count}");
        }
    }

    #[test]
    fn silence_makes_a_backend_unreachable_and_an_answer_heals_it() {
        let (mut neighbours, start) = neighbours();
        neighbours.hear(1, ADDRESS, MAC, start);
        let mut now = start + FRESH;
        for _ in 0..PATIENCE {
            neighbours.due(now);
            assert_eq!(neighbours.found().len(), 1);
            now += RETRY;
        }
        neighbours.due(now);
        assert_eq!(neighbours.found().len(), 0);
        assert!(neighbours.hear(1, ADDRESS, MAC, now));
    }

    #[test]
    fn two_that_claim_one_address_are_news_once_a_second() {
        let (mut neighbours, start) = neighbours();
        let other = station(2);
        assert!(neighbours.hear(1, ADDRESS, MAC, start));
        let news = (0..1000).filter(|n| neighbours.hear(1, ADDRESS, [MAC, other][n % 2], start + SETTLE / 2));
        assert_eq!(news.count(), 0);
        assert!(neighbours.hear(1, ADDRESS, other, start + SETTLE));
    }

    #[test]
    fn a_further_link_does_not_lose_a_backend_and_a_lost_one_does() {
        let (mut neighbours, start) = neighbours();
        neighbours.hear(2, ADDRESS, MAC, start);
        neighbours.want(BTreeMap::from([(7, Wanted { address: ADDRESS, links: links([2, 3]) })]), BTreeMap::new());
        assert_eq!(neighbours.found().len(), 1);
        neighbours.want(BTreeMap::from([(7, Wanted { address: ADDRESS, links: links([3]) })]), BTreeMap::new());
        assert_eq!(neighbours.found().len(), 0);
    }

    #[test]
    fn what_another_vpc_says_is_not_believed() {
        let (mut neighbours, start) = neighbours();
        assert!(!neighbours.hear(3, ADDRESS, MAC, start));
        assert!(neighbours.found().is_empty());
    }

    #[test]
    fn one_answer_of_a_router_is_heard_for_all_backends_behind_it_and_for_no_other() {
        let (mut neighbours, start) = neighbours();
        let [router, other] = [9, 10].map(|last| Ipv4Addr::new(10, 0, 0, last));
        let behind = |address| Wanted { address, links: links([1]) };
        neighbours.want([(7, behind(router)), (8, behind(router)), (9, behind(other))].into(), BTreeMap::new());
        assert!(!neighbours.hear(1, ADDRESS, MAC, start), "nobody looks for it any more");
        assert!(neighbours.hear(1, router, MAC, start));
        assert_eq!(neighbours.found().into_keys().collect::<Vec<_>>(), [7, 8]);
    }

    #[test]
    fn in_a_tunnel_only_the_ends_that_are_asked_are_believed_where_any_are_named() {
        let [named, other] = [1, 2].map(|last| Ipv4Addr::new(192, 0, 2, last));
        let from = |end: Ipv4Addr| Station { vtep: end.into(), ..MAC };
        let tunnel = |ends| BTreeMap::from([(7, Wanted { address: ADDRESS, links: [(1, ends)].into() })]);
        let (mut neighbours, start) = neighbours();
        neighbours.want(tunnel(vec![]), BTreeMap::new());
        assert!(neighbours.hear(1, ADDRESS, from(other), start));
        neighbours.want(tunnel(vec![named]), BTreeMap::new());
        assert_eq!(neighbours.found().len(), 0, "it was found where it is no longer believed");
        assert!(!neighbours.hear(1, ADDRESS, from(other), start + SETTLE));
        assert!(neighbours.hear(1, ADDRESS, from(named), start + SETTLE));
    }

    #[test]
    fn what_an_earlier_agent_knew_holds_until_it_proves_wrong() {
        let known = Neighbour { link: 1, station: MAC };
        let mut neighbours = Neighbours::default();
        neighbours.want(wanted(), BTreeMap::from([(7, known)]));
        assert_eq!(neighbours.found(), BTreeMap::from([(7, known)]));
        assert!(neighbours.are(&neighbours.found()));
        for others in [vec![], vec![(8, known)], vec![(7, known), (8, known)]] {
            assert!(!neighbours.are(&others.into_iter().collect()));
        }
    }
}
