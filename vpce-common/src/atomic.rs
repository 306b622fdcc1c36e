//! One 32-bit atomic, and one plain counter, for memory that the kernel and the agent share.
//!
//! Every operation whose result is used is `AcqRel`: LLVM 22 compiles a relaxed fetch-and-add on
//! BPF to one that returns the addend (llvm-project issue 210280), and nothing warns.

use core::cell::UnsafeCell;

/// A `u32` that several CPUs change at once.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct Atomic32(UnsafeCell<u32>);

// SAFETY: every access is one aligned 32-bit instruction, atomic where it reads and writes.
unsafe impl Sync for Atomic32 {}

#[cfg(target_arch = "bpf")]
mod imp {
    //! The stock BPF target has no `AtomicU32`; the instructions are there (cpu v3).
    //! It has no load-acquire: what keeps the order is the compiler's fence, and a CPU that does not
    //! reorder loads with loads, nor stores with stores (x86-64).
    use core::{
        intrinsics::{self, AtomicOrdering::AcqRel},
        sync::atomic::{
            Ordering::{Acquire, Release},
            compiler_fence,
        },
    };

    pub unsafe fn load(at: *mut u32) -> u32 {
        // SAFETY: as the caller's.
        let value = unsafe { at.read_volatile() };
        compiler_fence(Acquire);
        value
    }
    pub unsafe fn store(at: *mut u32, value: u32) {
        compiler_fence(Release);
        // SAFETY: as the caller's.
        unsafe { at.write_volatile(value) }
    }
    pub unsafe fn add(at: *mut u32, value: u32) -> u32 {
        // SAFETY: as the caller's.
        unsafe { intrinsics::atomic_xadd::<u32, u32, { AcqRel }>(at, value) }
    }
    pub unsafe fn or(at: *mut u32, bits: u32) {
        // SAFETY: as the caller's.
        unsafe { intrinsics::atomic_or::<u32, u32, { AcqRel }>(at, bits) };
    }
    pub unsafe fn swap_if(at: *mut u32, old: u32, new: u32) -> u32 {
        // SAFETY: as the caller's.
        unsafe { intrinsics::atomic_cxchg::<u32, { AcqRel }, { intrinsics::AtomicOrdering::Acquire }>(at, old, new).0 }
    }
}

#[cfg(not(target_arch = "bpf"))]
mod imp {
    use core::sync::atomic::{
        AtomicU32,
        Ordering::{AcqRel, Acquire, Release},
    };

    pub unsafe fn load(at: *mut u32) -> u32 {
        // SAFETY: as the caller's.
        unsafe { AtomicU32::from_ptr(at) }.load(Acquire)
    }
    pub unsafe fn store(at: *mut u32, value: u32) {
        // SAFETY: as the caller's.
        unsafe { AtomicU32::from_ptr(at) }.store(value, Release);
    }
    pub unsafe fn add(at: *mut u32, value: u32) -> u32 {
        // SAFETY: as the caller's.
        unsafe { AtomicU32::from_ptr(at) }.fetch_add(value, AcqRel)
    }
    pub unsafe fn or(at: *mut u32, bits: u32) {
        // SAFETY: as the caller's.
        unsafe { AtomicU32::from_ptr(at) }.fetch_or(bits, AcqRel);
    }
    pub unsafe fn swap_if(at: *mut u32, old: u32, new: u32) -> u32 {
        // SAFETY: as the caller's.
        match unsafe { AtomicU32::from_ptr(at) }.compare_exchange(old, new, AcqRel, Acquire) {
            Ok(was) | Err(was) => was,
        }
    }
}

impl Atomic32 {
    /// A new one with this value.
    #[must_use]
    pub const fn new(value: u32) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// The value now.
    #[inline(always)]
    pub fn load(&self) -> u32 {
        // SAFETY: the cell is valid and aligned for as long as `self` is.
        unsafe { imp::load(self.0.get()) }
    }

    /// Writes the value; what was written before it is seen by whoever loads it.
    #[inline(always)]
    pub fn store(&self, value: u32) {
        // SAFETY: as in `load`.
        unsafe { imp::store(self.0.get(), value) }
    }

    /// Adds, wrapping; answers the value before.
    #[inline(always)]
    pub fn add(&self, value: u32) -> u32 {
        // SAFETY: as in `load`.
        unsafe { imp::add(self.0.get(), value) }
    }

    /// Subtracts, wrapping; answers the value before.
    #[inline(always)]
    pub fn sub(&self, value: u32) -> u32 {
        self.add(value.wrapping_neg())
    }

    /// Sets bits.
    #[inline(always)]
    pub fn or(&self, bits: u32) {
        // SAFETY: as in `load`.
        unsafe { imp::or(self.0.get(), bits) }
    }

    /// Writes `new` if the value is `old`.
    ///
    /// # Errors
    /// The value that was there instead of `old`.
    #[inline(always)]
    pub fn swap_if(&self, old: u32, new: u32) -> Result<(), u32> {
        // SAFETY: as in `load`.
        let was = unsafe { imp::swap_if(self.0.get(), old, new) };
        if was == old { Ok(()) } else { Err(was) }
    }
}

/// A counter that one CPU at a time writes, so that it needs no atomic instruction.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct Counter(UnsafeCell<u64>);

// SAFETY: in the kernel it only lies in per-CPU maps, and a program is not moved while it runs.
#[cfg(target_arch = "bpf")]
unsafe impl Sync for Counter {}

impl Counter {
    /// Adds, wrapping.
    #[inline(always)]
    pub fn add(&self, value: u64) {
        self.set(self.get().wrapping_add(value));
    }

    /// Writes the value.
    #[inline(always)]
    pub fn set(&self, value: u64) {
        // SAFETY: the cell is valid, and lies in memory of this CPU alone (a per-CPU map, or a
        // host model of one thread: there the type is not `Sync`).
        unsafe { self.0.get().write(value) }
    }

    /// The value now.
    #[must_use]
    #[inline(always)]
    pub fn get(&self) -> u64 {
        // SAFETY: as in `set`.
        unsafe { self.0.get().read() }
    }
}

#[cfg(test)]
mod tests {
    use super::Atomic32;

    #[test]
    fn every_operation_answers_the_value_before() {
        let value = Atomic32::new(5);
        assert_eq!(value.add(3), 5);
        assert_eq!(value.sub(1), 8);
        assert_eq!(value.swap_if(8, 9), Err(7));
        assert_eq!(value.swap_if(7, 9), Ok(()));
        assert_eq!(value.load(), 9);
    }

    #[test]
    fn two_threads_lose_no_addition() {
        let value = Atomic32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..100_000 {
                        value.add(1);
                    }
                });
            }
        });
        assert_eq!(value.load(), 200_000);
    }
}
