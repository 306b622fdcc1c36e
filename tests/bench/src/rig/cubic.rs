//! Congestion control by cubic, whatever the host's own is: BBR's pacing would be measured instead.

use std::fs;

use vpce_tests::Namespace;

const ALLOWED: &str = "/proc/sys/net/ipv4/tcp_allowed_congestion_control";

/// While it lives, namespaces may choose cubic.
pub struct Cubic {
    before: String,
}

impl Cubic {
    /// Allows it, on the whole host.
    #[must_use]
    pub fn allow() -> Self {
        let before = fs::read_to_string(ALLOWED).expect("the list of congestion controls");
        fs::write(ALLOWED, format!("{} cubic", before.trim())).expect("cubic in this kernel");
        Self { before }
    }

    /// Makes it a namespace's own: for the sockets of every program there.
    pub fn choose(namespace: &Namespace) {
        namespace.sysctl("net/ipv4/tcp_congestion_control", "cubic");
    }
}

impl Drop for Cubic {
    fn drop(&mut self) {
        if let Err(error) = fs::write(ALLOWED, &self.before) {
            eprintln!("{ALLOWED} stays: {error}");
        }
    }
}
