//! SQL functions whose errors carry a result code and a text.
//!
//! rusqlite's own functions lose the code: they set the text last, and SQLite takes a text without a code for `SQLITE_ERROR`.
#![expect(unsafe_code, reason = "a function takes its arguments and gives its answer through calls of SQLite's")]

use std::any::type_name;
use std::ffi::{CString, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

use rusqlite::functions::FunctionFlags;
use rusqlite::types::{FromSql, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Error, Result, ffi};

use crate::error::{Code, Told};

/// The arguments of one call.
pub(crate) struct Call<'c> {
    /// INVARIANT: SQLite's values, which stay as they are until the call returns.
    values: &'c [*mut ffi::sqlite3_value],
}

impl Call<'_> {
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// The argument at `index`, which is there.
    pub(crate) fn get_raw(&self, index: usize) -> ValueRef<'_> {
        let value = self.values[index];
        // SAFETY: the value is SQLite's, and is borrowed no longer than the call lasts. A text or a BLOB is as long as
        // SQLite says; asking for its length leaves it where it is.
        unsafe {
            let bytes = |start: *const u8| match usize::try_from(ffi::sqlite3_value_bytes(value)) {
                Ok(length) if length > 0 => {
                    // SQLite had no memory for the text in UTF-8. A guard must not take that for an empty one.
                    assert!(!start.is_null(), "out of memory");
                    slice::from_raw_parts(start, length)
                }
                _ => &[],
            };
            match ffi::sqlite3_value_type(value) {
                ffi::SQLITE_INTEGER => ValueRef::Integer(ffi::sqlite3_value_int64(value)),
                ffi::SQLITE_FLOAT => ValueRef::Real(ffi::sqlite3_value_double(value)),
                ffi::SQLITE_TEXT => {
                    let start = ffi::sqlite3_value_text(value);
                    assert!(!start.is_null(), "out of memory");
                    ValueRef::Text(bytes(start))
                }
                ffi::SQLITE_BLOB => ValueRef::Blob(bytes(ffi::sqlite3_value_blob(value).cast())),
                _ => ValueRef::Null,
            }
        }
    }

    /// The argument at `index`, which is there, as a `T`.
    pub(crate) fn get<T: FromSql>(&self, index: usize) -> Result<T> {
        let value = self.get_raw(index);
        T::column_result(value).map_err(|_| Error::InvalidFunctionParameterType(index, value.data_type()))
    }
}

/// A connection that is given functions.
pub(crate) struct Functions<'c>(pub(crate) &'c Connection);

impl Functions<'_> {
    /// Registers the function `name` with so many arguments; -1 stands for any number.
    pub(crate) fn create_scalar_function<F, T>(
        &self,
        name: &str,
        arguments: c_int,
        flags: FunctionFlags,
        work: F,
    ) -> Result<()>
    where
        F: Fn(&Call<'_>) -> Result<T> + Send + 'static,
        T: ToSql,
    {
        let name = CString::new(name)?;
        let work = Box::into_raw(Box::new(work)).cast::<c_void>();
        // SAFETY: the connection is open while it is borrowed, and the name ends with a NUL. `work` is the `F` that `call`
        // expects; SQLite hands it to `forget` when the function goes, also where it can't be registered.
        let code = unsafe {
            ffi::sqlite3_create_function_v2(
                self.0.handle(),
                name.as_ptr(),
                arguments,
                flags.bits(),
                work,
                Some(call::<F, T>),
                None,
                None,
                Some(forget::<F>),
            )
        };
        if code == ffi::SQLITE_OK { Ok(()) } else { Err(Error::SqliteFailure(ffi::Error::new(code), None)) }
    }
}

/// Called by SQLite when the function goes.
unsafe extern "C" fn forget<F>(work: *mut c_void) {
    // A panic must not cross into C.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: it is the box that `create_scalar_function` gave, and SQLite gives it back once.
        drop(unsafe { Box::from_raw(work.cast::<F>()) });
    }));
}

/// Called by SQLite for each call of the function.
unsafe extern "C" fn call<F, T>(context: *mut ffi::sqlite3_context, count: c_int, values: *mut *mut ffi::sqlite3_value)
where
    F: Fn(&Call<'_>) -> Result<T>,
    T: ToSql,
{
    let done = catch_unwind(AssertUnwindSafe(|| {
        let count = usize::try_from(count).unwrap_or_default();
        // SAFETY: SQLite passes so many values, and what the function was registered with: an `F`, which nothing changes.
        let (values, work) = unsafe {
            let values = if count == 0 { &[][..] } else { slice::from_raw_parts(values, count) };
            (values, &*ffi::sqlite3_user_data(context).cast::<F>())
        };
        let done = work(&Call { values });
        let done = done.and_then(|answer| {
            // SAFETY: the context is that of this call.
            answer.to_sql().and_then(|answer| unsafe { give(context, &answer) })
        });
        done.map_err(|error| told(&error))
    }));
    let failed = done.unwrap_or_else(|_| Err(Told::new(Code::Storage, format!("{} panicked", type_name::<F>()))));
    if let Err(failed) = failed {
        // SAFETY: the context is that of this call.
        unsafe { fail(context, &failed) }
    }
}

/// What SQLite is told of an error: what a function of ours says, or that the database failed.
fn told(error: &Error) -> Told {
    if let Error::UserFunctionError(error) = error
        && let Some(told) = error.downcast_ref::<Told>()
    {
        return told.clone();
    }
    Told::of_sqlite(error)
}

/// Gives SQLite the function's answer.
///
/// # Safety
/// `context` is that of a call that has not returned.
unsafe fn give(context: *mut ffi::sqlite3_context, answer: &ToSqlOutput<'_>) -> Result<()> {
    let value = match answer {
        ToSqlOutput::Borrowed(value) => *value,
        ToSqlOutput::Owned(value) => ValueRef::from(value),
        ToSqlOutput::Pointer((pointer, name, destructor)) => {
            // SAFETY: by this function's contract. The name is static; the destructor is the one made for the pointer.
            unsafe { ffi::sqlite3_result_pointer(context, pointer.cast_mut(), name.as_ptr(), *destructor) };
            return Ok(());
        }
        _ => return Err(Error::InvalidQuery),
    };
    // SAFETY: by this function's contract. SQLite copies a text or a BLOB before the call returns.
    unsafe {
        match value {
            ValueRef::Null => ffi::sqlite3_result_null(context),
            ValueRef::Integer(number) => ffi::sqlite3_result_int64(context, number),
            ValueRef::Real(number) => ffi::sqlite3_result_double(context, number),
            ValueRef::Text(text) => ffi::sqlite3_result_text64(
                context,
                text.as_ptr().cast(),
                text.len() as ffi::sqlite3_uint64,
                ffi::SQLITE_TRANSIENT(),
                ffi::SQLITE_UTF8 as u8,
            ),
            ValueRef::Blob(bytes) => ffi::sqlite3_result_blob64(
                context,
                bytes.as_ptr().cast(),
                bytes.len() as ffi::sqlite3_uint64,
                ffi::SQLITE_TRANSIENT(),
            ),
        }
    }
    Ok(())
}

/// Makes the call fail. The code comes after the text: the text alone means `SQLITE_ERROR`, and a code leaves it as it is.
///
/// # Safety
/// `context` is that of a call that has not returned.
unsafe fn fail(context: *mut ffi::sqlite3_context, told: &Told) {
    let text = told.to_string();
    // SAFETY: by this function's contract. SQLite copies so many bytes.
    unsafe {
        let length = c_int::try_from(text.len()).unwrap_or(c_int::MAX);
        ffi::sqlite3_result_error(context, text.as_ptr().cast(), length);
        ffi::sqlite3_result_error_code(context, told.code().result_code());
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::types::Value;

    use super::*;

    fn conn() -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        let flags = FunctionFlags::SQLITE_UTF8;
        let functions = Functions(&conn);
        functions.create_scalar_function("same", 1, flags, |call| call.get::<Value>(0)).unwrap();
        functions.create_scalar_function("len", -1, flags, |call| Ok(call.len() as i64)).unwrap();
        functions.create_scalar_function("word", 1, flags, |call| call.get::<String>(0)).unwrap();
        functions
            .create_scalar_function("no", 1, flags, |call| {
                let text: String = call.get(0)?;
                Err::<bool, _>(Told::new(Code::Denied, text).into())
            })
            .unwrap();
        functions.create_scalar_function("broken", 0, flags, |_| Err::<bool, _>(Error::QueryReturnedNoRows)).unwrap();
        functions
            .create_scalar_function("busy", 0, flags, |_| {
                Err::<bool, _>(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY_SNAPSHOT), None))
            })
            .unwrap();
        functions.create_scalar_function("panics", 0, flags, |call| call.get::<i64>(7)).unwrap();
        conn
    }

    #[test]
    fn values_pass_as_they_are() {
        let conn = conn();
        for value in
            ["NULL", "1", "-9223372036854775808", "1.5", "''", "'é'", "CAST(x'610062' AS text)", "x''", "x'00ff'"]
        {
            let sql = format!("SELECT typeof({value}) IS typeof(same({value})) AND {value} IS same({value})");
            assert!(conn.query_row(&sql, [], |row| row.get::<_, bool>(0)).unwrap(), "{value}");
        }
        let length = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!((length("SELECT len()"), length("SELECT len(1, NULL, 'a')")), (0, 3));
    }

    #[test]
    fn a_failure_has_its_code_and_its_text() {
        let conn = conn();
        for (sql, code, told) in [
            ("SELECT no('é: x')", ffi::SQLITE_AUTH, "aclite: denied: é: x"),
            ("SELECT broken()", ffi::SQLITE_ERROR, "aclite: storage: Query returned no rows"),
            ("SELECT busy()", ffi::SQLITE_BUSY, "aclite: busy: Error code 517: database is locked"),
            (
                "SELECT word(1)",
                ffi::SQLITE_ERROR,
                "aclite: storage: Invalid function parameter type Integer at index 0",
            ),
        ] {
            let error = conn.query_row(sql, [], |_| Ok(())).unwrap_err();
            assert_eq!((error.sqlite_extended_error_code(), error.to_string()), (Some(code), told.to_owned()), "{sql}");
        }
    }

    #[test]
    fn a_panic_is_an_error_of_the_statement() {
        let conn = conn();
        let error = conn.query_row("SELECT panics()", [], |_| Ok(())).unwrap_err().to_string();
        assert!(error.starts_with("aclite: storage: ") && error.ends_with(" panicked"), "{error}");
        assert_eq!(conn.query_row("SELECT len(1)", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    }

    /// A function that can't be registered is dropped as one that goes with its connection.
    #[test]
    fn nothing_of_a_function_is_left_behind() {
        struct Told(std::sync::Arc<()>);
        let there = std::sync::Arc::new(());
        let conn = Connection::open_in_memory().unwrap();
        let told = Told(std::sync::Arc::clone(&there));
        let kept = move |_: &Call<'_>| Ok(std::sync::Arc::strong_count(&told.0) as i64);
        Functions(&conn).create_scalar_function("kept", 0, FunctionFlags::SQLITE_UTF8, kept).unwrap();
        let told = Told(std::sync::Arc::clone(&there));
        let refused = move |_: &Call<'_>| Ok(std::sync::Arc::strong_count(&told.0) as i64);
        let too_many = Functions(&conn).create_scalar_function("refused", 40_000, FunctionFlags::SQLITE_UTF8, refused);
        assert!(too_many.is_err());
        assert_eq!(conn.query_row("SELECT kept()", [], |row| row.get::<_, i64>(0)).unwrap(), 2);
        conn.close().unwrap();
        assert_eq!(std::sync::Arc::strong_count(&there), 1);
    }
}
