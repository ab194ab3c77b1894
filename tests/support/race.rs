//! Runs parties step by step, each in a thread or in a process of its own, as a director lets them go on.
//!
//! A party runs to a gate, says where it is, and waits until it is let through. So an interleaving
//! is chosen, not hoped for. The same code plays a party in a thread and in a process: there the
//! test binary runs again, as one test that takes its orders from standard input.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};

/// Where a party stops until it is let through.
pub trait Gate {
    fn stop(&mut self, place: &str);
}

/// What a party does, told by words; its answer is how it went.
pub type Play = fn(job: &[String], gate: &mut dyn Gate) -> String;

/// What a party says.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    At(String),
    Done(String),
}

/// A party under way, as its director sees it.
pub struct Party<'p> {
    release: Box<dyn FnMut() + 'p>,
    listen: Box<dyn FnMut() -> Event + 'p>,
}

impl Party<'_> {
    /// Lets the party through every gate before the one called `place`, where it waits then.
    pub fn run_to(&mut self, place: &str) {
        loop {
            match (self.listen)() {
                Event::At(at) if at == place => return,
                Event::At(_) => (self.release)(),
                Event::Done(outcome) => panic!("the party ended with `{outcome}` before it came to `{place}`"),
            }
        }
    }

    /// Lets the party that waits at a gate go on to its end.
    pub fn go_on(&mut self) -> String {
        (self.release)();
        self.finish()
    }

    /// Lets a party that waits nowhere yet run to its end.
    pub fn finish(&mut self) -> String {
        loop {
            match (self.listen)() {
                Event::At(_) => (self.release)(),
                Event::Done(outcome) => return outcome,
            }
        }
    }
}

/// Where the parties run: `0` and `1` may run at the same time.
pub enum Stage {
    Threads(Play),
    Processes(Vec<Worker>),
}

impl Stage {
    /// Two processes; `test` is the name, with its module, of the test in this binary that calls [`serve`].
    pub fn processes(count: usize, test: &str) -> Self {
        Self::Processes((0..count).map(|_| Worker::start(test)).collect())
    }

    /// Starts a party for each of the `jobs`.
    pub fn start(&mut self, jobs: &[Vec<String>]) -> Vec<Party<'_>> {
        match self {
            Self::Threads(play) => jobs.iter().map(|job| in_thread(*play, job.clone())).collect(),
            Self::Processes(workers) => {
                assert!(jobs.len() <= workers.len(), "one process for each party");
                workers.iter_mut().zip(jobs).map(|(worker, job)| worker.party(job)).collect()
            }
        }
    }
}

/// The words of a job.
pub fn job(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

struct Channels {
    released: Receiver<()>,
    says: Sender<Event>,
}

impl Gate for Channels {
    fn stop(&mut self, place: &str) {
        self.says.send(Event::At(place.to_owned())).expect("the director listens");
        self.released.recv().expect("the director lets everybody through");
    }
}

fn in_thread(play: Play, job: Vec<String>) -> Party<'static> {
    let (release, released) = channel();
    let (says, heard) = channel();
    std::thread::spawn(move || {
        let mut gate = Channels { released, says };
        let outcome = play(&job, &mut gate);
        gate.says.send(Event::Done(outcome)).expect("the director listens");
    });
    Party {
        release: Box::new(move || release.send(()).expect("the party waits")),
        listen: Box::new(move || heard.recv().expect("the party did not panic")),
    }
}

const ROLE: &str = "ACLITE_TEST_PARTY";

/// Another process of this test binary. It ends with its standard input.
pub struct Worker {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    fn start(test: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("a running test has a path"))
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(ROLE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the test binary runs again");
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("its output is piped"));
        Self { child, orders, answers }
    }

    fn party(&mut self, job: &[String]) -> Party<'_> {
        let orders = self.orders.as_mut().expect("it is open until the end");
        writeln!(orders, "{}", job.join("\t")).expect("the process takes its job");
        let answers = &mut self.answers;
        Party {
            release: Box::new(|| writeln!(orders, "go").expect("the process waits")),
            listen: Box::new(move || hear(answers)),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.orders.take());
        let ended = self.child.wait();
        if !std::thread::panicking() {
            assert!(ended.is_ok_and(|status| status.success()), "the other process ends well");
        }
    }
}

/// The next thing that the process says; what the test runner prints between is not for us.
fn hear(answers: &mut BufReader<ChildStdout>) -> Event {
    loop {
        let mut line = String::new();
        let read = answers.read_line(&mut line).expect("the process talks");
        assert!(read > 0, "the process ended in the middle of its job");
        // Only the end of the line goes: a job may be done with nothing to tell.
        let Some((_, said)) = line.trim_end_matches('\n').split_once("@@") else { continue };
        let (word, rest) = said.split_once(' ').expect("a word and the rest");
        return if word == "at" { Event::At(rest.to_owned()) } else { Event::Done(rest.to_owned()) };
    }
}

struct Pipes;

impl Gate for Pipes {
    fn stop(&mut self, place: &str) {
        println!("@@at {place}");
        let order = order().expect("the director lets everybody through");
        assert_eq!(order, "go");
    }
}

fn order() -> Option<String> {
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line).expect("orders can be read");
    (read > 0).then(|| line.trim_end().to_owned())
}

/// Plays what the director orders, if this is another process of the test binary; else does nothing.
pub fn serve(play: Play) {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    while let Some(order) = order() {
        let job: Vec<String> = order.split('\t').map(str::to_owned).collect();
        println!("@@done {}", play(&job, &mut Pipes));
    }
}
