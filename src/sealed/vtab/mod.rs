//! The tables of a sealed connection: virtual tables whose rows the private reader gives.
#![expect(unsafe_code, reason = "rusqlite's virtual tables let panics cross into SQLite, and can't pass its values on")]

mod statement;

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, ffi};

use super::bounds;
use super::clock::Clock;
use super::plan::{Offer, Op, Param, Plan, Query, Run, bit, plan};
use super::reader::Reader;
use super::tables::{Kind, TABLES, Table};
use super::watchdog::Watchdog;
use crate::error::{Error, Result};
use statement::{Code, Statement, failure};

/// The name of the module.
pub(super) const MODULE: &CStr = c"aclite";

/// How many statements of the reader are kept for the next use.
const KEPT: usize = 16;

/// The size up to which a value is handed on without a look at the clock.
const STEADY: c_int = 64 << 10;

/// What untrusted SQL is told of a failure of the reader.
const FAILED: &str = "aclite: storage: the reader failed";
const BUSY: &str = "aclite: busy: the reader failed";
const TOO_LARGE: &str = "aclite: invalid: a stored value is too large for sealed SQL: name columns without it, or read the record through the API";
const ONE_AT_A_TIME: &str = "aclite: conflict: one statement at a time on a sealed connection";

/// Why the reader failed last: for the embedder, never for SQL.
pub(super) type Cause = Arc<Mutex<Option<Error>>>;

/// What all tables of a sealed connection share. SQLite drops it with the connection.
///
/// INVARIANT: it goes from thread to thread only with its connection, which has all that point to it.
pub(super) struct Shared {
    /// The connection that is sealed.
    db: *mut ffi::sqlite3,
    pub(super) clock: Arc<Clock>,
    pub(super) cause: Cause,
    /// Statements that no cursor uses. INVARIANT: before `reader`, whose statements they are.
    kept: RefCell<Vec<(String, Statement)>>,
    /// How many cursors are open: while there are any, the reader keeps its snapshot.
    open: Cell<usize>,
    /// The statement that had the last snapshot, and the version of that.
    last: Cell<(u64, i64)>,
    /// How large a stored value may be.
    stored: c_int,
    /// INVARIANT: before `reader`, and dropped while the sealed connection is still open: it knows both.
    _watchdog: Option<Watchdog>,
    reader: Reader,
}

impl Shared {
    pub(super) fn new(
        conn: &Connection,
        reader: Reader,
        clock: Arc<Clock>,
        watchdog: Option<Watchdog>,
        stored: c_int,
    ) -> Self {
        Self {
            // SAFETY: used only in calls of that very connection.
            db: unsafe { conn.handle() },
            clock,
            cause: Cause::default(),
            kept: RefCell::default(),
            open: Cell::default(),
            last: Cell::default(),
            stored,
            _watchdog: watchdog,
            reader,
        }
    }

    /// Keeps the cause of a failure, says it in the log, and returns what SQLite is told.
    fn fail(&self, error: Error) -> Failure {
        // The clock has stopped it: that is no failure of the reader's.
        if self.clock.stopped().is_some() {
            return Failure { code: ffi::SQLITE_INTERRUPT, text: "interrupted" };
        }
        if matches!(error, Error::Busy(_)) {
            *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            return Failure { code: ffi::SQLITE_BUSY, text: BUSY };
        }
        tracing::error!(%error, "a sealed reader failed");
        *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        Failure { code: ffi::SQLITE_ERROR, text: FAILED }
    }

    /// What a code of the reader's statement means.
    fn stepped(&self, code: Code) -> Failure {
        if code == ffi::SQLITE_INTERRUPT {
            return Failure { code, text: "interrupted" };
        }
        self.fail(Error::of_file("reading for a sealed connection", failure(self.reader.raw(), code)))
    }

    /// A statement begins to read: the first of its cursors takes the snapshot that all of them see.
    fn enter(&self) -> Result<(), Failure> {
        // SAFETY: the connection is open, since one of its statements calls.
        if unsafe { bounds::are_busy(self.db, 1) } {
            return Err(Failure { code: ffi::SQLITE_CONSTRAINT_TRIGGER, text: ONE_AT_A_TIME });
        }
        if self.open.get() == 0 {
            self.reader.begin().map_err(|error| self.fail(error))?;
            if let Err(failure) = self.same_snapshot() {
                self.reader.end();
                return Err(failure);
            }
        }
        self.open.set(self.open.get() + 1);
        Ok(())
    }

    /// Fails where the statement that runs has given up a snapshot, and this is another.
    fn same_snapshot(&self) -> Result<(), Failure> {
        let now = (self.clock.statement(), self.reader.version().map_err(|error| self.fail(error))?);
        let last = self.last.replace(now);
        if last.0 == now.0 && last.1 != now.1 {
            return Err(self.fail(Error::broken("a sealed statement lost its snapshot")));
        }
        Ok(())
    }

    fn leave(&self) {
        self.open.set(self.open.get().saturating_sub(1));
        if self.open.get() == 0 {
            self.reader.end();
        }
    }

    fn statement(&self, sql: &str) -> Result<Statement, Failure> {
        let mut kept = self.kept.borrow_mut();
        if let Some(at) = kept.iter().position(|(text, _)| text == sql) {
            return Ok(kept.remove(at).1);
        }
        Statement::prepare(self.reader.raw(), sql)
            .map_err(|error| self.fail(Error::of_file("preparing for a sealed connection", error)))
    }

    fn keep(&self, sql: String, statement: Statement) {
        let mut kept = self.kept.borrow_mut();
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((sql, statement));
    }
}

/// What SQLite is told.
struct Failure {
    code: c_int,
    text: &'static str,
}

/// A table. INVARIANT: `base` comes first, since SQLite knows only that part.
#[repr(C)]
struct Vtab {
    base: ffi::sqlite3_vtab,
    table: &'static Table,
    shared: Rc<Shared>,
}

/// A cursor on a table. INVARIANT: `base` comes first, since SQLite knows only that part.
#[repr(C)]
struct Cursor {
    base: ffi::sqlite3_vtab_cursor,
    table: &'static Table,
    shared: Rc<Shared>,
    plan: Option<(String, Plan)>,
    running: Option<Running>,
    /// Whether the statement stands on a row.
    row: bool,
}

/// A statement of the reader that a cursor steps through.
struct Running {
    run: Run,
    query: Query,
    statement: Statement,
}

impl Cursor {
    /// Runs the plan `text` with these values.
    fn filter(&mut self, text: &str, values: &[*mut ffi::sqlite3_value]) -> Result<(), Failure> {
        self.row = false;
        if self.plan.as_ref().is_none_or(|(known, _)| known != text) {
            self.put_back();
            let plan = Plan::decode(text).ok_or_else(|| self.shared.fail(Error::broken("a plan has no sense")))?;
            self.plan = Some((text.to_owned(), plan));
        }
        let Some((_, plan)) = &self.plan else { return Ok(()) };
        let run = self.run(plan, values)?;
        if let Some(running) = &self.running
            && running.run == run.0
        {
            running.statement.reset();
        } else {
            let query = self.shared.reader.query(self.table, plan, &run.0);
            let statement = self.shared.statement(&query.sql)?;
            self.put_back();
            self.running = Some(Running { run: run.0, query, statement });
        }
        let Some(Running { query, statement, .. }) = &self.running else { return Ok(()) };
        for (index, param) in query.params.iter().enumerate() {
            let code = match param {
                Param::Value(place) => match values.get(*place) {
                    // SAFETY: SQLite has just passed the value.
                    Some(value) => unsafe { statement.bind_value(index + 1, *value) },
                    None => ffi::SQLITE_MISUSE,
                },
                Param::Worktrees => {
                    let ids = self.shared.reader.worktrees(self.table).map_err(|error| self.shared.fail(error))?;
                    statement.bind_text(index + 1, &ids)
                }
                Param::Limit => statement.bind_int(index + 1, run.1.unwrap_or(-1)),
            };
            if code != ffi::SQLITE_OK {
                return Err(self.shared.stepped(code));
            }
        }
        self.next()
    }

    /// How the plan is run with these values, and the limit.
    fn run(&self, plan: &Plan, values: &[*mut ffi::sqlite3_value]) -> Result<(Run, Option<i64>), Failure> {
        let (mut skipped, place) = (0, plan.conditions.len());
        for (index, (column, op)) in plan.conditions.iter().enumerate() {
            let fits = match (self.table.columns.get(*column).map(|column| column.kind), values.get(index)) {
                // SAFETY: SQLite has just passed the value.
                (Some(kind), Some(value)) => fits(kind, *op, unsafe { ffi::sqlite3_value_type(*value) }),
                _ => false,
            };
            if !fits {
                skipped |= bit(index);
            }
        }
        let number = |place: usize| {
            // SAFETY: SQLite has just passed the value.
            let of = |value: &*mut ffi::sqlite3_value| unsafe {
                (ffi::sqlite3_value_type(*value) == ffi::SQLITE_INTEGER).then(|| ffi::sqlite3_value_int64(*value))
            };
            values.get(place).and_then(of)
        };
        let offset = if plan.offset { number(place + 1).map(|offset| offset.max(0)) } else { Some(0) };
        let limit = match (plan.limit && skipped == 0 && plan.conditions.len() <= 64, number(place), offset) {
            (true, Some(limit), Some(offset)) if limit >= 0 => limit.checked_add(offset),
            _ => None,
        };
        let reaching =
            self.shared.reader.reaches(self.table, plan, skipped, limit).map_err(|error| self.shared.fail(error))?;
        Ok((Run { skipped, limited: limit.is_some(), reaching }, limit))
    }

    fn next(&mut self) -> Result<(), Failure> {
        let Some(running) = &self.running else { return Ok(()) };
        self.row = running.statement.step().map_err(|code| self.shared.stepped(code))?;
        Ok(())
    }

    /// Gives the statement back for the next use.
    fn put_back(&mut self) {
        self.row = false;
        if let Some(Running { query, statement, .. }) = self.running.take() {
            statement.reset();
            self.shared.keep(query.sql, statement);
        }
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        self.put_back();
        self.shared.leave();
    }
}

/// Whether SQLite compares a value of this type with the column as the reader does.
fn fits(kind: Kind, op: Op, value: c_int) -> bool {
    match (kind, value) {
        // Nothing equals NULL in either; with IS it is a value like others.
        (_, ffi::SQLITE_NULL) => op == Op::Is,
        (Kind::Text, ffi::SQLITE_TEXT) => true,
        (Kind::Integer, ffi::SQLITE_INTEGER | ffi::SQLITE_FLOAT) => true,
        _ => false,
    }
}

/// Makes the tables on `conn`.
pub(super) fn create(conn: &Connection, shared: Rc<Shared>) -> Result<()> {
    static SQLITE_MODULE: Module = Module(ffi::sqlite3_module {
        iVersion: 1,
        xCreate: Some(connect_new),
        xConnect: Some(connect),
        xBestIndex: Some(best_index),
        xDisconnect: Some(disconnect),
        xDestroy: Some(destroy),
        xOpen: Some(open),
        xClose: Some(close),
        xFilter: Some(filter),
        xNext: Some(next),
        xEof: Some(eof),
        xColumn: Some(column),
        xRowid: None,
        xUpdate: None,
        xBegin: None,
        xSync: None,
        xCommit: None,
        xRollback: None,
        xFindFunction: None,
        xRename: None,
        ..ZERO
    });
    let failed = |error| Error::of_file("sealing a connection", error);
    // SAFETY: the connection is open, the module lives for ever, and `drop_shared` takes back what it is given here,
    // also where this fails.
    let code = unsafe {
        let aux = Box::into_raw(Box::new(shared)).cast::<c_void>();
        ffi::sqlite3_create_module_v2(
            conn.handle(),
            MODULE.as_ptr(),
            &raw const SQLITE_MODULE.0,
            aux,
            Some(drop_shared),
        )
    };
    if code != ffi::SQLITE_OK {
        return Err(failed(failure(conn, code)));
    }
    TABLES.iter().try_for_each(|table| {
        conn.execute_batch(&format!("CREATE VIRTUAL TABLE temp.{0} USING aclite({0})", table.name)).map_err(failed)
    })
}

/// The methods of the module.
struct Module(ffi::sqlite3_module);

// SAFETY: it holds functions and numbers, which nothing changes.
unsafe impl Sync for Module {}

/// A module without methods, whatever version of the interface the bindings know.
// SAFETY: every field is a number or an optional function, of which zero is a value.
const ZERO: ffi::sqlite3_module = unsafe { std::mem::zeroed() };

unsafe extern "C" fn drop_shared(aux: *mut c_void) {
    // SAFETY: `create` made it of a box, and SQLite calls this once.
    let shared = unsafe { Box::from_raw(aux.cast::<Rc<Shared>>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(shared)));
}

/// Runs `work` so that neither a panic nor more than a failure's text gets out to SQLite.
fn guarded(vtab: *mut ffi::sqlite3_vtab, work: impl FnOnce() -> Result<(), Failure>) -> c_int {
    let done = catch_unwind(AssertUnwindSafe(work));
    let failure = match done {
        Ok(Ok(())) => return ffi::SQLITE_OK,
        Ok(Err(failure)) => failure,
        Err(_) => Failure { code: ffi::SQLITE_ERROR, text: FAILED },
    };
    if !vtab.is_null() {
        // SAFETY: the table is there while SQLite calls its methods; it frees the text with `sqlite3_free`.
        unsafe {
            ffi::sqlite3_free((*vtab).zErrMsg.cast());
            (*vtab).zErrMsg = for_sqlite(failure.text);
        }
    }
    failure.code
}

/// A copy of `text` that SQLite frees. NULL where there is no memory, which SQLite takes for no text.
fn for_sqlite(text: &str) -> *mut c_char {
    // SAFETY: the new memory has room for the text and the NUL after it.
    unsafe {
        let memory = ffi::sqlite3_malloc64(text.len() as u64 + 1).cast::<u8>();
        if !memory.is_null() {
            ptr::copy_nonoverlapping(text.as_ptr(), memory, text.len());
            memory.add(text.len()).write(0);
        }
        memory.cast()
    }
}

// What follows is called by SQLite, with pointers as its manual says: to what these functions made, and to what lives
// through the call.

/// Like [`connect`]; another function, so that the module itself is no table.
unsafe extern "C" fn connect_new(
    db: *mut ffi::sqlite3,
    aux: *mut c_void,
    argc: c_int,
    argv: *const *const c_char,
    made: *mut *mut ffi::sqlite3_vtab,
    message: *mut *mut c_char,
) -> c_int {
    // SAFETY: passed on as they came.
    unsafe { connect(db, aux, argc, argv, made, message) }
}

unsafe extern "C" fn connect(
    db: *mut ffi::sqlite3,
    aux: *mut c_void,
    argc: c_int,
    argv: *const *const c_char,
    made: *mut *mut ffi::sqlite3_vtab,
    _: *mut *mut c_char,
) -> c_int {
    guarded(ptr::null_mut(), || {
        let failure = |code| Failure { code, text: FAILED };
        // The module, the schema, the name, then what stands in parentheses: the name of one of ours.
        // SAFETY: SQLite passes so many C strings.
        let name = unsafe {
            if argc < 4 {
                return Err(failure(ffi::SQLITE_ERROR));
            }
            CStr::from_ptr(*argv.add(3))
        };
        let table = name.to_str().ok().and_then(Table::named).ok_or(failure(ffi::SQLITE_ERROR))?;
        let declaration = CString::new(table.declaration()).map_err(|_| failure(ffi::SQLITE_ERROR))?;
        // SAFETY: the connection is the one that calls, and `aux` is what `create` gave.
        unsafe {
            let shared = Rc::clone(&*aux.cast::<Rc<Shared>>());
            let code = shared.clock.declare(|| ffi::sqlite3_declare_vtab(db, declaration.as_ptr()));
            if code != ffi::SQLITE_OK {
                return Err(failure(code));
            }
            let base = ffi::sqlite3_vtab { pModule: ptr::null(), nRef: 0, zErrMsg: ptr::null_mut() };
            *made = Box::into_raw(Box::new(Vtab { base, table, shared })).cast();
        }
        Ok(())
    })
}

unsafe extern "C" fn disconnect(vtab: *mut ffi::sqlite3_vtab) -> c_int {
    // SAFETY: `connect` made it of a box, and SQLite is done with it.
    let vtab = unsafe { Box::from_raw(vtab.cast::<Vtab>()) };
    guarded(ptr::null_mut(), || {
        drop(vtab);
        Ok(())
    })
}

unsafe extern "C" fn destroy(vtab: *mut ffi::sqlite3_vtab) -> c_int {
    // SAFETY: passed on as it came.
    unsafe { disconnect(vtab) }
}

unsafe extern "C" fn best_index(vtab: *mut ffi::sqlite3_vtab, info: *mut ffi::sqlite3_index_info) -> c_int {
    guarded(vtab, || {
        let asked = info;
        // SAFETY: the table is ours, and SQLite's lists have the lengths that it says.
        let (table, info, constraints, usages, order) = unsafe {
            let info = &mut *info;
            let constraints = slice(info.aConstraint.cast_const(), info.nConstraint);
            let usages = match usize::try_from(info.nConstraint) {
                Ok(length) if length > 0 => std::slice::from_raw_parts_mut(info.aConstraintUsage, length),
                _ => &mut [],
            };
            let order = slice(info.aOrderBy.cast_const(), info.nOrderBy);
            (&*vtab.cast::<Vtab>(), info, constraints, usages, order)
        };
        let offers: Vec<Offer> = (0_i32..)
            .zip(constraints)
            // SAFETY: SQLite is asked about the number of one of its own constraints.
            .map(|(index, constraint)| offer(constraint, || unsafe { ffi::sqlite3_vtab_collation(asked, index) }))
            .collect();
        // The number of no column is one beyond all: it can't be sorted by.
        let order: Vec<(usize, bool)> =
            order.iter().map(|term| (usize::try_from(term.iColumn).unwrap_or(usize::MAX), term.desc != 0)).collect();
        let exact = table.shared.reader.exact(table.table);
        let planned = plan(table.table, exact, info.colUsed, &offers, &order);
        for (usage, place) in usages.iter_mut().zip(&planned.places) {
            usage.argvIndex = *place;
        }
        info.orderByConsumed = c_int::from(planned.sorted);
        info.estimatedCost = planned.cost;
        info.estimatedRows = planned.rows;
        info.idxStr = for_sqlite(&planned.plan.encode());
        info.needToFreeIdxStr = 1;
        Ok(())
    })
}

/// What SQLite offers to leave to us.
fn offer(constraint: &ffi::sqlite3_index_constraint, collation: impl Fn() -> *const c_char) -> Offer {
    // The numbers of SQLite 3.38 and later; earlier ones never offer these.
    const LIMIT: u8 = 73;
    const OFFSET: u8 = 74;
    if constraint.usable == 0 {
        return Offer::Other;
    }
    match constraint.op {
        LIMIT => return Offer::Limit,
        OFFSET => return Offer::Offset,
        _ => {}
    }
    let op = match c_int::from(constraint.op) {
        ffi::SQLITE_INDEX_CONSTRAINT_EQ => Op::Eq,
        ffi::SQLITE_INDEX_CONSTRAINT_IS => Op::Is,
        ffi::SQLITE_INDEX_CONSTRAINT_LT => Op::Lt,
        ffi::SQLITE_INDEX_CONSTRAINT_LE => Op::Le,
        ffi::SQLITE_INDEX_CONSTRAINT_GT => Op::Gt,
        ffi::SQLITE_INDEX_CONSTRAINT_GE => Op::Ge,
        // ISNULL and ISNOTNULL not: SQLite offers those of an outer join's ON for the left table too, whose rows stay.
        _ => return Offer::Other,
    };
    let Ok(column) = usize::try_from(constraint.iColumn) else { return Offer::Other };
    let collation = collation();
    // SAFETY: SQLite names the collation by a C string that lives as long as the connection, or NULL.
    let binary = collation.is_null() || unsafe { CStr::from_ptr(collation) }.to_bytes().eq_ignore_ascii_case(b"BINARY");
    if binary { Offer::Compare { column, op } } else { Offer::Other }
}

/// The list of SQLite's that begins at `first`.
///
/// # Safety
/// There must be `length` of them, and they must live through the call.
unsafe fn slice<'a, T>(first: *const T, length: c_int) -> &'a [T] {
    match usize::try_from(length) {
        // SAFETY: the caller guarantees it.
        Ok(length) if length > 0 && !first.is_null() => unsafe { std::slice::from_raw_parts(first, length) },
        _ => &[],
    }
}

unsafe extern "C" fn open(vtab: *mut ffi::sqlite3_vtab, made: *mut *mut ffi::sqlite3_vtab_cursor) -> c_int {
    guarded(vtab, || {
        // SAFETY: the table is ours.
        let Vtab { table, shared, .. } = unsafe { &*vtab.cast::<Vtab>() };
        shared.enter()?;
        let base = ffi::sqlite3_vtab_cursor { pVtab: ptr::null_mut() };
        let cursor = Cursor { base, table, shared: Rc::clone(shared), plan: None, running: None, row: false };
        // SAFETY: SQLite gives the place for the cursor's address.
        unsafe { *made = Box::into_raw(Box::new(cursor)).cast() };
        Ok(())
    })
}

unsafe extern "C" fn close(cursor: *mut ffi::sqlite3_vtab_cursor) -> c_int {
    // SAFETY: `open` made it of a box, and SQLite is done with it.
    let cursor = unsafe { Box::from_raw(cursor.cast::<Cursor>()) };
    guarded(ptr::null_mut(), || {
        drop(cursor);
        Ok(())
    })
}

unsafe extern "C" fn filter(
    cursor: *mut ffi::sqlite3_vtab_cursor,
    _: c_int,
    text: *const c_char,
    argc: c_int,
    argv: *mut *mut ffi::sqlite3_value,
) -> c_int {
    // SAFETY: the cursor is ours, and nobody else uses it in the meantime.
    let (vtab, cursor) = unsafe { ((*cursor).pVtab, &mut *cursor.cast::<Cursor>()) };
    guarded(vtab, || {
        // SAFETY: SQLite passes what `best_index` wrote, and so many values.
        let (text, values) = unsafe {
            let text = if text.is_null() { c"" } else { CStr::from_ptr(text) };
            (text, slice(argv.cast_const(), argc))
        };
        cursor.filter(text.to_str().unwrap_or_default(), values)
    })
}

unsafe extern "C" fn next(cursor: *mut ffi::sqlite3_vtab_cursor) -> c_int {
    // SAFETY: the cursor is ours, and nobody else uses it in the meantime.
    let (vtab, cursor) = unsafe { ((*cursor).pVtab, &mut *cursor.cast::<Cursor>()) };
    guarded(vtab, || cursor.next())
}

unsafe extern "C" fn eof(cursor: *mut ffi::sqlite3_vtab_cursor) -> c_int {
    // SAFETY: the cursor is ours.
    c_int::from(!unsafe { &*cursor.cast::<Cursor>() }.row)
}

unsafe extern "C" fn column(
    cursor: *mut ffi::sqlite3_vtab_cursor,
    context: *mut ffi::sqlite3_context,
    index: c_int,
) -> c_int {
    // SAFETY: the cursor is ours.
    let (vtab, cursor) = unsafe { ((*cursor).pVtab, &*cursor.cast::<Cursor>()) };
    guarded(vtab, || {
        let place =
            |running: &Running| usize::try_from(index).ok().and_then(|index| *running.query.columns.get(index)?);
        match &cursor.running {
            Some(running) if cursor.row => match place(running) {
                Some(place) => {
                    let (shared, bytes) = (&cursor.shared, running.statement.bytes(place));
                    if bytes > STEADY && shared.clock.is_over(true, bounds::memory()) {
                        return Err(Failure { code: ffi::SQLITE_INTERRUPT, text: "interrupted" });
                    }
                    if bytes > shared.stored {
                        return Err(Failure { code: ffi::SQLITE_TOOBIG, text: TOO_LARGE });
                    }
                    // SAFETY: SQLite has just passed the context, its connection calls, and the statement stands on a row.
                    unsafe {
                        bounds::make_room(shared.db, bytes, shared.stored);
                        running.statement.result(context, place);
                    }
                }
                None => return Err(cursor.shared.fail(Error::broken("a sealed statement uses a column unannounced"))),
            },
            // The row of NULLs of an outer join.
            _ => {}
        }
        Ok(())
    })
}
