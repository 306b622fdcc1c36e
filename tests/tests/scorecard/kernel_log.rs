//! What the kernel complained of.

use std::{
    fs::File,
    io::{ErrorKind, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
};

use nix::libc::O_NONBLOCK;

/// What a complaint begins with, or holds.
const COMPLAINTS: [&str; 7] =
    ["WARNING:", "BUG:", "Oops", "general protection fault", "UBSAN:", "KASAN:", "stack segment"];

/// The kernel's log from now on.
pub struct KernelLog(File);

impl KernelLog {
    /// Begins to watch.
    pub fn watch() -> Self {
        let log = File::options().read(true).custom_flags(O_NONBLOCK).open("/dev/kmsg");
        let mut log = log.expect("the kernel's log (are you root?)");
        log.seek(SeekFrom::End(0)).expect("the end of the kernel's log");
        Self(log)
    }

    /// The complaints since.
    pub fn complaints(mut self) -> Vec<String> {
        let (mut found, mut record) = (Vec::new(), [0; 8192]);
        loop {
            match self.0.read(&mut record) {
                Ok(length) => {
                    let text = String::from_utf8_lossy(&record[..length]).into_owned();
                    found.extend(COMPLAINTS.iter().any(|sign| text.contains(sign)).then_some(text));
                }
                // Records that were overwritten before they were read.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return found,
                Err(error) => panic!("the kernel's log: {error}"),
            }
        }
    }
}
