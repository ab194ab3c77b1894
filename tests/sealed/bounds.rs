//! A sealed statement is stopped where it runs too long or grows too large.

use std::time::{Duration, Instant};

use aclite::Actor;

use super::house::{all, bo, house, rows, sealed};
use crate::support::{sql, system, verdict};

#[test]
fn a_statement_that_runs_for_ever_is_stopped() {
    let (_dir, store) = house();
    let sealed = sealed(&store, &bo());
    sealed.set_time_limit(Duration::from_millis(200));
    let long = "x".repeat(1 << 20);
    for runaway in [
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n".to_owned(),
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION SELECT (i * 7 + 1) % 100000000 FROM n) SELECT max(i) FROM n".to_owned(),
        format!("SELECT count(*) FROM {}", (0..12).map(|at| format!("users AS u{at}")).collect::<Vec<_>>().join(", ")),
        "SELECT count(*) FROM users a, users b, users c, users d, users e, users f, users g, users h, users i WHERE a.email || b.email || c.email || d.email || e.email || f.email || g.email || h.email || i.email = 'x'".to_owned(),
        "WITH RECURSIVE n (i, t) AS (SELECT 1, 'x' UNION ALL SELECT i + 1, t || 'x' FROM n) SELECT length(max(t)) FROM n ORDER BY 1".to_owned(),
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n ORDER BY i % 1000, i DESC".to_owned(),
    ] {
        let started = Instant::now();
        let stopped = rows(&sealed, &runaway);
        let error = stopped.map(|rows| rows.len()).unwrap_err();
        assert_eq!(error.code(), "invalid", "{runaway}: {error}");
        assert!(started.elapsed() < Duration::from_secs(20), "{runaway}: {:?}", started.elapsed());
    }
    // A single call of a function can't be interrupted.
    sealed.set_time_limit(Duration::from_secs(60));
    for (call, expected) in
        [("instr(?1, ?2)", "0"), ("length(replace(?1, ?2, 'y'))", "1048576"), ("length(trim(?1, ?2))", "0")]
    {
        let found =
            sealed.query_row(&format!("SELECT CAST({call} AS text)"), [&long, &format!("{}y", &long[1..])], |row| {
                row.get::<_, String>(0)
            });
        assert_eq!(found.unwrap().unwrap(), expected, "{call}");
    }
    assert_eq!(all(&sealed, "SELECT count(*) FROM tasks"), ["2"], "the next statement runs");
}

#[test]
fn a_scan_over_hidden_rows_is_stopped_too() {
    let (_dir, store) = house();
    sql(
        &store,
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
         INSERT INTO tasks (task_id, session_id, created_at, created_by, status, data)
         SELECT printf('t-%05d', i), 's-v', acl_now(), 'bo', 'created', '{}' FROM n",
    );
    let sealed = sealed(&store, &Actor::user("cy"));
    sealed.set_time_limit(Duration::from_millis(1));
    let error = rows(&sealed, "SELECT count(*) FROM tasks").unwrap_err();
    assert_eq!(error.to_string(), "`sql` takes longer than 1ms");
}

#[test]
fn large_values_and_large_statements_are_refused() {
    let (_dir, store) = house();
    let sealed = sealed(&store, &bo());
    for attack in [
        "SELECT printf('%100000000d', 1)".to_owned(),
        "SELECT printf('%*d', 100000000, 1)".to_owned(),
        "SELECT replace(printf('%1000000d', 1), ' ', printf('%1000000d', 1))".to_owned(),
        "SELECT hex(printf('%10000000d', 1))".to_owned(),
        "WITH RECURSIVE d (t) AS (SELECT 'xxxxxxxx' UNION ALL SELECT t || t FROM d) SELECT t FROM d".to_owned(),
        "SELECT group_concat(a.data || b.data) FROM users a, users b, users c, users d, users e, users f, users g"
            .to_owned(),
        "SELECT json_group_array(a.data) FROM users a, users b, users c, users d, users e, users f, users g, users h"
            .to_owned(),
        format!("SELECT {}", vec!["1"; 200].join(", ")),
        format!("SELECT {}1{}", "(".repeat(200), ")".repeat(200)) + &" + 1".repeat(200),
        format!("SELECT 1 {}", "UNION ALL SELECT 1 ".repeat(100)),
        format!("SELECT char({})", vec!["1"; 100].join(", ")),
        format!("SELECT '{}'", "x".repeat(70_000)),
        format!("SELECT 'x' LIKE '{}'", "%x".repeat(100)),
        format!("SELECT 'x' GLOB '{}'", "*x".repeat(100)),
        "SELECT ?1000".to_owned(),
        "SELECT printf('%10000000d', 1) FROM users a, users b, users c".to_owned(),
    ] {
        let refused = rows(&sealed, &attack);
        assert_eq!(verdict(&refused), "invalid", "{attack:.100}: {:?}", refused.map(|rows| rows.len()));
    }
    assert_eq!(all(&sealed, "SELECT count(*) FROM tasks"), ["2"]);
}

/// Each level names the one below twice: preparing this would take memory and time without end.
#[test]
fn a_statement_that_unfolds_without_end_is_stopped() {
    let (_dir, store) = house();
    let sealed = sealed(&store, &bo());
    sealed.set_time_limit(Duration::from_millis(300));
    let mut bomb = "WITH a0 AS (SELECT 1 AS x)".to_owned();
    for level in 1..60 {
        bomb += &format!(", a{level} AS (SELECT p.x FROM a{0} AS p, a{0} AS q)", level - 1);
    }
    let started = Instant::now();
    let stopped = rows(&sealed, &format!("{bomb} SELECT * FROM a59"));
    assert_eq!(verdict(&stopped), "invalid", "{stopped:?}");
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    assert_eq!(all(&sealed, "SELECT count(*) FROM tasks"), ["2"], "the next statement runs");
}

#[test]
fn a_message_of_the_greatest_size_can_be_read() {
    let (_dir, store) = house();
    let content = "x".repeat((16 << 20) - 64);
    let new = aclite::NewMessage::new("s-w", aclite::MessageType::User, aclite::MessageRole::User, content).id("m-big");
    store.write(&system(), |tx| tx.messages().create(new)).unwrap();
    let sealed = sealed(&store, &bo());
    let sql = "SELECT data FROM messages WHERE message_id = 'm-big' ORDER BY length(data)";
    let length = sealed.query_row(sql, [], |row| Ok(row.get_ref(0)?.as_str()?.len())).unwrap();
    assert!(length.unwrap() > (16 << 20) - 64);
}
