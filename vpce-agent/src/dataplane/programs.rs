//! The programs, as the kernel verified them. That takes longer than all else of a start: so they stay pinned,
//! as `programs/NAME-MADE_OF`, and the next agent of the same build takes them over.

use std::{io, path::PathBuf};

use aya::{
    Ebpf,
    programs::{Program, ProgramError, SchedClassifier, Xdp},
};
use aya_obj::programs::XdpAttachType;
use sha2::{Digest as _, Sha256};

use super::{
    DataplaneError,
    pins::{names, remove},
};
use crate::model::Hook;

/// The packet path, as XDP.
const PATH: &str = "vpce";
/// The packet path at TC.
const PATH_TC: &str = "vpce_tc";
/// The walk over the flow records.
pub(super) const REAP: &str = "reap";

/// The programs of an object, each loaded when it is first asked for.
pub(super) struct Programs {
    object: Ebpf,
    dir: PathBuf,
    made_of: String,
    /// Whether one that is pinned is of no use.
    anew: bool,
    path: Option<Xdp>,
    path_tc: Option<SchedClassifier>,
    reap: Option<Xdp>,
}

impl Programs {
    /// Those of an object that was read from `bytes`, which work on the maps of these numbers. With `log` they
    /// tell of packets to this agent, and none that is pinned serves. Whatever else changes them at a load must
    /// come here too.
    pub(super) fn new(object: Ebpf, bytes: &[u8], maps: &[u32], dir: PathBuf, log: bool) -> Self {
        let parts = maps.iter().fold(Sha256::new_with_prefix(bytes), |all, map| all.chain_update(map.to_ne_bytes()));
        let made_of = hex::encode(&parts.chain_update([u8::from(log)]).finalize()[..16]);
        Self { object, dir, made_of, anew: log, path: None, path_tc: None, reap: None }
    }

    /// Loads the packet path for a hook, where that was not done yet.
    pub(super) fn load(&mut self, hook: Hook) -> Result<(), DataplaneError> {
        if hook.is_xdp() { self.path().map(drop) } else { self.path_tc().map(drop) }
    }

    /// The packet path for XDP.
    pub(super) fn path(&mut self) -> Result<&mut Xdp, DataplaneError> {
        let path = self.path.take().map_or_else(|| self.verified(PATH, xdp), Ok)?;
        Ok(self.path.insert(path))
    }

    /// The packet path for TC.
    pub(super) fn path_tc(&mut self) -> Result<&mut SchedClassifier, DataplaneError> {
        let path = self.path_tc.take().map_or_else(|| self.verified(PATH_TC, SchedClassifier::from_pin), Ok)?;
        Ok(self.path_tc.insert(path))
    }

    /// The walk over the flow records.
    pub(super) fn reap(&mut self) -> Result<&mut Xdp, DataplaneError> {
        let reap = self.reap.take().map_or_else(|| self.verified(REAP, xdp), Ok)?;
        Ok(self.reap.insert(reap))
    }

    /// A program that is pinned; where it is not, it is loaded and pinned in the place of another build's.
    fn verified<P>(
        &mut self,
        name: &'static str,
        open: fn(PathBuf) -> Result<P, ProgramError>,
    ) -> Result<P, DataplaneError> {
        let pin = self.dir.join(format!("{name}-{}", self.made_of));
        let failed = |source| DataplaneError::Program { name, source };
        if self.anew || !pin.exists() {
            let program = self.object.program_mut(name).ok_or(DataplaneError::Missing { name })?;
            // One is loaded already that could not be pinned.
            if program.fd().is_err() {
                match program {
                    Program::Xdp(program) => program.load(),
                    Program::SchedClassifier(program) => program.load(),
                    _ => return Err(DataplaneError::Missing { name }),
                }
                .map_err(failed)?;
            }
            for pinned in names(&self.dir)? {
                let is_current = pinned.ends_with(&self.made_of) && is_program(&pinned) != Some(name);
                if is_program(&pinned).is_some() && !is_current {
                    remove(&self.dir.join(pinned))?;
                }
            }
            program.pin(&pin).map_err(|error| failed(ProgramError::IOError(io::Error::other(error))))?;
        }
        open(pin).map_err(failed)
    }
}

fn xdp(pin: PathBuf) -> Result<Xdp, ProgramError> {
    Xdp::from_pin(pin, XdpAttachType::Interface)
}

/// Which program a pin of this name is of; none: it is not ours.
pub(super) fn is_program(pin: &str) -> Option<&'static str> {
    let (name, made_of) = pin.split_once('-')?;
    if made_of.len() != 32 || !made_of.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    [PATH, PATH_TC, REAP].into_iter().find(|known| *known == name)
}
