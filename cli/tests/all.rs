//! The command line as a user types it: through pipes and through a pseudo-terminal, against embedded servers and nginx.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that fails should be loud, and one that is skipped says so"
)]

#[path = "all/auth.rs"]
mod auth;
#[path = "all/book.rs"]
mod book;
#[path = "all/curl.rs"]
mod curl;
#[path = "all/downloads.rs"]
mod downloads;
#[path = "all/example_org.rs"]
mod example_org;
#[path = "all/exit_status.rs"]
mod exit_status;
#[path = "all/help.rs"]
mod help;
#[path = "all/items.rs"]
mod items;
#[path = "all/json_lines.rs"]
mod json_lines;
#[path = "all/network.rs"]
mod network;
#[path = "all/options.rs"]
mod options;
#[path = "all/output.rs"]
mod output;
#[path = "all/pictures.rs"]
mod pictures;
#[path = "all/repeat.rs"]
mod repeat;
#[path = "all/sessions.rs"]
mod sessions;
#[path = "all/stdin.rs"]
mod stdin;
#[path = "all/support.rs"]
mod support;
#[path = "all/terminal.rs"]
mod terminal;
#[path = "all/verbose.rs"]
mod verbose;
