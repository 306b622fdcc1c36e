//! Where the gateway's program hooks in, and what that asks of the machines around it.

use std::env;

/// By which of its hooks a test's gateway takes packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Native XDP.
    Xdp,
    /// TC.
    Tc,
}

impl Hook {
    /// That of tests that ask for none: `VPCE_TEST_HOOK`, or XDP.
    #[must_use]
    pub fn of_tests() -> Self {
        match env::var("VPCE_TEST_HOOK").as_deref() {
            Ok("tc") => Self::Tc,
            Ok("xdp") | Err(_) => Self::Xdp,
            Ok(other) => panic!("VPCE_TEST_HOOK={other} is no hook: xdp or tc"),
        }
    }

    /// The mode that asks for it in a configuration.
    #[must_use]
    pub const fn mode(self) -> &'static str {
        match self {
            Self::Xdp => "xdp",
            Self::Tc => "tc",
        }
    }

    /// What `vpcectl` calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xdp => "native",
            Self::Tc => "tc",
        }
    }

    /// The settings of `ethtool -K` that a machine needs on its link to the gateway. `mixed`: packets may
    /// come there from an attachment on XDP.
    pub(crate) const fn offloads(self, mixed: bool) -> &'static [&'static str] {
        match (self, mixed) {
            // A redirected frame loses the note that its checksum is still to be made, and a redirect's
            // target needs a peer that polls: GRO makes it so.
            (Self::Xdp, _) => &["tx", "off", "gro", "on"],
            (Self::Tc, true) => &["gro", "on"],
            // What Linux sets by itself.
            (Self::Tc, false) => &[],
        }
    }
}
