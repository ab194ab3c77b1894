//! The `aclite` command.
fn main() {}
