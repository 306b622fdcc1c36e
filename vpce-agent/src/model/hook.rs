//! Where the program sits on an interface: what is asked for, what is chosen, what it costs.

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// What suits the interface.
    Auto,
    /// Native XDP or nothing.
    Xdp,
    /// XDP in the kernel's generic receive path: any driver, slower.
    Generic,
    /// TC: any driver, large packets stay whole.
    Tc,
}

impl Mode {
    /// All of them, by the words of the file.
    pub const ALL: &[(&'static str, Self)] =
        &[("auto", Self::Auto), ("xdp", Self::Xdp), ("generic", Self::Generic), ("tc", Self::Tc)];

    /// The word of the file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Xdp => "xdp",
            Self::Generic => "generic",
            Self::Tc => "tc",
        }
    }

    /// The hooks to try on an interface, the better first.
    #[must_use]
    pub const fn hooks(self, site: Site) -> &'static [Hook] {
        match self {
            Self::Xdp => &[Hook::Native],
            Self::Generic => &[Hook::Generic],
            Self::Auto if !site.has_tcx => &[Hook::Native, Hook::Generic],
            // Where one of them then refuses it, it is none of cards only.
            Self::Auto if site.cards_only => &[Hook::Native, Hook::Tc],
            Self::Auto | Self::Tc => &[Hook::Tc],
        }
    }

    /// Whether it lets an interface be on native XDP, as far as its kind tells.
    #[must_use]
    pub const fn admits_native(self, kind: Kind, bridged: bool) -> bool {
        matches!(self, Self::Auto | Self::Xdp) && kind.is_card() && !bridged
    }

    /// Why a hook was chosen, for operators.
    #[must_use]
    pub fn why(self, site: Site, hook: Hook) -> String {
        if self != Self::Auto {
            return format!("mode = \"{}\"", self.name());
        }
        match hook {
            _ if !site.has_tcx => "auto: this kernel has no TCX, which Linux 6.6 brought".to_owned(),
            Hook::Native | Hook::Generic => {
                "auto: every attachment is on a network card that has native XDP".to_owned()
            }
            Hook::Tc if site.kind.is_card() => "auto: XDP can't send by every interface of this gateway".to_owned(),
            Hook::Tc => format!("auto: large packets stay whole on this {}", site.kind.name()),
        }
    }
}

/// Where a program sits on an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// XDP in the driver.
    Native,
    /// XDP in the kernel's generic receive path.
    Generic,
    /// TC, where frames come in (TCX).
    Tc,
}

impl Hook {
    /// The name that operators see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "generic",
            Self::Tc => "tc",
        }
    }

    /// Whether it is XDP, of which an interface has one program at a time.
    #[must_use]
    pub const fn is_xdp(self) -> bool {
        matches!(self, Self::Native | Self::Generic)
    }

    /// What it costs on an interface of this kind, where that is worth a word.
    #[must_use]
    pub const fn cost(self, kind: Kind) -> Option<&'static str> {
        match (self, kind) {
            (Self::Native, Kind::Veth) => {
                Some("turns segmentation offload (TSO) off for all that crosses this veth: mode = \"tc\" does not")
            }
            (Self::Generic, _) => Some("copies packets, and drops large ones: switch GRO off, or use mode = \"tc\""),
            _ => None,
        }
    }
}

/// What an interface is, as far as it matters to hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A network card, or what a virtual machine takes for one.
    Card,
    /// Cards as one: its driver has native XDP where all of theirs have.
    Bond,
    /// A pair of ends.
    Veth,
    /// The host's end of a virtual machine's card.
    Tap,
    /// A bridge.
    Bridge,
    /// Another one of the kernel's own.
    Virtual,
}

impl Kind {
    /// Whether packets come there from a wire, one by one, and its driver may have native XDP.
    #[must_use]
    pub const fn is_card(self) -> bool {
        matches!(self, Self::Card | Self::Bond)
    }

    /// The name that operators see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Card => "network card",
            Self::Bond => "bond",
            Self::Veth => "veth",
            Self::Tap => "tap",
            Self::Bridge => "bridge",
            Self::Virtual => "virtual interface",
        }
    }
}

/// What a choice depends on besides the mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// What the interface is.
    pub kind: Kind,
    /// Whether all attachments of the gateway are on cards that a bridge does not have, and that take native
    /// XDP as far as is known. Elsewhere it can't be relied on that XDP may send: a veth drops what comes
    /// from XDP unless its other end polls, a bridge drops it always.
    pub cards_only: bool,
    /// Whether the kernel has TCX.
    pub has_tcx: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn on(kind: Kind) -> Site {
        Site { kind, cards_only: kind.is_card(), has_tcx: true }
    }

    #[test]
    fn auto_takes_native_xdp_where_all_are_cards_and_tc_elsewhere() {
        for kind in [Kind::Card, Kind::Bond] {
            assert_eq!(Mode::Auto.hooks(on(kind)), [Hook::Native, Hook::Tc]);
            assert_eq!(Mode::Auto.hooks(Site { cards_only: false, ..on(kind) }), [Hook::Tc]);
        }
        for kind in [Kind::Veth, Kind::Tap, Kind::Bridge, Kind::Virtual] {
            assert_eq!(Mode::Auto.hooks(on(kind)), [Hook::Tc]);
        }
        let old = Site { has_tcx: false, ..on(Kind::Veth) };
        assert_eq!(Mode::Auto.hooks(old), [Hook::Native, Hook::Generic]);
    }

    #[test]
    fn cards_may_be_on_native_xdp_unless_a_bridge_has_them_or_their_mode_is_another() {
        for mode in [Mode::Auto, Mode::Xdp] {
            assert!(mode.admits_native(Kind::Card, false) && mode.admits_native(Kind::Bond, false));
            assert!(!mode.admits_native(Kind::Card, true) && !mode.admits_native(Kind::Veth, false));
        }
        assert!(!Mode::Tc.admits_native(Kind::Card, false) && !Mode::Generic.admits_native(Kind::Card, false));
    }

    #[test]
    fn a_hook_that_is_asked_for_is_the_only_one() {
        for (mode, hook) in [(Mode::Xdp, Hook::Native), (Mode::Generic, Hook::Generic), (Mode::Tc, Hook::Tc)] {
            for site in [on(Kind::Card), on(Kind::Veth), Site { has_tcx: false, ..on(Kind::Veth) }] {
                assert_eq!(mode.hooks(site), [hook]);
                assert_eq!(mode.why(site, hook), format!("mode = \"{}\"", mode.name()));
            }
        }
    }

    #[test]
    fn each_choice_says_why_and_what_costs_something_what() {
        assert!(Mode::Auto.why(on(Kind::Veth), Hook::Tc).contains("veth"));
        assert!(Mode::Auto.why(on(Kind::Card), Hook::Native).contains("has native XDP"));
        assert!(Mode::Auto.why(on(Kind::Card), Hook::Tc).contains("can't send"));
        assert!(Mode::Auto.why(Site { has_tcx: false, ..on(Kind::Veth) }, Hook::Native).contains("6.6"));
        assert!(Hook::Native.cost(Kind::Veth).is_some_and(|cost| cost.contains("TSO")));
        assert_eq!([Hook::Native.cost(Kind::Card), Hook::Tc.cost(Kind::Veth)], [None; 2]);
    }

    #[test]
    fn every_mode_has_a_word_of_the_file() {
        for (word, mode) in Mode::ALL {
            assert_eq!(*word, mode.name());
        }
    }
}
