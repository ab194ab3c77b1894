//! Printing for people without printing secrets.

use std::fmt;

use serde_json::{Map, Value};

/// Keys of `data` whose value nobody may see in a log.
const SECRETS: [&str; 3] = ["mcp_token", "api_keys", "env_vars"];

/// `data` as `Debug` prints it: a secret's value is `…`.
pub(super) struct Redacted<'a>(pub(super) &'a Map<String, Value>);

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (key, value) in self.0 {
            if SECRETS.contains(&key.as_str()) {
                map.entry(key, &format_args!("…"));
            } else {
                map.entry(key, value);
            }
        }
        map.finish()
    }
}
