//! Sign-up, teams, sharing, revocation and clean-up work through the API alone, without SQL.

use aclite::{
    Actor, AgenticTool, BoardPatch, ConflictKind, Error, GroupPatch, GroupQuery, Level, NewBoard, NewGroup, NewRepo,
    NewSession, NewTask, NewUser, NewWorktree, RepoPatch, Result, Role, SessionId, SessionPatch, SessionQuery, Sharing,
    Store, Tx, UserPatch, UserQuery, WorktreePatch,
};
use serde_json::json;

use crate::support::{self, verdict};

fn ada() -> Actor {
    Actor::user("ada")
}

fn bo() -> Actor {
    Actor::user("bo")
}

fn cy() -> Actor {
    Actor::user("cy")
}

/// `ada` (admin), whom the daemon made, and those whom she made: `bo` and `cy` (members), `vi` (viewer). Bo's worktree
/// `w` of the repo `r`, which nobody else may view, with his session `s`. The group `devs` with `cy` and `vi` in it.
fn team() -> Store {
    let store = Store::open(":memory:").unwrap();
    let first = NewUser::new("ada@example.com").password("hash of ada").id("ada").role(Role::Admin);
    store.write(&Actor::system("first start"), |tx| tx.users().create(first)).unwrap();
    store
        .write(&ada(), |tx| {
            for (name, role) in [("bo", Role::Member), ("cy", Role::Member), ("vi", Role::Viewer)] {
                let new =
                    NewUser::new(format!("{name}@example.com")).password(format!("hash of {name}")).id(name).role(role);
                tx.users().create(new.unix_username(name.to_owned()))?;
            }
            tx.repos().create(NewRepo::new("acme/app").id("r"))?;
            tx.groups().create(NewGroup::new("Developers").slug("devs").id("devs"))?;
            tx.groups().add_member("devs", "cy")?;
            tx.groups().add_member("devs", "vi")
        })
        .unwrap();
    store
        .write(&bo(), |tx| {
            tx.worktrees()
                .create(NewWorktree::new("r").name("fix").git_ref("main").id("w").others_can(Sharing::None))?;
            tx.sessions().create(NewSession::new("w", AgenticTool::ClaudeCode).id("s"))
        })
        .unwrap();
    store
}

fn epoch(store: &Store) -> i64 {
    support::ask(store, "SELECT epoch FROM acl_epoch")
}

/// Runs `work`, and says what it was told and by how much it raised the epoch.
fn told<T>(store: &Store, actor: &Actor, work: impl FnOnce(&Tx<'_>) -> Result<T>) -> (&'static str, i64) {
    let before = epoch(store);
    let outcome = store.write(actor, work);
    (verdict(&outcome), epoch(store) - before)
}

fn level(store: &Store, user: &str) -> (Level, String) {
    let held = store.access(&bo(), "w", user).unwrap().held;
    (held.level, held.source)
}

#[test]
fn a_day_of_a_team_without_any_sql() {
    let store = team();
    // Sharing with a group counts with the next statement, and so does each change of it.
    let task = || NewTask::new("s");
    assert_eq!(told(&store, &cy(), |tx| tx.tasks().create(task())), ("hidden", 0));
    assert_eq!(told(&store, &bo(), |tx| tx.worktrees().set_grant("w", "devs", Sharing::View)), ("ok", 1));
    assert_eq!(told(&store, &cy(), |tx| tx.tasks().create(task())), ("denied", 0));
    assert_eq!(told(&store, &bo(), |tx| tx.worktrees().set_grant("w", "devs", Sharing::Prompt)), ("ok", 1));
    assert_eq!(told(&store, &cy(), |tx| tx.tasks().create(task())), ("ok", 0));
    assert_eq!(level(&store, "cy"), (Level::Prompt, "group devs".to_owned()));
    assert_eq!(level(&store, "vi"), (Level::View, "viewer role".to_owned()));
    assert_eq!(level(&store, "ada"), (Level::None, "others".to_owned()));
    // An archived group counts for nothing; a group brought back counts again.
    assert_eq!(told(&store, &ada(), |tx| tx.groups().archive("devs")), ("ok", 1));
    assert_eq!(told(&store, &cy(), |tx| tx.tasks().create(task())), ("hidden", 0));
    assert_eq!(told(&store, &ada(), |tx| tx.groups().patch("devs", GroupPatch::new().archived(false))), ("ok", 1));
    assert_eq!(told(&store, &cy(), |tx| tx.tasks().create(task())), ("ok", 0));
    // So does a member who leaves, and a grant that is taken back.
    assert_eq!(told(&store, &ada(), |tx| tx.groups().remove_member("devs", "cy")), ("ok", 1));
    assert_eq!(told(&store, &cy(), |tx| tx.tasks().create(task())), ("hidden", 0));
    assert_eq!(told(&store, &ada(), |tx| tx.groups().add_member("devs", "cy")), ("ok", 1));
    assert_eq!(told(&store, &bo(), |tx| tx.worktrees().remove_grant("w", "devs")), ("ok", 1));
    assert_eq!(told(&store, &cy(), |tx| tx.tasks().create(task())), ("hidden", 0));
    // An owner more, and the first one leaves.
    assert_eq!(told(&store, &bo(), |tx| tx.worktrees().add_owner("w", "cy")), ("ok", 1));
    assert_eq!(told(&store, &ada(), |tx| tx.users().remove("bo")), ("ok", 1));
    let owners = store.read(&cy(), |tx| tx.worktrees().owners("w")).unwrap();
    assert_eq!(owners.iter().map(|owner| owner.user_id.as_str()).collect::<Vec<_>>(), ["cy"]);
    // The last one stays, and the error says where.
    let last = store.write(&ada(), |tx| tx.users().remove("cy")).unwrap_err();
    let Error::Conflict(conflict) = &last else { panic!("{last}") };
    assert_eq!(conflict.kind(), &ConflictKind::LastOwner(vec!["w".to_owned()]));
    // Clean-up: the group, the worktree, then the user.
    assert_eq!(told(&store, &ada(), |tx| tx.groups().remove("devs")), ("ok", 1));
    assert_eq!(told(&store, &cy(), |tx| tx.worktrees().remove("w")), ("ok", 1));
    assert_eq!(told(&store, &ada(), |tx| tx.users().remove("cy")), ("ok", 1));
    let left: i64 =
        support::ask(&store, "SELECT (SELECT count(*) FROM worktree_owners) + (SELECT count(*) FROM tasks)");
    assert_eq!(left, 0);
}

/// What is done, and what each of those below is told.
type Row = (&'static str, fn(&Tx<'_>) -> Result<()>, [&'static str; 5]);

#[test]
fn who_may_manage_people() {
    let store = team();
    let table: [Row; 13] = [
        (
            "create a user       ",
            |tx| tx.users().create(NewUser::new("n").password("h")).map(drop),
            ["ok", "denied", "denied", "hidden", "ok"],
        ),
        (
            "create a superadmin ",
            |tx| tx.users().create(NewUser::new("n").password("h").role(Role::Superadmin)).map(drop),
            ["denied", "denied", "denied", "hidden", "ok"],
        ),
        (
            "rename cy           ",
            |tx| tx.users().patch("cy", UserPatch::new().name("C".to_owned())).map(drop),
            ["ok", "denied", "denied", "hidden", "ok"],
        ),
        (
            "rename bo           ",
            |tx| tx.users().patch("bo", UserPatch::new().name("B".to_owned())).map(drop),
            ["ok", "ok", "denied", "hidden", "ok"],
        ),
        (
            "make bo an admin    ",
            |tx| tx.users().patch("bo", UserPatch::new().role(Role::Admin)).map(drop),
            ["ok", "denied", "denied", "hidden", "ok"],
        ),
        ("remove cy           ", |tx| tx.users().remove("cy"), ["ok", "denied", "denied", "hidden", "ok"]),
        (
            "create a group      ",
            |tx| tx.groups().create(NewGroup::new("g").slug("g")).map(drop),
            ["ok", "denied", "denied", "hidden", "ok"],
        ),
        (
            "add a member        ",
            |tx| tx.groups().add_member("devs", "bo").map(drop),
            ["ok", "denied", "denied", "hidden", "ok"],
        ),
        (
            "remove a member     ",
            |tx| tx.groups().remove_member("devs", "cy"),
            ["ok", "denied", "denied", "hidden", "ok"],
        ),
        (
            "grant on bo's w     ",
            |tx| tx.worktrees().set_grant("w", "devs", Sharing::All).map(drop),
            ["hidden", "ok", "hidden", "hidden", "ok"],
        ),
        (
            "create a board      ",
            |tx| {
                tx.boards()
                    .create(NewBoard::new("b").created_by(tx.actor().user_id().cloned().unwrap_or("ada".into())))
                    .map(drop)
            },
            ["ok", "ok", "denied", "hidden", "ok"],
        ),
        (
            "create a repo       ",
            |tx| tx.repos().create(NewRepo::new("x/y")).map(drop),
            ["ok", "ok", "denied", "hidden", "ok"],
        ),
        ("remove the repo     ", |tx| tx.repos().remove("r"), ["denied", "ok", "denied", "hidden", "ok"]),
    ];
    let actors = [ada(), bo(), Actor::user("vi"), Actor::user("nobody"), Actor::system("test")];
    for (what, work, expected) in table {
        for (actor, expected) in actors.iter().zip(expected) {
            let outcome = support::attempt(&store, actor, work);
            assert_eq!(verdict(&outcome), expected, "{what} by {}: {outcome:?}", actor.id());
        }
        assert_eq!(
            verdict(&support::attempt(&store, &Actor::Anonymous, work)).replace("ok", "not_authenticated"),
            "not_authenticated",
            "{what}"
        );
    }
}

#[test]
fn who_may_read_people() {
    let store = team();
    for (actor, users, groups) in
        [(ada(), 4, 1), (Actor::user("vi"), 4, 1), (Actor::user("nobody"), 0, 0), (Actor::Anonymous, 0, 0)]
    {
        let seen = store.read(&actor, |tx| {
            Ok((tx.users().find(&UserQuery::new())?.items.len(), tx.groups().find(&GroupQuery::new())?.items.len()))
        });
        assert_eq!(seen.unwrap(), (users, groups), "{actor:?}");
    }
    // Somebody who is not a user finds nobody, by whatever name.
    let nobody = Actor::user("nobody");
    let public = |outcome: Result<aclite::User>| outcome.unwrap_err().public().message;
    assert_eq!(public(store.read(&nobody, |tx| tx.users().get("bo"))), "there is no user `bo`");
    assert_eq!(
        public(store.read(&nobody, |tx| tx.users().by_email("bo@example.com"))),
        "there is no user `bo@example.com`"
    );
    assert_eq!(
        public(store.read(&ada(), |tx| tx.users().by_email("no@example.com"))),
        "there is no user `no@example.com`"
    );
    let of_cy = store.read(&ada(), |tx| tx.groups().find(&GroupQuery::new().member("cy").archived(false))).unwrap();
    assert_eq!(of_cy.items[0].slug, "devs");
    let members = store.read(&bo(), |tx| tx.groups().members("devs")).unwrap();
    assert_eq!(members.iter().map(|member| member.user_id.as_str()).collect::<Vec<_>>(), ["cy", "vi"]);
    assert_eq!(members[0].added_by.as_ref().map(|user| user.as_str()), Some("ada"));
    // An executor has no business with people.
    let executor = Actor::executor("bo", "s", "t");
    assert_eq!(verdict(&store.read(&executor, |tx| tx.users().get("bo"))), "denied");
    assert!(store.read(&executor, |tx| tx.users().find(&UserQuery::new())).unwrap().items.is_empty());
}

#[test]
fn secrets_go_in_and_only_the_daemon_gets_them_out() {
    let store = team();
    let keys = UserPatch::from_json(
        json!({ "api_keys": { "A": "s3cret-a", "B": "s3cret-b" }, "env_vars": { "X": "s3cret-x" } }),
    )
    .unwrap();
    let patched = store.write(&bo(), |tx| tx.users().patch("bo", keys.clone())).unwrap();
    assert_eq!(patched.data().unwrap()["api_keys"], json!({ "A": true, "B": true }));
    // What a client read it may send back: the entries that say `true` stay what they are.
    let back = UserPatch::from_json(serde_json::to_value(&patched).unwrap()).unwrap();
    store.write(&bo(), |tx| tx.users().patch("bo", back)).unwrap();
    let changed = UserPatch::from_json(json!({ "api_keys": { "A": "s3cret-new", "B": true, "C": null } })).unwrap();
    store.write(&bo(), |tx| tx.users().patch("bo", changed)).unwrap();
    let daemon = Actor::service("sign-in");
    let found = store.read(&daemon, |tx| tx.users().credentials("bo@example.com")).unwrap();
    assert_eq!(found.password, "hash of bo");
    assert_eq!(
        serde_json::Value::Object(found.api_keys.clone()),
        json!({ "A": "s3cret-new", "B": "s3cret-b", "C": null })
    );
    assert_eq!(found.env_vars["X"], "s3cret-x");
    assert!(!format!("{found:?}").contains("s3cret") && !format!("{found:?}").contains("hash of"), "{found:?}");
    for actor in [bo(), ada(), Actor::executor("bo", "s", "t")] {
        assert_eq!(verdict(&store.read(&actor, |tx| tx.users().credentials("bo@example.com"))), "denied");
        let seen = store.read(&actor, |tx| tx.users().find(&UserQuery::new())).unwrap();
        assert!(
            !format!("{seen:?}").contains("s3cret") && !serde_json::to_string(&seen.items).unwrap().contains("s3cret")
        );
    }
    // An administrator sets nobody else's keys, and nobody's creation shows in the audit.
    assert_eq!(verdict(&store.write(&ada(), |tx| tx.users().patch("bo", keys))), "denied");
    let audit = format!("{:?}", support::audit_after(&store, 0));
    assert!(audit.contains("data.api_keys") && !audit.contains("s3cret") && !audit.contains("hash of"), "{audit}");
}

#[test]
fn a_grant_contributes_as_the_greatest_or_not_at_all() {
    let store = team();
    for (group, can, archived) in [
        ("a", Sharing::Session, false),
        ("b", Sharing::Prompt, false),
        ("c", Sharing::All, true),
        ("d", Sharing::None, false),
    ] {
        store
            .write(&ada(), |tx| {
                tx.groups().create(NewGroup::new(group).slug(group).id(group))?;
                tx.groups().add_member(group, "cy")?;
                tx.groups().patch(group, GroupPatch::new().archived(archived))
            })
            .unwrap();
        store.write(&bo(), |tx| tx.worktrees().set_grant("w", group, can)).unwrap();
    }
    let access = store.access(&cy(), "w", "cy").unwrap();
    assert_eq!((access.held.level, access.held.source.as_str()), (Level::Prompt, "group b"));
    let grants: Vec<_> = access.grants.iter().map(|grant| (grant.group_id.as_str(), grant.held.level)).collect();
    assert_eq!(
        grants,
        [("b", Level::Prompt), ("a", Level::Session), ("d", Level::None)],
        "the archived one does not count"
    );
    // What somebody else holds is told to whoever may view the worktree, and to nobody else.
    assert_eq!(store.access(&cy(), "w", "vi").unwrap().held.level, Level::None);
    assert_eq!(verdict(&store.access(&Actor::user("vi"), "w", "cy")), "hidden");
    assert_eq!(store.access(&bo(), "w", "nobody").unwrap().held.level, Level::None);
}

#[test]
fn sessions_know_their_children_and_their_origins() {
    let store = team();
    let from = |parent: &str, id: &str| {
        NewSession::new("w", AgenticTool::Codex).id(id).parent_session_id(SessionId::from(parent))
    };
    let fork = |origin: &str, id: &str| {
        NewSession::new("w", AgenticTool::Codex).id(id).forked_from_session_id(SessionId::from(origin))
    };
    store.write(&bo(), |tx| tx.worktrees().set_grant("w", "devs", Sharing::Session)).unwrap();
    store
        .write(&bo(), |tx| {
            tx.sessions().create(from("s", "spawned"))?;
            tx.sessions().create(fork("spawned", "forked"))
        })
        .unwrap();
    // A child belongs to who opens it, and runs as them: never to its parent's creator.
    let child = store.write(&cy(), |tx| tx.sessions().create(from("s", "of-cy"))).unwrap();
    assert_eq!((child.created_by.as_str(), child.unix_username.as_deref()), ("cy", Some("cy")));
    let ids = |sessions: Vec<aclite::Session>| {
        sessions.into_iter().map(|session| session.session_id.to_string()).collect::<Vec<_>>()
    };
    let children = store.read(&cy(), |tx| tx.sessions().children("s")).unwrap();
    let mut children = ids(children);
    children.sort();
    assert_eq!(children, ["of-cy", "spawned"]);
    assert_eq!(ids(store.read(&cy(), |tx| tx.sessions().ancestors("forked")).unwrap()), ["spawned", "s"]);
    // A cycle ends where it began.
    let cycle = SessionPatch::new().parent_session_id(SessionId::from("forked"));
    store.write(&bo(), |tx| tx.sessions().patch("s", cycle)).unwrap();
    assert_eq!(ids(store.read(&cy(), |tx| tx.sessions().ancestors("s")).unwrap()), ["forked", "spawned"]);
    assert_eq!(verdict(&store.read(&ada(), |tx| tx.sessions().children("s"))), "hidden");
}

#[test]
fn boards_and_repos_are_every_members() {
    let store = team();
    let board = store.write(&cy(), |tx| tx.boards().create(NewBoard::new("Plan").slug("plan".to_owned()))).unwrap();
    assert_eq!(board.created_by.as_str(), "cy");
    let renamed = store.write(&bo(), |tx| tx.boards().patch(&board.board_id, BoardPatch::new().name("Plans"))).unwrap();
    assert_eq!(renamed.name, "Plans");
    let taken = store.write(&bo(), |tx| tx.boards().create(NewBoard::new("Other").slug("plan".to_owned())));
    assert_eq!(verdict(&taken), "conflict");
    let prefix = &board.board_id.as_str()[..30];
    assert_eq!(store.read(&bo(), |tx| tx.boards().resolve(prefix)).unwrap(), board.board_id);
    let repo = store
        .write(&cy(), |tx| tx.repos().patch("r", RepoPatch::new().set("remote_url", "git@example.com:app")))
        .unwrap();
    assert_eq!((repo.slug.as_str(), &repo.data().unwrap()["remote_url"]), ("acme/app", &json!("git@example.com:app")));
    // A repo goes with its worktrees, so it takes `all` on each of them; a hidden one is not named.
    let refused = store.write(&cy(), |tx| tx.repos().remove("r")).unwrap_err();
    assert!(refused.is_denied() && !refused.to_string().contains("`w`"), "{refused}");
    store.write(&bo(), |tx| tx.repos().remove("r")).unwrap();
    assert_eq!(verdict(&store.read(&bo(), |tx| tx.worktrees().get("w"))), "not_found");
}

type Change = fn(&Tx<'_>) -> Result<()>;

/// Two stores on one file, as two processes have them: what one changes counts for the other's next statement.
#[test]
fn a_change_of_access_counts_on_every_connection_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let store = support::world_at(&path);
    support::worktree(&store, "w", "bo", Sharing::None);
    support::session(&store, "s", "w", "bo");
    store
        .write(&ada(), |tx| {
            tx.groups().create(NewGroup::new("Developers").slug("devs").id("devs"))?;
            tx.groups().add_member("devs", "cy")
        })
        .unwrap();
    let other = Store::open(&path).unwrap();
    let sees = |expected: &str| {
        for store in [&store, &other] {
            let read = store.read(&cy(), |tx| tx.sessions().get("s"));
            let listed = store.read(&cy(), |tx| tx.sessions().find(&SessionQuery::new())).unwrap().items.len();
            let written = support::attempt(store, &cy(), |tx| tx.tasks().create(NewTask::new("s")));
            let (reads, writes) = (verdict(&read), verdict(&written));
            assert_eq!(format!("{reads} {listed} {writes}"), expected);
        }
    };
    sees("hidden 0 hidden");
    let changes: [(Actor, Change, &str); 8] = [
        (bo(), |tx| tx.worktrees().set_grant("w", "devs", Sharing::View).map(drop), "ok 1 denied"),
        (bo(), |tx| tx.worktrees().set_grant("w", "devs", Sharing::Prompt).map(drop), "ok 1 ok"),
        (ada(), |tx| tx.users().patch("cy", UserPatch::new().role(Role::Viewer)).map(drop), "ok 1 denied"),
        (ada(), |tx| tx.users().patch("cy", UserPatch::new().role(Role::Member)).map(drop), "ok 1 ok"),
        (ada(), |tx| tx.groups().remove_member("devs", "cy"), "hidden 0 hidden"),
        (bo(), |tx| tx.worktrees().add_owner("w", "cy").map(drop), "ok 1 ok"),
        (bo(), |tx| tx.worktrees().remove_owner("w", "cy"), "hidden 0 hidden"),
        (bo(), |tx| tx.worktrees().patch("w", WorktreePatch::new().others_can(Sharing::All)).map(drop), "ok 1 ok"),
    ];
    for (turn, (actor, change, expected)) in changes.into_iter().enumerate() {
        // Now the one store changes it, now the other.
        let changer = if turn % 2 == 0 { &store } else { &other };
        assert_eq!(told(changer, &actor, change), ("ok", 1), "{expected}");
        sees(expected);
    }
}
