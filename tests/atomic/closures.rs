//! An error or a panic in a closure undoes its transaction and leaves the store usable.

use std::panic::{AssertUnwindSafe, catch_unwind};

use aclite::{Actor, Error, Result, TaskPatch, TaskStatus};

use super::world::{bo, cy, everything, fill, mark, store, told};
use crate::support::{last_seq, system, verdict, world, world_at};

/// An error type of the embedder's.
#[derive(Debug)]
struct Mine(String);

impl From<Error> for Mine {
    fn from(error: Error) -> Self {
        Self(error.code().to_owned())
    }
}

#[test]
fn an_error_or_a_panic_in_a_closure_undoes_it_and_leaves_the_store_usable() {
    let store = store();
    let (before, seq) = (everything(&store), last_seq(&store));
    let outcome = store.try_write(&bo(), |tx| {
        tx.tasks().patch("t", mark(1))?;
        tx.sessions().remove("s")?;
        Err::<(), _>(Mine("changed my mind".to_owned()))
    });
    assert_eq!(outcome.unwrap_err().0, "changed my mind");
    assert_eq!((everything(&store), told(&store, seq)), (before.clone(), vec![]));

    let panicked = catch_unwind(AssertUnwindSafe(|| {
        store.write(&bo(), |tx| -> Result<()> {
            tx.tasks().patch("t", mark(1))?;
            assert!(tx.tasks().patch("none", mark(1)).is_err());
            panic!("in the middle of it")
        })
    }));
    assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"in the middle of it"));
    assert_eq!((everything(&store), told(&store, seq)), (before.clone(), vec!["patch task none: missing".to_owned()]));

    // In the middle of a statement of its own, and of a read.
    for _ in 0..3 {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            store.write(&bo(), |tx| {
                tx.sql().query(
                    "UPDATE tasks SET data = '{\"mark\":1}' RETURNING task_id",
                    [],
                    |_| -> rusqlite::Result<()> { panic!("in the middle of a statement") },
                )
            })
        }));
        assert!(panicked.is_err());
        let panicked = catch_unwind(AssertUnwindSafe(|| store.read(&bo(), |_| -> Result<()> { panic!("in a read") })));
        assert!(panicked.is_err());
    }
    assert_eq!(everything(&store), before);
    // Nobody's rights are left over: whoever comes next is himself.
    assert_eq!(verdict(&store.write(&cy(), |tx| tx.tasks().patch("t", mark(1)))), "denied");
    assert_eq!(verdict(&store.write(&Actor::Anonymous, |tx| tx.tasks().patch("t", mark(1)))), "not_authenticated");
    assert_eq!(verdict(&store.write(&bo(), |tx| tx.tasks().patch("t", mark(1)))), "ok");
    // Nor is the way in for SQL of others left open to secrets.
    let secret =
        store.write(&cy(), |tx| tx.sql().query_row("SELECT password FROM users", [], |row| row.get::<_, String>(0)));
    assert_eq!(verdict(&secret), "invalid");
}

#[test]
fn a_store_called_from_inside_its_own_closure_says_so() {
    let dir = tempfile::tempdir().unwrap();
    for store in [world(), world_at(&dir.path().join("file"))] {
        fill(&store);
        let clone = store.clone();
        let nested = || {
            [
                verdict(&clone.write(&bo(), |tx| tx.tasks().patch("t", mark(1)).map(drop))),
                verdict(&clone.read(&bo(), |tx| tx.tasks().get("t").map(drop))),
                verdict(&clone.try_write(&bo(), |_| Ok::<(), Error>(()))),
                verdict(&clone.check()),
            ]
        };
        assert_eq!(store.write(&bo(), |_| Ok(nested())).unwrap(), ["nested"; 4]);
        assert_eq!(store.read(&bo(), |_| Ok(nested())).unwrap(), ["nested"; 4]);
        // The closure goes on, and another store is another matter.
        let other = world();
        store
            .write(&bo(), |tx| {
                assert_eq!(verdict(&store.read(&bo(), |tx| tx.tasks().get("t"))), "nested");
                other.write(&system(), |tx| tx.sql().execute("UPDATE users SET name = 'x'", []))?;
                other.read(&bo(), |_| Ok(()))?;
                assert_eq!(verdict(&store.read(&bo(), |tx| tx.tasks().get("t"))), "nested");
                tx.tasks().patch("t", mark(7)).map(drop)
            })
            .unwrap();
        assert_eq!(nested(), ["ok"; 4]);
    }
}

/// A repository call while a statement of the embedder's is still handing out rows is aclite's own
/// all the same, and takes nothing from the other.
#[test]
fn repositories_work_while_a_statement_hands_out_rows() {
    let store = store();
    let found = store
        .write(&bo(), |tx| {
            tx.sql().query("SELECT task_id FROM tasks ORDER BY task_id", [], |row| {
                let id: String = row.get(0)?;
                let session = tx.sessions().get("s");
                let patched = tx.tasks().patch(id.as_str(), mark(5));
                let finished = tx.tasks().finish(id.as_str(), TaskPatch::new().status(TaskStatus::Completed));
                let secret = tx.sql().execute("SELECT password FROM users", []);
                Ok((verdict(&session), verdict(&patched), verdict(&finished), verdict(&secret)))
            })
        })
        .unwrap();
    assert_eq!(found, [("ok", "ok", "ok", "invalid"); 2]);
}
