//! Where the main database of a host's connection lies, and whether a second connection, ours, can open it there.
//!
//! Audit rows of refusals, the check, adoption and the seal need one. Each reason why there is none completes the
//! sentence "the database can't be opened a second time: …", and names what to change where something can be.
#![expect(unsafe_code, reason = "SQLite answers this only through calls on the connection's handle")]

use std::ffi::{CStr, c_char};
use std::path::{Path, PathBuf};
use std::ptr;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use crate::guard::Host;

/// The file of the main database, or why no connection of ours could open the same.
pub(super) fn file(host: Host) -> Result<PathBuf, String> {
    let (path, vfs, nolock) = ask(host)?;
    if let Some(vfs) = vfs {
        return Err(format!("the host opens it through the VFS `{vfs}`, which is not the default one"));
    }
    if nolock {
        return Err("the host opened it with `nolock`, and takes no notice of another's locks".to_owned());
    }
    Ok(path)
}

/// The path of the main database, the name of its VFS where that is not the default one, and whether it locks nothing.
fn ask(host: Host) -> Result<(PathBuf, Option<String>, bool), String> {
    // SAFETY: the connection is open on this thread. The verb takes a pointer to the pointer that receives the answer,
    // which outlives the call. A VFS lives as long as the process, and its name, if there is one, ends with a NUL. The
    // name of the file is what SQLite keeps, parameters behind it, and stays good until this function returns.
    unsafe {
        let mut vfs: *mut ffi::sqlite3_vfs = ptr::null_mut();
        let place: *mut *mut ffi::sqlite3_vfs = &raw mut vfs;
        ffi::sqlite3_file_control(host.handle(), c"main".as_ptr(), ffi::SQLITE_FCNTL_VFS_POINTER, place.cast());
        let name = ffi::sqlite3_db_filename(host.handle(), c"main".as_ptr());
        if name.is_null() || *name == 0 {
            return Err("it is in memory".to_owned());
        }
        let foreign = vfs.is_null() || vfs != ffi::sqlite3_vfs_find(ptr::null());
        let called = |vfs: *mut ffi::sqlite3_vfs| match vfs.as_ref().map(|vfs| vfs.zName) {
            Some(name) if !name.is_null() => CStr::from_ptr(name).to_string_lossy().into_owned(),
            _ => "without a name".to_owned(),
        };
        let nolock = ffi::sqlite3_uri_boolean(name, c"nolock".as_ptr(), 0) != 0;
        Ok((path(name)?, foreign.then(|| called(vfs)), nolock))
    }
}

/// # Safety
/// `name` ends with a NUL.
unsafe fn path(name: *const c_char) -> Result<PathBuf, String> {
    // SAFETY: as above.
    let name = unsafe { CStr::from_ptr(name) };
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        Ok(PathBuf::from(std::ffi::OsStr::from_bytes(name.to_bytes())))
    }
    #[cfg(not(unix))]
    {
        name.to_str().map(PathBuf::from).map_err(|_| "its name is not UTF-8".to_owned())
    }
}

/// Fails with why a connection of ours can't read the file at `path`. A lock that somebody holds is no reason.
pub(super) fn reach(path: &Path) -> Result<(), String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let read = Connection::open_with_flags(path, flags).and_then(|conn| {
        conn.busy_timeout(Duration::ZERO)?;
        conn.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0))
    });
    match read.map_err(|error| (error.sqlite_error_code(), error)) {
        Ok(_) | Err((Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked), _)) => Ok(()),
        Err((Some(ErrorCode::NotADatabase), _)) => {
            Err("it reads as no database without a key: aclite has none for an encrypted file".to_owned())
        }
        Err((_, error)) => Err(error.to_string()),
    }
}

/// Tells the host by SQLite's error log, the one channel that loading an extension has beside failing.
pub(super) fn warn(text: &str) {
    let text: Vec<u8> = text.bytes().filter(|byte| *byte != 0).chain([0]).collect();
    // SAFETY: the format takes one text that ends with a NUL, and lives until the call returns.
    unsafe { ffi::sqlite3_log(ffi::SQLITE_WARNING, c"%s".as_ptr(), text.as_ptr().cast::<c_char>()) };
}
