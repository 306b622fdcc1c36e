//! `bpf(2)` as it is: no allocation for each frame, and many map entries in one call.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

use nix::{errno::Errno, libc};

/// `BPF_PROG_TEST_RUN` and `BPF_MAP_LOOKUP_BATCH` of `linux/bpf.h`.
const TEST_RUN: libc::c_long = 10;
const LOOKUP_BATCH: libc::c_long = 24;

/// `BPF_F_TEST_SKB_CHECKSUM_COMPLETE`.
pub const SUMMED: u32 = 4;

/// The `test` part of `union bpf_attr`.
#[repr(C)]
#[derive(Default)]
struct Test {
    program: u32,
    verdict: u32,
    length_in: u32,
    length_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
    context_length_in: u32,
    context_length_out: u32,
    context_in: u64,
    context_out: u64,
    flags: u32,
    cpu: u32,
    batch: u32,
    reserved: u32,
}

/// The `batch` part.
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

/// A key or a value of a map.
///
/// # Safety
/// Any bytes are a value of it.
pub unsafe trait Plain {}

// SAFETY: integers, atomics among them, and cells of integers.
unsafe impl Plain for u32 {}
// SAFETY: as above.
unsafe impl Plain for vpce_common::layout::Admission {}
// SAFETY: as above.
unsafe impl Plain for vpce_common::layout::Endpoint {}
// SAFETY: as above.
unsafe impl Plain for vpce_common::layout::Flow {}
// SAFETY: as above.
unsafe impl Plain for vpce_common::layout::Bucket {}

/// What became of the last of some runs.
pub struct Ran {
    pub verdict: u32,
    /// Of what is in `out` then.
    pub length: usize,
    /// What one run took in the mean, in nanoseconds, by the kernel's own account.
    pub mean_ns: u32,
}

/// Runs a program so many times, over one and the same buffer.
pub fn run(
    program: BorrowedFd<'_>,
    frame: &[u8],
    context: &[u32],
    flags: u32,
    repeat: u32,
    out: &mut [u8],
) -> io::Result<Ran> {
    let mut test = Test {
        program: descriptor(program),
        length_in: length(frame.len()),
        length_out: length(out.len()),
        data_in: frame.as_ptr().addr() as u64,
        data_out: out.as_mut_ptr().addr() as u64,
        repeat,
        context_length_in: length(size_of_val(context)),
        context_in: context.as_ptr().addr() as u64,
        flags,
        ..Test::default()
    };
    // SAFETY: all pointers are to memory of the lengths told, alive during the call, and `out` is ours to write.
    unsafe { bpf(TEST_RUN, &mut test) }?;
    Ok(Ran { verdict: test.verdict, length: test.length_out as usize, mean_ns: test.duration })
}

/// Reads a map of at most `most` entries.
pub fn read<K: Plain, V: Plain>(map: BorrowedFd<'_>, most: usize) -> io::Result<Vec<(K, V)>> {
    let (mut keys, mut values) = (Vec::<K>::with_capacity(most), Vec::<V>::with_capacity(most));
    let (mut before, mut position) = ([0u64; 8], [0u64; 8]);
    let mut read = 0;
    while read < most {
        let mut batch = Batch {
            from: if read == 0 { 0 } else { before.as_ptr().addr() as u64 },
            to: position.as_mut_ptr().addr() as u64,
            // SAFETY: `read` entries are within the capacity.
            keys: unsafe { keys.as_mut_ptr().add(read) }.addr() as u64,
            // SAFETY: as above.
            values: unsafe { values.as_mut_ptr().add(read) }.addr() as u64,
            count: length(most - read),
            map: descriptor(map),
            ..Batch::default()
        };
        // SAFETY: `count` more entries fit behind the pointers; a position is at most a key long.
        let done = unsafe { bpf(LOOKUP_BATCH, &mut batch) };
        read += batch.count as usize;
        match done {
            Ok(()) if batch.count > 0 => before = position,
            Ok(()) | Err(Errno::ENOENT) => break,
            Err(errno) => return Err(errno.into()),
        }
    }
    // SAFETY: the kernel wrote `read` of each, and any bytes are a value.
    unsafe { (keys.set_len(read), values.set_len(read)) };
    Ok(keys.into_iter().zip(values).collect())
}

/// # Safety
/// What the attributes point to must be valid for the command.
unsafe fn bpf<T>(command: libc::c_long, attributes: &mut T) -> nix::Result<()> {
    // SAFETY: the attributes are a prefix of `union bpf_attr` of the length told; the rest is the caller's promise.
    let done = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size_of::<T>()) };
    Errno::result(done).map(drop)
}

fn descriptor(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

fn length(length: usize) -> u32 {
    length.try_into().expect("a length of less than 4 GiB")
}
