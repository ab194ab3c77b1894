//! Triggers of others on guarded tables: which are left alone, and which are refused.
//!
//! A trigger acts under the rights of whoever fires it, and fires before aclite's own where it is the younger one. So it is
//! refused where it could write what is guarded, be it by a cascade or by a trigger that it fires, and where it could end a
//! write before aclite's AFTER trigger. All others are their owner's: a search index, a count, an outbox.
//!
//! The texts of the schema decide, at every door alike: on a host's connection there is nobody else to ask. On a connection of
//! ours the authorizer decides once more, when a statement is prepared (`store/connection.rs`).

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;

use super::own_tables::Schema;
use crate::catalog;
use crate::error::{Error, Result};
use crate::sql_text::trigger::{conflicts_fail, module, trigger};

/// The virtual tables of SQLite's own that write nothing but their shadow tables.
const MODULES: [&str; 6] = ["fts3", "fts4", "fts5", "rtree", "rtree_i32", "geopoly"];

/// An object of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) table: String,
    pub(crate) sql: String,
    pub(crate) is_temp: bool,
}

/// What became of the triggers that are not aclite's.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Others {
    /// Those that guarded tables fire and that are left alone, in words.
    pub(crate) left_alone: Vec<String>,
    /// Those that are refused: the name, and why.
    pub(crate) refused: Vec<(String, String)>,
}

/// The foreign keys by which the change of one table reaches another, in lower case: from the parent to the child.
pub(crate) type Cascades = HashMap<String, Vec<String>>;

/// The schemas whose objects a trigger can name, with all that it takes to follow it.
pub(crate) struct Surroundings<'s> {
    objects: HashMap<String, Vec<&'s Object>>,
    /// Those that are not aclite's, by their table.
    triggers: HashMap<String, Vec<&'s Object>>,
    cascades: &'s Cascades,
    is_guarded: &'s dyn Fn(&str) -> bool,
}

impl<'s> Surroundings<'s> {
    /// `is_ours` says which triggers are aclite's.
    pub(crate) fn new(
        objects: &'s [Object],
        cascades: &'s Cascades,
        is_guarded: &'s dyn Fn(&str) -> bool,
        is_ours: &dyn Fn(&Object) -> bool,
    ) -> Self {
        let (mut named, mut triggers) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for object in objects {
            match object.kind.as_str() {
                "table" | "view" => named.entry(object.name.to_ascii_lowercase()).or_default().push(object),
                "trigger" if !is_ours(object) => {
                    triggers.entry(object.table.to_ascii_lowercase()).or_default().push(object);
                }
                _ => {}
            }
        }
        Self { objects: named, triggers, cascades, is_guarded }
    }

    /// Judges the triggers that guarded tables fire, and where `everywhere` says so all others too, which may write no guarded
    /// table either.
    pub(crate) fn judge(&self, everywhere: bool) -> Others {
        let mut others = Others::default();
        let mut tables: Vec<&String> = self.triggers.keys().collect();
        tables.sort();
        for table in tables {
            for object in &self.triggers[table] {
                let guarded = (self.is_guarded)(table);
                let problem = match guarded {
                    true => self.problem(object),
                    false if everywhere => self.writes_guarded(object),
                    false => continue,
                };
                match problem {
                    Some(problem) => others.refused.push((object.name.clone(), problem)),
                    None if guarded => others.left_alone.push(described(object)),
                    None => {}
                }
            }
        }
        others.refused.extend(self.halfway());
        others
    }

    /// Why a trigger on a guarded table is refused.
    fn problem(&self, object: &Object) -> Option<String> {
        let Object { name, table, .. } = object;
        let temp = if object.is_temp { "TEMP " } else { "" };
        let refused = |why: &str| Some(format!("{temp}trigger `{name}` on `{table}` is not aclite's: {why}"));
        if begins_as_ours(name) {
            return refused("it has a name of aclite's");
        }
        if begins_as_ours(table) {
            return refused("aclite's own tables have no triggers of others");
        }
        if trigger(&object.sql).is_some_and(|trigger| trigger.ignores) {
            return refused("it can RAISE(IGNORE), which ends aclite's own");
        }
        let mut seen = HashSet::new();
        self.reaches(object, &mut seen).and_then(|why| refused(&why))
    }

    /// Why what the trigger does can't be left alone, be it by way of what it fires.
    fn reaches(&self, object: &Object, seen: &mut HashSet<String>) -> Option<String> {
        let Some(found) = trigger(&object.sql) else { return Some("its text is not understood".to_owned()) };
        if found.fails_halfway {
            return Some("it can FAIL, which leaves a write without its audit row".to_owned());
        }
        found.writes.iter().find_map(|written| self.written(written, seen))
    }

    /// Why this may not be written by a trigger that a guarded table fires.
    fn written(&self, name: &str, seen: &mut HashSet<String>) -> Option<String> {
        if !seen.insert(name.to_owned()) {
            return None;
        }
        if (self.is_guarded)(name) {
            return Some(format!("it writes `{name}`"));
        }
        if name.starts_with("sqlite_") {
            return Some(format!("it writes `{name}`, which is SQLite's own"));
        }
        let Some(objects) = self.objects.get(name) else {
            return Some(format!("it writes `{name}`, which is not there"));
        };
        for object in objects {
            if let Some(module) = module(&object.sql) {
                if !MODULES.contains(&module.as_str()) {
                    return Some(format!("it writes `{name}`, a virtual table of the unknown module `{module}`"));
                }
                // Its shadow tables have its name and one word more, and can have triggers too.
                let is_shadow = |table: &&String| table.strip_prefix(name).is_some_and(|rest| rest.starts_with('_'));
                if let Some(why) = self.objects.keys().filter(is_shadow).find_map(|shadow| self.written(shadow, seen)) {
                    return Some(why);
                }
            }
            if conflicts_fail(&object.sql) {
                return Some(format!(
                    "it writes `{name}`, whose constraints FAIL, which leaves a write without its audit row"
                ));
            }
        }
        let fired = self.triggers.get(name).into_iter().flatten();
        let fires = |fired: &&Object, seen: &mut HashSet<String>| {
            let why = self.reaches(fired, seen)?;
            Some(format!("it fires `{}` on `{name}`: {why}", fired.name))
        };
        fired.map(|fired| fires(fired, seen)).find_map(|why| why).or_else(|| {
            let children = self.cascades.get(name).into_iter().flatten();
            children
                .map(|child| {
                    self.written(child, seen).map(|why| format!("foreign keys lead from `{name}` to `{child}`: {why}"))
                })
                .find_map(|why| why)
        })
    }

    /// Why a trigger on a table that is not guarded is refused.
    fn writes_guarded(&self, object: &Object) -> Option<String> {
        let Object { name, .. } = object;
        let Some(found) = trigger(&object.sql) else {
            return Some(format!("the text of trigger `{name}` is not understood"));
        };
        let mut seen = HashSet::new();
        let mut next: Vec<(String, String)> = found.writes.iter().map(|name| (name.clone(), name.clone())).collect();
        while let Some((first, reached)) = next.pop() {
            if (self.is_guarded)(&reached) {
                let how = if first == reached { String::new() } else { format!(", by way of `{first}`,") };
                return Some(format!("trigger `{name}` writes `{reached}`{how} under the rights of whoever fires it"));
            }
            if seen.insert(reached.clone()) {
                let children = self.cascades.get(&reached).into_iter().flatten();
                next.extend(children.map(|child| (first.clone(), child.clone())));
            }
        }
        None
    }

    /// The triggers that a guarded table fires by a cascade, and that can leave its removal without an audit row.
    fn halfway(&self) -> Vec<(String, String)> {
        let parents = self.cascades.keys().filter(|parent| (self.is_guarded)(parent));
        let mut next: Vec<&String> = parents.flat_map(|parent| &self.cascades[parent]).collect();
        let (mut seen, mut refused) = (HashSet::new(), Vec::new());
        while let Some(table) = next.pop() {
            if (self.is_guarded)(table) || !seen.insert(table.clone()) {
                continue;
            }
            next.extend(self.cascades.get(table).into_iter().flatten());
            for object in self.triggers.get(table).into_iter().flatten() {
                let Some(found) = trigger(&object.sql) else { continue };
                next.extend(
                    found.writes.iter().filter_map(|name| self.objects.get_key_value(name)).map(|(name, _)| name),
                );
                let fails = found.writes.iter().filter_map(|name| self.objects.get(name)).flatten();
                if found.fails_halfway || fails.into_iter().any(|object| conflicts_fail(&object.sql)) {
                    let why = "can FAIL, which leaves the write that fires it without its audit row";
                    refused.push((object.name.clone(), format!("trigger `{}` on `{table}` {why}", object.name)));
                }
            }
        }
        refused
    }
}

fn begins_as_ours(name: &str) -> bool {
    name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("acl_"))
}

/// What a trigger does that is left alone.
fn described(object: &Object) -> String {
    let writes = trigger(&object.sql).map(|trigger| trigger.writes).unwrap_or_default();
    let writes: Vec<String> = writes.iter().map(|name| format!("`{name}`")).collect();
    let writes = if writes.is_empty() { "nothing".to_owned() } else { writes.join(", ") };
    format!("trigger `{}` on `{}` writes {writes}", object.name, object.table)
}

/// The objects of a schema as a list.
pub(super) fn listed(schema: &Schema) -> Vec<Object> {
    let mut objects: Vec<Object> = schema
        .iter()
        .map(|((kind, name), (table, sql))| Object {
            kind: kind.clone(),
            name: name.clone(),
            table: table.clone(),
            sql: sql.clone(),
            is_temp: false,
        })
        .collect();
    objects.sort_by(|one, other| (&one.kind, &one.name).cmp(&(&other.kind, &other.name)));
    objects
}

/// The triggers of a file that has no guards yet, as they will be judged once it has.
pub(crate) fn foreign_triggers(conn: &Connection) -> Result<Others> {
    let failed = |error| Error::of_file("reading the schema", error);
    let objects = listed(&super::check::schema(conn).map_err(failed)?);
    let cascades = cascades(conn, "main").map_err(failed)?;
    // Names of aclite's are looked for elsewhere.
    let is_ours = |object: &Object| begins_as_ours(&object.name);
    Ok(Surroundings::new(&objects, &cascades, &catalog::is_guarded, &is_ours).judge(true))
}

/// Why the guards can't be relied on while the connection has these TEMP objects: a trigger that guarded tables fire, be it
/// by way of another one, writes what is guarded or can end aclite's own.
///
/// A name means what TEMP and main have of it together, so that neither hides the other.
#[cfg(feature = "extension")]
pub(crate) fn temp_problem(conn: &Connection, temp: &[Object]) -> Result<Option<String>> {
    let failed = |error| Error::of_file("reading the schema", error);
    let mut objects = listed(&super::check::schema(conn).map_err(failed)?);
    objects.extend(temp.iter().cloned());
    let mut cascades = cascades(conn, "main").map_err(failed)?;
    for (parent, mut children) in self::cascades(conn, "temp").map_err(failed)? {
        cascades.entry(parent).or_default().append(&mut children);
    }
    let extra_tables = super::extra_tables::list(conn)?;
    let is_guarded = |table: &str| {
        catalog::is_guarded(table) || extra_tables.iter().any(|guarded| table.eq_ignore_ascii_case(&guarded.name))
    };
    // Whether those of main are, its own check says.
    let is_ours = |object: &Object| !object.is_temp && begins_as_ours(&object.name);
    let judged = Surroundings::new(&objects, &cascades, &is_guarded, &is_ours).judge(false);
    Ok(judged.refused.into_iter().next().map(|(_, why)| why))
}

/// The foreign keys of `schema` whose actions change other rows.
pub(crate) fn cascades(conn: &Connection, schema: &str) -> rusqlite::Result<Cascades> {
    let acts = "IN ('CASCADE', 'SET NULL', 'SET DEFAULT')";
    let mut keys = conn.prepare(&format!(
        "SELECT DISTINCT lower(f.\"table\"), lower(m.name)
         FROM {schema}.sqlite_master AS m, pragma_foreign_key_list(m.name, '{schema}') AS f
         WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%'
           AND (upper(f.on_delete) {acts} OR upper(f.on_update) {acts})"
    ))?;
    let mut found = Cascades::new();
    let mut keys = keys.query([])?;
    while let Some(row) = keys.next()? {
        found.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(found)
}

/// Whether main or TEMP have triggers that are not aclite's. A statement that says OR FAIL makes what they write fail so that
/// it stops halfway, and keeps a write whose AFTER trigger has not run.
///
/// The guards of the file have been found sound, so a trigger of main whose name begins as ours do is one of ours.
pub(crate) fn has_foreign_triggers(conn: &Connection) -> Result<bool> {
    let failed = |error| Error::of_file("reading the schema", error);
    let found = |triggers: &str| conn.prepare(triggers)?.exists([]);
    let main = "SELECT 1 FROM main.sqlite_master WHERE type = 'trigger' AND name NOT GLOB 'acl_*'";
    let temp = "SELECT 1 FROM temp.sqlite_master WHERE type = 'trigger'";
    Ok(found(main).map_err(failed)? || found(temp).map_err(failed)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The judgement of a schema of `sql`, where only `tasks` is guarded.
    fn judged(sql: &str) -> Others {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(sql).unwrap();
        let objects = listed(&crate::guard::check::schema(&conn).unwrap());
        let cascades = cascades(&conn, "main").unwrap();
        Surroundings::new(&objects, &cascades, &|table| table.eq_ignore_ascii_case("tasks"), &|_| false).judge(true)
    }

    /// Some versions of SQLite let nobody put a trigger there.
    #[test]
    fn writing_a_virtual_table_fires_the_triggers_of_its_shadow_tables() {
        let index = "CREATE TABLE tasks (a); CREATE TABLE log (a); CREATE VIRTUAL TABLE f USING fts5(a);
            CREATE TRIGGER t AFTER INSERT ON tasks BEGIN INSERT INTO f VALUES (new.a); END;";
        assert_eq!(judged(index).left_alone, ["trigger `t` on `tasks` writes `f`"]);
        let shadow = "CREATE TRIGGER s AFTER INSERT ON f_data BEGIN DELETE FROM tasks; END";
        let why = "trigger `t` on `tasks` is not aclite's: it fires `s` on `f_data`: it writes `tasks`";
        assert!(judged(&format!("{index}{shadow}")).refused.iter().any(|(_, told)| told == why));
    }

    #[test]
    fn triggers_that_fire_each_other_are_followed_once() {
        let circle =
            "CREATE TABLE tasks (a); CREATE TABLE one (a); CREATE TABLE two (a REFERENCES one ON DELETE CASCADE);
            CREATE TRIGGER t AFTER INSERT ON tasks BEGIN DELETE FROM one; END;
            CREATE TRIGGER o AFTER DELETE ON one BEGIN INSERT INTO two VALUES (1); END;
            CREATE TRIGGER w AFTER INSERT ON two BEGIN INSERT INTO one VALUES (1); END;";
        assert_eq!(
            judged(circle),
            Others { left_alone: vec!["trigger `t` on `tasks` writes `one`".to_owned()], refused: Vec::new() }
        );
    }

    /// Where SQLite can say itself what a trigger writes, when it compiles a statement, the text says no less.
    #[test]
    fn the_text_says_all_that_sqlite_compiles() {
        use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
        use std::sync::{Arc, Mutex};
        for body in [
            "INSERT INTO a VALUES (1)",
            "INSERT OR REPLACE INTO [a] SELECT x FROM b",
            "REPLACE INTO 'a' VALUES (1)",
            "INSERT INTO a VALUES (1) ON CONFLICT (x) DO UPDATE SET x = 2 WHERE x IN (SELECT x FROM b)",
            "INSERT INTO a WITH b AS (SELECT 1) SELECT * FROM b",
            "UPDATE a SET x = (SELECT max(x) FROM b)",
            "UPDATE OR ROLLBACK \"A\" SET x = 1 WHERE x = 2",
            "UPDATE a SET x = b.x FROM b",
            "DELETE FROM a WHERE x IN (SELECT x FROM b)",
            "SELECT x FROM a; INSERT INTO b VALUES (1); UPDATE a SET x = 1; DELETE FROM c",
            "INSERT INTO v VALUES (1)",
            "INSERT INTO f VALUES (1)",
        ] {
            let conn = Connection::open_in_memory().unwrap();
            let sql = format!("CREATE TRIGGER t AFTER UPDATE OF x ON tasks WHEN new.x > 1 BEGIN {body}; END");
            conn.execute_batch(&format!(
                "CREATE TABLE tasks (x); CREATE TABLE a (x PRIMARY KEY); CREATE TABLE b (x); CREATE TABLE c (x);
                 CREATE VIEW v AS SELECT x FROM a; CREATE TRIGGER i INSTEAD OF INSERT ON v BEGIN SELECT 1; END;
                 CREATE VIRTUAL TABLE f USING fts5(x); {sql}"
            ))
            .unwrap();
            let compiled = Arc::new(Mutex::new(HashSet::new()));
            let seen = Arc::clone(&compiled);
            conn.authorizer(Some(move |asked: AuthContext<'_>| {
                if let AuthAction::Insert { table_name }
                | AuthAction::Update { table_name, .. }
                | AuthAction::Delete { table_name } = asked.action
                    && asked.accessor == Some("t")
                {
                    seen.lock().unwrap().insert(table_name.to_ascii_lowercase());
                }
                Authorization::Allow
            }))
            .unwrap();
            conn.prepare("UPDATE tasks SET x = 1").unwrap();
            let said: HashSet<String> = trigger(&sql).unwrap().writes.into_iter().collect();
            assert_eq!(said, *compiled.lock().unwrap(), "{body}");
        }
    }
}
