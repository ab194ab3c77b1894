//! Who acts on a host's connection: set by SQL, read by the guards when a statement runs.
//!
//! A sign-in that fails leaves nobody signed in: who goes on all the same must not act as whoever was there before. Where
//! who acts can't change at all, since a statement writes or it is final, the failed call changes nothing either.

use rusqlite::{Connection, Result as SqlResult, ToSql, params};

use super::Loaded;
use super::hosted::HostConnection;
use crate::actor::Actor;
use crate::audit::{Door, Entry};
use crate::error::{Code, Told};
use crate::guard::refused;
use crate::operation::{Action, Operation, Resource};
use crate::sqlite::function::Call;

/// `acl_login(user [, 'final'])`: from now on `user` acts, named by id or by an e-mail address that
/// no other user has. Returns the id.
pub(super) fn login(call: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    sign_in(call, loaded, "acl_login", ["the user"], |conn, [user]| {
        let id = find(conn, user)?;
        Ok((Actor::user(id.as_str()), id))
    })
}

/// `acl_executor(user, session, task [, 'final'])`: from now on the process acts that reports on `task`. Returns the user's id.
///
/// Each statement verifies the three anew; here a wrong one is named where it is given.
pub(super) fn executor(call: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    sign_in(call, loaded, "acl_executor", ["the user", "the session", "the task"], |conn, [user, session, task]| {
        exists(conn, user)?;
        let theirs = "SELECT 1 FROM main.tasks AS t JOIN main.sessions AS s ON s.session_id = t.session_id
                      WHERE t.task_id = ?1 AND t.session_id = ?2 AND t.created_by = ?3";
        if !there_is(conn, theirs, &[task, session, user])? {
            return Err(refused(
                Code::NotAuthenticated,
                format!("`{user}` has no task `{task}` in a session `{session}`"),
            ));
        }
        Ok((Actor::executor(user.as_str(), session.as_str(), task.as_str()), user.clone()))
    })
}

/// `acl_agent(user, session [, 'final'])`: from now on the agent acts that runs in `session`. Returns the user's id.
///
/// Each statement verifies the two anew; here a wrong one is named where it is given.
pub(super) fn agent(call: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    sign_in(call, loaded, "acl_agent", ["the user", "the session"], |conn, [user, session]| {
        exists(conn, user)?;
        let theirs = "SELECT 1 FROM main.sessions WHERE session_id = ?1 AND created_by = ?2";
        if !there_is(conn, theirs, &[session, user])? {
            return Err(refused(Code::NotAuthenticated, format!("`{user}` has created no session `{session}`")));
        }
        Ok((Actor::agent(user.as_str(), session.as_str()), user.clone()))
    })
}

/// `acl_service(name [, 'final'])`: from now on this service of the daemon acts. Returns the name.
pub(super) fn service(call: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    let act = |name: &str| Actor::service(name);
    as_daemon(call, loaded, "acl_service", "the name", act, "a service has a name, which the audit keeps")
}

/// `acl_system(reason [, 'final'])`: from now on the daemon itself acts, an operator at its place. Returns the reason.
pub(super) fn system(call: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    let act = |reason: &str| Actor::system(reason);
    as_daemon(call, loaded, "acl_system", "the reason", act, "the daemon acts for a reason, which the audit keeps")
}

/// `acl_logout()`: from now on nobody acts. Returns what [`whoami`] does.
pub(super) fn logout(call: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    changeable(loaded, "acl_logout")?;
    become_actor(loaded, None);
    loaded.settle();
    whoami(call, loaded)
}

/// `acl_whoami()`: who acts, as JSON: `{"kind":"user","id":"ada","final":false,"sealed":false}`; of an executor and an
/// agent also their `session`, of an executor its `task`.
pub(super) fn whoami(_: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    let state = loaded.context.state();
    let actor = state.acting();
    let hosted = &loaded.hosted;
    let mut who = serde_json::json!({
        "kind": actor.kind(), "id": actor.id(), "final": hosted.is_final(), "sealed": hosted.is_sealed(),
    });
    if let Some(session) = actor.session_id() {
        who["session"] = session.as_str().into();
    }
    if let Actor::Executor { task, .. } = actor {
        who["task"] = task.as_str().into();
    }
    Ok(who.to_string())
}

/// Signs in as the daemon. The audit says so first, once for each connection and name: where it can't, nobody becomes
/// the daemon. So the first time is outside of a transaction.
fn as_daemon(
    call: &Call<'_>,
    loaded: &Loaded,
    function: &'static str,
    what: &str,
    act: impl FnOnce(&str) -> Actor,
    nameless: &str,
) -> SqlResult<String> {
    sign_in(call, loaded, function, [what], |conn, [name]| {
        if name.trim().is_empty() {
            return Err(refused(Code::Invalid, nameless));
        }
        let actor = act(name);
        if loaded.recorder.has_announced(&actor) {
            guarded(conn)?;
            return Ok((actor, name.clone()));
        }
        if !conn.is_autocommit() {
            return Err(refused(
                Code::Conflict,
                format!("{function}() is called outside of a transaction the first time, so that the audit can say so"),
            ));
        }
        let asked = Operation::new(Resource::Meta, Action::Administer);
        let mut entry = Entry::new(&actor, Door::Sql, asked, "connection", "allowed");
        entry.explain(&actor, function);
        loaded
            .recorder
            .announce(&actor, entry)
            .map_err(|error| Told::whole(&error).because("the audit can't be written"))?;
        Ok((actor, name.clone()))
    })
}

/// From now on whoever `find` makes of the arguments acts, or nobody where that fails; for good, where `final` follows them.
fn sign_in<const N: usize>(
    call: &Call<'_>,
    loaded: &Loaded,
    function: &'static str,
    what: [&str; N],
    find: impl FnOnce(&Connection, &[String; N]) -> SqlResult<(Actor, String)>,
) -> SqlResult<String> {
    let hosted = changeable(loaded, function)?;
    let found = arguments(call, function, what).and_then(|(given, is_final)| {
        let (actor, told) = find(&hosted.connection()?, &given)?;
        Ok((actor, told, is_final))
    });
    let told = found.map(|(actor, told, is_final)| {
        become_actor(loaded, Some(actor));
        hosted.remember();
        if is_final {
            hosted.set_final();
        }
        told
    });
    if told.is_err() {
        become_actor(loaded, None);
    }
    loaded.settle();
    told
}

/// Nothing that was begun for one actor is left for the next.
fn become_actor(loaded: &Loaded, actor: Option<Actor>) {
    loaded.context.set_actor(actor, None);
}

/// Fails unless who acts can change now, by the function `name`.
fn changeable<'a>(loaded: &'a Loaded, name: &str) -> SqlResult<&'a HostConnection> {
    let hosted = loaded.direct(name)?;
    if hosted.is_sealed() {
        return Err(refused(Code::Denied, "the connection is sealed"));
    }
    if hosted.is_final() {
        return Err(refused(Code::Denied, "who acts on this connection is final"));
    }
    Ok(hosted)
}

/// The arguments, and whether `final` follows them. The functions take any number, so that a wrong one fails here.
fn arguments<const N: usize>(call: &Call<'_>, function: &str, what: [&str; N]) -> SqlResult<([String; N], bool)> {
    if call.len() != N && call.len() != N + 1 {
        return Err(refused(
            Code::Invalid,
            format!("{function}() takes {}, and `final` where nobody else is to act", what.join(", ")),
        ));
    }
    let mut given = [const { String::new() }; N];
    for (index, what) in what.into_iter().enumerate() {
        given[index] = argument(call, index, what)?;
    }
    match (call.len() > N).then(|| argument(call, N, "`final`")).transpose()?.as_deref() {
        None => Ok((given, false)),
        Some("final") => Ok((given, true)),
        Some(_) => Err(refused(Code::Invalid, "the last argument can only be `final`")),
    }
}

fn argument(call: &Call<'_>, index: usize, what: &str) -> SqlResult<String> {
    let text = call.get_raw(index).as_str().ok().filter(|text| !text.contains('\0'));
    text.map(str::to_owned).ok_or_else(|| refused(Code::Invalid, format!("{what} must be text")))
}

fn there_is(conn: &Connection, sql: &str, ids: &[&String]) -> SqlResult<bool> {
    let ids: Vec<&dyn ToSql> = ids.iter().map(|id| *id as &dyn ToSql).collect();
    conn.prepare(sql)?.exists(&ids[..])
}

/// Fails unless the main database has its guards.
fn guarded(conn: &Connection) -> SqlResult<()> {
    if !there_is(conn, "SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = 'acl_meta'", &[])? {
        return Err(refused(Code::Incompatible, "the main database has no guards: SELECT acl_adopt() puts them in"));
    }
    // Its tables refuse writes of this connection, but for those that a migration has rebuilt.
    if there_is(conn, "SELECT 1 FROM main.acl_meta WHERE name = 'generation' AND value = 0", &[])? {
        let remedy = "the guards of this file were taken out: run `aclite adopt FILE` to put them in again";
        return Err(refused(Code::Detached, remedy));
    }
    Ok(())
}

/// Fails unless a user has this very id.
fn exists(conn: &Connection, user: &String) -> SqlResult<()> {
    guarded(conn)?;
    if there_is(conn, "SELECT 1 FROM main.users WHERE user_id = ?1", &[user])? {
        return Ok(());
    }
    Err(refused(Code::NotAuthenticated, "no such user"))
}

/// The one user whom `name` means.
fn find(conn: &Connection, name: &str) -> SqlResult<String> {
    guarded(conn)?;
    // The plainest first, so that nobody takes another's name away by an address that is like it.
    for same in ["user_id = ?1", "email = ?1", "email = ?1 COLLATE NOCASE"] {
        let mut users = conn.prepare(&format!("SELECT user_id FROM main.users WHERE {same} LIMIT 2"))?;
        let found = users.query_map(params![name], |row| row.get(0))?.collect::<SqlResult<Vec<String>>>()?;
        match <[String; 1]>::try_from(found) {
            Ok([id]) => return Ok(id),
            Err(none) if none.is_empty() => {}
            Err(_) => return Err(refused(Code::Ambiguous, "more than one user has this address: log in by id")),
        }
    }
    Err(refused(Code::NotAuthenticated, "no such user"))
}
