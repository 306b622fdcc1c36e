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

impl<T> Shared<T> {
    /// Words of an entry.
    const WORDS: usize = {
        assert!(size_of::<T>().is_multiple_of(4));
        size_of::<T>() / 4
    };
    /// Words from one entry to the next: the kernel begins each at a multiple of eight bytes.
    const APART: usize = Self::WORDS.next_multiple_of(2);

    const fn bytes(entries: usize) -> usize {
        entries * Self::APART * 4
    }
}

impl<T: Pod> Shared<T> {
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
                // SAFETY: it is within the memory, which stays while this lives, and within the value. Programs change
                // words as a whole; what the agent writes itself, by the kernel, nobody writes while it reads.
                unsafe {
                    let is = self.first.add(number * Self::APART + word).as_ref().load(Ordering::Relaxed);
                    value.as_mut_ptr().cast::<u32>().add(word).write_unaligned(is);
                }
            }
        }
        // SAFETY: any bytes are a `Pod`.
        unsafe { value.assume_init() }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: nobody else has this memory. That it stays would be no harm.
        let _ = unsafe { munmap(self.first.cast(), Self::bytes(self.entries)) };
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write as _, os::fd::AsFd as _};

    use nix::sys::memfd::{MFdFlags, memfd_create};

    use super::*;

    #[test]
    fn entries_are_read_where_the_kernel_lays_them_whatever_their_size() {
        let mut file = File::from(memfd_create(c"array", MFdFlags::empty()).expect("memory"));
        let words: Vec<u32> = (0..4096).collect();
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        file.write_all(&bytes).expect("written");
        let of_three = Shared::<[u32; 3]>::of(file.as_fd(), 100).expect("mapped");
        assert_eq!([0, 1, 99].map(|number| of_three.get(number)), [[0, 1, 2], [4, 5, 6], [396, 397, 398]]);
        assert_eq!(of_three.get(100), [0; 3]);
        let of_eleven = Shared::<[u32; 11]>::of(file.as_fd(), 3).expect("mapped");
        assert_eq!(of_eleven.get(2), std::array::from_fn(|word| 24 + u32::try_from(word).expect("small")));
        let of_four = Shared::<[u32; 4]>::of(file.as_fd(), 2).expect("mapped");
        assert_eq!(of_four.get(1), [4, 5, 6, 7]);
    }
}
