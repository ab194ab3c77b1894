//! The SQL functions that guards, lists and repositories call, each with its flags and why.
//!
//! None is DETERMINISTIC but those that merge or compare texts: identity is read when a statement runs, never when it was
//! prepared. All are INNOCUOUS, because triggers and views call them under `trusted_schema = OFF`;
//! where we own the connection, SQL that is not ours may call `acl_actor`, `acl_now` and `acl_merge`
//! only; where a host owns it, the guards refuse while a statement names any other.

use std::sync::Arc;

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Result as SqlResult};

use super::complete::{complete_write, first_owner, guard_audit, is_direct};
use super::context::{Context, State};
use super::detached;
use super::host::Host;
use super::judge::{guard, guard_child, may_get, removed_parent, row};
use super::merging::{merged, next_completed_at, next_data, next_status};
use crate::actor::Actor;
use crate::merge;
use crate::record::Time;
use crate::sqlite::function::Functions;

/// Registers all functions on `conn`; they work on `context`.
pub(crate) fn register(conn: &Connection, context: &Arc<Context>) -> SqlResult<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    let pure = flags | FunctionFlags::SQLITE_DETERMINISTIC;
    let host = Host::of(conn);
    detached::register(conn)?;
    let conn = Functions(conn);
    let with = |context: &Arc<Context>| Arc::clone(context);

    // Who acts, for an executor its session and task, for an agent its session; NULL where there is none.
    let cx = with(context);
    conn.create_scalar_function("acl_actor", 0, flags, move |_| Ok(user(&cx.state())))?;
    let cx = with(context);
    conn.create_scalar_function("acl_session", 0, flags, move |_| {
        Ok(match &cx.state().actor {
            Some(Actor::Executor { session, .. }) => Some(session.as_str().to_owned()),
            _ => None,
        })
    })?;
    let cx = with(context);
    conn.create_scalar_function("acl_task", 0, flags, move |_| {
        Ok(match &cx.state().actor {
            Some(Actor::Executor { task, .. }) => Some(task.as_str().to_owned()),
            _ => None,
        })
    })?;
    let cx = with(context);
    conn.create_scalar_function("acl_holder", 0, flags, move |_| {
        let state = cx.state();
        // An agent's session is looked up first.
        Ok(if matches!(state.actor, Some(Actor::Agent { .. })) { None } else { user(&state) })
    })?;
    let cx = with(context);
    conn.create_scalar_function("acl_agent_session", 0, flags, move |_| {
        Ok(match &cx.state().actor {
            Some(Actor::Agent { session, .. }) => Some(session.as_str().to_owned()),
            _ => None,
        })
    })?;
    conn.create_scalar_function("acl_now", 0, flags, |_| Ok(Time::now().as_millis()))?;

    // The guards proper, and what their triggers hand over to them first.
    let cx = with(context);
    conn.create_scalar_function("acl_guard", -1, flags, move |call| kept(&cx, guard(call, &cx, &host)))?;
    let cx = with(context);
    conn.create_scalar_function("acl_row", -1, flags, move |call| row(call, &cx))?;
    let cx = with(context);
    conn.create_scalar_function("acl_removed_parent", 3, flags, move |call| removed_parent(call, &cx))?;
    let cx = with(context);
    conn.create_scalar_function("acl_guard_child", -1, flags, move |call| kept(&cx, guard_child(call, &cx)))?;

    // After the write: whether it is a cascade, and its audit row.
    let cx = with(context);
    conn.create_scalar_function("acl_is_direct", 2, flags, move |call| is_direct(call, &cx))?;
    let cx = with(context);
    conn.create_scalar_function("acl_first_owner", 2, flags, move |call| first_owner(call, &cx))?;
    let cx = with(context);
    conn.create_scalar_function("acl_complete_write", 4, flags, move |call| {
        kept(&cx, complete_write(call, &cx, &host))
    })?;
    let cx = with(context);
    conn.create_scalar_function("acl_guard_audit", 0, flags, move |_| kept(&cx, guard_audit(&cx)))?;

    // Whether two texts of `data` have a key alike. What can't be read is not the same as anything.
    conn.create_scalar_function("acl_same_key", 3, pure, |call| {
        let texts = (call.get_raw(0).as_str(), call.get_raw(1).as_str(), call.get_raw(2).as_str());
        Ok(matches!(texts, (Ok(one), Ok(other), Ok(name)) if merge::same_key(one, other, name)))
    })?;

    // What repositories compute inside their statements.
    let cx = with(context);
    conn.create_scalar_function("acl_merge", 2, pure, move |call| merged(call, &mut cx.state()))?;
    let cx = with(context);
    conn.create_scalar_function("acl_next_data", 2, pure, move |call| Ok(next_data(call, &mut cx.state())))?;
    let cx = with(context);
    conn.create_scalar_function("acl_next_status", 2, flags, move |call| next_status(call, &mut cx.state()))?;
    let cx = with(context);
    conn.create_scalar_function("acl_next_completed_at", 4, flags, move |call| next_completed_at(call, &cx.state()))?;

    // Whether the actor may read a row: the filter of lists, and the answer about a single record.
    let cx = with(context);
    conn.create_scalar_function("acl_may_get", -1, flags, move |call| may_get(call, &mut cx.state(), false))?;
    let cx = with(context);
    conn.create_scalar_function("acl_get", -1, flags, move |call| may_get(call, &mut cx.state(), true))
}

/// Keeps the audit entry of a refusal on a host's connection, where no store asks for it.
fn kept<T>(context: &Context, done: SqlResult<T>) -> SqlResult<T> {
    if done.is_err()
        && let Some(hosted) = context.host()
        && let Some((_, Some(entry))) = context.take_refusal()
    {
        hosted.keep(entry);
    }
    done
}

fn user(state: &State) -> Option<String> {
    state.actor.as_ref()?.user_id().map(|id| id.as_str().to_owned())
}
