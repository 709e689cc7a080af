//! Ends the running children when the run is interrupted, so that no build is left behind.

use std::collections::BTreeMap;
use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Group;
use crate::error::{Error, ExitCode};

/// How long a child may take to end after the first interrupt. A build has to be cancelled on the builder too.
const GRACE: Duration = Duration::from_secs(10);

/// One process has one set of signal handlers, so what they act on is shared by all threads.
static STATE: Mutex<State> = Mutex::new(State { interrupts: 0, waiting: 0, running: BTreeMap::new() });

struct State {
    interrupts: usize,
    /// How many threads wait for something that another run holds, and ask for interrupts while they do.
    waiting: usize,
    /// Process id → whose group it runs in. An entry goes away in the same moment as its process is reaped.
    running: BTreeMap<u32, Group>,
}

/// A child's entry among those that an interrupt ends.
#[derive(Debug)]
pub(super) struct Registered(u32);

/// From now on Ctrl-C, or a request to terminate or hang up, ends the running children and with them the run.
///
/// The first one interrupts them and kills what is left ten seconds later; the second kills at once. Without a running
/// child, or a wait for another run, the process exits. To be called once, by `main`.
pub fn end_on_interrupt() -> Result<()> {
    ctrlc::set_handler(on_interrupt).context("cannot listen for Ctrl-C")
}

/// Whether the run was interrupted: what is still to be done should be left undone.
pub fn interrupted() -> bool {
    state().interrupts > 0
}

/// Tries something until it gives what another run holds, or this one is interrupted; says once that it waits.
pub fn wait_for<T>(mut attempt: impl FnMut() -> Result<Option<T>>, say: impl FnOnce()) -> Result<T> {
    if let Some(done) = attempt()? {
        return Ok(done);
    }
    // Asked again and again, since an interrupt does not end a wait in the system.
    let _waiting = Waiting::begin();
    say();
    let mut pause = Duration::from_millis(1);
    loop {
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
        let done = attempt()?;
        if interrupted() {
            return Err(error().into());
        }
        if let Some(done) = done {
            return Ok(done);
        }
    }
}

/// A wait that ends by itself after an interrupt.
struct Waiting;

impl Waiting {
    fn begin() -> Self {
        state().waiting += 1;
        Self
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        state().waiting -= 1;
    }
}

/// What an interrupted run ends with.
pub(super) fn error() -> Error {
    Error::failure("interrupted").hint("no build is left running; what was done so far need not be done again")
}

/// Starts a child that an interrupt ends. The outer error says that there was one already; the inner one is the system's.
pub(super) fn spawn(command: &mut Command, group: Group) -> Result<io::Result<(Child, Registered)>> {
    // Held across the start: an interrupt comes before it, and prevents it, or after it, and finds the child.
    let mut state = state();
    if state.interrupts > 0 {
        return Err(error().into());
    }
    Ok(command.spawn().map(|child| {
        let id = child.id();
        state.running.insert(id, group);
        (child, Registered(id))
    }))
}

impl Registered {
    /// The status of the child if it ended. After an interrupt, what is left of its group is killed.
    pub(super) fn try_reap(&self, child: &mut Child) -> Result<Option<ExitStatus>> {
        let mut state = state();
        let status = child.try_wait().context("cannot wait for a command")?;
        if status.is_some() {
            let group = state.running.remove(&self.0);
            if state.interrupts > 0 && group == Some(Group::Own) {
                system::kill(self.0, Group::Own);
            }
        }
        Ok(status)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        state().running.remove(&self.0);
    }
}

#[expect(clippy::disallowed_methods, reason = "there is nothing whose end would bring the run to its own")]
fn on_interrupt() {
    let mut state = state();
    state.interrupts += 1;
    if state.running.is_empty() && state.waiting == 0 {
        std::process::exit(ExitCode::Failure as i32);
    }
    if state.interrupts > 1 {
        kill_all(&state);
        return;
    }
    for (id, group) in &state.running {
        system::interrupt(*id, *group);
    }
    thread::spawn(|| {
        thread::sleep(GRACE);
        kill_all(&self::state());
    });
}

fn kill_all(state: &State) {
    for (id, group) in &state.running {
        system::kill(*id, *group);
    }
}

fn state() -> MutexGuard<'static, State> {
    // A panic elsewhere must not keep an interrupt from ending the children.
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process that ended by itself cannot be signalled, and that is all that can go wrong here.
#[cfg(unix)]
mod system {
    use super::Group;
    use rustix::process::{Pid, Signal, kill_process, kill_process_group};

    pub(super) fn interrupt(id: u32, group: Group) {
        signal(id, group, Signal::INT);
    }

    pub(super) fn kill(id: u32, group: Group) {
        signal(id, group, Signal::KILL);
    }

    fn signal(id: u32, group: Group, signal: Signal) {
        let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) else { return };
        let _ = match group {
            Group::Own => kill_process_group(pid, signal),
            Group::Shared => kill_process(pid, signal),
        };
    }
}

/// The console gives Ctrl-C to every process attached to it, so that the children have it already.
#[cfg(not(unix))]
mod system {
    use super::Group;

    pub(super) fn interrupt(_id: u32, _group: Group) {}

    pub(super) fn kill(id: u32, _group: Group) {
        // The standard library kills only through the child itself, which its own thread holds.
        let id = id.to_string();
        let _ = std::process::Command::new("taskkill").args(["/T", "/F", "/PID", &id]).output();
    }
}
