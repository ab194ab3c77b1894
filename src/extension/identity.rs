//! Who acts on a host's connection: set by SQL, read by the guards when a statement runs.

use rusqlite::{Connection, Result as SqlResult, params};

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
    let hosted = changeable(loaded, "acl_login")?;
    let user = argument(call, 0, "the user")?;
    let is_final = match (call.len() > 1).then(|| argument(call, 1, "`final`")).transpose()?.as_deref() {
        None => false,
        Some("final") => true,
        Some(_) => return Err(refused(Code::Invalid, "the second argument can only be `final`")),
    };
    let id = find(&hosted.connection()?, &user)?;
    become_actor(loaded, Some(Actor::user(id.as_str())));
    hosted.remember();
    if is_final {
        hosted.set_final();
    }
    loaded.settle();
    Ok(id)
}

/// `acl_logout()`: from now on nobody acts. Returns what [`whoami`] does.
pub(super) fn logout(call: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    changeable(loaded, "acl_logout")?;
    become_actor(loaded, None);
    loaded.settle();
    whoami(call, loaded)
}

/// `acl_system(reason)`: from now on the daemon itself acts, an operator at its place. The audit says so
/// first: where it can't, nobody becomes the daemon. Returns the reason.
pub(super) fn system(call: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    let hosted = changeable(loaded, "acl_system")?;
    let reason = argument(call, 0, "the reason")?;
    if reason.trim().is_empty() {
        return Err(refused(Code::Invalid, "the daemon acts for a reason, which the audit keeps"));
    }
    if !hosted.connection()?.is_autocommit() {
        let problem = "the daemon's place is taken outside of a transaction, so that the audit can say so";
        return Err(refused(Code::Conflict, problem));
    }
    let actor = Actor::system(reason.as_str());
    let asked = Operation::new(Resource::Meta, Action::Administer);
    let mut entry = Entry::new(&actor, Door::Sql, asked, "connection", "allowed");
    entry.why = "acl_system".to_owned();
    loaded.recorder.write(&[entry]).map_err(|error| Told::whole(&error).because("the audit can't be written"))?;
    become_actor(loaded, Some(actor));
    loaded.settle();
    Ok(reason)
}

/// `acl_whoami()`: who acts, as JSON: `{"kind":"user","id":"ada","final":false,"sealed":false}`.
pub(super) fn whoami(_: &Call<'_>, loaded: &Loaded) -> SqlResult<String> {
    let state = loaded.context.state();
    let actor = state.acting();
    let hosted = &loaded.hosted;
    let who = serde_json::json!({
        "kind": actor.kind(), "id": actor.id(), "final": hosted.is_final(), "sealed": hosted.is_sealed(),
    });
    Ok(who.to_string())
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

fn argument(call: &Call<'_>, index: usize, what: &str) -> SqlResult<String> {
    let text = call.get_raw(index).as_str().ok().filter(|text| !text.contains('\0'));
    text.map(str::to_owned).ok_or_else(|| refused(Code::Invalid, format!("{what} must be text")))
}

/// The one user whom `name` means.
fn find(conn: &Connection, name: &str) -> SqlResult<String> {
    let guarded =
        conn.prepare("SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = 'acl_meta'")?.exists([])?;
    if !guarded {
        return Err(refused(Code::Incompatible, "the main database has no guards: SELECT acl_adopt() puts them in"));
    }
    // Its tables refuse writes of this connection, but for those that a migration has rebuilt.
    if conn.prepare("SELECT 1 FROM main.acl_meta WHERE name = 'generation' AND value = 0")?.exists([])? {
        let remedy = "the guards of this file were taken out: run `aclite adopt FILE` to put them in again";
        return Err(refused(Code::Detached, remedy));
    }
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
