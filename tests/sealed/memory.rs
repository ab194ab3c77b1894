//! A sealed statement takes a bounded amount of memory.
//!
//! Each statement is run in a process of its own, whose peak the system tells.
#![cfg(target_os = "linux")]

use std::process::Command;

use aclite::{Actor, MessageRole, MessageType, NewMessage, Sharing};

use crate::support::{places, system, world_at};

/// What the process takes for itself, the store and a message of 16 MiB, the statement's 256 MiB, and what it can take
/// between two looks at the clock.
const MOST: u64 = 600 << 10;

const GROW: &str = "WITH RECURSIVE d (t) AS (SELECT 'xxxxxxxx' UNION ALL SELECT t || t FROM d LIMIT 40) ";

fn hungry() -> Vec<String> {
    let users = |times: usize| (0..times).map(|at| format!("users AS u{at}")).collect::<Vec<_>>().join(", ");
    let often = |what: &str, times: usize| vec![what; times].join(", ");
    // As much as passes the scales: see how heavy that is.
    let chain = |levels: usize, body: fn(usize) -> String| {
        let levels = (1..=levels).map(|level| format!(", a{level} AS ({})", body(level - 1))).collect::<String>();
        format!("WITH a0 AS (SELECT status AS y FROM tasks){levels} SELECT count(*) FROM a")
    };
    vec![
        chain(6, |below| format!("SELECT 1 AS z FROM a{below} AS p, a{below} AS q")) + "6",
        chain(11, |below| format!("SELECT y || y AS y FROM a{below}")) + "11 WHERE y > 'a'",
        format!("{GROW} SELECT max(t) FROM d"),
        format!("{GROW} SELECT count(*) FROM d AS a, d AS b WHERE a.t || b.t > 'y'"),
        format!("SELECT {}", often("printf('%2000000d', 1)", 80)),
        format!("SELECT concat({})", often("printf('%2000000d', 1)", 64)),
        format!("SELECT {}", often("replace(printf('%500000d', 1), ' ', 'xxxx')", 80)),
        format!("SELECT group_concat(u0.data) FROM {}", users(9)),
        format!("SELECT json_group_array(u0.data) FROM {}", users(9)),
        format!("SELECT json_group_object(u0.data, u1.data) FROM {}", users(9)),
        format!("SELECT u0.user_id, printf('%100000d', 1) AS x FROM {} ORDER BY x, 1 DESC", users(7)),
        format!("SELECT DISTINCT printf('%100000d', u0.created_at) || u1.user_id || u2.user_id || u3.user_id || u4.user_id FROM {}", users(5)),
        "WITH RECURSIVE n (i, t) AS (SELECT 1, printf('%100000d', 1) UNION SELECT i + 1, t FROM n) SELECT sum(length(t)) FROM n".to_owned(),
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, lag(i) OVER (ORDER BY -i) FROM n".to_owned(),
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, printf('%1000d', i) FROM n".to_owned(),
        "SELECT json_extract('[' || replace(printf('%1000000d', 1), ' ', '1,') || '1]', '$[#-1]') FROM users".to_owned(),
        format!("SELECT {} FROM messages WHERE message_id = 'm-big'", (0..80).map(|at| format!("data || {at}")).collect::<Vec<_>>().join(", ")),
        "SELECT a.data, b.data FROM messages AS a, messages AS b ORDER BY length(a.data || b.message_id)".to_owned(),
        format!("SELECT count(*) FROM messages AS m, {} GROUP BY m.data, u0.user_id, u1.user_id, u2.user_id", users(4)),
    ]
}

/// Runs the statement that `ACLITE_HUNGRY` counts; without it, nothing.
#[test]
fn one_hungry_statement() {
    let Ok(number) = std::env::var("ACLITE_HUNGRY") else { return };
    let dir = tempfile::tempdir().unwrap();
    let store = world_at(&dir.path().join("hungry.db"));
    places(&store, Sharing::None);
    let statement = &hungry()[number.parse::<usize>().unwrap()];
    if statement.contains("messages") {
        let content = "x".repeat((16 << 20) - 64);
        let new = NewMessage::new("s-w", MessageType::User, MessageRole::User, content).id("m-big");
        store.write(&system(), |tx| tx.messages().create(new)).unwrap();
    }
    let sealed = store.sealed(&Actor::user("bo")).unwrap();
    sealed.set_time_limit(std::time::Duration::from_secs(2));
    let before = peak();
    let rows = sealed.query(statement, [], |_| Ok(()));
    let told = rows.map(|rows| format!("{} rows", rows.len())).unwrap_or_else(|error| error.to_string());
    println!("PEAK {} from {before}: {told}", peak());
}

/// In KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn hungry_statements_stay_bounded() {
    for (number, statement) in hungry().iter().enumerate() {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["memory::one_hungry_statement", "--exact", "--nocapture"])
            .env("ACLITE_HUNGRY", number.to_string())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&child.stdout).into_owned();
        let peak = told.lines().find_map(|line| Some(line.split_once("PEAK ")?.1));
        let peak = peak.unwrap_or_else(|| panic!("{statement:.100}: {told}{}", String::from_utf8_lossy(&child.stderr)));
        println!("{peak} ← {statement:.90}");
        let kib: u64 = peak.split(' ').next().unwrap().parse().unwrap();
        assert!(kib < MOST, "{statement:.100}: {peak}");
    }
}
