//! Attaches the packet path to interfaces, by links that outlive the agent.
//!
//! A link is pinned as `links/IFINDEX`: an interface that went and came back has another index, so a
//! pin that is of no use shows by its name.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use aya::programs::{
    ProgramError, XdpMode,
    links::{FdLink, LinkError, PinnedLink},
    xdp::XdpLink,
};

use super::{
    Dataplane, DataplaneError,
    load::{PATH, program},
};
use crate::model::Hook;

/// An interface to attach to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Name of the interface.
    pub interface: String,
    /// Its index now.
    pub ifindex: u32,
    /// Hooks to try, the better first.
    pub hooks: Vec<Hook>,
    /// A link of ours was there just now: the kernel lets go of it a moment after its last pin.
    pub again: bool,
}

impl Dataplane {
    /// Whether the program is attached to the interface with this index, as far as its pin tells.
    #[must_use]
    pub fn holds(&self, ifindex: u32) -> bool {
        self.attached.contains(&ifindex) && self.pin(ifindex).exists()
    }

    fn pin(&self, ifindex: u32) -> PathBuf {
        self.links_dir.join(ifindex.to_string())
    }

    /// Attaches to an interface. A link that an earlier agent left there gets this program
    /// atomically: every packet meets the old one or the new one.
    ///
    /// # Errors
    /// When no hook takes it; other programs are never replaced.
    pub fn attach(&mut self, target: &Target) -> Result<(), DataplaneError> {
        let pin = self.pin(target.ifindex);
        if pin.exists() {
            if self.adopt(&pin).is_ok() {
                self.attached.insert(target.ifindex);
                return Ok(());
            }
            // The interface that this link was of is gone; the kernel gave its index away again.
            remove(&pin)?;
        }
        let mut last = None;
        for &hook in &target.hooks {
            match self.attach_patiently(target, hook, &pin) {
                Ok(()) => {
                    self.attached.insert(target.ifindex);
                    return Ok(());
                }
                Err(error) => last = Some((hook, error)),
            }
        }
        let interface = target.interface.clone();
        Err(match last {
            Some((_, error)) if is_busy(&error) => DataplaneError::Occupied { interface },
            Some((hook, source)) => DataplaneError::Attach { interface, hook: hook.name(), source },
            None => DataplaneError::Occupied { interface },
        })
    }

    /// Takes a link off; answers whether there was one.
    ///
    /// # Errors
    /// When the pin can't be removed.
    pub fn detach(&mut self, ifindex: u32) -> Result<bool, DataplaneError> {
        if !self.attached.remove(&ifindex) {
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
        self.attached.retain(|ifindex| keep.contains(ifindex));
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

    /// Waits for the end of the link that was there before.
    fn attach_patiently(&mut self, target: &Target, hook: Hook, pin: &Path) -> Result<(), ProgramError> {
        let tries = if target.again { 50 } else { 0 };
        for _ in 0..tries {
            match self.attach_by(target, hook, pin) {
                Err(error) if is_busy(&error) => thread::sleep(Duration::from_millis(10)),
                done => return done,
            }
        }
        self.attach_by(target, hook, pin)
    }

    /// Attaches and pins; the pin alone keeps the link.
    fn attach_by(&mut self, target: &Target, hook: Hook, pin: &Path) -> Result<(), ProgramError> {
        let mode = match hook {
            Hook::Native => XdpMode::Driver,
            Hook::Generic => XdpMode::Skb,
        };
        let Ok(xdp) = program(&mut self.object, PATH) else { return Err(ProgramError::NotLoaded) };
        let id = xdp.attach_to_if_index(target.ifindex, mode)?;
        let link: FdLink = xdp.take_link(id)?.try_into().map_err(link_error)?;
        link.pin(pin).map(drop).map_err(|error| ProgramError::IOError(io::Error::other(error)))
    }

    /// Points a pinned link to this program.
    fn adopt(&mut self, pin: &Path) -> Result<(), ProgramError> {
        let link: FdLink = PinnedLink::from_pin(pin).map_err(link_error)?.into();
        let Ok(xdp) = program(&mut self.object, PATH) else { return Err(ProgramError::NotLoaded) };
        let id = xdp.attach_to_link(XdpLink::try_from(link).map_err(link_error)?)?;
        xdp.take_link(id).map(drop)
    }
}

fn remove(pin: &Path) -> Result<(), DataplaneError> {
    match fs::remove_file(pin) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(DataplaneError::Pin { path: pin.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn link_error(error: LinkError) -> ProgramError {
    ProgramError::IOError(io::Error::other(error))
}

fn is_busy(error: &ProgramError) -> bool {
    matches!(error, ProgramError::SyscallError(error)
        if matches!(error.io_error.raw_os_error(), Some(libc::EBUSY | libc::EEXIST)))
}
