//! Fields of a frame by their position, read and written in one instruction each.
//!
//! Headers lie where no alignment is. The kernel's machines don't mind, but the compiler knows of none
//! that do not, and would go byte by byte.

use core::arch::asm;

/// Ethernet, IPv4 and TCP header.
pub const HEADERS: usize = 14 + 20 + 20;

/// The first bytes of a frame, [`HEADERS`] of them in any case.
#[derive(Clone, Copy)]
pub struct Headers(usize);

impl Headers {
    /// Of the frame of this run.
    #[inline(always)]
    pub fn of(start: usize, end: usize) -> Option<Self> {
        (start + HEADERS <= end).then_some(Self(start))
    }

    /// Reads what lies at `AT`.
    #[inline(always)]
    pub fn get<const AT: usize, T: Word>(self) -> T {
        const { assert!(AT + size_of::<T>() <= HEADERS) };
        // SAFETY: within the headers; any bytes are an integer.
        unsafe { T::load::<AT>(self.0) }
    }

    /// Writes to `AT`.
    #[inline(always)]
    pub fn set<const AT: usize, T: Word>(self, value: T) {
        const { assert!(AT + size_of::<T>() <= HEADERS) };
        // SAFETY: within the headers.
        unsafe { value.store::<AT>(self.0) };
    }
}

/// What one instruction reads or writes.
pub trait Word: Copy {
    /// # Safety
    /// So many bytes behind `start + AT` can be read.
    unsafe fn load<const AT: usize>(start: usize) -> Self;
    /// # Safety
    /// They can be written.
    unsafe fn store<const AT: usize>(self, start: usize);
}

macro_rules! word {
    ($($word:ident),+) => {
        $(
            impl Word for $word {
                #[inline(always)]
                unsafe fn load<const AT: usize>(start: usize) -> Self {
                    let word;
                    // SAFETY: the caller's promise.
                    unsafe {
                        asm!(
                            concat!("{} = *(", stringify!($word), " *)({} + {})"),
                            out(reg) word, in(reg) start, const AT, options(nostack, readonly),
                        );
                    }
                    word
                }
                #[inline(always)]
                unsafe fn store<const AT: usize>(self, start: usize) {
                    // SAFETY: the caller's promise.
                    unsafe {
                        asm!(
                            concat!("*(", stringify!($word), " *)({} + {}) = {}"),
                            in(reg) start, const AT, in(reg) self, options(nostack),
                        );
                    }
                }
            }
        )+
    };
}

word!(u16, u32, u64);

/// The sum of 16-bit words, from a sum of longer ones.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "what is left is below 2^16")]
pub fn fold(sum: u64) -> u16 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    sum as u16
}
