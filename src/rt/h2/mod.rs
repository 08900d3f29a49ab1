//! An HTTP/2 connection as both forms' drivers poll it.
//!
//! ```text
//!   driver ──▶ engine.rs   the connection of the crate h2, and its PINGs
//!                 │
//!              pipe.rs     what it reads and writes ──▶ the wire
//!                 │
//!   everybody ──▶ facts.rs what is known without the connection's lock
//! ```

mod engine;
mod facts;
mod pipe;

pub(crate) use engine::Engine;
pub(crate) use facts::{End, Facts};
pub(crate) use pipe::Wire;
