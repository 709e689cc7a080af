//! The only module that starts processes.
//!
//! A command is built with [`xshell::cmd!`], which never goes through a shell, and handed over as a [`Command`]:
//!
//! ```no_run
//! use xshell::{Shell, cmd};
//! use xtask::process::{Command, Event};
//!
//! # fn main() -> anyhow::Result<()> {
//! let sh = Shell::new()?;
//! let version = Command::from(cmd!(sh, "docker buildx version")).read()?;
//!
//! let status = Command::from(cmd!(sh, "docker buildx bake --progress rawjson"))
//!     .secret("GITHUB_TOKEN", "…")
//!     .stream(&mut |event| if let Event::Stderr(line) = event { /* … */ })?;
//! # Ok(()) }
//! ```
//!
//! Once [`end_on_interrupt`] was called, Ctrl-C or a request to terminate ends the running children before the run.

#![expect(clippy::disallowed_types, reason = "this is the module")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write as _};
use std::process::{Child, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use camino::Utf8PathBuf;

use crate::error::Error;
use crate::files;

mod interrupt;
mod quote;

pub use interrupt::{end_on_interrupt, interrupted, wait_for};

use interrupt::Registered;

/// How many lines of a failed command's stderr its error shows.
const STDERR_LINES: usize = 30;

/// How long [`Command::stream`] waits without a line before it says [`Event::Tick`].
const TICK: Duration = Duration::from_millis(100);

/// How long the pipes of a command that ended are still read, while a process that it left behind holds them open.
const DRAIN: Duration = Duration::from_secs(1);

/// A program, its arguments, its folder and its environment, ready to be started.
#[derive(Debug)]
pub struct Command {
    inner: std::process::Command,
    secrets: BTreeMap<String, String>,
    stdin: Option<Vec<u8>>,
}

/// What a command that runs under [`Command::stream`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A line of its standard output, without the line end; bytes that are not UTF-8 are replaced.
    Stdout(&'a str),
    /// A line of its standard error, likewise.
    Stderr(&'a str),
    /// Nothing, for about a tenth of a second: the time to redraw a clock.
    Tick,
}

impl From<xshell::Cmd<'_>> for Command {
    fn from(cmd: xshell::Cmd<'_>) -> Self {
        Self { inner: cmd.into(), secrets: BTreeMap::new(), stdin: None }
    }
}

impl Command {
    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.inner.env(name, value);
        self
    }

    /// Sets an environment variable whose value is neither printed nor repeated in an error.
    #[must_use]
    pub fn secret(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        self.inner.env(&name, &value);
        self.secrets.insert(name, value);
        self
    }

    /// What the command reads from its standard input; without it, the input is empty.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// The command as a line for a POSIX shell. A secret appears as a reference to the caller's own variable.
    pub fn to_shell(&self) -> String {
        quote::shell_line(&self.inner, &self.secrets)
    }

    /// Runs the command to its end and returns its status and what it wrote, whether it succeeded or not.
    ///
    /// It shares the process group of this process, so that a tool may ask for a passphrase on the terminal.
    pub fn output(mut self) -> Result<Output> {
        let mut running = self.start(Group::Shared)?;
        let stderr = running.stderr();
        let mut stdout = Vec::new();
        let read = running.stdout()?.read_to_end(&mut stdout);
        let status = running.wait();
        read.with_context(|| format!("cannot read the output of `{}`", self.to_shell()))?;
        Ok(Output { status: status?, stdout, stderr: join(stderr) })
    }

    /// Runs the command to its end. A failure shows the command, its status and the end of its stderr.
    pub fn run(self) -> Result<Output> {
        let (line, secrets) = (self.to_shell(), self.secrets.clone());
        let output = self.output()?;
        check(&line, &secrets, output.status, &output.stderr)?;
        Ok(output)
    }

    /// What the command writes to its standard output, without the final line end. Fails as [`Command::run`] does.
    pub fn read(self) -> Result<String> {
        let line = self.to_shell();
        let output = self.run()?;
        let mut text =
            String::from_utf8(output.stdout).with_context(|| format!("`{line}` wrote text that is not UTF-8"))?;
        text.truncate(text.trim_end_matches(['\n', '\r']).len());
        Ok(text)
    }

    /// Hands the command's standard output to `consume` while it runs, for output too large to keep.
    ///
    /// A failure of the command comes before one of `consume`, which often follows from it. What `consume` leaves unread is
    /// discarded.
    pub fn pipe<T>(mut self, consume: impl FnOnce(&mut dyn Read) -> Result<T>) -> Result<T> {
        let mut running = self.start(Group::Shared)?;
        let stderr = running.stderr();
        let mut stdout = BufReader::new(running.stdout()?);
        let consumed = consume(&mut stdout);
        // A command whose reader goes away dies of a broken pipe, and its status would hide what happened. Reading
        // on can only fail where the command ended, and then its status says so.
        let _ = std::io::copy(&mut stdout, &mut std::io::sink());
        let status = running.wait()?;
        check(&self.to_shell(), &self.secrets, status, &join(stderr))?;
        consumed
    }

    /// Runs a long command, giving each of its lines to `on_event` as it comes; returns its status.
    ///
    /// It has a process group of its own on Unix, so that an interrupt reaches it once, from here, and with it all that it started.
    pub fn stream(mut self, on_event: &mut dyn FnMut(Event<'_>)) -> Result<ExitStatus> {
        let mut running = self.start(Group::Own)?;
        let lines = running.lines()?;
        let mut ended: Option<Instant> = None;
        loop {
            match lines.recv_timeout(TICK) {
                Ok(Line::Stdout(line)) => on_event(Event::Stdout(&line)),
                Ok(Line::Stderr(line)) => on_event(Event::Stderr(&line)),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => on_event(Event::Tick),
            }
            if ended.is_none() && running.has_ended()? {
                ended = Some(Instant::now());
            }
            if ended.is_some_and(|since| since.elapsed() > DRAIN) {
                break;
            }
        }
        running.wait()
    }

    fn start(&mut self, group: Group) -> Result<Running> {
        let stdin = if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        self.inner.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        if group == Group::Own {
            std::os::unix::process::CommandExt::process_group(&mut self.inner, 0);
        }
        let spawned = interrupt::spawn(&mut self.inner, group)?;
        let (mut child, registered) = spawned.map_err(|error| self.cannot_start(error))?;
        if let (Some(bytes), Some(mut stdin)) = (self.stdin.take(), child.stdin.take()) {
            // A program need not read its input; if it should have, its status says so.
            thread::spawn(move || stdin.write_all(&bytes).is_ok());
        }
        Ok(Running { child, registered, status: None })
    }

    #[expect(clippy::disallowed_methods, reason = "the system does not say which of folder and program is missing")]
    fn cannot_start(&self, error: std::io::Error) -> anyhow::Error {
        let program = self.inner.get_program().to_string_lossy();
        let folder = self.inner.get_current_dir().filter(|folder| !folder.is_dir());
        if let Some(folder) = folder {
            return Error::failure(format!("cannot start {program} in {}: no such folder", folder.display())).into();
        }
        if error.kind() == ErrorKind::NotFound && self.is_missing() {
            let hint = format!("install {program}; `cargo xtask doctor` shows what else is missing");
            return Error::failure(format!("{program} is not on PATH")).hint(hint).into();
        }
        anyhow::Error::new(error).context(format!("cannot start `{}`", self.to_shell()))
    }

    /// Distinguishes a missing program from one whose interpreter is missing; both are "not found" to the system.
    fn is_missing(&self) -> bool {
        let own_path = self.inner.get_envs().find(|(name, _)| *name == OsStr::new("PATH")).and_then(|(_, value)| value);
        let program = self.inner.get_program();
        match own_path {
            Some(path) => which::which_in_global(program, Some(path)).is_ok_and(|mut found| found.next().is_none()),
            None => which::which(program).is_err(),
        }
    }
}

/// Whether a program of that name would be found.
pub fn is_on_path(program: &str) -> bool {
    which::which(program).is_ok()
}

/// The file of a program of that name, links followed; `None` where there is none on PATH.
pub fn find(program: &str) -> Option<Utf8PathBuf> {
    let found = which::which(program).ok()?;
    files::canonical(&Utf8PathBuf::from_path_buf(found).ok()?).ok()
}

/// Whose process group a command runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Shared,
    Own,
}

enum Line {
    Stdout(String),
    Stderr(String),
}

/// A started child, known to the interrupt handler until it is reaped.
struct Running {
    child: Child,
    registered: Registered,
    status: Option<ExitStatus>,
}

impl Running {
    fn stdout(&mut self) -> Result<impl Read + Send + use<>> {
        self.child.stdout.take().context("the command's standard output is not a pipe")
    }

    /// Reads stderr beside stdout: a command blocks once either of its pipes is full.
    fn stderr(&mut self) -> Option<thread::JoinHandle<Vec<u8>>> {
        let mut pipe = self.child.stderr.take()?;
        Some(thread::spawn(move || {
            let mut bytes = Vec::new();
            // What was read so far is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
            bytes
        }))
    }

    fn lines(&mut self) -> Result<Receiver<Line>> {
        let (sender, receiver) = channel();
        let stdout = self.stdout()?;
        let stderr = self.child.stderr.take().context("the command's standard error is not a pipe")?;
        let other = sender.clone();
        thread::spawn(move || send_lines(stdout, &sender, Line::Stdout));
        thread::spawn(move || send_lines(stderr, &other, Line::Stderr));
        Ok(receiver)
    }

    fn has_ended(&mut self) -> Result<bool> {
        if self.status.is_none() {
            self.status = self.registered.try_reap(&mut self.child)?;
        }
        Ok(self.status.is_some())
    }

    /// Waits by asking, since the handler must never signal a process id that was reaped and given away again.
    fn wait(mut self) -> Result<ExitStatus> {
        let mut pause = Duration::from_millis(1);
        loop {
            if self.has_ended()? {
                break;
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
        match self.status {
            Some(status) if !interrupted() => Ok(status),
            _ => Err(interrupt::error().into()),
        }
    }
}

fn send_lines(pipe: impl Read, sender: &Sender<Line>, wrap: fn(String) -> Line) {
    let mut reader = BufReader::new(pipe);
    let mut bytes = Vec::new();
    // A broken pipe is the end of the command, whose status tells the rest.
    while let Ok(1..) = reader.read_until(b'\n', &mut bytes) {
        let line = String::from_utf8_lossy(&bytes);
        if sender.send(wrap(line.trim_end_matches(['\n', '\r']).to_owned())).is_err() {
            return;
        }
        bytes.clear();
    }
}

fn join(reader: Option<thread::JoinHandle<Vec<u8>>>) -> Vec<u8> {
    reader.and_then(|thread| thread.join().ok()).unwrap_or_default()
}

fn check(line: &str, secrets: &BTreeMap<String, String>, status: ExitStatus, stderr: &[u8]) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = stderr.trim_end().lines().collect();
    let mut message = format!("`{line}` failed ({status})");
    for line in &lines[lines.len().saturating_sub(STDERR_LINES)..] {
        message.push_str("\n  ");
        message.push_str(line);
    }
    Err(Error::failure(quote::without_secrets(&message, secrets)).into())
}
