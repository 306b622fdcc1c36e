//! The end of a packet: what the stages decided, for `leave` to carry out.

use core::{cell::Cell, mem::MaybeUninit};

use super::{link::Arrival, refuse::Tell};
use crate::{layout::Station, reason::DropReason, wire::Be16};

/// What becomes of a packet: all that is left to do about it. Stages write it in place.
///
/// No enum with fields: what one variant lacks would be moved about uninitialised, which the verifier
/// refuses.
#[repr(C)]
#[derive(Debug)]
pub struct End {
    pub(super) act: Cell<Act>,
    /// Why it is dropped.
    pub(super) reason: Cell<DropReason>,
    /// 1: it was to open a connection, and opened none.
    pub(super) refused: Cell<u8>,
    /// Padding is uninitialised, which the verifier refuses to pass on.
    pad: u8,
    /// What the frame carries, as `EtherType`.
    pub(super) kind: Cell<[u8; 2]>,
    /// Bytes in front of that.
    head: Cell<u16>,
    /// Number of the endpoint that it counts for, or [`NOBODY`].
    pub(super) endpoint: Cell<u32>,
    pub(super) leave: Cell<Leave>,
    pub(super) tell: Cell<Tell>,
}

/// The end of a packet is written; or nothing is, and it passes.
///
/// Handed on in a register: of what is read back from memory the verifier does not know what was
/// written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Nothing is left to decide.
    Done,
    /// Dropped; its sender may be told.
    Dropped,
    /// Dropped where it is ours, passed on where not.
    Unfit,
}

/// The number of no endpoint.
pub(super) const NOBODY: u32 = u32::MAX;

#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Pass,
    Drop,
    Leave,
    /// Its sender gets a RST.
    Reset,
    /// Its sender gets an ICMP error.
    Tell,
}

/// Where a packet goes.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Leave {
    /// Number of the link.
    pub link: u32,
    pub to: Station,
    /// Differs from flow to flow: VXLAN shows it outside, for whoever spreads load (RFC 7348 §5).
    pub entropy: Be16,
    /// Bytes of the largest TCP segment that fits the way, where this packet says how large they may
    /// be; else 0.
    pub mss: u16,
    pub as_what: As,
}

const _: () = {
    // `begin` writes it whole, by words, and what it writes passes; the verifier refuses padding.
    assert!(align_of::<End>() == align_of::<u32>());
    assert!(size_of::<End>() == 12 + size_of::<Leave>() + size_of::<Tell>());
    assert!(size_of::<Leave>() == 28 && size_of::<Tell>() == 8);
    assert!(Act::Pass as u8 == 0 && As::Forward as u32 == 0);
};

impl End {
    /// Makes one in a place of the stack: not ours, the kernel's, untouched.
    #[inline(always)]
    pub fn begin(place: &mut MaybeUninit<Self>) -> &mut Self {
        for word in 0..size_of::<Self>() / size_of::<u32>() {
            // Volatile, since the linker makes a loop over bytes of other zeros.
            // SAFETY: one of the words.
            unsafe { place.as_mut_ptr().cast::<u32>().add(word).write_volatile(0) };
        }
        // SAFETY: integers, and enums that have a 0.
        let end = unsafe { place.assume_init_mut() };
        end.reason.set(DropReason::Internal);
        end.endpoint.set(NOBODY);
        end
    }

    /// Not ours, as it turned out.
    #[inline(always)]
    pub(super) fn pass(&self) {
        self.act.set(Act::Pass);
    }

    /// Ours, and not translated.
    #[inline(always)]
    pub(super) fn drop(&self, reason: DropReason) -> Ended {
        self.act.set(Act::Drop);
        self.reason.set(reason);
        Ended::Dropped
    }

    /// An endpoint's, and not translated.
    #[inline(always)]
    pub(super) fn drop_at(&self, endpoint: u32, reason: DropReason) -> Ended {
        self.endpoint.set(endpoint);
        self.drop(reason)
    }

    /// It can't be translated.
    #[inline(always)]
    pub(super) fn unfit(&self, reason: DropReason) -> Ended {
        self.drop(reason);
        Ended::Unfit
    }

    /// It leaves, and counts for an endpoint or [`NOBODY`].
    #[inline(always)]
    pub(super) fn leave(&self, leave: Leave, endpoint: u32) -> Ended {
        self.endpoint.set(endpoint);
        self.leave.set(leave);
        self.act.set(Act::Leave);
        Ended::Done
    }

    /// The sender of a segment that was dropped is told so, by a RST.
    #[inline(always)]
    pub(super) fn reset(&self, back: Leave) {
        self.leave.set(back);
        self.act.set(Act::Reset);
    }

    /// The sender of a packet that was dropped is told why, by ICMP.
    #[inline(always)]
    pub(super) fn tell(&self, back: Leave, tell: Tell) {
        self.leave.set(back);
        self.tell.set(tell);
        self.act.set(Act::Tell);
    }

    /// Notes whether a packet that was dropped was to open a connection.
    #[inline(always)]
    pub(super) fn was_first(&self, first: bool) {
        self.refused.set(first.into());
    }

    /// Notes how its frame begins.
    #[inline(always)]
    pub(super) fn frame(&self, kind: [u8; 2], head: u32) {
        self.kind.set(kind);
        self.set_head(head);
    }

    /// Whether its sender is to be told that it was dropped: by [`super::refuse`].
    #[must_use]
    #[inline(always)]
    pub fn tells(&self) -> bool {
        matches!(self.act.get(), Act::Reset | Act::Tell)
    }

    /// Bytes in front of what the frame carries.
    #[inline(always)]
    pub(super) fn head(&self) -> u32 {
        self.head.get().into()
    }

    /// Notes those bytes.
    #[inline(always)]
    pub(super) fn set_head(&self, head: u32) {
        #[expect(clippy::cast_possible_truncation, reason = "at most VXLAN's wrap")]
        self.head.set(head as u16);
    }

    /// Why it was dropped.
    #[inline(always)]
    pub(super) fn reason(&self) -> DropReason {
        self.reason.get()
    }
}

/// What a packet that leaves has become. As large as leaves no padding, which would be uninitialised too.
#[repr(u32)]
#[derive(Debug, Clone, Copy)]
pub(super) enum As {
    /// Translated towards the backend.
    Forward,
    /// Translated towards the client.
    Reply,
    /// The gateway's own answer.
    Answer,
    /// What tells its sender why it was dropped.
    Refusal,
}

impl Arrival<'_> {
    /// The way back to who sent the frame.
    #[inline(always)]
    pub(super) const fn back(&self, as_what: As) -> Leave {
        Leave { link: self.link_number, to: self.station, entropy: Be16::new(0), mss: 0, as_what }
    }

    /// Drops a packet of an endpoint, and tells its sender by ICMP.
    #[inline(always)]
    pub(super) fn tell(&self, reason: DropReason, tell: Tell, endpoint: u32) -> Ended {
        self.end.drop_at(endpoint, reason);
        self.end.tell(self.back(As::Refusal), tell);
        Ended::Done
    }
}
