//! A locked file or store is reported as busy, and readers wait for no writer.

use std::sync::Barrier;
use std::time::Duration;

use aclite::{Error, MessageQuery, OpenOptions};
use rusqlite::Connection;

use super::world::{bo, everything, fill, mark, told};
use crate::support::race::{self, Gate, Stage, job};
use crate::support::{self, last_seq, verdict, world_at};

/// Holds the write lock of a file until it is let go.
fn hold(job: &[String], gate: &mut dyn Gate) -> String {
    let conn = Connection::open(&job[0]).unwrap();
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    gate.stop("locked");
    conn.execute_batch("ROLLBACK").unwrap();
    "let go".to_owned()
}

/// In the other process: what holds the lock there. Here: nothing.
#[test]
fn other_process() {
    race::serve(hold);
}

#[test]
fn a_locked_file_is_busy_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    for (name, mut stage) in
        [("threads", Stage::Threads(hold)), ("processes", Stage::processes(1, "locks::other_process"))]
    {
        let path = dir.path().join(name);
        let file = world_at(&path);
        fill(&file);
        let store = OpenOptions::new().busy_timeout(Duration::from_millis(30)).open(&path).unwrap();
        let (before, seq) = (everything(&file), last_seq(&file));
        let mut parties = stage.start(&[job(&[path.to_str().unwrap()])]);
        parties[0].run_to("locked");
        let mut ran = false;
        let outcome = store.write(&bo(), |tx| {
            ran = true;
            tx.tasks().patch("t", mark(1))
        });
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::Busy(_)), "{error:?}");
        assert_eq!((error.code(), error.http_status(), error.public().code), ("busy", 503, "busy"));
        assert!(!ran, "the closure is not run for nothing");
        // Reading goes on.
        store.read(&bo(), |tx| tx.tasks().get("t")).unwrap();
        assert_eq!(parties[0].go_on(), "let go");
        drop(parties);
        assert_eq!((everything(&file), told(&file, seq)), (before, vec![]));
        store.write(&bo(), |tx| tx.tasks().patch("t", mark(1))).unwrap();
    }
}

/// Threads wait for one store's connection as processes do for the file.
#[test]
fn a_store_that_is_in_use_is_busy_to_its_other_threads() {
    let store = {
        let store = OpenOptions::new().busy_timeout(Duration::from_millis(30)).open(":memory:").unwrap();
        support::add_user(&store, "bo", "member");
        store
    };
    let outcome = store.write(&bo(), |_| {
        let elsewhere =
            |work: &(dyn Fn() -> &'static str + Sync)| std::thread::scope(|scope| scope.spawn(work).join().unwrap());
        Ok([
            elsewhere(&|| verdict(&store.write(&bo(), |_| Ok(())))),
            elsewhere(&|| verdict(&store.read(&bo(), |_| Ok(())))),
            elsewhere(&|| verdict(&store.check())),
        ])
    });
    assert_eq!(outcome.unwrap(), ["busy"; 3]);
    assert_eq!(verdict(&store.write(&bo(), |_| Ok(()))), "ok");
}

/// Several readers at once, beside a writer, each on one snapshot: what was committed when it began to read.
#[test]
fn readers_see_what_is_committed_and_wait_for_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let store = world_at(&dir.path().join("file"));
    fill(&store);
    let marked = |tx: &aclite::ReadTx<'_>| Ok::<_, Error>(tx.tasks().get("t")?.data()?.get("mark").cloned());
    let (reading, committed) = (Barrier::new(5), Barrier::new(5));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                store
                    .read(&bo(), |tx| {
                        assert_eq!(marked(tx)?, None);
                        reading.wait();
                        committed.wait();
                        assert_eq!(marked(tx)?, None, "the same snapshot to the end");
                        assert_eq!(tx.messages().find(&MessageQuery::new().session("s"))?.items.len(), 1);
                        Ok(())
                    })
                    .unwrap();
                assert_eq!(store.read(&bo(), marked).unwrap(), Some(1.into()));
            });
        }
        store
            .write(&bo(), |tx| {
                reading.wait();
                tx.messages().remove("m")?;
                tx.tasks().patch("t", mark(1)).map(drop)
            })
            .unwrap();
        committed.wait();
    });
    // More of them than there are connections.
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(store.read(&bo(), marked).unwrap(), Some(1.into()));
                }
            });
        }
        for _ in 0..10 {
            store.write(&bo(), |tx| tx.tasks().patch("u", mark(2))).unwrap();
        }
    });
}
