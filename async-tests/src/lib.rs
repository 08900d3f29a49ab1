//! The shared tests over the async client: see `tests/all.rs`.
