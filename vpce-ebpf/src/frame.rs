//! Reads and changes a frame where it lies.

use core::marker::PhantomData;

use vpce_common::wire::Header;

/// A place in the bytes of a frame; every step is checked against their end, as the verifier asks.
#[derive(Clone)]
pub struct Bytes<'f> {
    at: usize,
    end: usize,
    frame: PhantomData<&'f mut [u8]>,
}

impl<'f> Bytes<'f> {
    /// The bytes that a context says are there.
    #[inline(always)]
    pub fn new(at: u32, end: u32) -> Self {
        Self { at: at as usize, end: end as usize, frame: PhantomData }
    }

    /// The next header.
    #[inline(always)]
    pub fn take<T: Header>(&mut self) -> Option<&'f mut T> {
        let at = self.at;
        if at + size_of::<T>() > self.end {
            return None;
        }
        self.at = at + size_of::<T>();
        // SAFETY: in bounds as just checked, of alignment 1, any bytes are a `T`, and `at` moved
        // on, so nothing else refers to these bytes.
        Some(unsafe { &mut *(at as *mut T) })
    }

    /// Leaves out the next `count` bytes, at most 127.
    #[inline(always)]
    pub fn skip(&mut self, count: usize) {
        // The mask tells the verifier the bound.
        self.at = opaque(self.at + (count & 127));
    }

    /// Bytes from here to their end.
    #[inline(always)]
    pub fn left(&self) -> usize {
        self.end - self.at
    }
}

/// Hides from the compiler how a pointer came about.
///
/// It would otherwise compute the same position twice, once to check it and once to use it; the
/// verifier takes those for two pointers and refuses the use of the one that was not checked.
#[inline(always)]
fn opaque(mut at: usize) -> usize {
    // SAFETY: a move of a register to itself. An empty template would do, but the kernel refuses the
    // line information that it leaves behind.
    unsafe { core::arch::asm!("{0} = {0}", inout(reg) at, options(nomem, nostack, preserves_flags)) };
    at
}
