//! A word on stderr about what is going on, once it has gone on for a second.

use std::io::{Write, stderr};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::json;

/// How long nothing is said.
const PATIENCE: Duration = Duration::from_secs(1);

/// Is told each step as it begins.
pub(crate) struct Say(Sender<String>);

impl Say {
    pub(crate) fn step(&self, step: &str) {
        // The listener ends only after the last sender.
        let _ = self.0.send(step.to_owned());
    }
}

/// Runs `work`. If that takes over a second, stderr shows the step it is at and each that follows.
///
/// A thread listens, because one step alone (the integrity check of a large file, waiting for a
/// lock) may be what takes long.
pub(crate) fn shown<T>(json: bool, work: impl FnOnce(&Say) -> T) -> T {
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        scope.spawn(move || listen(json, &receiver));
        // Dropped when the work is done, which ends the listener.
        let say = Say(sender);
        work(&say)
    })
}

fn listen(json: bool, steps: &Receiver<String>) {
    let started = Instant::now();
    let mut current = "opening the file".to_owned();
    loop {
        match steps.recv_timeout(PATIENCE.saturating_sub(started.elapsed())) {
            Ok(step) => current = step,
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
    said(json, &current);
    for step in steps {
        said(json, &step);
    }
}

/// Says a step at once: in words, or as a JSON object in a line of its own. Nobody is worse off where stderr is closed.
pub(crate) fn said(json: bool, step: &str) {
    let line = if json { json!({ "progress": step }).to_string() } else { format!("aclite: {step} …") };
    let _ = writeln!(stderr().lock(), "{line}");
}
