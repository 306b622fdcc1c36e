//! Attaches the packet path to interfaces, by links that outlive the agent.
//!
//! A link is pinned as `links/IFINDEX`, whatever its hook: an interface that went and came back has another
//! index, so a pin that is of no use shows by its name. What hook a pinned link is of, the kernel tells.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use aya::programs::{
    LinkOrder, ProgramError, TcAttachType, XdpMode,
    links::{FdLink, LinkError, LinkType, PinnedLink},
    tc::{SchedClassifierLink, TcAttachOptions},
    xdp::XdpLink,
};

use super::{Dataplane, DataplaneError, pins::remove, tcx};
use crate::model::Hook;

/// An interface to attach to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'n> {
    /// Name of the interface.
    pub interface: &'n str,
    /// Its index now.
    pub ifindex: u32,
    /// The hook to sit on.
    pub hook: Hook,
    /// The one that [`Dataplane::held`] tells.
    pub held: Option<Hook>,
}

/// A link that is pinned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attached {
    /// The kernel's number of the link.
    link: u32,
    is_xdp: bool,
    /// Whether it runs the program of this agent, not that of an earlier one.
    current: bool,
}

impl Dataplane {
    /// The hook that our program, or that of an earlier agent, sits on. `xdp` is that of whatever XDP
    /// program the interface has; nobody can replace one that is there by a link.
    #[must_use]
    pub fn held(&self, ifindex: u32, xdp: Option<Hook>) -> Option<Hook> {
        let is = self.attached.get(&ifindex).filter(|_| self.pin(ifindex).exists())?;
        if is.is_xdp {
            return xdp;
        }
        // An interface that is gone has no hooks.
        tcx::is_on(ifindex, is.link).unwrap_or(false).then_some(Hook::Tc)
    }

    fn pin(&self, ifindex: u32) -> PathBuf {
        self.links_dir.join(ifindex.to_string())
    }

    /// Attaches to an interface; answers whether that changed anything. A link that is there gets this
    /// program atomically: every packet meets the old one or the new one. From XDP to TC, or back, the old
    /// link goes when the new one is there. What meets both is not ours, and passes both.
    ///
    /// # Errors
    /// When the hook does not take it, and then one of the other kind stays; or when the kernel does not
    /// take the program. Other XDP programs are never replaced.
    pub fn attach(&mut self, target: &Target<'_>) -> Result<bool, DataplaneError> {
        let Target { ifindex, hook, held, .. } = *target;
        self.programs.load(hook)?;
        if held == Some(hook) {
            if self.attached.get(&ifindex).is_some_and(|is| is.current) {
                return Ok(false);
            }
            if self.adopt(ifindex, hook).is_ok() {
                return Ok(true);
            }
            // The interface that this link was of is gone; the kernel gave its index away again.
        }
        let both = held.is_some_and(|held| held.is_xdp() != hook.is_xdp());
        let again = !both && self.detach(ifindex)?;
        let link = self.attach_patiently(target, again).map_err(|source| {
            let interface = target.interface.to_owned();
            if hook.is_xdp() && is_busy(&source) {
                return DataplaneError::Occupied { interface };
            }
            DataplaneError::Attach { interface, hook: hook.name(), source }
        })?;
        let failed = |source| DataplaneError::Pin { path: self.pin(ifindex), source };
        let link = keep(link, &self.pin(ifindex)).map_err(failed)?;
        self.attached.insert(ifindex, Attached { link, is_xdp: hook.is_xdp(), current: true });
        Ok(true)
    }

    /// Takes a link off; answers whether there was one.
    ///
    /// # Errors
    /// When the pin can't be removed.
    pub fn detach(&mut self, ifindex: u32) -> Result<bool, DataplaneError> {
        if self.attached.remove(&ifindex).is_none() {
            return Ok(false);
        }
        remove(&self.pin(ifindex)).map(|()| true)
    }

    /// Takes off all links but those of these interfaces: left by an earlier config, or by an
    /// interface that is gone.
    ///
    /// # Errors
    /// When a pin can't be removed.
    pub fn detach_all_but(&mut self, keep: &BTreeSet<u32>) -> Result<(), DataplaneError> {
        self.attached.retain(|ifindex, _| keep.contains(ifindex));
        let failed = |source| DataplaneError::Pin { path: self.links_dir.clone(), source };
        for entry in fs::read_dir(&self.links_dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let ifindex = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if ifindex.is_none_or(|ifindex| !keep.contains(&ifindex)) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Waits for the end of the link that was there just now: the kernel lets go of one a moment after
    /// its last pin.
    fn attach_patiently(&mut self, target: &Target<'_>, again: bool) -> Result<FdLink, ProgramError> {
        let tries = if again { 50 } else { 0 };
        for _ in 0..tries {
            match self.attach_by(target) {
                Err(error) if is_busy(&error) => thread::sleep(Duration::from_millis(10)),
                done => return done,
            }
        }
        self.attach_by(target)
    }

    fn attach_by(&mut self, target: &Target<'_>) -> Result<FdLink, ProgramError> {
        let mode = match target.hook {
            Hook::Native => XdpMode::Driver,
            Hook::Generic => XdpMode::Skb,
            Hook::Tc => return self.attach_by_tc(target.interface),
        };
        let xdp = self.programs.path().map_err(not_loaded)?;
        let id = xdp.attach_to_if_index(target.ifindex, mode)?;
        xdp.take_link(id)?.try_into().map_err(link_error)
    }

    fn attach_by_tc(&mut self, interface: &str) -> Result<FdLink, ProgramError> {
        let tc = self.programs.path_tc().map_err(not_loaded)?;
        // As XDP is, before the programs of others: what is not ours goes on to them.
        let first = TcAttachOptions::TcxOrder(LinkOrder::first());
        let id = tc.attach_with_options(interface, TcAttachType::Ingress, first)?;
        tc.take_link(id)?.try_into().map_err(link_error)
    }

    /// Points the pinned link to this program.
    fn adopt(&mut self, ifindex: u32, hook: Hook) -> Result<(), ProgramError> {
        let link: FdLink = PinnedLink::from_pin(self.pin(ifindex)).map_err(link_error)?.into();
        if hook.is_xdp() {
            let xdp = self.programs.path().map_err(not_loaded)?;
            let id = xdp.attach_to_link(XdpLink::try_from(link).map_err(link_error)?)?;
            xdp.take_link(id)?;
        } else {
            let tc = self.programs.path_tc().map_err(not_loaded)?;
            let id = tc.attach_to_link(SchedClassifierLink::try_from(link).map_err(link_error)?)?;
            tc.take_link(id)?;
        }
        if let Some(is) = self.attached.get_mut(&ifindex) {
            is.current = true;
        }
        Ok(())
    }
}

/// The links that an earlier agent left, by interface. What is no link, or of no hook of ours, is none.
pub(super) fn pinned(links_dir: &Path) -> Result<BTreeMap<u32, Attached>, DataplaneError> {
    let failed = |source| DataplaneError::Pin { path: links_dir.to_owned(), source };
    let mut attached = BTreeMap::new();
    for entry in fs::read_dir(links_dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let ifindex = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let info = PinnedLink::from_pin(entry.path()).map(FdLink::from).and_then(|link| link.info());
        if let (Some(ifindex), Ok(info)) = (ifindex, info) {
            let is_xdp = match info.link_type() {
                Ok(LinkType::Xdp) => true,
                Ok(LinkType::Tcx) => false,
                _ => continue,
            };
            attached.insert(ifindex, Attached { link: info.id(), is_xdp, current: false });
        }
    }
    Ok(attached)
}

/// Pins a link, in place of the one that is pinned there: at no time is there none. Answers its number.
fn keep(link: FdLink, pin: &Path) -> io::Result<u32> {
    let number = link.info().map_err(io::Error::other)?.id();
    let mut next = pin.to_owned().into_os_string();
    next.push(NEXT);
    let next = PathBuf::from(next);
    match fs::remove_file(&next) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    link.pin(&next).map_err(io::Error::other)?;
    fs::rename(&next, pin)?;
    Ok(number)
}

/// How the name of a pin ends that takes its place in a moment.
pub(super) const NEXT: &str = "-next";

fn not_loaded(_: DataplaneError) -> ProgramError {
    ProgramError::NotLoaded
}

fn link_error(error: LinkError) -> ProgramError {
    ProgramError::IOError(io::Error::other(error))
}

fn is_busy(error: &ProgramError) -> bool {
    matches!(error, ProgramError::SyscallError(error)
        if matches!(error.io_error.raw_os_error(), Some(libc::EBUSY | libc::EEXIST)))
}
