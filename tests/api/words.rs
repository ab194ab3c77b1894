//! Every word is the same text in the database, in JSON and in `parse`; unknown words are refused or kept, as each type says.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use aclite::{
    Action, AgenticTool, Error, Level, MessageRole, MessageType, Need, Resource, Role, RoleRank, SessionStatus,
    Sharing, Store, TableGuard, TaskStatus, UnknownWord,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

trait Word:
    Debug + Display + PartialEq + FromStr<Err = UnknownWord> + Serialize + DeserializeOwned + Send + Sync + 'static
{
}
impl<T> Word for T where
    T: Debug + Display + PartialEq + FromStr<Err = UnknownWord> + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

/// Fails unless `value` is `word` in each form.
#[track_caller]
fn goes_round<T: Word>(value: &T, word: &str) {
    assert_eq!(value.to_string(), word);
    assert_eq!(word.parse::<T>().as_ref(), Ok(value));
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(json, format!("\"{word}\""));
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value);
}

#[test]
fn each_value_has_one_word() {
    for level in Level::ALL {
        goes_round(&level, level.as_str());
        goes_round(&Sharing::from(level), level.as_str());
        goes_round(&Need::Level(level), level.as_str());
    }
    for role in [RoleRank::Unknown, RoleRank::Viewer, RoleRank::Member, RoleRank::Admin, RoleRank::Superadmin] {
        goes_round(&role, role.as_str());
        goes_round(&Need::Role(role), &format!("role:{role}"));
    }
    for need in [Need::Owner, Need::Own, Need::SignedIn, Need::System] {
        goes_round(&need, need.as_str());
    }
    for resource in Resource::ALL {
        goes_round(resource, resource.as_str());
    }
    for action in Action::ALL {
        goes_round(action, action.as_str());
    }
}

/// Fails unless `T` refuses `word` by `message`, and reads no JSON of it where it is strict.
#[track_caller]
fn refuses<T: Word>(word: &str, message: &str, strict: bool) {
    let error = word.parse::<T>().unwrap_err();
    assert_eq!(error.to_string(), message);
    assert_eq!(error.given(), word);
    for expected in error.expected() {
        goes_round(&expected.parse::<T>().unwrap(), expected);
    }
    let read = serde_json::from_value::<T>(word.into());
    assert_eq!(read.is_err(), strict, "{read:?}");
}

#[test]
fn an_unknown_word_is_refused_by_an_error_that_names_the_known_ones() {
    refuses::<Level>("", "`` is no level: expected none, view, session, prompt, all", true);
    refuses::<RoleRank>("Admin", "`Admin` is no role: expected none, viewer, member, admin, superadmin", true);
    let needs = "none, view, session, prompt, all, owner, self, role:member, role:admin, signed-in, system";
    refuses::<Need>("role:owner", &format!("`role:owner` is no need: expected {needs}"), true);
    let actions = "get, create, patch, report, share, administer, remove";
    refuses::<Action>("delete", &format!("`delete` is no operation: expected {actions}"), true);
    let statuses = "created, running, stopping, awaiting_permission, completed, failed, stopped";
    refuses::<TaskStatus>("done", &format!("`done` is no task status: expected {statuses}"), false);
    refuses::<Role>("boss", "`boss` is no role: expected superadmin, owner, admin, member, viewer", false);
    refuses::<Sharing>("read", "`read` is no level: expected none, view, session, prompt, all", false);
    assert!("branch".parse::<Resource>().is_err());
    assert!("busy".parse::<SessionStatus>().is_err());
    assert!("vim".parse::<AgenticTool>().is_err());
    assert!("poem".parse::<MessageType>().is_err());
    assert!("muse".parse::<MessageRole>().is_err());
}

#[test]
fn an_unknown_word_is_an_invalid_field_in_the_store() {
    let error = Error::from("promt".parse::<Level>().unwrap_err());
    assert_eq!(error.to_string(), "`level` must be one of none, view, session, prompt, all");
    assert_eq!(error.code(), "invalid");
}

#[test]
fn a_rule_needs_no_role_that_the_table_of_rules_does_not_take() {
    let store = Store::open(":memory:").unwrap();
    for (role, word) in
        [(RoleRank::Superadmin, "superadmin"), (RoleRank::Viewer, "viewer"), (RoleRank::Unknown, "none")]
    {
        let guard = TableGuard::of_session("session_id").rule(Action::Patch, Need::Owner, Some(Need::Role(role)));
        let error = store.guard_table(&aclite::Actor::system("test"), "notes", guard).unwrap_err();
        assert_eq!(error.to_string(), format!("`rule` can't need `role:{word}`"));
    }
}
