//! A packet socket for every interface that is attached, each with a task that listens.

use std::{collections::BTreeMap, rc::Rc};

use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    net::{ArpSocket, Heard, Interface},
    reconcile::Question,
};

/// All sockets, by interface.
pub(super) struct Ears {
    heard: mpsc::Sender<(String, Heard)>,
    sockets: BTreeMap<String, Ear>,
}

struct Ear {
    index: u32,
    socket: Rc<ArpSocket>,
    task: JoinHandle<()>,
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Ears {
    /// None yet; what they hear comes out of the receiver.
    pub(super) fn new() -> (Self, mpsc::Receiver<(String, Heard)>) {
        let (heard, receiver) = mpsc::channel(1024);
        (Self { heard, sockets: BTreeMap::new() }, receiver)
    }

    /// Listens on these interfaces, as far as they are there, and on no others.
    pub(super) fn listen<'n>(
        &mut self,
        names: impl Iterator<Item = &'n str>,
        interfaces: &BTreeMap<String, Interface>,
    ) {
        let wanted: BTreeMap<&str, u32> = names.filter_map(|name| Some((name, interfaces.get(name)?.index))).collect();
        self.sockets.retain(|name, ear| wanted.get(name.as_str()) == Some(&ear.index) && !ear.task.is_finished());
        for (name, index) in wanted {
            if self.sockets.contains_key(name) {
                continue;
            }
            match ArpSocket::open(name, index) {
                Ok(socket) => drop(self.sockets.insert(name.to_owned(), self.ear(name, index, socket))),
                Err(error) => tracing::warn!("{error}"),
            }
        }
    }

    /// Sends a question. An interface that is down or gone is no error: the question comes again.
    pub(super) fn ask(&self, question: &Question) {
        if let Some(ear) = self.sockets.get(&question.interface)
            && let Err(error) = ear.socket.ask(question.wanted, question.mac, question.address)
        {
            tracing::debug!(interface = question.interface, "ARP question not sent: {error}");
        }
    }

    fn ear(&self, name: &str, index: u32, socket: ArpSocket) -> Ear {
        let socket = Rc::new(socket);
        let (listening, heard, name) = (Rc::clone(&socket), self.heard.clone(), name.to_owned());
        let task = tokio::task::spawn_local(async move {
            loop {
                match listening.heard().await {
                    Ok(news) if heard.send((name.clone(), news)).await.is_ok() => {}
                    Ok(_) => return,
                    Err(error) => {
                        // The interface is down: it is asked for again when it is up or back.
                        tracing::debug!(interface = name, "ARP: {error}");
                        return;
                    }
                }
            }
        });
        Ear { index, socket, task }
    }
}
