//! Placeholder of the benchmark's shape.
fn main() {}
