//! The scorecard: what the gateway promises in figures, reached by the loaded program itself where
//! that is quick enough, and by real connections where it is not. Rows that need a rig's machines
//! for long are in other targets; `row_NN_` in a test's name tells the row everywhere.

mod churn;
mod config;
mod counters;
mod crossings;
mod exhaustion;
mod flood;
mod idle;
mod kernel_log;
mod load;
mod malformed;
mod one_way;
mod reset;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One row at a time: each takes all CPUs, and some measure time. Whoever only waits need not ask.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does `work` on two CPUs at once, inside the gateway; it is told which of them it is.
fn on_two_cpus<T: Send>(rig: &vpce_tests::Rig, work: impl Fn(usize) -> T + Sync) -> [T; 2] {
    let one = |cpu| {
        rig.gateway().run(|| {
            vpce_tests::object::on_cpu(cpu);
            work(cpu)
        })
    };
    std::thread::scope(|scope| {
        let working = [0, 1].map(|cpu| scope.spawn(move || one(cpu)));
        working.map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}
