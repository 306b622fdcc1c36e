//! Programs on a machine's interface: VLAN tags, put on and taken off, or nothing let in.

use std::path::PathBuf;

use aya::{
    Ebpf, EbpfLoader,
    programs::{SchedClassifier, TcAttachType, Xdp, XdpMode},
};

use crate::{Namespace, agent::binary};

/// Built beside the product's.
fn object() -> PathBuf {
    PathBuf::from(binary("VPCE_EBPF_OBJECT")).with_file_name("vlan")
}

/// An interface that is in a VLAN and does not know it, for as long as this lives.
#[derive(Debug)]
pub struct Tags {
    _programs: Ebpf,
}

impl Tags {
    /// Puts an interface of a machine into a VLAN.
    #[must_use]
    pub fn put(machine: &Namespace, interface: &str, vlan: u16) -> Self {
        let object = object();
        let mut programs = EbpfLoader::new()
            .override_global("VLAN", &vlan, true)
            .load_file(&object)
            .unwrap_or_else(|error| panic!("{}: {error}", object.display()));
        for (name, hook) in [("push", TcAttachType::Egress), ("pop", TcAttachType::Ingress)] {
            let program = programs.program_mut(name).expect("the object's program");
            let program: &mut SchedClassifier = program.try_into().expect("a classifier");
            program.load().unwrap_or_else(|error| panic!("{name} of {}: {error}", object.display()));
            let attached = machine.run(|| program.attach(interface, hook));
            attached.unwrap_or_else(|error| panic!("{name} on {interface}: {error}"));
        }
        Self { _programs: programs }
    }
}

/// An interface that takes nothing, by XDP in its driver, for as long as this lives.
#[derive(Debug)]
pub struct Deaf {
    _programs: Ebpf,
}

impl Deaf {
    /// Has an interface of a machine take nothing.
    #[must_use]
    pub fn make(machine: &Namespace, interface: &str) -> Self {
        let mut programs = Ebpf::load_file(object()).unwrap_or_else(|error| panic!("the object: {error}"));
        let program: &mut Xdp = programs.program_mut("deaf").expect("the program").try_into().expect("one for XDP");
        program.load().unwrap_or_else(|error| panic!("deaf: {error}"));
        let attached = machine.run(|| program.attach(interface, XdpMode::Driver));
        attached.unwrap_or_else(|error| panic!("deaf on {interface}: {error}"));
        Self { _programs: programs }
    }
}
