//! Live connections that all talk while something happens to the gateway.

use std::{
    net::SocketAddrV4,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{Namespace, tcp::Talk};

/// The longest that all of them are silent together.
const BREATH: Duration = Duration::from_millis(100);

/// Connections to an [`crate::Echo`] server; each says something and hears it back, one after
/// another, round after round.
#[derive(Debug)]
pub struct Crowd {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Talked>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    rounds: AtomicUsize,
}

/// How it went.
#[derive(Debug, Default)]
pub struct Talked {
    /// How often each connection had its turn.
    pub rounds: usize,
    /// The connections that ended, or heard nothing for [`crate::tcp::PATIENCE`].
    pub interrupted: usize,
    /// The longest that an answer took.
    pub slowest: Duration,
}

impl Crowd {
    /// Dials from a machine, and begins to talk.
    #[must_use]
    pub fn gather(client: &Namespace, to: SocketAddrV4, size: usize) -> Self {
        let dial = |_| Talk::open(to).expect("a connection");
        let talks: Vec<Talk> = client.run(|| (0..size).map(dial).collect());
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = thread::spawn(move || talk(talks, &theirs));
        Self { shared, thread: Some(thread) }
    }

    /// How often each connection has had its turn until now.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.shared.rounds.load(Ordering::Relaxed)
    }

    /// Ends the talking, after one round more.
    #[must_use]
    pub fn end(mut self) -> Talked {
        self.shared.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("a crowd that talks");
        thread.join().expect("a crowd that does not panic")
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // Where a test fails, the crowd ends by itself: nobody waits for it.
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

fn talk(talks: Vec<Talk>, shared: &Shared) -> Talked {
    let mut talks: Vec<_> = talks.into_iter().map(Some).collect();
    let mut talked = Talked::default();
    let mut last = false;
    while !last {
        // What comes after the last event counts too.
        last = shared.stop.load(Ordering::Relaxed);
        let round = Instant::now();
        for place in &mut talks {
            let Some(talk) = place else { continue };
            let start = Instant::now();
            if talk.say(&format!("round {}", talked.rounds)).is_err() {
                talked.interrupted += 1;
                *place = None;
            }
            talked.slowest = talked.slowest.max(start.elapsed());
        }
        talked.rounds += 1;
        shared.rounds.store(talked.rounds, Ordering::Relaxed);
        // Half of a CPU is left to what is under test; but also where a round was slow there is soon another.
        thread::sleep(round.elapsed().min(BREATH));
    }
    talked
}
