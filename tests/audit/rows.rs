//! The audit says who asked for what, what was decided and why; a rule says which decisions leave a row.

use aclite::{
    Actor, AuditRow, MessagePatch, MessageRole, MessageType, NewMessage, NewSession, NewTask, Result, SessionPatch,
    Sharing, Store, TaskPatch, Tx, WorktreePatch,
};
use serde_json::json;

use crate::support::{ask, audit_after, last_seq, message, session, sql, system, task, worktree, world};

/// `bo`'s worktree `w`, where others may open sessions: his session `s` with the task `t` and the
/// message `m`, `cy`'s session `hers` with the task `tc`. `dee` may prompt, since she is in the group
/// `devs`. `far` is hidden from all but `cy`.
fn office() -> Store {
    let store = world();
    worktree(&store, "w", "bo", Sharing::Session);
    worktree(&store, "far", "cy", Sharing::None);
    for (s, w, creator) in [("s", "w", "bo"), ("hers", "w", "cy"), ("fs", "far", "cy")] {
        session(&store, s, w, creator);
    }
    for (t, s, creator) in [("t", "s", "bo"), ("tc", "hers", "cy"), ("ft", "fs", "cy"), ("over", "s", "bo")] {
        task(&store, t, s, creator);
    }
    message(&store, "m", "s", Some("t"));
    for statement in [
        "UPDATE tasks SET status = 'stopped', completed_at = 5 WHERE task_id = 'over'",
        "INSERT INTO groups (group_id, name, slug, created_at) VALUES ('g', 'Devs', 'devs', acl_now())",
        "INSERT INTO group_memberships (group_id, user_id, created_at) VALUES ('g', 'dee', acl_now())",
        "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_at) VALUES ('w', 'g', 'prompt', acl_now())",
    ] {
        sql(&store, statement);
    }
    store
}

fn patch(tx: &Tx<'_>, id: &str) -> Result<()> {
    tx.tasks().patch(id, TaskPatch::new().set("model", "m")).map(drop)
}

fn said(session: &str) -> NewMessage {
    NewMessage::new(session, MessageType::User, MessageRole::User, "hello").id("new")
}

/// A row but for its number, time and epoch.
fn line(row: &AuditRow) -> String {
    let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    format!(
        "{} {} {}: {} {} {} of {} in {}: needs {}, holds {}: {} [{}]",
        row.door,
        row.actor_kind,
        row.actor,
        row.verdict,
        row.operation,
        row.resource,
        row.record,
        [&row.session_id, &row.worktree_id].map(or).join("/"),
        or(&row.needed),
        or(&row.held),
        or(&row.why),
        or(&row.fields),
    )
}

type Call = fn(&Tx<'_>) -> Result<()>;

#[test]
fn a_row_says_who_asked_for_what_and_why_it_went_as_it_did() {
    let user = |id: &str| Actor::user(id);
    let executor = || Actor::executor("bo", "s", "t");
    let shared: Call = |tx| {
        tx.worktrees().patch("w", WorktreePatch::new().others_can(Sharing::View).name("x").set("notes", "n")).map(drop)
    };
    let reported: Call =
        |tx| tx.sessions().patch("s", SessionPatch::new().archived(true).set("tasks", vec!["t"])).map(drop);
    let calls: Vec<(Actor, Call, &str)> = vec![
        // By which right, and what changed.
        (
            user("bo"),
            |tx| patch(tx, "t"),
            "api user bo: allowed patch task of t in s/w: needs prompt, holds all: owner [data.model]",
        ),
        (
            user("cy"),
            |tx| patch(tx, "tc"),
            "api user cy: allowed patch task of tc in hers/w: needs session, holds session: own session, others [data.model]",
        ),
        (
            user("dee"),
            |tx| patch(tx, "tc"),
            "api user dee: allowed patch task of tc in hers/w: needs prompt, holds prompt: group devs [data.model]",
        ),
        (
            user("su"),
            |tx| patch(tx, "ft"),
            "api user su: allowed patch task of ft in fs/far: needs prompt, holds all: superadmin [data.model]",
        ),
        (
            executor(),
            |tx| patch(tx, "t"),
            "api executor bo: allowed patch task of t in s/w: needs prompt, holds all: owner [data.model]",
        ),
        (
            system(),
            |tx| patch(tx, "t"),
            "api system test: allowed patch task of t in s/w: needs -, holds -: system test [data.model]",
        ),
        (
            Actor::service("mcp"),
            |tx| patch(tx, "t"),
            "api service mcp: allowed patch task of t in s/w: needs -, holds -: service mcp [data.model]",
        ),
        (
            user("dee"),
            reported,
            "api user dee: allowed report session of s in s/w: needs prompt, holds prompt: group devs [archived data.tasks]",
        ),
        (
            user("bo"),
            shared,
            "api user bo: allowed share worktree of w in -/w: needs owner, holds all: owner [name others_can data.notes]",
        ),
        (
            user("bo"),
            |tx| tx.sql().execute("UPDATE tasks SET started_at = acl_now() WHERE task_id = 't'", []).map(drop),
            "sql user bo: allowed patch task of t in s/w: needs prompt, holds all: owner [started_at]",
        ),
        (
            user("bo"),
            |tx| tx.worktrees().add_owner("w", "dee").map(drop),
            "api user bo: allowed create owner of w/dee in -/w: needs owner, holds all: owner [-]",
        ),
        (
            user("bo"),
            |tx| tx.messages().remove("m"),
            "api user bo: allowed remove message of m in s/w: needs prompt, holds all: owner [-]",
        ),
        (
            user("ada"),
            |tx| tx.sql().execute("UPDATE users SET unix_username = 'd' WHERE user_id = 'dee'", []).map(drop),
            "sql user ada: allowed administer user of dee in -/-: needs role:admin, holds admin: role [unix_username]",
        ),
        (
            user("dee"),
            |tx| tx.sql().execute("UPDATE users SET name = 'D' WHERE user_id = 'dee'", []).map(drop),
            "sql user dee: allowed patch user of dee in -/-: needs self, holds member: own record [name]",
        ),
        // Refused, and for what.
        (
            user("cy"),
            |tx| tx.sql().execute("UPDATE users SET name = 'D' WHERE user_id = 'dee'", []).map(drop),
            "sql user cy: denied patch user of dee in -/-: needs role:admin, holds none: role member [name]",
        ),
        (
            Actor::Anonymous,
            |tx| patch(tx, "t"),
            "api anonymous : denied patch task of t in -/-: needs -, holds -: not signed in [-]",
        ),
        (
            user("vi"),
            |tx| patch(tx, "t"),
            "api user vi: denied patch task of t in s/w: needs prompt, holds view: viewer role [data.model]",
        ),
        (
            user("bo"),
            |tx| patch(tx, "ft"),
            "api user bo: denied patch task of ft in fs/far: needs prompt, holds none: others [data.model]",
        ),
        (
            executor(),
            |tx| patch(tx, "over"),
            "api executor bo: denied patch task of over in s/w: needs -, holds all: it is outside this executor's task [data.model]",
        ),
        (
            user("bo"),
            |tx| patch(tx, "none"),
            "api user bo: missing patch task of none in -/-: needs -, holds -: no task [-]",
        ),
        (
            user("bo"),
            |tx| tx.tasks().create(NewTask::new("none").id("new")).map(drop),
            "api user bo: missing create task of new in -/-: needs -, holds -: no session [-]",
        ),
        (
            user("bo"),
            |tx| tx.tasks().patch("over", TaskPatch::new().status("failed")).map(drop),
            "api user bo: conflict patch task of over in s/w: needs -, holds -: ended as stopped [status]",
        ),
        (
            user("bo"),
            |tx| tx.tasks().create(NewTask::new("s").id("t")).map(drop),
            "api user bo: conflict create task of t in s/w: needs -, holds -: duplicate [-]",
        ),
        (
            user("bo"),
            |tx| tx.worktrees().remove_owner("w", "bo"),
            "api user bo: conflict remove owner of w/bo in -/w: needs -, holds -: last owner [-]",
        ),
        (
            user("bo"),
            |tx| tx.tasks().patch("t", TaskPatch::from_json(json!({"session_id": "fs"}))?).map(drop),
            "api user bo: denied patch task of t in s/w: needs -, holds -: `session_id` can't change [session_id]",
        ),
        (
            user("bo"),
            |tx| tx.messages().patch("m", MessagePatch::new().set("task_id", "ft")).map(drop),
            "api user bo: denied patch message of m in s/w: needs -, holds -: `task_id` is invalid [task_id]",
        ),
        (
            user("cy"),
            |tx| {
                tx.sessions()
                    .create(NewSession::new("w", aclite::AgenticTool::Codex).id("new").set("parent_session_id", "none"))
                    .map(drop)
            },
            "api user cy: denied create session of new in -/w: needs -, holds -: `parent_session_id` is invalid [-]",
        ),
        (
            user("cy"),
            |tx| tx.tasks().close_orphaned().map(drop),
            "api user cy: denied patch task of  in -/-: needs -, holds -: only the daemon may [-]",
        ),
    ];
    for (actor, call, expected) in calls {
        let store = office();
        let (seq, epoch) = (last_seq(&store), ask::<i64>(&store, "SELECT epoch FROM acl_epoch"));
        let before = aclite::Time::now();
        let outcome = store.write(&actor, call);
        let rows = audit_after(&store, seq);
        assert_eq!(rows.iter().map(line).collect::<Vec<_>>(), [expected], "{outcome:?}");
        assert_eq!(outcome.is_ok(), rows[0].verdict == "allowed", "{expected}");
        assert_eq!(rows[0].seq, seq + 1, "{expected}");
        assert!(before <= rows[0].at && rows[0].at <= aclite::Time::now(), "{expected}");
        // A change of who may do what stands with the epoch that it makes.
        assert!((epoch..=epoch + 1).contains(&rows[0].epoch), "{expected}: {} of {epoch}", rows[0].epoch);
    }
    let store = office();
    sql(&store, "UPDATE users SET unix_username = 'x' WHERE user_id = 'bo'");
    let seq = last_seq(&store);
    store.write(&user("bo"), |tx| tx.tasks().create(NewTask::new("s").id("new"))).unwrap_err();
    let told = audit_after(&store, seq).iter().map(line).collect::<Vec<_>>();
    assert_eq!(told, ["api user bo: denied create task of new in s/w: needs -, holds -: identity drift [-]"]);
}

/// The word of the rule decides about what is allowed; what is refused always leaves a row; reads never do.
#[test]
fn a_rule_says_which_decisions_leave_a_row() {
    let store = office();
    let rows = |actor: &Actor, call: Call| {
        let seq = last_seq(&store);
        let _ = store.write(actor, call);
        audit_after(&store, seq).len()
    };
    let (bo, vi) = (Actor::user("bo"), Actor::user("vi"));
    let new_message: Call = |tx| tx.messages().create(said("s")).and_then(|new| tx.messages().remove(new.message_id));
    for (word, allowed, refused) in [("all", 1, 1), ("refusals", 0, 1), ("never", 0, 1)] {
        sql(&store, &format!("UPDATE acl_rules SET audit = '{word}' WHERE operation IN ('patch', 'create')"));
        for actor in [&bo, &system(), &Actor::executor("bo", "s", "t")] {
            assert_eq!(rows(actor, |tx| patch(tx, "t")), allowed, "{word}: {actor:?}");
        }
        // The removal has a rule of its own.
        for actor in [&bo, &system()] {
            assert_eq!(rows(actor, new_message), allowed + 1, "{word}: {actor:?}");
        }
        assert_eq!(rows(&vi, |tx| patch(tx, "t")), refused, "{word}");
        assert_eq!(rows(&vi, new_message), refused, "{word}");
        assert_eq!(rows(&bo, |tx| patch(tx, "none")), refused, "{word}: what is missing");
    }
    // As they come: new messages leave none.
    let store = office();
    let seq = last_seq(&store);
    store.write(&bo, |tx| tx.messages().create(said("s"))).unwrap();
    store.read(&bo, |tx| tx.tasks().get("t").and_then(|_| tx.tasks().get("ft"))).unwrap_err();
    assert_eq!(audit_after(&store, seq).len(), 0);
}

#[test]
fn the_audit_is_read_from_either_end() {
    let store = office();
    let all = audit_after(&store, 0);
    assert!(all.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1), "numbers have no gaps");
    let read = |work: fn(&aclite::ReadTx<'_>) -> Result<Vec<AuditRow>>| store.read(&system(), work).unwrap();
    assert_eq!(read(|tx| tx.audit().after(2, 3)), all[2..5]);
    assert_eq!(read(|tx| tx.audit().tail(3)), all[all.len() - 3..]);
    assert_eq!(read(|tx| tx.audit().after(100_000, 3)), []);
    assert_eq!(read(|tx| tx.audit().tail(0)), []);
}
