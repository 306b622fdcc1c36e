//! Ctrl-C leaves nothing behind.
//!
//! A signal that ended this process at once would leave its namespaces. So the first one only
//! takes a note: the servers and the agent get the terminal's signal too, what waits for them
//! panics, and unwinding drops the rig. The second one ends the process.

use std::sync::{
    Once,
    atomic::{AtomicBool, Ordering},
};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

extern "C" fn take_note(_signal: nix::libc::c_int) {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// Takes the first interrupt as a wish to clean up.
pub fn catch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let note = SigAction::new(SigHandler::Handler(take_note), SaFlags::SA_RESETHAND, SigSet::empty());
        for signal in [Signal::SIGINT, Signal::SIGTERM] {
            // SAFETY: the handler only stores to an atomic, which is async-signal-safe.
            unsafe { sigaction(signal, &note) }.expect("a handler for interrupts");
        }
    });
}

/// Panics, and so unwinds, when there was an interrupt.
pub fn check() {
    assert!(!INTERRUPTED.load(Ordering::Relaxed), "interrupted");
}
