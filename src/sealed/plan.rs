//! What of a statement the private reader does itself: conditions, order, limit. Pure: no I/O.
//!
//! SQLite checks every condition again, so a plan may leave one out. It never takes a row away that the condition
//! lets pass; where it leaves one out it takes no limit either.

use std::fmt::Write as _;

use super::tables::{Column, Kind, Parent, Table};

/// A comparison that SQLite offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Eq,
    Is,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Op {
    const ALL: [Self; 6] = [Self::Eq, Self::Is, Self::Lt, Self::Le, Self::Gt, Self::Ge];

    const fn sql(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Is => "IS",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }

    const fn letter(self) -> char {
        match self {
            Self::Eq => '=',
            Self::Is => 'i',
            Self::Lt => '<',
            Self::Le => 'l',
            Self::Gt => '>',
            Self::Ge => 'g',
        }
    }
}

/// What a column is compared with, or a bound of the number of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    Compare {
        column: usize,
        op: Op,
    },
    Limit,
    Offset,
    /// Something that only SQLite can check.
    Other,
}

/// A plan: what SQLite keeps of it between planning and running is its text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    /// The columns that the statement uses, a bit each.
    pub(super) used: u64,
    /// The conditions, in the order of their values.
    pub(super) conditions: Vec<(usize, Op)>,
    /// The columns to sort by, and whether downwards.
    pub(super) order: Vec<(usize, bool)>,
    /// Whether a limit follows the values, and whether an offset follows that.
    pub(super) limit: bool,
    pub(super) offset: bool,
}

/// What planning decides: the plan, which offers it takes, in which place, and what it costs.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub(super) plan: Plan,
    /// For each offer the place of its value, counted from 1; 0 where none is wanted.
    pub(super) places: Vec<i32>,
    pub(super) sorted: bool,
    /// Guesses from the statement alone: a plan must not tell how many rows are hidden.
    pub(super) cost: f64,
    pub(super) rows: i64,
}

/// Plans a statement on `table`. `exact` says which columns of the file compare as SQLite compares those that we show.
pub(super) fn plan(table: &Table, exact: &[bool], used: u64, offers: &[Offer], order: &[(usize, bool)]) -> Planned {
    let mut planned = Planned { places: vec![0; offers.len()], ..Planned::default() };
    planned.plan.used = used;
    let (mut place, mut complete) = (0, true);
    let mut next = || {
        place += 1;
        place
    };
    for (index, offer) in offers.iter().enumerate() {
        match *offer {
            Offer::Compare { column, op } if is_exact(table, exact, column) => {
                planned.plan.conditions.push((column, op));
                // Of a comparison of rows, `(a, b) > (1, 2)`, SQLite offers no more than `a >= 1`, and does not say so.
                complete &= !matches!(op, Op::Le | Op::Ge);
                planned.places[index] = next();
            }
            Offer::Compare { .. } | Offer::Other => complete = false,
            Offer::Limit | Offer::Offset => {}
        }
    }
    let sortable = |(column, _): &(usize, bool)| table.columns.get(*column).is_some_and(Column::is_plain);
    planned.sorted = !order.is_empty() && order.iter().all(sortable);
    if planned.sorted {
        planned.plan.order = order.to_vec();
    }
    let at = |wanted: Offer| offers.iter().position(|offer| *offer == wanted);
    if let Some(limit) = at(Offer::Limit)
        && complete
        && (planned.sorted || order.is_empty())
    {
        planned.plan.limit = true;
        planned.places[limit] = next();
        if let Some(offset) = at(Offer::Offset) {
            planned.plan.offset = true;
            planned.places[offset] = next();
        }
    }
    (planned.cost, planned.rows) = guess(table, &planned.plan.conditions);
    planned
}

fn is_exact(table: &Table, exact: &[bool], column: usize) -> bool {
    table.columns.get(column).is_some_and(Column::is_plain) && exact.get(column).copied().unwrap_or_default()
}

fn guess(table: &Table, conditions: &[(usize, Op)]) -> (f64, i64) {
    let equals = |column: usize| conditions.iter().any(|(known, op)| *known == column && matches!(op, Op::Eq | Op::Is));
    if (0..table.keys).all(equals) {
        (5.0, 1)
    } else if table.columns.iter().enumerate().any(|(index, column)| column.selective && equals(index)) {
        (60.0, 25)
    } else if conditions.iter().any(|(_, op)| matches!(op, Op::Eq | Op::Is)) {
        (20_000.0, 2_000)
    } else if conditions.is_empty() {
        (1_000_000.0, 100_000)
    } else {
        (100_000.0, 10_000)
    }
}

impl Plan {
    /// Its text, such as `u7 c1= o2-`: it names columns by number, and no value.
    pub(super) fn encode(&self) -> String {
        let mut text = format!("u{:x}", self.used);
        for (column, op) in &self.conditions {
            // Writing to a String can't fail.
            let _ = write!(text, " c{column}{}", op.letter());
        }
        for (column, down) in &self.order {
            let _ = write!(text, " o{column}{}", if *down { '-' } else { '+' });
        }
        if self.limit {
            text.push_str(" l");
        }
        if self.offset {
            text.push_str(" f");
        }
        text
    }

    pub(super) fn decode(text: &str) -> Option<Self> {
        let mut plan = Self::default();
        for word in text.split(' ') {
            let (kind, rest) = word.split_at_checked(1)?;
            let split = || rest.split_at_checked(rest.len().checked_sub(1)?);
            match kind {
                "u" => plan.used = u64::from_str_radix(rest, 16).ok()?,
                "c" => {
                    let (column, letter) = split()?;
                    let op = Op::ALL.into_iter().find(|op| letter.starts_with(op.letter()))?;
                    plan.conditions.push((column.parse().ok()?, op));
                }
                "o" => {
                    let (column, sign) = split()?;
                    plan.order.push((column.parse().ok()?, sign == "-"));
                }
                "l" => plan.limit = true,
                "f" => plan.offset = true,
                _ => return None,
            }
        }
        Some(plan)
    }

    /// Whether few rows can match, whoever asks.
    pub(super) fn is_narrow(&self, table: &Table, skipped: u64) -> bool {
        self.conditions.iter().enumerate().any(|(index, (column, op))| {
            let applies = skipped & bit(index) == 0 && matches!(op, Op::Eq | Op::Is);
            applies && table.columns.get(*column).is_some_and(|column| column.selective)
        })
    }
}

/// How a plan is run this time: it depends on the values, and on what the actor may view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// The conditions whose value has not the type of its column, a bit each: SQLite alone checks these.
    pub(super) skipped: u64,
    /// Whether the number of rows is bounded.
    pub(super) limited: bool,
    /// Whether the rows are reached from the visible worktrees, rather than all tried.
    pub(super) reaching: bool,
}

pub(super) const fn bit(index: usize) -> u64 {
    if index < 64 { 1 << index } else { 0 }
}

/// A parameter of the reader's statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Param {
    /// The value in this place.
    Value(usize),
    /// The visible worktrees.
    Worktrees,
    /// The greatest number of rows.
    Limit,
}

/// The reader's statement: its text, its parameters, and where each column of the table stands in its rows.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) params: Vec<Param>,
    pub(super) columns: Vec<Option<usize>>,
}

impl Query {
    pub(super) fn new(table: &Table, plan: &Plan, run: &Run, executor: bool) -> Self {
        let mut query = Self { columns: vec![None; table.columns.len()], ..Self::default() };
        let mut shown = Vec::new();
        for (index, column) in table.columns.iter().enumerate() {
            // The key always: SQLite tells rows apart by it, and does not say so beforehand.
            if index < table.keys || plan.used & bit(index) != 0 {
                query.columns[index] = Some(shown.len());
                shown.push(column.read(table.alias));
            }
        }
        let shown = shown.join(", ");
        match &table.join_path {
            Some(join_path) if run.reaching => {
                query.params.push(Param::Worktrees);
                let listed = "SELECT value AS id FROM json_each(?1)";
                let parents = match join_path.by {
                    Parent::Worktree => format!("({listed})"),
                    // An executor's session is its own, whatever else its user may view.
                    Parent::Session => format!(
                        "(SELECT p.session_id AS id FROM ({listed}) AS w CROSS JOIN main.sessions AS p ON p.worktree_id = w.id{})",
                        if executor { " UNION SELECT acl_session()" } else { "" }
                    ),
                };
                let conditions = query.conditions(table, plan, run);
                let order = order(table, plan);
                let limit = query.limit(run);
                // The keys are sorted alone, and only the rows that remain are read. With a LIMIT SQLite keeps the
                // order of an inner SELECT.
                let limit = if limit.is_empty() { " LIMIT -1".to_owned() } else { limit };
                query.sql = format!(
                    "SELECT {shown} FROM (SELECT t.rowid AS id FROM {parents} AS d CROSS JOIN {} WHERE {conditions}{order}{limit}) AS k
                     CROSS JOIN main.{} AS t ON t.rowid = k.id",
                    join_path.join, table.name,
                );
            }
            _ => {
                let conditions = query.conditions(table, plan, run);
                let order = order(table, plan);
                let limit = query.limit(run);
                query.sql = format!("SELECT {shown} FROM {} WHERE {conditions}{order}{limit}", table.from);
            }
        }
        query
    }

    /// The statement's conditions, and at last that the actor may get the row.
    fn conditions(&mut self, table: &Table, plan: &Plan, run: &Run) -> String {
        let mut conditions = Vec::new();
        for (index, (column, op)) in plan.conditions.iter().enumerate() {
            let Some(column) = table.columns.get(*column) else { continue };
            if run.skipped & bit(index) != 0 {
                continue;
            }
            let name = compared(table, column);
            self.params.push(Param::Value(index));
            conditions.push(format!("{name} {} ?{}", op.sql(), self.params.len()));
        }
        // A key that is NULL can't be shown: we declare keys as SQLite does for rows without rowid.
        let keys = table.columns.iter().take(table.keys);
        conditions.extend(keys.map(|key| format!("{}.\"{}\" IS NOT NULL", table.alias, key.name)));
        let (kind, worktree, creator, session) = (table.number(), table.worktree, table.creator, table.session);
        let about = format!("{kind}, {worktree}, {creator}, {session}");
        let may_get = (table.may_get)("acl_may_get");
        conditions.push(format!("ifnull(acl_known({about}), acl_learn({about}, {may_get}))"));
        conditions.join(" AND ")
    }

    fn limit(&mut self, run: &Run) -> String {
        if !run.limited {
            return String::new();
        }
        self.params.push(Param::Limit);
        format!(" LIMIT ?{}", self.params.len())
    }
}

fn order(table: &Table, plan: &Plan) -> String {
    let terms: Vec<String> = plan
        .order
        .iter()
        .filter_map(|(column, down)| {
            let column = table.columns.get(*column)?;
            Some(format!("{}{}", compared(table, column), if *down { " DESC" } else { "" }))
        })
        .collect();
    if terms.is_empty() { String::new() } else { format!(" ORDER BY {}", terms.join(", ")) }
}

/// The column as SQLite compares the one that we show, whatever collation the file gives it.
fn compared(table: &Table, column: &Column) -> String {
    let name = format!("{}.\"{}\"", table.alias, column.name);
    if column.kind == Kind::Text { format!("{name} COLLATE BINARY") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_survives_its_text() {
        let plan = Plan {
            used: 0b1010,
            conditions: Op::ALL.into_iter().enumerate().collect(),
            order: vec![(2, true), (0, false)],
            limit: true,
            offset: true,
        };
        assert_eq!(Plan::decode(&plan.encode()), Some(plan));
        for wrong in ["", "x", "c", "c1", "c=", "o", "uz", "c1?", "ü"] {
            assert_eq!(Plan::decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_limit_is_taken_only_with_every_condition_and_the_order() {
        let tasks = Table::named("tasks").unwrap();
        let exact = vec![true; tasks.columns.len()];
        let (status, data) = (5, 7);
        let compare = |column| Offer::Compare { column, op: Op::Eq };
        for (offers, order, taken) in [
            (vec![Offer::Limit], vec![], true),
            (vec![compare(status), Offer::Limit, Offer::Offset], vec![(2, true)], true),
            (vec![compare(status), Offer::Other, Offer::Limit], vec![], false),
            (vec![Offer::Compare { column: 2, op: Op::Gt }, Offer::Limit], vec![], true),
            (vec![Offer::Compare { column: 2, op: Op::Ge }, Offer::Limit], vec![], false),
            (vec![compare(data), Offer::Limit], vec![], false),
            (vec![Offer::Limit], vec![(data, false)], false),
        ] {
            assert_eq!(plan(tasks, &exact, 1, &offers, &order).plan.limit, taken, "{offers:?}");
        }
        assert!(!plan(tasks, &[false; 8], 1, &[compare(status), Offer::Limit], &[]).plan.limit);
    }
}
