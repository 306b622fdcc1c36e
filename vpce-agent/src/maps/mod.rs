//! The BPF maps, typed, and what absence and fullness mean.
//!
//! One of the ports: besides `dataplane`, only this names aya.

mod batch;
mod pins;
mod shared;
mod table;

use std::mem::offset_of;

use aya::Ebpf;
pub use pins::{MAPS, MAX_ENDPOINTS, MAX_LINKS, MapError, Shape, check_layout, check_pins, pinned_maps};
use shared::Shared;
pub use table::{Messages, Numbered, PerCpu, Table, Trie};
use vpce_common::layout::{
    Admission, Backend, Client, Dialled, Ended, Endpoint, Epoch, Heard, Ingress, Link, Local, Mapping, Prefix,
    Settings, Transit,
};

/// Open connections and free records of an endpoint, each as it was when it was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AdmissionNow {
    /// Open connections.
    pub open: u32,
    /// Most open connections at once.
    pub peak: u32,
    /// Open TCP connections whose handshake is not complete.
    pub half_open: u32,
    /// Records that hold no open connection.
    pub spare: u32,
    /// How often one was taken, modulo 2^32.
    pub taken: u32,
}

/// Words of an entry of `ADMISSIONS`.
const ADMISSION: usize = size_of::<Admission>() / 4;

impl From<[u32; ADMISSION]> for AdmissionNow {
    /// From the words of an entry of `ADMISSIONS`.
    fn from([open, half_open, peak, head, tail, ..]: [u32; ADMISSION]) -> Self {
        Self { open, peak, half_open, spare: tail.wrapping_sub(head), taken: head }
    }
}

/// All maps of the dataplane.
pub struct Maps {
    /// What holds for the whole gateway.
    pub settings: Numbered<Settings>,
    /// Links by where a frame comes in.
    pub ingress: Table<Ingress, u32>,
    /// Links.
    pub links: Numbered<Link>,
    /// Endpoints by address.
    pub addresses: Table<Local, u32>,
    /// Gateway endpoints by prefix.
    pub prefixes: Trie<Prefix, u32>,
    /// Clients that may dial an endpoint that lists them.
    pub clients: Trie<Client, u32>,
    /// Port mappings.
    pub mappings: Table<Dialled, Mapping>,
    /// Endpoints.
    pub endpoints: Numbered<Endpoint>,
    /// Backends.
    pub backends: Numbered<Backend>,
    /// Blocks of flow records by transit address.
    pub transit: Numbered<Transit>,
    /// Who says where they are.
    pub heard: Messages<Heard>,
    /// Connections that ended without their ends' doing.
    pub ended: Messages<Ended>,
    /// Free rings.
    pub free: Numbered<u32>,
    admissions: Numbered<[u32; ADMISSION]>,
    admissions_now: Shared<[u32; ADMISSION]>,
    /// What was translated of each endpoint, in the order of `vpce_common::layout::Traffic`.
    pub traffic: PerCpu<{ size_of::<vpce_common::layout::Traffic>() / 8 }>,
    /// Other counters of each endpoint, in the order of `vpce_common::layout::Stats`.
    pub stats: PerCpu<{ size_of::<vpce_common::layout::Stats>() / 8 }>,
    /// Counters of the gateway, in the order of `vpce_common::layout::Totals`.
    pub totals: PerCpu<{ size_of::<vpce_common::layout::Totals>() / 8 }>,
}

impl Maps {
    /// Takes the maps out of a loaded object.
    ///
    /// # Errors
    /// When object and agent were not built together.
    pub fn open(object: &mut Ebpf) -> Result<Self, MapError> {
        let admissions = Numbered::open(object, "ADMISSIONS")?;
        let admissions_now = admissions.shared(MAX_ENDPOINTS)?;
        Ok(Self {
            settings: Numbered::open(object, "SETTINGS")?,
            ingress: Table::open(object, "INGRESS")?,
            links: Numbered::open(object, "LINKS")?,
            addresses: Table::open(object, "ADDRESSES")?,
            prefixes: Trie::open(object, "PREFIXES")?,
            clients: Trie::open(object, "CLIENTS")?,
            mappings: Table::open(object, "MAPPINGS")?,
            endpoints: Numbered::open(object, "ENDPOINTS")?,
            backends: Numbered::open(object, "BACKENDS")?,
            transit: Numbered::open(object, "TRANSIT")?,
            heard: Messages::open(object, "HEARD")?,
            ended: Messages::open(object, "ENDED")?,
            free: Numbered::open(object, "FREE")?,
            admissions,
            admissions_now,
            traffic: PerCpu::open(object, "TRAFFIC")?,
            stats: PerCpu::open(object, "STATS")?,
            totals: PerCpu::open(object, "TOTALS")?,
        })
    }

    /// Writes what holds for the whole gateway; the epoch goes on.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn set_settings(&mut self, settings: Settings) -> Result<(), MapError> {
        let epoch = Epoch::after(self.settings.get(0)?.epoch);
        self.settings.set(0, Settings { epoch, ..settings })
    }

    /// Ends the epoch: for before links, backends or endpoints become others.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn end_epoch(&mut self) -> Result<(), MapError> {
        let settings = self.settings.get(0)?;
        self.settings.set(0, Settings { epoch: settings.epoch | Epoch::OVER, ..settings })
    }

    /// Begins another epoch: for after that.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn begin_epoch(&mut self) -> Result<(), MapError> {
        let settings = self.settings.get(0)?;
        self.set_settings(settings)
    }

    /// Open connections and free records of an endpoint now.
    #[must_use]
    pub fn admission(&self, endpoint: u32) -> AdmissionNow {
        self.admissions_now.get(endpoint).into()
    }

    /// Puts every record of an endpoint's block into its ring, and makes its count zero.
    ///
    /// Only for an endpoint that no packet can reach yet: its `ENDPOINTS` entry says so by having
    /// no slots, and is written after this.
    ///
    /// # Errors
    /// When the kernel refuses a write; the next pass does it all again.
    pub fn fill_ring(&mut self, number: u32, endpoint: &Endpoint) -> Result<(), MapError> {
        let places: Vec<u32> = (endpoint.first_slot + 1..).take(endpoint.slots as usize).collect();
        self.free.set_run(endpoint.first_slot, &places)?;
        let mut admission = [0; ADMISSION];
        admission[offset_of!(Admission, tail) / 4] = endpoint.slots;
        self.admissions.set(number, admission)
    }
}
