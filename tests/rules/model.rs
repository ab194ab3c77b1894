//! The database decides as a slow, obvious model does, in worlds made at random.
//!
//! The model knows nothing of levels' ranks, rules or joins. It says in sentences what the rules say.

use std::collections::BTreeSet;

use aclite::{
    Actor, AgenticTool, Cursor, Durability, MessagePatch, MessageQuery, MessageRole, MessageType, NewMessage,
    NewSession, NewTask, NewWorktree, OpenOptions, Order, Page, ReadTx, Result, SessionPatch, SessionQuery, Sharing,
    Store, TaskId, TaskPatch, TaskQuery, Tx, WorktreePatch, WorktreeQuery,
};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::support::{add_user, attempt, forger, message, session, sql, system, task, verdict};

// ---- worlds -------------------------------------------------------------------------------------

const USERS: usize = 5;
const WORKTREES: usize = 3;
const GROUPS: usize = 2;
/// The words of levels, and one that nobody knows.
const LEVELS: [&str; 6] = ["none", "view", "session", "prompt", "all", "everything"];
const ROLES: [&str; 6] = ["member", "member", "viewer", "admin", "superadmin", "robot"];

/// A world in numbers: users are `u0`…, worktrees `w0`…, groups `g0`…, sessions `s0`…, and so on.
#[derive(Debug, Clone)]
struct World {
    superadmins_on: bool,
    roles: Vec<&'static str>,
    worktrees: Vec<Worktree>,
    /// Whether each group is archived, and who is in it.
    groups: Vec<(bool, BTreeSet<usize>)>,
    /// The worktree and the creator of each session.
    sessions: Vec<(usize, usize)>,
    /// The session and the creator of each task.
    tasks: Vec<(usize, usize)>,
    /// The session of each message, and its task where that is of the same session.
    messages: Vec<(usize, Option<usize>)>,
}

#[derive(Debug, Clone)]
struct Worktree {
    creator: usize,
    others_can: Option<&'static str>,
    owners: BTreeSet<usize>,
    /// What each group holds, where anything was granted.
    grants: Vec<Option<&'static str>>,
}

fn world() -> impl Strategy<Value = World> {
    let user = || 0..USERS;
    let level = || prop::sample::select(&LEVELS[..]);
    let worktree = (
        user(),
        prop::option::weighted(0.9, level()),
        prop::collection::btree_set(user(), 0..3),
        prop::collection::vec(prop::option::of(level()), GROUPS),
    );
    let worktree = worktree.prop_map(|(creator, others_can, mut owners, grants)| {
        owners.insert(creator);
        Worktree { creator, others_can, owners, grants }
    });
    (
        prop::bool::weighted(0.7),
        prop::collection::vec(prop::sample::select(&ROLES[..]), USERS),
        prop::collection::vec(worktree, WORKTREES),
        prop::collection::vec((prop::bool::weighted(0.3), prop::collection::btree_set(user(), 0..USERS)), GROUPS),
        prop::collection::vec((0..WORKTREES, user()), 1..5),
        prop::collection::vec((any::<prop::sample::Index>(), user()), 1..7),
        prop::collection::vec((any::<prop::sample::Index>(), prop::option::of(any::<prop::sample::Index>())), 0..9),
    )
        .prop_map(|(superadmins_on, roles, worktrees, groups, sessions, tasks, messages)| {
            let tasks: Vec<(usize, usize)> =
                tasks.into_iter().map(|(session, creator)| (session.index(sessions.len()), creator)).collect();
            let messages = messages.into_iter().map(|(session, task)| match task {
                // A message of a task is of its session.
                Some(task) => {
                    let task = task.index(tasks.len());
                    (tasks[task].0, Some(task))
                }
                None => (session.index(sessions.len()), None),
            });
            let messages = messages.collect();
            World { superadmins_on, roles, worktrees, groups, sessions, tasks, messages }
        })
}

/// The world as a database; in a file, which lives as long as its folder, where words have to be forged.
fn build(world: &World) -> (Store, Option<TempDir>) {
    build_in(world, world.is_strange())
}

fn build_in(world: &World, file: bool) -> (Store, Option<TempDir>) {
    let dir = file.then(|| tempfile::tempdir().unwrap());
    let path = dir.as_ref().map_or_else(|| ":memory:".into(), |dir| dir.path().join("world"));
    let store = OpenOptions::new().durability(Durability::Normal).open(&path).unwrap();
    let (mut forged, words) = (Vec::new(), |word: &'static str| if word == "everything" { "none" } else { word });
    sql(&store, "INSERT INTO repos (repo_id, created_at, slug, data) VALUES ('r', acl_now(), 'r', '{}')");
    // Roles come last: what is there was there before somebody became a viewer.
    for user in 0..USERS {
        add_user(&store, &format!("u{user}"), "member");
    }
    for (group, (archived, members)) in world.groups.iter().enumerate() {
        let archived = i64::from(*archived);
        sql(
            &store,
            &format!(
                "INSERT INTO groups (group_id, name, slug, archived, created_at)
                 VALUES ('g{group}', 'g', 'g{group}', {archived}, acl_now())"
            ),
        );
        for user in members {
            sql(
                &store,
                &format!(
                    "INSERT INTO group_memberships (group_id, user_id, created_at)
                     VALUES ('g{group}', 'u{user}', acl_now())"
                ),
            );
        }
    }
    for (id, worktree) in world.worktrees.iter().enumerate() {
        let mut new = NewWorktree::new("r")
            .name("n")
            .git_ref("main")
            .id(format!("w{id}"))
            .created_by(format!("u{}", worktree.creator));
        new = new.others_can(worktree.others_can.map(|can| Sharing::from(words(can))));
        if worktree.others_can == Some("everything") {
            forged.push(format!("UPDATE worktrees SET others_can = 'everything' WHERE worktree_id = 'w{id}'"));
        }
        store.write(&system(), |tx| tx.worktrees().create(new)).unwrap();
        for owner in worktree.owners.iter().filter(|owner| **owner != worktree.creator) {
            store.write(&system(), |tx| tx.worktrees().add_owner(format!("w{id}"), format!("u{owner}"))).unwrap();
        }
        for (group, can) in worktree.grants.iter().enumerate().filter_map(|(group, can)| Some((group, (*can)?))) {
            if can == "everything" {
                let key = format!("worktree_id = 'w{id}' AND group_id = 'g{group}'");
                forged.push(format!("UPDATE worktree_group_grants SET can = 'everything' WHERE {key}"));
            }
            let can = words(can);
            sql(
                &store,
                &format!(
                    "INSERT INTO worktree_group_grants (worktree_id, group_id, can, created_at)
                     VALUES ('w{id}', 'g{group}', '{can}', acl_now())"
                ),
            );
        }
    }
    for (id, (worktree, creator)) in world.sessions.iter().enumerate() {
        session(&store, &format!("s{id}"), &format!("w{worktree}"), &format!("u{creator}"));
    }
    for (id, (session, creator)) in world.tasks.iter().enumerate() {
        task(&store, &format!("t{id}"), &format!("s{session}"), &format!("u{creator}"));
    }
    for (id, (session, task)) in world.messages.iter().enumerate() {
        let task = task.map(|task| format!("t{task}"));
        message(&store, &format!("m{id}"), &format!("s{session}"), task.as_deref());
    }
    for (user, role) in world.roles.iter().enumerate() {
        let update = format!("UPDATE users SET role = '{role}' WHERE user_id = 'u{user}'");
        if *role == "robot" {
            forged.push(update);
        } else {
            sql(&store, &update);
        }
    }
    if !world.superadmins_on {
        sql(&store, "UPDATE acl_settings SET value = 'off' WHERE name = 'allow_superadmin'");
    }
    if !forged.is_empty() {
        forger(&path).execute_batch(&forged.join(";")).unwrap();
    }
    (store, dir)
}

// ---- the model ----------------------------------------------------------------------------------

/// One request of a user's. Numbers may be of records that are not there.
#[derive(Debug, Clone, Copy)]
enum Ask {
    GetWorktree(usize),
    PatchWorktree(usize),
    ShareWorktree(usize),
    RemoveWorktree(usize),
    CreateWorktree,
    Owners(usize),
    AddOwner(usize, usize),
    RemoveOwner(usize, usize),
    GetSession(usize),
    CreateSession(usize),
    ReportSession(usize),
    PatchSession(usize),
    RemoveSession(usize),
    GetTask(usize),
    CreateTask(usize),
    PatchTask(usize),
    RemoveTask(usize),
    GetMessage(usize),
    /// Of this session, and of this task where one is named.
    CreateMessage(usize, Option<usize>),
    PatchMessage(usize),
    RemoveMessage(usize),
}

fn asks() -> impl Strategy<Value = Ask> {
    use Ask::*;
    let (worktree, session, task, message, user) =
        (0..WORKTREES + 1, 0..6_usize, 0..8_usize, 0..10_usize, 0..USERS + 1);
    prop_oneof![
        worktree.clone().prop_map(GetWorktree),
        worktree.clone().prop_map(PatchWorktree),
        worktree.clone().prop_map(ShareWorktree),
        worktree.clone().prop_map(RemoveWorktree),
        Just(CreateWorktree),
        worktree.clone().prop_map(Owners),
        (worktree.clone(), user.clone()).prop_map(|(worktree, user)| AddOwner(worktree, user)),
        (worktree.clone(), user).prop_map(|(worktree, user)| RemoveOwner(worktree, user)),
        session.clone().prop_map(GetSession),
        worktree.prop_map(CreateSession),
        session.clone().prop_map(ReportSession),
        session.clone().prop_map(PatchSession),
        session.clone().prop_map(RemoveSession),
        task.clone().prop_map(GetTask),
        session.clone().prop_map(CreateTask),
        task.clone().prop_map(PatchTask),
        task.clone().prop_map(RemoveTask),
        message.clone().prop_map(GetMessage),
        (session, prop::option::of(task)).prop_map(|(session, task)| CreateMessage(session, task)),
        message.clone().prop_map(PatchMessage),
        message.prop_map(RemoveMessage),
    ]
}

impl World {
    /// Whether they are one whose role is known; of another role nothing comes.
    fn is_user(&self, user: usize) -> bool {
        user < self.roles.len() && self.roles[user] != "robot"
    }

    /// Whether some words of this world are none that a guard lets in.
    fn is_strange(&self) -> bool {
        let strange = |can: &Option<&'static str>| *can == Some("everything");
        let words = self.worktrees.iter().flat_map(|worktree| worktree.grants.iter().chain([&worktree.others_can]));
        self.roles.contains(&"robot") || words.into_iter().any(strange)
    }

    /// Whether an owner's role lets them manage.
    fn counts(&self, owner: usize) -> bool {
        self.is_user(owner) && self.roles[owner] != "viewer"
    }

    fn is_superadmin(&self, user: usize) -> bool {
        self.roles[user] == "superadmin" && self.superadmins_on
    }

    /// Everything that gives `user` something on the worktree, as words.
    fn claims(&self, user: usize, worktree: &Worktree) -> Vec<&'static str> {
        let mut claims = vec![worktree.others_can.unwrap_or("view")];
        if worktree.owners.contains(&user) {
            claims.push("all");
        }
        for (group, (archived, members)) in self.groups.iter().enumerate() {
            if let (false, true, Some(can)) = (*archived, members.contains(&user), worktree.grants[group]) {
                claims.push(can);
            }
        }
        claims
    }

    /// Whether `user` holds at least `level` on worktree `id`.
    fn holds(&self, user: usize, id: usize, level: &str) -> bool {
        if !self.is_user(user) {
            return false;
        }
        if self.is_superadmin(user) {
            return true;
        }
        if self.roles[user] == "viewer" && level != "view" {
            return false;
        }
        let enough = match level {
            "view" => &["view", "session", "prompt", "all"][..],
            "session" => &["session", "prompt", "all"][..],
            "prompt" => &["prompt", "all"][..],
            "all" => &["all"][..],
            other => panic!("{other}"),
        };
        self.claims(user, &self.worktrees[id]).iter().any(|claim| enough.contains(claim))
    }

    fn manages(&self, user: usize, id: usize) -> bool {
        self.is_superadmin(user) || (self.worktrees[id].owners.contains(&user) && self.counts(user))
    }

    fn may_prompt(&self, user: usize, session: usize) -> bool {
        let (worktree, creator) = self.sessions[session];
        self.holds(user, worktree, "prompt") || (creator == user && self.holds(user, worktree, "session"))
    }

    /// What a user is told: `ok`, `hidden`, `denied`, or what else stands in the way.
    fn decide(&self, user: usize, asked: Ask) -> &'static str {
        use Ask::*;
        let worktree_of = |session: usize| self.sessions[session].0;
        // Of what kind it is decides where its worktree is found; of what is not there, nothing is.
        let found = match asked {
            CreateWorktree => None,
            GetWorktree(id)
            | PatchWorktree(id)
            | ShareWorktree(id)
            | RemoveWorktree(id)
            | Owners(id)
            | AddOwner(id, _)
            | RemoveOwner(id, _)
            | CreateSession(id) => Some((id < WORKTREES).then_some(id)),
            GetSession(id)
            | ReportSession(id)
            | PatchSession(id)
            | RemoveSession(id)
            | CreateTask(id)
            | CreateMessage(id, _) => Some((id < self.sessions.len()).then(|| worktree_of(id))),
            GetTask(id) | PatchTask(id) | RemoveTask(id) => Some(self.tasks.get(id).map(|task| worktree_of(task.0))),
            GetMessage(id) | PatchMessage(id) | RemoveMessage(id) => {
                Some(self.messages.get(id).map(|message| worktree_of(message.0)))
            }
        };
        let worktree = match found {
            None => {
                let user_is = |roles: &[&str]| self.is_user(user) && roles.contains(&self.roles[user]);
                return match () {
                    () if !self.is_user(user) => "hidden",
                    () if user_is(&["member", "admin", "superadmin"]) => "ok",
                    () => "denied",
                };
            }
            Some(None) => return "not_found",
            Some(Some(worktree)) => worktree,
        };
        let may = |yes: bool| if yes { "ok" } else { "denied" };
        let holds = |level: &str| may(self.holds(user, worktree, level));
        let owners = &self.worktrees[worktree].owners;
        if !self.holds(user, worktree, "view") {
            return "hidden";
        }
        match asked {
            CreateWorktree => panic!("decided above"),
            GetWorktree(_) | GetSession(_) | GetTask(_) | GetMessage(_) | Owners(_) => "ok",
            PatchWorktree(_) | RemoveWorktree(_) | PatchSession(_) | RemoveSession(_) | RemoveTask(_) => holds("all"),
            ShareWorktree(_) => may(self.manages(user, worktree)),
            AddOwner(_, other) => match () {
                () if !self.manages(user, worktree) => "denied",
                () if owners.contains(&other) => "conflict",
                () if other >= self.roles.len() => "not_found",
                () => "ok",
            },
            RemoveOwner(_, other) => {
                let remain = owners.iter().filter(|owner| **owner != other && self.counts(**owner)).count();
                match () {
                    () if !owners.contains(&other) => "not_found",
                    () if !self.manages(user, worktree) => "denied",
                    () if remain == 0 => "conflict",
                    () => "ok",
                }
            }
            CreateSession(_) => holds("session"),
            ReportSession(id) | CreateTask(id) => may(self.may_prompt(user, id)),
            PatchTask(id) => may(self.may_prompt(user, self.tasks[id].0)),
            PatchMessage(id) | RemoveMessage(id) => may(self.may_prompt(user, self.messages[id].0)),
            CreateMessage(id, task) => match task {
                _ if !self.may_prompt(user, id) => "denied",
                Some(task) if self.tasks.get(task).is_none_or(|task| task.0 != id) => "invalid",
                _ => "ok",
            },
        }
    }
}

impl World {
    /// What an agent of `user`'s that runs in `session` is told.
    fn decide_agent(&self, user: usize, session: usize, asked: Ask) -> &'static str {
        use Ask::*;
        let his = |session: usize| self.sessions.get(session).is_some_and(|(_, creator)| *creator == user);
        if !his(session) {
            // Nobody is signed in: what is there is hidden, as it is from somebody who is not a user.
            return self.decide(USERS, asked);
        }
        let told = self.decide(user, asked);
        let within = match asked {
            GetWorktree(_) | Owners(_) | GetSession(_) | GetTask(_) | GetMessage(_) => true,
            CreateWorktree | CreateSession(_) => true,
            PatchWorktree(_) | ShareWorktree(_) | AddOwner(..) | RemoveOwner(..) => false,
            // What others opened in it is not the agent's to remove.
            RemoveWorktree(id) => self.sessions.iter().all(|(worktree, creator)| *worktree != id || *creator == user),
            // All sessions of these worlds have the same tool and permissions.
            ReportSession(id) | PatchSession(id) | RemoveSession(id) | CreateTask(id) | CreateMessage(id, _) => his(id),
            PatchTask(id) | RemoveTask(id) => {
                self.tasks.get(id).is_some_and(|(session, creator)| his(*session) && *creator == user)
            }
            PatchMessage(id) | RemoveMessage(id) => self.messages.get(id).is_some_and(|(session, _)| his(*session)),
        };
        let hidden = told == "hidden" || (told == "not_found" && !matches!(asked, AddOwner(id, _) if id < WORKTREES));
        if within || hidden { told } else { "denied" }
    }
}

// ---- asking the database ------------------------------------------------------------------------

fn ask_api(tx: &Tx<'_>, asked: Ask) -> Result<()> {
    use Ask::*;
    let (worktrees, sessions, tasks, messages) = (tx.worktrees(), tx.sessions(), tx.tasks(), tx.messages());
    let (w, s, t, m, u) = (
        |id: usize| format!("w{id}"),
        |id: usize| format!("s{id}"),
        |id: usize| format!("t{id}"),
        |id: usize| format!("m{id}"),
        |id: usize| format!("u{id}"),
    );
    match asked {
        GetWorktree(id) => worktrees.get(w(id)).map(drop),
        PatchWorktree(id) => worktrees.patch(w(id), WorktreePatch::new().name("x")).map(drop),
        ShareWorktree(id) => worktrees.patch(w(id), WorktreePatch::new().unix_group("x".to_owned())).map(drop),
        RemoveWorktree(id) => worktrees.remove(w(id)),
        CreateWorktree => worktrees.create(NewWorktree::new("r").name("n").git_ref("main")).map(drop),
        Owners(id) => worktrees.owners(w(id)).map(drop),
        AddOwner(id, user) => worktrees.add_owner(w(id), u(user)).map(drop),
        RemoveOwner(id, user) => worktrees.remove_owner(w(id), u(user)),
        GetSession(id) => sessions.get(s(id)).map(drop),
        CreateSession(id) => sessions.create(NewSession::new(w(id), AgenticTool::Codex)).map(drop),
        ReportSession(id) => sessions.patch(s(id), SessionPatch::new().ready_for_prompt(true)).map(drop),
        PatchSession(id) => sessions.patch(s(id), SessionPatch::new().set("title", "x")).map(drop),
        RemoveSession(id) => sessions.remove(s(id)),
        GetTask(id) => tasks.get(t(id)).map(drop),
        CreateTask(id) => tasks.create(NewTask::new(s(id))).map(drop),
        PatchTask(id) => tasks.patch(t(id), TaskPatch::new().status("stopping")).map(drop),
        RemoveTask(id) => tasks.remove(t(id)),
        GetMessage(id) => messages.get(m(id)).map(drop),
        CreateMessage(id, task) => {
            let new = NewMessage::new(s(id), MessageType::User, MessageRole::User, "x");
            messages.create(task.into_iter().fold(new, |new, task| new.task_id(TaskId::from(t(task))))).map(drop)
        }
        PatchMessage(id) => messages.patch(m(id), MessagePatch::new().index(99)).map(drop),
        RemoveMessage(id) => messages.remove(m(id)),
    }
}

/// All ids that a list gives, page by page.
fn pages<T>(mut find: impl FnMut(Option<Cursor>) -> Result<Page<T>>, id: impl Fn(&T) -> String) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let page = find(cursor).unwrap();
        assert!(page.unreadable.is_empty());
        assert!(page.next.is_none() || !page.items.is_empty(), "a page that is not the last holds something");
        ids.extend(page.items.iter().map(&id));
        match page.next {
            // As a client sends it back.
            Some(next) => cursor = Some(next.to_string().parse().unwrap()),
            None => return ids,
        }
    }
}

/// What `user` is shown of each kind, in this order and by this many at a time.
fn lists(tx: &ReadTx<'_>, order: Order, limit: u32) -> [Vec<String>; 4] {
    macro_rules! list {
        ($repository:ident, $query:ident, $id:ident) => {
            pages(
                |cursor| {
                    let query = $query::new().order(order).limit(limit);
                    tx.$repository().find(&cursor.into_iter().fold(query, $query::after))
                },
                |item| item.$id.to_string(),
            )
        };
    }
    [
        list!(worktrees, WorktreeQuery, worktree_id),
        list!(sessions, SessionQuery, session_id),
        list!(tasks, TaskQuery, task_id),
        list!(messages, MessageQuery, message_id),
    ]
}

fn check_lists(store: &Store, world: &World, user: usize, limit: u32) {
    let shown = |order, limit| store.read(&Actor::user(format!("u{user}")), |tx| Ok(lists(tx, order, limit))).unwrap();
    let (all, ascending, descending) =
        (shown(Order::Ascending, 1000), shown(Order::Ascending, limit), shown(Order::Descending, limit));
    let counts = [WORKTREES, world.sessions.len(), world.tasks.len(), world.messages.len()];
    let get: [fn(usize) -> Ask; 4] = [Ask::GetWorktree, Ask::GetSession, Ask::GetTask, Ask::GetMessage];
    for kind in 0..4 {
        assert_eq!(ascending[kind], all[kind], "pages of {limit} are the whole list");
        let mut reversed = descending[kind].clone();
        reversed.reverse();
        assert_eq!(reversed, all[kind], "and so they are from the other end");
        let listed: BTreeSet<&str> = all[kind].iter().map(String::as_str).collect();
        assert_eq!(listed.len(), all[kind].len(), "nothing is listed twice");
        let letter = ["w", "s", "t", "m"][kind];
        for id in 0..counts[kind] {
            let asked = get[kind](id);
            let got = store.write(&Actor::user(format!("u{user}")), |tx| ask_api(tx, asked));
            let name = format!("{letter}{id}");
            assert_eq!(got.is_ok(), listed.contains(name.as_str()), "u{user}: {name}, listed and got");
            assert_eq!(verdict(&got), world.decide(user, asked), "u{user}: {asked:?}");
        }
        assert!(listed.len() <= counts[kind]);
    }
    // One session's lists are the lists' part of it.
    for (id, (worktree, _)) in world.sessions.iter().enumerate() {
        let session = format!("s{id}");
        let (tasks, messages) = store
            .read(&Actor::user(format!("u{user}")), |tx| {
                let tasks = tx.tasks().find(&TaskQuery::new().session(&session))?.items;
                Ok((tasks, tx.messages().find(&MessageQuery::new().session(&session))?.items))
            })
            .unwrap();
        let seen = world.holds(user, *worktree, "view");
        let expected = |count: usize| if seen { count } else { 0 };
        assert_eq!(tasks.len(), expected(world.tasks.iter().filter(|task| task.0 == id).count()));
        assert_eq!(messages.len(), expected(world.messages.iter().filter(|message| message.0 == id).count()));
        assert!(messages.windows(2).all(|pair| pair[0].index < pair[1].index), "in the order of their index");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_database_decides_as_the_model_does(
        world in world(),
        asked in prop::collection::vec((0..USERS + 1, asks()), 60),
    ) {
        let (store, _dir) = build(&world);
        for (user, asked) in asked {
            // One number beyond is nobody's.
            let outcome = attempt(&store, &Actor::user(format!("u{user}")), |tx| ask_api(tx, asked));
            prop_assert_eq!(verdict(&outcome), world.decide(user, asked), "u{} asks {:?}: {:?}", user, asked, outcome);
        }
    }

    #[test]
    fn the_database_decides_of_agents_as_the_model_does(
        world in world(),
        asked in prop::collection::vec((0..USERS, 0..5_usize, asks()), 60),
    ) {
        let (store, _dir) = build(&world);
        for (user, session, asked) in asked {
            // Half of them run in a session of their user's, where there is one.
            let own = world.sessions.iter().position(|(_, creator)| *creator == user);
            let session = own.filter(|_| session % 2 == 0).unwrap_or(session);
            let agent = Actor::agent(format!("u{user}"), format!("s{session}"));
            let outcome = attempt(&store, &agent, |tx| ask_api(tx, asked));
            let expected = world.decide_agent(user, session, asked);
            prop_assert_eq!(verdict(&outcome), expected, "{:?} asks {:?}: {:?}", agent, asked, outcome);
        }
    }

    #[test]
    fn lists_show_exactly_what_can_be_got(world in world(), limit in 1..4_u32) {
        let (store, _dir) = build(&world);
        for user in 0..=USERS {
            check_lists(&store, &world, user, limit);
        }
    }

    #[test]
    fn sealed_connections_show_exactly_what_lists_show(world in world(), (session, task) in (0..5_usize, 0..7_usize)) {
        let (store, _dir) = build_in(&world, true);
        let users = (0..=USERS).map(|user| Actor::user(format!("u{user}")));
        let executors = [0, 1].map(|user| Actor::executor(format!("u{user}"), format!("s{session}"), format!("t{task}")));
        let agents = [0, 1].map(|user| Actor::agent(format!("u{user}"), format!("s{session}")));
        for actor in users.chain(executors).chain(agents).chain([system(), Actor::service("scheduler")]) {
            let listed = store.read(&actor, |tx| Ok(lists(tx, Order::Ascending, 1000))).unwrap();
            let sealed = store.sealed(&actor).unwrap();
            for (listed, (table, id)) in listed.into_iter().zip([
                ("worktrees", "worktree_id"),
                ("sessions", "session_id"),
                ("tasks", "task_id"),
                ("messages", "message_id"),
            ]) {
                // In full, the newest first, and each by its id: three ways to the same rows.
                let ask = |sql: &str| sealed.query(sql, [], |row| row.get::<_, String>(0)).unwrap();
                let all = ask(&format!("SELECT {id} FROM {table} ORDER BY created_at, {id}"));
                prop_assert_eq!(&all, &listed, "{:?}: {}", actor, table);
                let newest = ask(&format!("SELECT {id} FROM {table} ORDER BY created_at DESC, {id} DESC LIMIT 2"));
                prop_assert_eq!(newest, listed.iter().rev().take(2).cloned().collect::<Vec<_>>());
                let each = ask(&format!("SELECT t.{id} FROM {table} AS l JOIN {table} AS t USING ({id}) WHERE t.{id} = l.{id} ORDER BY t.created_at, 1"));
                prop_assert_eq!(each, listed);
            }
        }
    }

    #[test]
    fn the_view_of_access_says_what_the_model_says(world in world()) {
        let (store, _dir) = build(&world);
        let held: Vec<(String, String, String)> = store
            .write(&system(), |tx| {
                let sql = "SELECT worktree_id, user_id, level FROM acl_access";
                tx.sql().query(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            })
            .unwrap();
        prop_assert_eq!(held.len(), USERS * WORKTREES);
        for (worktree, user, level) in held {
            let (w, u): (usize, usize) = (worktree[1..].parse().unwrap(), user[1..].parse().unwrap());
            let expected = LEVELS[1..5].iter().rev().find(|level| world.holds(u, w, level)).copied().unwrap_or("none");
            prop_assert_eq!(level, expected, "{} on {}", user, worktree);
        }
    }
}
