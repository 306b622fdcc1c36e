//! Many entries of a map in one system call, which aya has no way to ask for.

use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd},
};

use aya::Pod;

/// `BPF_MAP_LOOKUP_BATCH` and `BPF_MAP_UPDATE_BATCH` of `linux/bpf.h`.
const LOOKUP: libc::c_long = 24;
const UPDATE: libc::c_long = 26;
/// Entries of one call: more than a bucket of a hash map ever holds.
const CHUNK: usize = 1 << 14;
/// Where a look-up of an unknown map stopped: as long as the longest key.
type Position = [u64; 8];

/// The `batch` part of `union bpf_attr`.
#[repr(C)]
#[derive(Default)]
struct Batch {
    from: u64,
    to: u64,
    keys: u64,
    values: u64,
    count: u32,
    map: u32,
    element_flags: u64,
    flags: u64,
}

/// Every entry of a hash map.
pub fn all<K: Pod, V: Pod>(map: BorrowedFd<'_>) -> io::Result<Vec<(K, V)>> {
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    let mut position = None;
    while !look_up(map, &mut position, &mut keys, &mut values, 1, CHUNK)? {}
    Ok(keys.into_iter().zip(values).collect())
}

/// So many values of an array from a number on, each of `width` parts: those of a per-CPU array have one for
/// each CPU.
pub fn run<V: Pod>(map: BorrowedFd<'_>, first: u32, count: usize, width: usize) -> io::Result<Vec<V>> {
    let (mut keys, mut values) = (Vec::<u32>::new(), Vec::new());
    // The kernel begins after the key that it is given.
    let mut position = first.checked_sub(1).map(|before| [before.into(), 0, 0, 0, 0, 0, 0, 0]);
    while keys.len() < count {
        let room = CHUNK.min(count - keys.len());
        if look_up(map, &mut position, &mut keys, &mut values, width, room)? {
            break;
        }
    }
    Ok(values)
}

/// Writes values of an array from a number on, each of `width` parts.
pub fn set_run<V: Pod>(map: BorrowedFd<'_>, first: u32, values: &[V], width: usize) -> io::Result<()> {
    let keys: Vec<u32> = (first..).take(values.len() / width).collect();
    let mut batch = Batch {
        keys: keys.as_ptr().addr() as u64,
        values: values.as_ptr().addr() as u64,
        count: number(keys.len()),
        map: descriptor(map),
        ..Batch::default()
    };
    // SAFETY: so many keys and values are there, and are only read.
    unsafe { bpf(UPDATE, &mut batch) }
}

/// Appends up to `room` entries; answers whether they were the last.
fn look_up<K: Pod, V: Pod>(
    map: BorrowedFd<'_>,
    position: &mut Option<Position>,
    keys: &mut Vec<K>,
    values: &mut Vec<V>,
    width: usize,
    room: usize,
) -> io::Result<bool> {
    keys.reserve(room);
    values.reserve(room * width);
    let mut next = Position::default();
    let mut batch = Batch {
        from: position.as_ref().map_or(0, |position| position.as_ptr().addr() as u64),
        to: next.as_mut_ptr().addr() as u64,
        keys: keys.spare_capacity_mut().as_mut_ptr().addr() as u64,
        values: values.spare_capacity_mut().as_mut_ptr().addr() as u64,
        count: number(room),
        map: descriptor(map),
        ..Batch::default()
    };
    // SAFETY: there is room for so many keys and values, and for the longest position.
    let done = unsafe { bpf(LOOKUP, &mut batch) };
    let is_last = match done {
        Ok(()) => false,
        // No entry is left; those before it were read.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => true,
        Err(error) => return Err(error),
    };
    let count = batch.count as usize;
    // SAFETY: the kernel has written so many of each, and any bytes are a `Pod`.
    unsafe {
        keys.set_len(keys.len() + count);
        values.set_len(values.len() + count * width);
    }
    *position = Some(next);
    Ok(is_last)
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("no map has more entries")
}

fn descriptor(map: BorrowedFd<'_>) -> u32 {
    map.as_raw_fd().cast_unsigned()
}

/// Does one operation.
///
/// # Safety
/// What the batch points to is as long as the operation takes it for, and writable where it writes.
unsafe fn bpf(operation: libc::c_long, batch: &mut Batch) -> io::Result<()> {
    // SAFETY: the batch is valid by itself, and what it points to by the caller's promise.
    let done = unsafe { libc::syscall(libc::SYS_bpf, operation, &raw mut *batch, size_of::<Batch>()) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
