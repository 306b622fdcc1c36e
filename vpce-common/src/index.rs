//! Finds flow records by their keys: a hash table of buckets of one cache line each.
//!
//! The kernel's own takes four dependent misses where flows are many: the bucket, the element, what is
//! in it, the record. This one takes two: the bucket, the record. A bucket says of each record its
//! number, and eight bits of the key's hash, so that a record that is not meant is seldom touched.
//!
//! A key has one bucket, and there are so many that an eighth of their entries is in use at most. With all records in
//! use one flow in two billion meets a full bucket (Poisson, with a mean of 2 in 16), and is refused.
//!
//! The hash is multilinear (Lemire and Kaser, *Strongly universal string hashing is fast*, 2014): two
//! keys meet with probability 2^-32 for whoever does not know the seed, which is random.
//!
//! No locks: an entry is one word, put by a compare-and-swap from empty and taken by one to it. Of two
//! CPUs that enter the same key at once at most one keeps it.

use crate::{
    dataplane::Dataplane,
    layout::{Bucket, FlowKey, Index, WAYS},
};

/// Bits of an entry for the record's number; the others are of the hash, and never 0.
const NUMBER_BITS: u32 = 24;
/// These bits.
const NUMBER: u32 = (1 << NUMBER_BITS) - 1;

/// The numbers of the records in a bucket.
pub fn records(bucket: &Bucket) -> impl Iterator<Item = u32> {
    let entries = (0..WAYS).map(|way| bucket.way(way).load()).filter(|entry| *entry != 0);
    entries.map(|entry| entry & NUMBER)
}

/// Where a key can be, in one word: its bucket in the upper half; in the lower one the bits of its hash where an entry
/// has them, and below these where in the bucket one begins to look.
#[derive(Debug, Clone, Copy)]
pub struct Place(u64);

/// The hash of a key.
#[inline(always)]
fn hash(index: &Index, key: &FlowKey) -> u64 {
    let [s, sa, sb, sc, sd] = index.seed;
    let [ab, cd] = key.halves();
    let low = |word: u64| word & 0xffff_ffff;
    let left = sa.wrapping_add(low(ab)).wrapping_mul(sb.wrapping_add(ab >> 32));
    let right = sc.wrapping_add(low(cd)).wrapping_mul(sd.wrapping_add(cd >> 32));
    // Of the sum only the upper half is universal. Ports and hosts in a row make a progression of it, which a product
    // alone would lay into few buckets for some seeds.
    let upper = s.wrapping_add(left).wrapping_add(right) >> 32;
    (upper ^ upper >> 16).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[expect(clippy::cast_possible_truncation, reason = "halves, and fewer bits of them")]
impl Place {
    /// That of a key.
    #[must_use]
    #[inline(always)]
    pub fn of(index: &Index, key: &FlowKey) -> Self {
        let hash = hash(index, key);
        // Of a product the upper bits are the best.
        let bucket = hash >> 40 & u64::from(index.mask);
        let tag = (hash >> 32 & 0xff).max(1);
        Self(bucket << 32 | tag << NUMBER_BITS | hash >> 28 & (WAYS as u64 - 1))
    }

    /// As a number, for a function of the kernel's programs.
    #[must_use]
    #[inline(always)]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// From a number as of [`Place::raw`].
    #[must_use]
    #[inline(always)]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    #[inline(always)]
    const fn bucket(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[inline(always)]
    const fn start(self) -> usize {
        self.0 as usize % WAYS
    }

    /// The bits of the hash in an entry.
    #[inline(always)]
    const fn tag(self) -> u32 {
        self.0 as u32 & !NUMBER
    }

    /// The entry of a record here.
    #[inline(always)]
    const fn entry(self, slot: u32) -> u32 {
        self.tag() | slot
    }
}

/// No record has this number.
pub const NONE: u32 = u32::MAX;

/// The number of the record with this key, whose place is `at`. It may have been taken for another flow since: compare.
#[inline(always)]
pub fn find<D: Dataplane>(plane: &D, at: Place, key: &FlowKey) -> Option<u32> {
    let bucket = plane.bucket(at.bucket())?;
    // Most are there.
    let entry = bucket.way(at.start()).load();
    if entry & !NUMBER == at.tag() && has(plane, entry & NUMBER, key) {
        return Some(entry & NUMBER);
    }
    look(plane, bucket, at, key, NONE)
}

/// The number of the record in a bucket that has this key, if it is another than `but`.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "halves")]
fn look<D: Dataplane>(plane: &D, bucket: &Bucket, at: Place, key: &FlowKey, but: u32) -> Option<u32> {
    let is = |entry: u32| {
        let slot = entry & NUMBER;
        (entry & !NUMBER == at.tag() && slot != but && has(plane, slot, key)).then_some(slot)
    };
    for pair in bucket.pairs() {
        if may_hold(pair, at.tag()) {
            let [low, high] = [pair as u32, (pair >> u32::BITS) as u32];
            if let Some(slot) = is(low).or_else(|| is(high)) {
                return Some(slot);
            }
        }
    }
    None
}

/// Whether a record has this key.
#[inline(always)]
fn has<D: Dataplane>(plane: &D, slot: u32, key: &FlowKey) -> bool {
    plane.flow(slot).is_some_and(|flow| flow.ends().key.halves() == key.halves())
}

/// Whether one of two entries has this tag; seldom also where none has.
#[inline(always)]
const fn may_hold(pair: u64, tag: u32) -> bool {
    const LOWEST: u64 = 0x0100_0000_0100_0000;
    // A byte of zero is what borrows (Warren, *Hacker's Delight*, 6-1).
    let differs = (pair ^ (tag as u64 * 0x1_0000_0001)) & (LOWEST * 0xff);
    differs.wrapping_sub(LOWEST) & !differs & (LOWEST << 7) != 0
}

/// The number of the record that has the key of this place, where it is found at first sight, as most are. Compare.
#[inline(always)]
pub fn guess<D: Dataplane>(plane: &D, at: Place) -> Option<u32> {
    let entry = plane.bucket(at.bucket())?.way(at.start()).load();
    (entry & !NUMBER == at.tag()).then_some(entry & NUMBER)
}

/// Enters a record by its key, which it has already, and whose place is `at`; answers whether it did: not where there is
/// another with that key, nor in the unlikely case that its bucket is full.
#[inline(always)]
pub fn enter<D: Dataplane>(plane: &D, at: Place, key: &FlowKey, slot: u32) -> bool {
    let Some(bucket) = plane.bucket(at.bucket()) else { return false };
    if !swap(bucket, at, 0, at.entry(slot)) {
        return false;
    }
    // Whoever entered the same key before, or just now, is seen here. Of two at once both may see the
    // other, and give way.
    let alone = look(plane, bucket, at, key, slot).is_none();
    if !alone {
        swap(bucket, at, at.entry(slot), 0);
    }
    alone
}

/// Takes the entry of a record by this key; absent is fine.
#[inline(always)]
pub fn forget<D: Dataplane>(plane: &D, key: &FlowKey, slot: u32) {
    let at = plane.place(key);
    if let Some(bucket) = plane.bucket(at.bucket()) {
        swap(bucket, at, at.entry(slot), 0);
    }
}

/// Replaces the first entry of a bucket that is the one by the other; answers whether there was one.
#[inline(always)]
fn swap(bucket: &Bucket, at: Place, old: u32, new: u32) -> bool {
    (0..WAYS).any(|way| {
        let way = bucket.way(at.start() + way);
        way.load() == old && way.swap_if(old, new).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        sync::atomic::{AtomicU32, Ordering::Relaxed},
    };

    use super::*;
    use crate::{
        host::{HostPlane, SEED},
        layout::{Ends, Flow, Settings},
        wire::{Be16, Be32},
    };

    fn plane(records: u32) -> HostPlane {
        let settings = Settings {
            layout: 0,
            transit: Be32::new(0),
            transit_mask: Be32::new(0),
            refuse: 0,
            errors: 0,
            fragments: 0,
            second: 0,
            epoch: 0,
            reserved: 0,
            index: Index::new(records, SEED),
        };
        let mut plane = HostPlane { settings: Some(settings), ..HostPlane::default() };
        plane.flows.resize_with(records as usize, Flow::default);
        plane.buckets.resize_with(Index::buckets(records) as usize, Bucket::default);
        for slot in 0..records {
            // SAFETY: nobody else is here.
            unsafe { plane.flows[slot as usize].set_ends(Ends { key: key(slot), ..Ends::default() }) };
        }
        plane
    }

    fn find_key(plane: &HostPlane, key: &FlowKey) -> Option<u32> {
        plane.find(plane.place(key), key)
    }

    fn enter_key(plane: &HostPlane, key: &FlowKey, slot: u32) -> bool {
        plane.enter(plane.place(key), key, slot)
    }

    /// Keys as of few clients of one endpoint: alike in nearly all bits.
    fn key(number: u32) -> FlowKey {
        FlowKey {
            client: Be32::new(0x0a00_0000 + number / 60_000),
            endpoint: Be32::new(0x0a00_0064),
            client_port: Be16::new(u16::try_from(number % 60_000).unwrap()),
            endpoint_port: Be16::new(80),
            vpc: 1,
            protocol: 6,
        }
    }

    #[test]
    fn every_record_is_found_when_all_are_in_use_and_none_when_all_were_forgotten() {
        const RECORDS: u32 = 1 << 15;
        let plane = plane(RECORDS);
        for slot in 0..RECORDS {
            assert!(enter_key(&plane, &key(slot), slot), "{slot}");
        }
        let found = |slot: u32| find_key(&plane, &key(slot));
        assert!((0..RECORDS).all(|slot| found(slot) == Some(slot)));
        assert_eq!(found(RECORDS), None);
        (0..RECORDS).step_by(2).for_each(|slot| forget(&plane, &key(slot), slot));
        assert!((0..RECORDS).all(|slot| found(slot) == (slot % 2 == 1).then_some(slot)));
        (0..RECORDS).for_each(|slot| forget(&plane, &key(slot), slot));
        assert!(plane.buckets.iter().all(|bucket| records(bucket).next().is_none()));
    }

    #[test]
    fn a_key_has_one_record_and_only_that_one_is_forgotten_with_it() {
        let plane = plane(4);
        // SAFETY: nobody else is here.
        unsafe { plane.flows[2].set_ends(*plane.flows[1].ends()) };
        assert!(enter_key(&plane, &key(1), 1));
        assert!(!enter_key(&plane, &key(1), 2));
        forget(&plane, &key(1), 2);
        assert_eq!(find_key(&plane, &key(1)), Some(1));
        assert_eq!(plane.keys(), [(key(1), 1)]);
    }

    #[test]
    fn full_buckets_refuse_and_keep_what_they_have() {
        let mut plane = plane(64);
        plane.buckets.truncate(1);
        plane.settings.as_mut().unwrap().index.mask = 0;
        let entered: Vec<u32> = (0..64).filter(|slot| enter_key(&plane, &key(*slot), *slot)).collect();
        assert_eq!(entered, (0..16).collect::<Vec<_>>());
        assert!(entered.iter().all(|slot| find_key(&plane, &key(*slot)) == Some(*slot)));
        forget(&plane, &key(3), 3);
        assert!(enter_key(&plane, &key(40), 40));
    }

    #[test]
    fn keys_that_are_alike_in_nearly_all_bits_are_spread_over_buckets_and_ways() {
        const BUCKETS: u32 = 1 << 14;
        let index = Index { mask: BUCKETS - 1, ..Index::new(1, SEED) };
        let key = |host: u16, port: u16| {
            let client = Be32::new(0x0a00_0000 | u32::from(host));
            FlowKey::new((client, Be16::new(port)), (Be32::new(0x0a01_0064), Be16::new(80)), 1, 6)
        };
        let hosts = (0..=u16::MAX).map(|host| key(host, 40_000)).collect();
        let ports = (0..=u16::MAX).map(|port| key(5, port)).collect();
        let both = (0..=u16::MAX).map(|n| key(n >> 8, 40_000 + (n & 0xff))).collect();
        let apart: [Vec<FlowKey>; 3] = [hosts, ports, both];
        for keys in apart {
            let places: Vec<Place> = keys.iter().map(|key| Place::of(&index, key)).collect();
            let different = |of: &dyn Fn(&Place) -> usize| places.iter().map(of).collect::<HashSet<_>>().len();
            assert_eq!(different(&|place| place.start()), WAYS);
            assert_eq!(different(&|place| place.tag() as usize), 255);
            let used = different(&|place| place.bucket() as usize);
            // Of four keys a bucket some 2 % get none by chance.
            assert!(used > BUCKETS as usize * 9 / 10, "{used} of the buckets");
        }
    }

    #[test]
    fn no_bucket_overflows_whatever_the_seed_where_hosts_or_ports_come_in_a_row() {
        const KEYS: u32 = 1 << 16;
        let port = |n: u32| Be16::new((n & 0xffff) as u16);
        let client = |host: u32, from: Be16| {
            FlowKey::new((Be32::new(0x0a00_0000 + host), from), (Be32::new(0x0a01_0064), Be16::new(80)), 1, 6)
        };
        for round in 0..500_u64 {
            let seed = SEED.map(|word| word.wrapping_add(round).wrapping_mul(0xd6e8_feb8_6659_fd93).rotate_left(29));
            let index = Index::new(KEYS, seed.map(|word| word ^ word >> 32));
            let (mut hosts, mut ports) = (vec![0_u8; 1 << 15], vec![0_u8; 1 << 15]);
            for n in 0..KEYS {
                hosts[Place::of(&index, &client(n, Be16::new(40_000))).bucket() as usize] += 1;
                ports[Place::of(&index, &client(5, port(n))).bucket() as usize] += 1;
            }
            let fullest = hosts.iter().chain(&ports).max();
            assert!(fullest.is_some_and(|most| usize::from(*most) <= WAYS), "{fullest:?} in a bucket, seed {seed:x?}");
        }
    }

    /// The maps of the kernel, which CPUs share.
    struct Shared(HostPlane);

    // SAFETY: only flows and buckets are used here, which are atomic, or not written.
    unsafe impl Sync for Shared {}

    #[test]
    fn of_two_cpus_that_enter_a_key_at_once_at_most_one_keeps_it() {
        const KEYS: u32 = 20_000;
        let shared = Shared(plane(2 * KEYS));
        for slot in 0..KEYS {
            // SAFETY: the threads are not there yet.
            unsafe { shared.0.flows[(KEYS + slot) as usize].set_ends(*shared.0.flows[slot as usize].ends()) };
        }
        let turn = AtomicU32::new(0);
        let kept: Vec<Vec<bool>> = std::thread::scope(|scope| {
            let enter_all = |cpu: u32| {
                let (shared, turn) = (&shared, &turn);
                scope.spawn(move || {
                    (0..KEYS)
                        .map(|slot| {
                            turn.fetch_add(1, Relaxed);
                            while turn.load(Relaxed) < 2 * (slot + 1) {
                                std::hint::spin_loop();
                            }
                            enter_key(&shared.0, &key(slot), slot + cpu * KEYS)
                        })
                        .collect()
                })
            };
            [enter_all(0), enter_all(1)].map(|cpu| cpu.join().unwrap()).into()
        });
        for slot in 0..KEYS {
            let (first, second) = (kept[0][slot as usize], kept[1][slot as usize]);
            assert!(!(first && second), "{slot}");
            let winner = if first { Some(slot) } else { second.then_some(slot + KEYS) };
            assert_eq!(find_key(&shared.0, &key(slot)), winner);
        }
        assert!(kept.iter().flatten().any(|kept| *kept));
    }
}
