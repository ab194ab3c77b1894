//! Printing for people without printing secrets.

use std::fmt;

use serde_json::{Map, Value};

use crate::catalog;

/// `data` as `Debug` prints it: a secret's value is `…`.
pub(super) struct Redacted<'a>(pub(super) &'a Map<String, Value>);

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (key, value) in self.0 {
            if is_secret(key) {
                map.entry(key, &format_args!("…"));
            } else {
                map.entry(key, value);
            }
        }
        map.finish()
    }
}

/// Whether a key of `data` is a secret, whatever the record is of: a patch may be given to another than it was meant for.
pub(super) fn is_secret(key: &str) -> bool {
    catalog::with_secrets().any(|table| table.secret_keys().any(|secret| secret == key))
}
