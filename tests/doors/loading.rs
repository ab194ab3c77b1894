//! The extension loads where it can work, says why where it can't, and adopts and checks a file by SQL.

use rusqlite::Connection;

use super::host::{host, text};
use crate::support::raw::{self, run};
use crate::support::{extension, file, forger};

// ---- loading ------------------------------------------------------------------------------------

/// An extension built for a later SQLite aborted the whole process when an older one loaded it.
#[test]
#[expect(unsafe_code, reason = "it plays the part of SQLite, which is written in C")]
fn a_host_that_is_too_old_or_odd_gets_a_text() {
    use std::ffi::{CStr, CString, c_char, c_int, c_void};
    use std::ptr;
    unsafe extern "C" {
        fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
        fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
        fn malloc(size: usize) -> *mut c_void;
    }
    unsafe extern "C" fn allot(size: c_int) -> *mut c_void {
        // SAFETY: any size may be asked for.
        unsafe { malloc(usize::try_from(size).unwrap()) }
    }
    unsafe extern "C" fn no_room(_: c_int) -> *mut c_void {
        ptr::null_mut()
    }
    unsafe extern "C" fn old() -> c_int {
        3_034_000
    }
    unsafe extern "C" fn ancient() -> c_int {
        3_007_000
    }
    type Entry = unsafe extern "C" fn(*mut c_void, *mut *mut c_char, *const [*const c_void; 300]) -> c_int;
    unsafe extern "C" fn present() -> c_int {
        3_040_000
    }
    // The places of `malloc` and `libversion_number` in SQLite's table of calls. A call that SQLite leaves out is absent.
    let table = |malloc: *const c_void, version: *const c_void, rest: *const c_void| {
        let mut table = [rest; 300];
        (table[MALLOC], table[VERSION], table[CREATE_MODULE_V2]) = (malloc, version, ptr::null());
        table
    };
    let path = CString::new(extension::extension().to_str().unwrap()).unwrap();
    // SAFETY: the library is this crate's extension; its entry point has this shape.
    let entry = unsafe {
        let library = dlopen(path.as_ptr(), 2);
        assert!(!library.is_null());
        let entry = dlsym(library, c"sqlite3_extension_init".as_ptr());
        assert!(!entry.is_null(), "the default entry point");
        std::mem::transmute::<*mut c_void, Entry>(entry)
    };
    let (room, none) = (allot as *const c_void, no_room as *const c_void);
    let (new, nothing) = (present as *const c_void, ptr::null());
    for (malloc, version, rest, told) in [
        (
            room,
            old as *const c_void,
            nothing,
            Some("aclite: incompatible: needs SQLite 3.34.1 or later; this is 3.34.0"),
        ),
        (
            room,
            ancient as *const c_void,
            nothing,
            Some("aclite: incompatible: needs SQLite 3.34.1 or later; this is 3.7.0"),
        ),
        (room, nothing, nothing, Some("aclite: incompatible: this SQLite does not say its version")),
        (
            room,
            new,
            nothing,
            Some(
                "aclite: incompatible: this SQLite was compiled with SQLITE_OMIT_AUTHORIZATION: aclite needs what that leaves out",
            ),
        ),
        (
            room,
            new,
            new,
            Some(
                "aclite: incompatible: this SQLite was compiled with SQLITE_OMIT_VIRTUALTABLE: aclite needs what that leaves out",
            ),
        ),
        (none, old as *const c_void, nothing, None),
        (nothing, old as *const c_void, nothing, None),
    ] {
        let (table, mut error) = (table(malloc, version, rest), ptr::null_mut());
        // SAFETY: the connection is never looked at, since the version forbids it.
        let text = unsafe {
            assert_eq!(entry(ptr::without_provenance_mut(8), &raw mut error, &raw const table), 1, "{told:?}");
            (!error.is_null()).then(|| CStr::from_ptr(error).to_str().unwrap().to_owned())
        };
        assert_eq!(text.as_deref(), told);
        // SAFETY: as above; a host may ask for no text.
        assert_eq!(unsafe { entry(ptr::without_provenance_mut(8), ptr::null_mut(), &raw const table) }, 1);
    }
    // SAFETY: as above; a host without a table gets no text, since nothing can be allotted.
    assert_eq!(unsafe { entry(ptr::without_provenance_mut(8), ptr::null_mut(), ptr::null()) }, 1);
}

/// Where they stand in SQLite's table of calls, for good: it only grows at its end.
const MALLOC: usize = 68;
const VERSION: usize = 67;
const CREATE_MODULE_V2: usize = 119;

#[test]
fn loading_switches_on_what_the_guards_rest_on() {
    let host = host();
    for pragma in ["foreign_keys", "recursive_triggers"] {
        assert_eq!(host.conn.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).unwrap(), 1, "{pragma}");
    }
    assert_eq!(text(&host.conn, "SELECT acl_version()"), env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&host.conn, "SELECT acl_whoami()"), r#"{"kind":"anonymous","id":"","final":false,"sealed":false}"#);
}

/// A limit that the host sets counts like one of its SQLite.
#[test]
fn too_low_a_limit_keeps_the_extension_from_loading() {
    use rusqlite::limits::Limit;
    let host = host();
    let conn = Connection::open(&host.path).unwrap();
    conn.set_limit(Limit::SQLITE_LIMIT_FUNCTION_ARG, 99).unwrap();
    let refused = raw::load(&conn).unwrap_err().to_string();
    assert!(refused.contains("99 arguments in this SQLite, and a guard may need 100"), "{refused}");
    assert!(run(&conn, "SELECT acl_whoami()").is_err(), "nothing of a load that failed is left");
    conn.set_limit(Limit::SQLITE_LIMIT_FUNCTION_ARG, 100).unwrap();
    raw::load(&conn).unwrap();
    assert!(text(&conn, "SELECT acl_check()").contains(r#""clean":true"#));
}

/// Every write fails when it is prepared, and no guard hears of it.
#[test]
fn guards_that_can_not_be_compiled_on_this_connection_are_named_by_the_check() {
    use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
    let host = host();
    let denies = |asked: AuthContext<'_>| match asked.action {
        AuthAction::Function { function_name: "acl_guard" } => Authorization::Deny,
        _ => Authorization::Allow,
    };
    host.conn.authorizer(Some(denies)).unwrap();
    let checked: serde_json::Value = serde_json::from_str(&text(&host.conn, "SELECT acl_check()")).unwrap();
    let connection = checked["connection"].as_str().unwrap();
    assert!(connection.contains("`users` can't be written: not authorized to use function: acl_guard"), "{connection}");
    assert_eq!(checked["clean"], false);
    assert!(run(&host.conn, "DELETE FROM tasks WHERE 0").unwrap_err().contains("not authorized"));
    host.conn.authorizer(None::<fn(AuthContext<'_>) -> Authorization>).unwrap();
    assert!(text(&host.conn, "SELECT acl_check()").contains(r#""clean":true"#));
}

/// Where nothing is guarded, the extension loads and says so.
#[test]
fn a_database_without_guards_has_nobody_to_sign_in() {
    let conn = Connection::open_in_memory().unwrap();
    raw::load(&conn).unwrap();
    for (statement, told) in [
        ("SELECT acl_login('bo')", "no guards"),
        ("SELECT acl_check()", "the file is empty"),
        ("SELECT acl_adopt()", "it is in memory"),
        ("SELECT acl_system('x')", "it is in memory"),
        ("SELECT acl_seal()", "nobody is signed in"),
    ] {
        let outcome = run(&conn, statement).expect_err(statement);
        assert!(outcome.contains(told), "{statement}: {outcome}");
    }
}

// ---- check and adoption -------------------------------------------------------------------------

#[test]
fn a_file_of_agors_is_adopted_by_sql() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agor.db");
    Connection::open(&path).unwrap().execute_batch(file::AGOR).unwrap();
    let conn = raw::open(&path);
    for (statement, told) in [("SELECT acl_login('u')", "no guards"), ("SELECT acl_check()", "adopt")] {
        let outcome = run(&conn, statement).expect_err(statement);
        assert!(outcome.contains(told), "{statement}: {outcome}");
    }
    conn.execute_batch("BEGIN").unwrap();
    assert!(run(&conn, "SELECT acl_adopt()").unwrap_err().contains("no transaction open"));
    conn.execute_batch("COMMIT").unwrap();
    let report: serde_json::Value = serde_json::from_str(&text(&conn, "SELECT acl_adopt()")).unwrap();
    assert_eq!(report["already"], false);
    let again: serde_json::Value = serde_json::from_str(&text(&conn, "SELECT acl_adopt()")).unwrap();
    assert_eq!(again["already"], true);
    assert!(text(&conn, "SELECT acl_check()").contains(r#""clean":true"#));
    let user: String = text(&conn, "SELECT user_id FROM users ORDER BY user_id LIMIT 1");
    assert_eq!(conn.query_row("SELECT acl_login(?1)", [&user], |row| row.get::<_, String>(0)).unwrap(), user);
    assert!(run(&conn, "DELETE FROM acl_audit").is_err());
}

/// A program that registers functions under our names has the file, and with it everything. It is where the defence ends.
#[test]
fn functions_of_our_names_are_the_end_of_the_defence() {
    let host = host();
    let file = forger(&host.path);
    file.execute("UPDATE tasks SET status = 'failed' WHERE task_id = 't-v'", []).unwrap();
    assert_eq!(host.status("t-v"), "failed");
    assert!(text(&host.conn, "SELECT acl_check()").contains(r#""clean":true"#), "the guards are as they were");
}
