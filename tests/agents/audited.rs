//! The audit names an agent's user and its session.

use aclite::TaskPatch;

use crate::estate::{agent, estate};
use crate::support::{audit_after, last_seq, raw};

#[test]
fn the_audit_names_an_agents_user_and_session() {
    let estate = estate();
    let seq = last_seq(&estate.store);
    estate.store.write(&agent(), |tx| tx.tasks().patch("s", TaskPatch::new().set("report", "x"))).unwrap();
    estate.store.write(&agent(), |tx| tx.tasks().patch("hers", TaskPatch::new().set("report", "x"))).unwrap_err();
    estate.store.write(&agent(), |tx| tx.tasks().patch("none", TaskPatch::new().set("report", "x"))).unwrap_err();
    raw::act_as(&estate.raw, &agent());
    raw::run(&estate.raw, "UPDATE boards SET name = 'x' WHERE board_id = 'b'").unwrap();
    raw::run(&estate.raw, "UPDATE users SET name = 'x' WHERE user_id = 'bo'").unwrap_err();
    raw::run(&estate.raw, "SELECT acl_logout()").unwrap();
    let rows: Vec<String> = audit_after(&estate.store, seq)
        .into_iter()
        .map(|row| {
            let (why, session) = (row.why.unwrap_or_default(), row.session_id.unwrap_or_default());
            format!(
                "{} {} {}: {} {} {} {} in {session}: {why}",
                row.door, row.actor_kind, row.actor, row.verdict, row.operation, row.resource, row.record
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            "api agent bo: allowed patch task s in s: owner; agent of session `s`",
            "api agent bo: denied patch task hers in hers: an agent writes in its own session, and in those of its user with the \
             same tool and permissions; agent of session `s`",
            "api agent bo: missing patch task none in : no task; agent of session `s`",
            "sql agent bo: allowed patch board b in : role; agent of session `s`",
            "sql agent bo: denied patch user bo in : an agent can't patch a user; agent of session `s`",
        ]
    );
}
