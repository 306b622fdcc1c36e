//! Order and sparseness of plans.

use vpce_common::{
    layout::{Dialled, Endpoint, Mapping, Prefix},
    wire::{Be16, Be32},
};

use super::{Change, Entries, Maps, NO_ENDPOINT, NOTHING, facts};
use crate::{
    model::{
        Attachment, Backend, BackendKind, Desired, Target,
        leases::{
            Held, Leases,
            tests::{
                CAPACITY,
                sample::{desired, endpoint, gateway_endpoint, host, with},
            },
        },
    },
    reconcile::{Kernel as _, compile, observe, plan},
};

/// What changes from one desired state to the next.
struct Turn {
    before: Entries,
    after: Entries,
    changes: Vec<Change>,
    leases: Leases,
}

fn turn(before: &Desired, after: &Desired) -> Turn {
    let old = Leases::default().assign(before, CAPACITY).unwrap();
    let leases = old.assign(after, CAPACITY).unwrap();
    let before = compile(before, &old, &facts(before, &old));
    let after = compile(after, &leases, &facts(after, &leases));
    Turn { changes: plan(&after, &before), before, after, leases }
}

impl Turn {
    #[track_caller]
    fn first(&self, is: impl Fn(&Change) -> bool) -> usize {
        self.changes.iter().position(is).unwrap_or_else(|| panic!("no such change in {:#?}", self.changes))
    }

    #[track_caller]
    fn last(&self, is: impl Fn(&Change) -> bool) -> usize {
        self.changes.iter().rposition(is).unwrap_or_else(|| panic!("no such change in {:#?}", self.changes))
    }

    /// What is written to one endpoint, in order.
    fn writes(&self, number: u32) -> Vec<Endpoint> {
        let write = |change: &Change| match change {
            Change::SetEndpoint(of, endpoint) | Change::MakeEndpoint(of, endpoint) if *of == number => Some(*endpoint),
            _ => None,
        };
        self.changes.iter().filter_map(write).collect()
    }
}

fn removes(change: &Change) -> bool {
    use Change::{RemoveAddress, RemoveIngress, RemoveMapping, RemovePrefix};
    matches!(change, RemoveMapping(_) | RemoveAddress(_) | RemovePrefix(_) | RemoveIngress(_))
}

fn leads(change: &Change) -> bool {
    use Change::{SetAddress, SetIngress, SetMapping, SetPrefix};
    matches!(change, SetMapping(..) | SetAddress(..) | SetPrefix(..) | SetIngress(..))
}

fn opens(change: &Change) -> bool {
    matches!(change, Change::SetEndpoint(_, is) | Change::MakeEndpoint(_, is) if is.accepted != 0)
}

#[test]
fn what_leads_to_a_removed_endpoint_goes_before_it_is_closed() {
    let turn = turn(&with([("a", endpoint()), ("b", endpoint())]), &with([("b", endpoint())]));
    assert_eq!(turn.last(removes) + 1, turn.first(|change| matches!(change, Change::SetEndpoint(..))));
    assert_eq!(turn.last(removes), 2, "two ports and an address");
    let open = turn.before.endpoints[&0];
    let closed = Endpoint { accepted: 0, ..open };
    let cut = Endpoint { generation: turn.leases.endpoints[&0].generation, limit: 0, ..closed };
    assert_eq!(turn.writes(0), [closed, cut]);
    assert_eq!(turn.changes.len(), 6, "besides, its transit address: {:#?}", turn.changes);
}

#[test]
fn a_new_endpoint_is_filled_then_opened_then_led_to() {
    let turn = turn(&desired(), &with([("a", endpoint())]));
    let is = turn.after.endpoints[&0];
    let filled = turn.first(|change| *change == Change::FillRing(0, is));
    assert_eq!(turn.writes(0), [Endpoint { accepted: 0, ..is }, is]);
    assert!(filled < turn.first(|change| matches!(change, Change::MakeEndpoint(..))));
    assert!(!turn.changes.iter().any(Change::is_known_to_flows), "flows that are there go on by what they know");
    assert!(turn.last(|change| matches!(change, Change::SetTransit(..))) < turn.first(opens));
    assert!(turn.last(opens) < turn.first(leads));
    assert_eq!(turn.last(leads) + 1, turn.changes.len());
}

/// How far a plan is when it tells links of more, or of less, that can be dialled.
fn redials(change: &Change) -> bool {
    matches!(change, Change::SetDialables(..))
}

#[test]
fn more_can_be_dialled_before_an_address_is_there_and_less_when_all_else_is_done() {
    let more = turn(&desired(), &with([("a", endpoint())]));
    assert!(more.last(redials) < more.first(leads));
    assert!(!more.changes.iter().any(|change| matches!(change, Change::SetLink(..))), "{:#?}", more.changes);

    let gone = turn(&with([("a", endpoint())]), &desired());
    assert!(!gone.changes.iter().any(redials), "its flows may live: {:#?}", gone.changes);
    let mut leases = gone.leases.clone();
    leases.endpoints.clear();
    let after = compile(&desired(), &leases, &facts(&desired(), &leases));
    let less = plan(&after, &gone.before);
    let first = less.iter().position(redials).expect("links are told");
    assert!(less[first..].iter().all(redials) && first > 2, "{less:#?}");

    let mut moved = gone.before.clone();
    moved.links.values_mut().for_each(|link| link.mtu += 1);
    let changes = plan(&after, &moved);
    let sets: Vec<_> = changes.iter().filter(|change| matches!(change, Change::SetLink(..))).collect();
    assert_eq!(sets.len(), moved.links.len());
    let known = |change: &&Change| change.is_known_to_flows();
    assert!(changes.iter().filter(known).count() > sets.len() && !changes.iter().filter(known).any(redials));
}

#[test]
fn everything_is_there_before_a_first_frame_comes_in() {
    let wanted = with([("a", endpoint())]);
    let leases = Leases::default().assign(&wanted, CAPACITY).unwrap();
    let changes = plan(&compile(&wanted, &leases, &facts(&wanted, &leases)), &NOTHING);
    let first = changes.iter().position(|change| matches!(change, Change::SetIngress(..))).unwrap();
    assert!(changes[first..].iter().all(|change| matches!(change, Change::SetIngress(..))));
    // From it an agent knows that the maps were filled: before anything that must not be lost.
    assert!(matches!(changes[0], Change::SetSettings(_)));
}

#[test]
fn a_repointed_endpoint_is_closed_moved_and_opened_each_by_a_write_of_its_own() {
    let mut repointed = with([("a", endpoint())]);
    let backend = Backend { kind: BackendKind::Vm, address: host(9) };
    repointed.services.get_mut("web").unwrap().target = Target::Backend(backend);
    let turn = turn(&with([("a", endpoint())]), &repointed);
    let (is, then) = (turn.before.endpoints[&0], turn.after.endpoints[&0]);
    let closed = Endpoint { accepted: 0, ..is };
    let moved = Endpoint { accepted: 0, ..then };
    assert_eq!(turn.writes(0), [closed, moved, then]);
    assert!(is.backend != then.backend && is.generation < then.generation);
    let backend = turn.last(|change| matches!(change, Change::SetBackend(..)));
    assert!(backend < turn.first(|change| *change == Change::SetEndpoint(0, moved)));
    assert!(!turn.changes.iter().any(|change| removes(change) || matches!(change, Change::FillRing(..))));
}

#[test]
fn the_ports_of_an_old_backend_never_lead_to_the_new_one() {
    // Both services have a port 80, to 8080 and to 5432; only one has a port 443.
    let mut repointed = with([("a", endpoint())]);
    repointed.endpoints.get_mut("a").unwrap().service = "db".to_owned();
    let turn = turn(&with([("a", endpoint())]), &repointed);
    assert_eq!(turn.last(|change| matches!(change, Change::RemoveMapping(_))), 1);
    assert!(turn.last(opens) < turn.first(|change| matches!(change, Change::SetMapping(..))));
}

#[test]
fn another_server_port_is_one_write() {
    let mut moved = with([("a", endpoint())]);
    let ports = &mut moved.services.get_mut("web").unwrap().ports;
    let (first, last) = (*ports.values().next().unwrap(), *ports.values().last().unwrap());
    *ports.values_mut().next().unwrap() = last;
    assert_ne!(first, last);
    let turn = turn(&with([("a", endpoint())]), &moved);
    assert!(matches!(turn.changes[..], [Change::SetMapping(..)]), "{:#?}", turn.changes);
}

#[test]
fn another_limit_is_one_write_that_closes_nothing() {
    let mut more = with([("a", endpoint())]);
    more.endpoints.get_mut("a").unwrap().max_connections = 51;
    let turn = turn(&with([("a", endpoint())]), &more);
    let is = turn.before.endpoints[&0];
    assert_eq!(turn.changes, [Change::SetEndpoint(0, Endpoint { limit: 51, ..is })]);
}

#[test]
fn a_block_drains_only_when_the_larger_one_has_taken_its_clients() {
    let mut larger = with([("a", endpoint())]);
    larger.endpoints.get_mut("a").unwrap().max_connections = 500;
    let turn = turn(&with([("a", endpoint())]), &larger);
    assert_eq!(turn.leases.endpoints[&0].held, Held::Draining);
    let is = turn.before.endpoints[&0];
    // Its generation is kept: the flows go on.
    assert_eq!(turn.writes(0), [Endpoint { accepted: 0, limit: 0, ..is }]);
    assert!(turn.last(opens) < turn.first(leads));
    let drained = turn.first(|change| matches!(change, Change::SetEndpoint(0, _)));
    assert_eq!(turn.last(leads) + 1, drained);
    // Its ports too: until then clients came by them.
    assert!(turn.changes[drained + 1..].iter().all(|change| matches!(change, Change::RemoveMapping(_))));
    assert_eq!(turn.first(removes), drained + 1);
}

#[test]
fn an_address_leads_nowhere_before_its_ports_are_there_and_after_they_are_gone() {
    let (none, one) = (desired(), with([("a", endpoint())]));
    let came = turn(&none, &one);
    let address = came.first(|change| matches!(change, Change::SetAddress(..)));
    assert!(came.last(|change| matches!(change, Change::SetMapping(..))) < address);
    let went = turn(&one, &none);
    let address = went.first(|change| matches!(change, Change::RemoveAddress(_)));
    assert!(address < went.first(|change| matches!(change, Change::RemoveMapping(_))));
}

#[test]
fn a_prefix_leads_nowhere_before_its_ports_are_there_and_after_they_are_gone() {
    let (mut none, mut one) = (desired(), with([("a", gateway_endpoint())]));
    for desired in [&mut none, &mut one] {
        let ports = desired.services["web"].ports.clone();
        desired.services.get_mut("store").unwrap().ports = ports;
    }
    let came = turn(&none, &one);
    let prefix = came.first(|change| matches!(change, Change::SetPrefix(..)));
    assert!(came.last(|change| matches!(change, Change::SetMapping(..))) < prefix);
    assert!(came.last(opens) < prefix);
    let went = turn(&one, &none);
    let prefix = went.first(|change| matches!(change, Change::RemovePrefix(_)));
    assert!(prefix < went.first(|change| matches!(change, Change::RemoveMapping(_))));
    assert!(prefix < went.first(|change| matches!(change, Change::SetEndpoint(..))));
}

#[test]
fn a_gateway_endpoint_whose_ports_are_listed_from_now_on_keeps_all_until_they_are_there() {
    let all = with([("a", gateway_endpoint())]);
    let mut listed = all.clone();
    listed.services.get_mut("store").unwrap().ports = listed.services["web"].ports.clone();
    let come = turn(&all, &listed);
    let written = come.first(|change| matches!(change, Change::SetEndpoint(0, _)));
    assert_eq!((come.changes.len(), written), (3, 2), "{:#?}", come.changes);
    let go = turn(&listed, &all);
    let written = go.first(|change| matches!(change, Change::SetEndpoint(0, _)));
    assert_eq!((go.changes.len(), written), (3, 0), "{:#?}", go.changes);
}

#[test]
fn what_a_longer_prefix_took_never_meets_a_shorter_one_between_two_writes() {
    let prefix = |bits| (u32::BITS + bits, Prefix { vpc: 1, network: Be32::from_wire([100, 125, 0, 0]) });
    let open = |number| {
        let place = Endpoint { first_slot: number * 64, slots: 64, ..NO_ENDPOINT };
        (number, Endpoint { generation: 1, accepted: 1, ..place })
    };
    let holding = |prefixes: &[(u32, u32)]| Entries {
        endpoints: [0, 1, 2].map(open).into(),
        prefixes: prefixes.iter().map(|&(bits, number)| (prefix(bits), number)).collect(),
        ..NOTHING
    };
    let changes = |from, to| plan(&holding(to), &holding(from));
    let (set, remove) =
        (|bits, number| Change::SetPrefix(prefix(bits), number), |bits| Change::RemovePrefix(prefix(bits)));
    assert_eq!(changes(&[], &[(16, 0), (17, 1)]), [set(17, 1), set(16, 0)]);
    assert_eq!(changes(&[(16, 0), (17, 1)], &[]), [remove(16), remove(17)]);
    assert_eq!(changes(&[(16, 0), (17, 1)], &[(16, 2)]), [remove(16), remove(17), set(16, 2)]);
    // Where nothing longer goes, one moves without a gap.
    assert_eq!(changes(&[(16, 0), (17, 1)], &[(16, 2), (17, 1)]), [set(16, 2)]);
    assert_eq!(changes(&[(16, 0), (17, 1)], &[(16, 0)]), [remove(17)]);
}

#[test]
fn an_interface_that_goes_takes_its_frames_off_before_its_link() {
    let mut fewer = desired();
    fewer.vpcs.get_mut("blue").unwrap().attach.pop();
    let turn = turn(&desired(), &fewer);
    let link = turn.leases.link(turn.leases.vpcs["blue"], &Attachment::untagged("blue1")).unwrap();
    assert!(
        matches!(turn.changes[..], [Change::RemoveIngress(_), Change::SetLink(number, is), Change::SetDialables(less, _)]
        if number == link && less == link && is.ifindex == 0),
        "{:#?}",
        turn.changes
    );
}

#[test]
fn an_endpoint_whose_record_was_tampered_with_is_closed_until_it_is_right() {
    let wanted = with([("a", endpoint())]);
    let turn = turn(&wanted, &wanted);
    assert_eq!(turn.changes, []);
    let mut tampered = turn.before.clone();
    tampered.endpoints.get_mut(&0).unwrap().backend ^= 1;
    let is = tampered.endpoints[&0];
    let then = turn.after.endpoints[&0];
    let expected = [Endpoint { accepted: 0, ..is }, Endpoint { accepted: 0, ..then }, then];
    assert_eq!(plan(&turn.after, &tampered), expected.map(|endpoint| Change::SetEndpoint(0, endpoint)));
}

#[test]
fn a_first_pass_clears_what_nobody_knows_of() {
    let wanted = with([("a", endpoint())]);
    let leases = Leases::default().assign(&wanted, CAPACITY).unwrap();
    let entries = compile(&wanted, &leases, &facts(&wanted, &leases));
    let mut maps = Maps::of(&entries);
    let leftover = Endpoint { generation: 40, transit: host(7).into(), ..entries.endpoints[&0] };
    maps.entries.endpoints.insert(16383, leftover);
    maps.entries.links.insert(4095, entries.links[&0]);
    maps.entries.backends.insert(16383, entries.backends[&0]);
    maps.entries.transit.insert(32767, entries.transit[&1]);
    let known = observe(&maps, &entries, Some(&entries)).unwrap();
    assert_eq!(plan(&entries, &known), []);
    let all = observe(&maps, &entries, None).unwrap();
    for change in plan(&entries, &all) {
        maps.change(&change).unwrap();
    }
    assert_eq!(maps.entries, Maps::of(&entries).entries);
}

#[test]
fn a_number_that_comes_back_is_filled_again() {
    let wanted = with([("a", endpoint())]);
    let entries = turn(&wanted, &wanted).after;
    let freed = Entries { endpoints: [(0, NO_ENDPOINT)].into(), ..entries.clone() };
    assert_eq!(plan(&entries, &freed)[0], Change::FillRing(0, entries.endpoints[&0]));
    // And one that went unnoticed with another block.
    let mut other = entries.clone();
    other.endpoints.get_mut(&0).unwrap().first_slot = 64;
    let filled =
        plan(&entries, &other).into_iter().position(|change| change == Change::FillRing(0, entries.endpoints[&0]));
    assert_eq!(filled, Some(1), "after it was closed");
}

#[test]
fn a_mapping_that_drifted_is_mended_in_place() {
    let wanted = with([("a", endpoint())]);
    let entries = turn(&wanted, &wanted).after;
    let (&at, &right): (&Dialled, &Mapping) = entries.mappings.first_key_value().unwrap();
    let mut drifted = entries.clone();
    drifted.mappings.insert(at, Mapping { server_port: Be16::new(5), ..right });
    assert_eq!(plan(&entries, &drifted), [Change::SetMapping(at, right)]);
}
