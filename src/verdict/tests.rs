//! The order of the checks, and what a missing or unknown fact does.

use super::*;
use crate::facts::Fact;

/// What `actor` gets for patching the status of task `t` of session `s`, in a world of these facts.
fn patch(actor: &Actor, world: &[(&'static str, Fact<'static>)]) -> String {
    let usual = [
        ("id", Fact::Text("t")),
        ("session", Fact::Text("s")),
        ("worktree", Fact::Text("w")),
        ("held", Fact::Text("3 others")),
        ("own", Fact::Int(0)),
        ("rule", Fact::Text("prompt|session|all")),
        ("scope", Fact::Null),
        ("columns", Fact::Text("task_id\nsession_id\nstatus\nmystery")),
        ("changed", Fact::Text("0010")),
        ("rowid_changed", Fact::Int(0)),
        ("key_taken", Fact::Int(0)),
        ("old_status", Fact::Text("running")),
        ("status", Fact::Text("awaiting_permission")),
        ("completed_at", Fact::Null),
    ];
    let mut facts = Facts::default();
    for (name, fact) in usual {
        let changed = world.iter().find(|(changed, _)| *changed == name);
        match changed.map_or(fact, |(_, fact)| *fact) {
            Fact::Unusable if name == "rule" => {} // stands for a fact that is missing
            fact => facts.push(name, fact),
        }
    }
    match decide(actor, Operation::new(Resource::Task, Action::Patch), &facts) {
        Verdict::Allowed(allowed) => format!("allowed: {}", allowed.why),
        Verdict::Refused(Refusal::Undecidable(problem)) => format!("can't say: {problem}"),
        Verdict::Refused(refusal) => {
            let error = crate::error::Error::from(refusal);
            format!("{}{}: {error}", error.code(), if error.visible() { "" } else { ", hidden" })
        }
    }
}

/// A new worktree's creator becomes its first owner without a rule; nothing that lacks one of the
/// facts of that does.
#[test]
fn only_a_new_worktrees_creator_owns_it_unasked() {
    let usual = [
        ("id", Fact::Text("w/u")),
        ("parent", Fact::Text("w")),
        ("parent_exists", Fact::Int(1)),
        ("worktree", Fact::Text("w")),
        ("held", Fact::Text("1 others")),
        ("own", Fact::Int(1)),
        ("rule", Fact::Text("owner||all")),
        ("columns", Fact::Text("worktree_id\nuser_id\ncreated_at")),
        ("key_taken", Fact::Int(0)),
        ("user", Fact::Text("u")),
        ("user_exists", Fact::Int(1)),
        ("first", Fact::Int(1)),
        ("creator", Fact::Text("u")),
        ("created_at", Fact::Null),
        ("first_owner_due", Fact::Int(1)),
    ];
    let user = Actor::user("u");
    for (name, other, allowed) in [
        ("first_owner_due", Fact::Int(1), true),
        ("first_owner_due", Fact::Int(0), false),
        ("first", Fact::Int(0), false),
        ("creator", Fact::Text("v"), false),
        ("creator", Fact::Null, false),
        ("user", Fact::Text("v"), false),
        ("user_exists", Fact::Int(0), false),
    ] {
        let mut facts = Facts::default();
        for (known, fact) in usual {
            facts.push(known, if known == name { other } else { fact });
        }
        let verdict = decide(&user, Operation::new(Resource::Owner, Action::Create), &facts);
        assert_eq!(matches!(verdict, Verdict::Allowed(_)), allowed, "{name} {other:?}: {verdict:?}");
    }
}

#[test]
fn checks_run_in_one_order() {
    let (user, agent, daemon) = (Actor::user("u"), Actor::executor("u", "s", "t"), Actor::system("test"));
    let text = Fact::Text;
    let stranger = ("held", text("0 others"));
    let ended = ("old_status", text("stopped"));
    let moved = ("changed", text("0110"));
    for (actor, world, expected) in [
        (&Actor::Anonymous, &[stranger, ended][..], "not_authenticated: not signed in"),
        (&Actor::user("anonymous"), &[], "not_authenticated: not signed in"),
        (&user, &[], "allowed: others"),
        (&daemon, &[stranger], "allowed: system test"),
        // May view comes before everything that names something about the record.
        (
            &user,
            &[stranger, ended, moved],
            "denied, hidden: may not patch task `t`: needs `prompt`, holds `none` (others) on worktree `w`",
        ),
        (
            &agent,
            &[stranger],
            "denied, hidden: may not patch task `t`: needs `prompt`, holds `none` (others) on worktree `w`",
        ),
        // Scope comes before level.
        (
            &agent,
            &[("held", text("1 others"))],
            "denied: may not patch task `t` on worktree `w`: the task is not this executor's",
        ),
        (&agent, &[("scope", Fact::Int(1))], "allowed: others"),
        // Level comes before invariants.
        (
            &user,
            &[("held", text("2 group devs")), ended, moved],
            "denied: may not patch task `t`: needs `prompt`, holds `session` (group devs) on worktree `w`",
        ),
        (&user, &[("held", text("2 group devs")), ("own", Fact::Int(1))], "allowed: own session, group devs"),
        (&user, &[moved, ended], "immutable: `session_id` of task `t` can't change"),
        (&daemon, &[moved], "immutable: `session_id` of task `t` can't change"),
        (&user, &[ended], "conflict: task `t` has ended as `stopped`"),
        // What is missing or unknown refuses.
        (
            &user,
            &[("held", Fact::Null)],
            "denied, hidden: may not patch task `t`: needs `prompt`, holds `none` (nothing) on worktree `w`",
        ),
        (
            &user,
            &[("held", text("9 others"))],
            "denied, hidden: may not patch task `t`: needs `prompt`, holds `none` (others) on worktree `w`",
        ),
        (
            &user,
            &[("rule", Fact::Null)],
            "denied: may not patch task `t` on worktree `w`: no rule says who may patch a task",
        ),
        (
            &user,
            &[("rule", Fact::Unusable)],
            "denied: may not patch task `t` on worktree `w`: no rule says who may patch a task",
        ),
        (
            &user,
            &[("rule", text("promt||all"))],
            "denied: may not patch task `t` on worktree `w`: no rule says who may patch a task",
        ),
        (&user, &[("changed", text("001"))], "can't say: the guard does not match the table's columns"),
        (&user, &[("old_status", Fact::Unusable)], "can't say: the stored `old_status` is not plain text"),
        (&user, &[("status", Fact::Unusable)], "invalid: `status` must be plain text"),
        (&user, &[("worktree", Fact::Null)], "can't say: task `t` has no parent"),
    ] {
        assert_eq!(patch(actor, world), expected, "{actor:?} {world:?}");
    }
}
