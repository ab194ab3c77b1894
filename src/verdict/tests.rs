//! The order of the checks, and what a missing or unknown fact does.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::types::ValueRef;

use super::*;
use crate::facts::{Columns, Reading, Row, contract};

const fn text(text: &'static str) -> ValueRef<'static> {
    ValueRef::Text(text.as_bytes())
}

const NULL: ValueRef<'static> = ValueRef::Null;
const YES: ValueRef<'static> = ValueRef::Integer(1);
const NO: ValueRef<'static> = ValueRef::Integer(0);

/// A row of these columns, of which `changed` change; of a new one where nothing is said of that.
fn row(columns: &'static str, changed: Option<&[&str]>) -> Row {
    let mut values = Vec::new();
    for line in columns.lines() {
        if let Some(changed) = changed {
            values.push(if changed.contains(&&line[1..]) { text("old") } else { NULL });
        }
        values.push(NULL);
    }
    let mut row = Row::default();
    let strict = Some(catalog::of(Resource::Task));
    let reading = Reading { pairs: changed.is_some(), strict, times: &[], keep: changed.is_none() };
    row.add(Arc::new(Columns::parse(columns).unwrap()), values.into_iter(), reading).unwrap();
    row
}

/// The facts of `asked` in a world where each is as `world` says, and NULL where it says nothing.
fn facts(asked: Operation, world: &[(Fact, ValueRef<'static>)]) -> Facts<'static> {
    let value = |fact: &Fact| world.iter().find(|(known, _)| known == fact).map_or(NULL, |(_, value)| *value);
    Facts::new(contract(asked), contract(asked).iter().map(value).collect()).unwrap()
}

/// What `actor` gets for patching a task, `t` of session `s`, in a world of these facts.
fn patch(actor: &Actor, changed: &[&str], world: &[(Fact, ValueRef<'static>)]) -> String {
    let usual = [
        (Fact::Id, text("t")),
        (Fact::Session, text("s")),
        (Fact::Worktree, text("w")),
        (Fact::Held, text("3 others")),
        (Fact::Own, NO),
        (Fact::Rule, text("prompt|session|all")),
        (Fact::OldStatus, text("running")),
        (Fact::Status, text("awaiting_permission")),
    ];
    let world: Vec<_> = world.iter().chain(&usual).copied().collect();
    let asked = Operation::new(Resource::Task, Action::Patch);
    let mut facts = facts(asked, &world);
    facts.row = row("ttask_id\ntsession_id\ntstatus\n-mystery", Some(changed));
    match decide(actor, asked, &facts) {
        Ok(allowed) => format!("allowed: {}", allowed.why),
        Err(Refusal::Undecidable(problem)) => format!("can't say: {problem}"),
        Err(refusal) => {
            let error = crate::error::Error::from(refusal);
            format!("{}{}: {error}", error.code(), if error.is_visible() { "" } else { ", hidden" })
        }
    }
}

/// A new worktree's creator becomes its first owner without a rule; nothing that lacks one of the
/// facts of that does.
#[test]
fn only_a_new_worktrees_creator_owns_it_unasked() {
    let usual = [
        (Fact::Id, text("w/u")),
        (Fact::Parent, text("w")),
        (Fact::ParentExists, YES),
        (Fact::Worktree, text("w")),
        (Fact::Held, text("1 others")),
        (Fact::Own, YES),
        (Fact::Rule, text("owner||all")),
        (Fact::User, text("u")),
        (Fact::UserExists, YES),
        (Fact::First, YES),
        (Fact::WorktreeCreator, text("u")),
    ];
    let asked = Operation::new(Resource::Owner, Action::Create);
    for (other, due, allowed) in [
        ((Fact::First, YES), true, true),
        ((Fact::First, YES), false, false),
        ((Fact::First, NO), true, false),
        ((Fact::WorktreeCreator, text("v")), true, false),
        ((Fact::WorktreeCreator, NULL), true, false),
        ((Fact::User, text("v")), true, false),
        ((Fact::UserExists, NO), true, false),
    ] {
        let world: Vec<_> = [other].into_iter().chain(usual).collect();
        let mut facts = facts(asked, &world);
        (facts.row, facts.first_owner_due) = (row("tworktree_id\ntuser_id\nicreated_at", None), due);
        let verdict = decide(&Actor::user("u"), asked, &facts);
        assert_eq!(verdict.is_ok(), allowed, "{other:?} {due}: {verdict:?}");
    }
}

#[test]
fn checks_run_in_one_order() {
    let (user, agent, daemon) = (Actor::user("u"), Actor::executor("u", "s", "t"), Actor::system("test"));
    let stranger = (Fact::Held, text("0 others"));
    let ended = (Fact::OldStatus, text("stopped"));
    let (status, moved) = (&["status"][..], &["session_id", "status"][..]);
    for (actor, changed, world, expected) in [
        (&Actor::Anonymous, status, &[stranger, ended][..], "not_authenticated: not signed in"),
        (&Actor::user("anonymous"), status, &[], "not_authenticated: not signed in"),
        (&user, status, &[], "allowed: others"),
        (&daemon, status, &[stranger], "allowed: system test"),
        // May view comes before everything that names something about the record.
        (
            &user,
            moved,
            &[stranger, ended],
            "denied, hidden: may not patch task `t`: needs `prompt`, holds `none` (others) on worktree `w`",
        ),
        (
            &agent,
            status,
            &[stranger],
            "denied, hidden: may not patch task `t`: needs `prompt`, holds `none` (others) on worktree `w`",
        ),
        // Scope comes before level.
        (
            &agent,
            status,
            &[(Fact::Held, text("1 others"))],
            "denied: may not patch task `t` on worktree `w`: the task is not this executor's",
        ),
        (&agent, status, &[(Fact::Scope, YES)], "allowed: others"),
        // Level comes before invariants.
        (
            &user,
            moved,
            &[(Fact::Held, text("2 group devs")), ended],
            "denied: may not patch task `t`: needs `prompt`, holds `session` (group devs) on worktree `w`",
        ),
        (&user, status, &[(Fact::Held, text("2 group devs")), (Fact::Own, YES)], "allowed: own session, group devs"),
        (&user, moved, &[ended], "immutable: `session_id` of task `t` can't change"),
        (&daemon, moved, &[], "immutable: `session_id` of task `t` can't change"),
        (&user, status, &[ended], "conflict: task `t` has ended as `stopped`"),
        // What is missing or unknown refuses.
        (
            &user,
            status,
            &[(Fact::Held, NULL)],
            "denied, hidden: may not patch task `t`: needs `prompt`, holds `none` (nothing) on worktree `w`",
        ),
        (
            &user,
            status,
            &[(Fact::Held, text("9 others"))],
            "denied, hidden: may not patch task `t`: needs `prompt`, holds `none` (others) on worktree `w`",
        ),
        (
            &user,
            status,
            &[(Fact::Rule, NULL)],
            "denied: may not patch task `t` on worktree `w`: no rule says who may patch a task",
        ),
        (&user, status, &[(Fact::Rule, ValueRef::Blob(b"x"))], "can't say: the stored `rule` is not plain text"),
        (
            &user,
            status,
            &[(Fact::Rule, text("promt||all"))],
            "denied: may not patch task `t` on worktree `w`: no rule says who may patch a task",
        ),
        (
            &user,
            status,
            &[(Fact::OldStatus, ValueRef::Blob(b"x"))],
            "can't say: the stored `old_status` is not plain text",
        ),
        (&user, status, &[(Fact::Status, ValueRef::Blob(b"x"))], "invalid: `status` must be plain text"),
        (&user, status, &[(Fact::Worktree, NULL)], "can't say: task `t` has no parent"),
    ] {
        assert_eq!(patch(actor, changed, world), expected, "{actor:?} {changed:?} {world:?}");
    }
}

/// A fact that a guard passes and no verdict rests on would be a look-up for nothing, or a check that is missing.
#[test]
fn every_fact_of_a_contract_is_read() {
    let actors = [Actor::user("u"), Actor::executor("u", "s", "t"), Actor::agent("u", "s"), Actor::system("test")];
    let columns = "tstatus\ntdata\ntrole\nttype\ntagentic_tool\ntemail\ntslug\nttask_id\nicompleted_at\niupdated_at\ntothers_can\ntcan\n-mystery\niindex\niworktree_unique_id";
    let all: Vec<&str> = columns.lines().map(|line| &line[1..]).collect();
    let mut unread_facts = Vec::new();
    let report = ["status", "data", "completed_at", "updated_at"];
    for asked in
        Resource::ALL.iter().flat_map(|resource| Action::ALL.iter().map(|action| Operation::new(*resource, *action)))
    {
        // The audit entry of a verdict says where the record belongs.
        let mut read = HashSet::from([Fact::Id, Fact::Session, Fact::Worktree]);
        let usual = |fact: &Fact| match fact {
            Fact::Id if asked.resource == Resource::Session => text("s"),
            Fact::Id | Fact::Task | Fact::OldTask => text("t"),
            Fact::Session | Fact::TaskSession | Fact::OldSession => text("s"),
            Fact::Worktree => text("w"),
            Fact::Held | Fact::ParentSessionHeld | Fact::ForkHeld => text("4 owner"),
            Fact::ActorRole | Fact::Role => text("superadmin"),
            Fact::OldRole => text("member"),
            Fact::Rule if contract(asked).contains(&Fact::ActorRole) => text("signed-in||all"),
            Fact::Rule | Fact::ReportRule => text("view|session|all"),
            Fact::ShareRule | Fact::AdministerRule => text("signed-in||all"),
            Fact::ParentKind => text("session"),
            Fact::Own | Fact::LeftBehind | Fact::Last | Fact::OldCompletedAt => NO,
            Fact::OldStatus => text("running"),
            Fact::Status => text("completed"),
            Fact::Type | Fact::OldType => text("user"),
            Fact::Data | Fact::OldData | Fact::AgentData => text("{}"),
            Fact::CreatedBy | Fact::OldCreatedBy | Fact::WorktreeCreator | Fact::User => text("u"),
            Fact::SessionUnixName | Fact::CreatorUnixName | Fact::UnixUsername => text("ada"),
            Fact::OthersCan | Fact::Can => text("view"),
            Fact::LastOwnerOf
            | Fact::Immutable
            | Fact::RemovedSession
            | Fact::RemovedWorktree
            | Fact::RemovedRepo
            | Fact::RemovedUser
            | Fact::RemovedGroup
            | Fact::RemovedBoard
            | Fact::RemovedTask
            | Fact::RemovedParentSession
            | Fact::RemovedFork
            | Fact::RemovedParents => NULL,
            Fact::CreatedAt | Fact::UpdatedAt | Fact::Index | Fact::WorktreeUniqueId | Fact::CompletedAt => NO,
            Fact::Parent
            | Fact::Group
            | Fact::ParentSession
            | Fact::Fork
            | Fact::AgenticTool
            | Fact::Email
            | Fact::Slug => text("x"),
            Fact::ParentExists
            | Fact::Scope
            | Fact::Reach
            | Fact::CreatorExists
            | Fact::UserExists
            | Fact::GroupExists
            | Fact::First
            | Fact::Raised => YES,
        };
        let refused = [
            (Fact::Role, text("viewer")),
            (Fact::OldStatus, text("failed")),
            (Fact::CreatedBy, text("v")),
            (Fact::Last, YES),
            (Fact::LastOwnerOf, text("w")),
        ];
        let orphan = [(Fact::ParentExists, NO), (Fact::UserExists, NO), (Fact::GroupExists, NO)];
        let unnamed = [(Fact::UserExists, NO), (Fact::GroupExists, NO)];
        // An agent removes what is its user's, and a new session inherits.
        let owned = [(Fact::Own, YES), (Fact::OldStatus, NULL), (Fact::Data, text("{\"permission_config\":1}"))];
        let mut questions = Vec::new();
        for actor in &actors {
            for changed in [&all[..], &report[..], &[]] {
                questions.extend([&[][..], &refused, &orphan, &unnamed, &owned].map(|world| (actor, changed, world)));
            }
        }
        for (actor, changed, world) in questions {
            let usual: Vec<_> = contract(asked).iter().map(|fact| (*fact, usual(fact))).collect();
            let world: Vec<_> = world.iter().copied().chain(usual).collect();
            let mut facts = facts(asked, &world);
            if matches!(asked.action, Action::Create | Action::Patch) {
                facts.row = row(columns, (asked.action == Action::Patch).then_some(changed));
            }
            facts.first_owner_due = changed.is_empty();
            // What is gone is looked for before the verdict is asked.
            facts.find_cascade(|_, _| false).unwrap();
            let _ = decide(actor, asked, &facts);
            read.extend(facts.read.take());
        }
        let unread: Vec<_> = contract(asked).iter().filter(|fact| !read.contains(fact)).collect();
        unread_facts.extend(unread.into_iter().map(|fact| format!("{asked}: {fact:?}")));
    }
    assert!(unread_facts.is_empty(), "{unread_facts:#?}");
}
