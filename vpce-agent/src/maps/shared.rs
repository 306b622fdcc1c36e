//! An array's memory as the programs have it: read without asking the kernel for each entry.

use std::{
    marker::PhantomData,
    mem::MaybeUninit,
    num::NonZeroUsize,
    os::fd::BorrowedFd,
    ptr::NonNull,
    sync::atomic::{AtomicU32, Ordering},
};

use aya::Pod;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// The first entries of an array that was made with `BPF_F_MMAPABLE`.
pub struct Shared<T> {
    first: NonNull<AtomicU32>,
    entries: usize,
    of: PhantomData<T>,
}

impl<T: Pod> Shared<T> {
    /// Words of an entry.
    const WORDS: usize = {
        assert!(size_of::<T>().is_multiple_of(4));
        size_of::<T>() / 4
    };
    /// Words from one entry to the next: the kernel begins each at a multiple of eight bytes.
    const APART: usize = Self::WORDS.next_multiple_of(2);

    pub(super) fn of(array: BorrowedFd<'_>, entries: u32) -> nix::Result<Self> {
        let entries = entries as usize;
        let length = NonZeroUsize::new(Self::bytes(entries)).ok_or(nix::Error::EINVAL)?;
        // SAFETY: memory of its own, wherever the kernel likes.
        let first = unsafe { mmap(None, length, ProtFlags::PROT_READ, MapFlags::MAP_SHARED, array, 0)? };
        Ok(Self { first: first.cast(), entries, of: PhantomData })
    }

    /// An entry, each of its words as it is now; zeros where there is no such entry.
    pub(super) fn get(&self, number: u32) -> T {
        let number = number as usize;
        let mut value = MaybeUninit::<T>::zeroed();
        if number < self.entries {
            for word in 0..Self::WORDS {
                // SAFETY: it is within the memory, which stays while this lives, and whose words others change as a
                // whole; and within the value.
                unsafe {
                    let is = self.first.add(number * Self::APART + word).as_ref().load(Ordering::Relaxed);
                    value.as_mut_ptr().cast::<u32>().add(word).write_unaligned(is);
                }
            }
        }
        // SAFETY: any bytes are a `Pod`.
        unsafe { value.assume_init() }
    }

    const fn bytes(entries: usize) -> usize {
        entries * Self::APART * 4
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        let length = self.entries * size_of::<T>().next_multiple_of(8);
        // SAFETY: nobody else has this memory. That it stays would be no harm.
        let _ = unsafe { munmap(self.first.cast(), length) };
    }
}
