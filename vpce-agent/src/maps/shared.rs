//! An array's memory as the programs have it: read without asking the kernel for each entry.

use std::{
    num::NonZeroUsize,
    os::fd::BorrowedFd,
    ptr::NonNull,
    sync::atomic::{AtomicU32, Ordering},
};

use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// The entries of an array that was made with `BPF_F_MMAPABLE`, of so many words each.
pub struct Shared<const WORDS: usize> {
    first: NonNull<[AtomicU32; WORDS]>,
    entries: usize,
}

impl<const WORDS: usize> Shared<WORDS> {
    pub(super) fn of(array: BorrowedFd<'_>, entries: u32) -> nix::Result<Self> {
        let entries = entries as usize;
        let length = NonZeroUsize::new(entries * size_of::<[u32; WORDS]>()).ok_or(nix::Error::EINVAL)?;
        // SAFETY: memory of its own, wherever the kernel likes.
        let first = unsafe { mmap(None, length, ProtFlags::PROT_READ, MapFlags::MAP_SHARED, array, 0)? };
        Ok(Self { first: first.cast(), entries })
    }

    /// The words of an entry, each as it is now; zeros where there is no such entry.
    pub(super) fn get(&self, number: u32) -> [u32; WORDS] {
        let number = number as usize;
        if number >= self.entries {
            return [0; WORDS];
        }
        // SAFETY: it is within the memory, which stays while this lives, and whose words others change as a whole.
        let words = unsafe { self.first.add(number).as_ref() };
        words.each_ref().map(|word| word.load(Ordering::Relaxed))
    }
}

impl<const WORDS: usize> Drop for Shared<WORDS> {
    fn drop(&mut self) {
        // SAFETY: nobody else has this memory. That it stays would be no harm.
        let _ = unsafe { munmap(self.first.cast(), self.entries * size_of::<[u32; WORDS]>()) };
    }
}
