//! Which links sit where a TC program hooks in: asked of the kernel, as netlink does not tell.
//!
//! aya's own question opens every program found there, which takes `CAP_SYS_ADMIN`.

use std::io;

use aya::util::KernelVersion;

/// `linux/bpf.h`: the command, and the hook where frames come in.
const BPF_PROG_QUERY: libc::c_long = 16;
const BPF_TCX_INGRESS: u32 = 46;
/// The kernel has no more programs on one hook.
const MOST: usize = 64;

/// The `query` part of `union bpf_attr`.
#[repr(C)]
#[derive(Default)]
struct Query {
    ifindex: u32,
    hook: u32,
    flags: u32,
    attach_flags: u32,
    programs: u64,
    count: u32,
    reserved: u32,
    program_flags: u64,
    links: u64,
    link_flags: u64,
    revision: u64,
}

/// Whether the kernel has TCX at all.
#[must_use]
pub fn has_tcx() -> bool {
    KernelVersion::current().is_ok_and(|is| is >= KernelVersion::new(6, 6, 0))
}

/// Whether a link is on an interface, where frames come in.
///
/// # Errors
/// What the kernel said.
pub(super) fn is_on(ifindex: u32, link: u32) -> io::Result<bool> {
    let (mut programs, mut links) = ([0u32; MOST], [0u32; MOST]);
    let mut query = Query {
        ifindex,
        hook: BPF_TCX_INGRESS,
        programs: programs.as_mut_ptr().expose_provenance() as u64,
        links: links.as_mut_ptr().expose_provenance() as u64,
        #[expect(clippy::cast_possible_truncation, reason = "64")]
        count: MOST as u32,
        ..Query::default()
    };
    // SAFETY: `query` is what this command takes, and its arrays have room for `count` numbers.
    let done = unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_QUERY, &raw mut query, size_of::<Query>()) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(links[..].contains(&link)) }
}
