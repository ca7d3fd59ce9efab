//! Build checks.

fn main() {}
