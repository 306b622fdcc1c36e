//! Atomics of 32 and 64 bits, and one plain counter, for memory that the kernel and the agent share.
//!
//! Every operation whose result is used is `AcqRel`: LLVM 22 compiles a relaxed fetch-and-add on
//! BPF to one that returns the addend (llvm-project issue 210280), and nothing warns.

use core::cell::UnsafeCell;

/// A number that several CPUs change at once.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct Atomic<T>(UnsafeCell<T>);

/// A `u32` that several CPUs change at once.
pub type Atomic32 = Atomic<u32>;
/// A `u64` that several CPUs change at once.
pub type Atomic64 = Atomic<u64>;

// SAFETY: every access is one aligned instruction, atomic where it reads and writes.
unsafe impl<T: Word> Sync for Atomic<T> {}

/// What one instruction can change: `u32` and `u64`.
///
/// # Safety
/// Each function does what [`Atomic`] has under its name, by one instruction on `at`, which is valid and aligned.
#[expect(missing_docs, clippy::missing_safety_doc, reason = "they are those of `Atomic`")]
pub unsafe trait Word: Copy + PartialEq {
    unsafe fn load(at: *mut Self) -> Self;
    unsafe fn store(at: *mut Self, value: Self);
    unsafe fn add(at: *mut Self, value: Self) -> Self;
    unsafe fn or(at: *mut Self, bits: Self);
    unsafe fn swap_if(at: *mut Self, old: Self, new: Self) -> Self;
}

#[cfg(target_arch = "bpf")]
mod imp {
    //! The stock BPF target has no atomic types; the instructions are there (cpu v3).
    //! It has no load-acquire: what keeps the order is the compiler's fence, and a CPU that does not
    //! reorder loads with loads, nor stores with stores (x86-64).
    use core::{
        intrinsics::{self, AtomicOrdering},
        sync::atomic::{
            Ordering::{Acquire, Release},
            compiler_fence,
        },
    };

    const BOTH: AtomicOrdering = AtomicOrdering::AcqRel;

    macro_rules! word {
        ($word:ty) => {
            // SAFETY: as the instructions are; what is asked of each caller is the trait's.
            unsafe impl super::Word for $word {
                #[inline(always)]
                unsafe fn load(at: *mut Self) -> Self {
                    // SAFETY: as the caller's.
                    let value = unsafe { at.read_volatile() };
                    compiler_fence(Acquire);
                    value
                }
                #[inline(always)]
                unsafe fn store(at: *mut Self, value: Self) {
                    compiler_fence(Release);
                    // SAFETY: as the caller's.
                    unsafe { at.write_volatile(value) }
                }
                #[inline(always)]
                unsafe fn add(at: *mut Self, value: Self) -> Self {
                    // SAFETY: as the caller's.
                    unsafe { intrinsics::atomic_xadd::<Self, Self, BOTH>(at, value) }
                }
                #[inline(always)]
                unsafe fn or(at: *mut Self, bits: Self) {
                    // SAFETY: as the caller's.
                    unsafe { intrinsics::atomic_or::<Self, Self, BOTH>(at, bits) };
                }
                #[inline(always)]
                unsafe fn swap_if(at: *mut Self, old: Self, new: Self) -> Self {
                    // SAFETY: as the caller's.
                    unsafe { intrinsics::atomic_cxchg::<Self, BOTH, { AtomicOrdering::Acquire }>(at, old, new).0 }
                }
            }
        };
    }

    word!(u32);
    word!(u64);
}

#[cfg(not(target_arch = "bpf"))]
mod imp {
    use core::sync::atomic::{
        AtomicU32, AtomicU64,
        Ordering::{AcqRel, Acquire, Release},
    };

    macro_rules! word {
        ($word:ty, $atomic:ident) => {
            // SAFETY: as the instructions are; what is asked of each caller is the trait's.
            unsafe impl super::Word for $word {
                unsafe fn load(at: *mut Self) -> Self {
                    // SAFETY: as the caller's.
                    unsafe { $atomic::from_ptr(at) }.load(Acquire)
                }
                unsafe fn store(at: *mut Self, value: Self) {
                    // SAFETY: as the caller's.
                    unsafe { $atomic::from_ptr(at) }.store(value, Release);
                }
                unsafe fn add(at: *mut Self, value: Self) -> Self {
                    // SAFETY: as the caller's.
                    unsafe { $atomic::from_ptr(at) }.fetch_add(value, AcqRel)
                }
                unsafe fn or(at: *mut Self, bits: Self) {
                    // SAFETY: as the caller's.
                    unsafe { $atomic::from_ptr(at) }.fetch_or(bits, AcqRel);
                }
                unsafe fn swap_if(at: *mut Self, old: Self, new: Self) -> Self {
                    // SAFETY: as the caller's.
                    match unsafe { $atomic::from_ptr(at) }.compare_exchange(old, new, AcqRel, Acquire) {
                        Ok(was) | Err(was) => was,
                    }
                }
            }
        };
    }

    word!(u32, AtomicU32);
    word!(u64, AtomicU64);
}

impl<T> Atomic<T> {
    /// A new one with this value.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }
}

impl<T: Word> Atomic<T> {
    /// The value now.
    #[inline(always)]
    pub fn load(&self) -> T {
        // SAFETY: the cell is valid and aligned for as long as `self` is.
        unsafe { T::load(self.0.get()) }
    }

    /// Writes the value; what was written before it is seen by whoever loads it.
    #[inline(always)]
    pub fn store(&self, value: T) {
        // SAFETY: as in `load`.
        unsafe { T::store(self.0.get(), value) }
    }

    /// Adds, wrapping; answers the value before.
    #[inline(always)]
    pub fn add(&self, value: T) -> T {
        // SAFETY: as in `load`.
        unsafe { T::add(self.0.get(), value) }
    }

    /// Sets bits.
    #[inline(always)]
    pub fn or(&self, bits: T) {
        // SAFETY: as in `load`.
        unsafe { T::or(self.0.get(), bits) }
    }

    /// Writes `new` if the value is `old`.
    ///
    /// # Errors
    /// The value that was there instead of `old`.
    #[inline(always)]
    pub fn swap_if(&self, old: T, new: T) -> Result<(), T> {
        // SAFETY: as in `load`.
        let was = unsafe { T::swap_if(self.0.get(), old, new) };
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
        assert_eq!(value.add(u32::MAX), 8);
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
