//! The arguments: what clap reads, and what completions and the man page are made from.

use std::path::PathBuf;

use clap::{ArgAction, Parser, ValueEnum, ValueHint};
use clap_complete::Shell;

/// The command line, as typed.
#[derive(Debug, Parser)]
#[command(
    name = "dimorph",
    version,
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true,
    about = "An HTTP client for the command line",
    long_about = "Sends a request and shows the answer: on a terminal its head and its body, JSON indented and in \
                  colour; into a pipe or a file the bytes of the body, as they came.",
    override_usage = "dimorph [OPTIONS] [METHOD] URL [ITEM...]",
    override_help = crate::help::SCREEN
)]
pub(crate) struct Args {
    /// The method where one is given, the URL, and the items of the request.
    #[arg(value_name = "METHOD URL ITEM", value_hint = ValueHint::Url)]
    pub(crate) words: Vec<String>,

    /// The request's method. Default: GET, or POST where there is a body.
    #[arg(short, long, value_name = "METHOD", allow_hyphen_values = true)]
    pub(crate) method: Option<String>,

    /// A parameter for the query of the URL; may be given several times.
    #[arg(short, long, num_args = 2, value_names = ["NAME", "VALUE"], allow_hyphen_values = true, action = ArgAction::Append)]
    pub(crate) params: Vec<String>,

    /// The body, as it stands.
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true, conflicts_with_all = ["data", "files", "json"])]
    pub(crate) content: Option<String>,

    /// A field of a form; may be given several times. The form is urlencoded, or multipart where there are files.
    #[arg(short, long, num_args = 2, value_names = ["NAME", "VALUE"], allow_hyphen_values = true, action = ArgAction::Append, conflicts_with = "json")]
    pub(crate) data: Vec<String>,

    /// A file of a multipart form; may be given several times.
    #[arg(short, long, num_args = 2, value_names = ["NAME", "FILENAME"], allow_hyphen_values = true, action = ArgAction::Append, value_hint = ValueHint::FilePath, conflicts_with = "json")]
    pub(crate) files: Vec<String>,

    /// The body, which must be JSON, with its content-type.
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) json: Option<String>,

    /// A header; may be given several times.
    #[arg(short = 'h', long, num_args = 2, value_names = ["NAME", "VALUE"], allow_hyphen_values = true, action = ArgAction::Append)]
    pub(crate) headers: Vec<String>,

    /// A cookie; may be given several times. It goes to the origin of the URL alone.
    #[arg(long, num_args = 2, value_names = ["NAME", "VALUE"], allow_hyphen_values = true, action = ArgAction::Append)]
    pub(crate) cookies: Vec<String>,

    /// User name and password, for Basic authentication. With the password `-` it is asked for on the terminal.
    #[arg(long, num_args = 2, value_names = ["USER", "PASS"], allow_hyphen_values = true, conflicts_with = "bearer")]
    pub(crate) auth: Vec<String>,

    /// Authenticates with the user name and password of --auth by Digest instead of Basic.
    #[arg(long, requires = "auth")]
    pub(crate) digest: bool,

    /// Authenticates by a bearer token.
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    pub(crate) bearer: Option<String>,

    /// Sends the items as a form instead of JSON.
    #[arg(long, conflicts_with_all = ["json", "content"])]
    pub(crate) form: bool,

    /// Does not read a body from standard input. Needed where standard input is a pipe that nobody closes, as in some CI systems.
    #[arg(long)]
    pub(crate) ignore_stdin: bool,

    /// The proxy for all requests: http, https, socks5 or socks5h. Default: what HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say.
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) proxy: Option<String>,

    /// How long connecting may take, and the server be silent. 0: no limit.
    #[arg(long, value_name = "SECONDS", default_value = "5", allow_negative_numbers = true, value_parser = seconds)]
    pub(crate) timeout: f64,

    /// Follows redirects, 20 at most.
    #[arg(long, alias = "follow")]
    pub(crate) follow_redirects: bool,

    /// Accepts any certificate of the server.
    #[arg(long, conflicts_with = "verify")]
    pub(crate) no_verify: bool,

    /// A file or directory of certificate authorities (PEM) to check the server by.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) verify: Option<PathBuf>,

    /// The client's own certificate with its key, in one PEM file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) cert: Option<PathBuf>,

    /// Speaks HTTP/2 where the server does, over https.
    #[arg(long)]
    pub(crate) http2: bool,

    /// Saves the body to a file instead of showing it, with a progress bar.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["output", "json_lines", "repeat"])]
    pub(crate) download: Option<PathBuf>,

    /// Goes on with a download that was interrupted, where the server still has the same file.
    #[arg(long = "continue", requires = "download")]
    pub(crate) resume: bool,

    /// Writes what would go to standard output to a file.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,

    /// Shows the body on the terminal piece by piece, as it comes. Into a pipe that is always so.
    #[arg(long)]
    pub(crate) stream: bool,

    /// Writes each JSON value of the body on a line, as it comes.
    #[arg(long)]
    pub(crate) json_lines: bool,

    /// What to show, as letters: H and B for the request's head and body, h and b for the response's, m for the times. Default: hb on a terminal, b else.
    #[arg(long, value_name = "WHAT", value_parser = parts, conflicts_with_all = ["body", "headers_only"])]
    pub(crate) print: Option<String>,

    /// Shows the body alone; the same as --print b.
    #[arg(long, conflicts_with = "headers_only")]
    pub(crate) body: bool,

    /// Shows the response's head alone; the same as --print h.
    #[arg(long)]
    pub(crate) headers_only: bool,

    /// Colours and indents: where standard output is a terminal and NO_COLOR is not set, always, or never.
    #[arg(long, value_name = "WHEN", default_value = "auto", value_enum)]
    pub(crate) color: When,

    /// Shows the request too, the connection and the times; given twice, credentials as well. Into a pipe, on standard error.
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Keeps cookies in a file from call to call; for each origin also the headers, and the credentials.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) session: Option<PathBuf>,

    /// Uses the session of a file and leaves the file as it is.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "session")]
    pub(crate) session_read_only: Option<PathBuf>,

    /// Exits with status 1 where the answer is not 2xx.
    #[arg(long)]
    pub(crate) check_status: bool,

    /// Prints the request that would be sent, credentials included, and sends nothing.
    #[arg(long, conflicts_with_all = ["curl", "repeat", "download"])]
    pub(crate) offline: bool,

    /// Prints the curl command of the same request, credentials included, and sends nothing.
    #[arg(long, conflicts_with = "repeat")]
    pub(crate) curl: bool,

    /// Sends the request so many times, one after the other, and shows a table of their times.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) repeat: Option<u32>,

    /// Prints a completion script for this shell.
    #[arg(long, value_name = "SHELL", value_enum, exclusive = true)]
    pub(crate) completions: Option<Shell>,

    /// Prints the man page.
    #[arg(long, exclusive = true)]
    pub(crate) man: bool,

    /// Prints this help.
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,

    /// Prints the version.
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// When to colour and indent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Into pipes and files too.
    Always,
    /// No colours; a terminal still gets indented JSON.
    Never,
}

/// The pairs of an option that takes two values each time.
pub(crate) fn pairs(values: &[String]) -> impl Iterator<Item = (&str, &str)> {
    values.chunks_exact(2).map(|pair| (&*pair[0], &*pair[1]))
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => Ok(seconds),
        _ => Err("it is no number of seconds".into()),
    }
}

fn parts(text: &str) -> Result<String, String> {
    match text.chars().find(|c| !"HBhbm".contains(*c)) {
        Some(other) => Err(format!(
            "`{}` is none of the letters H, B, h, b and m",
            other.escape_debug()
        )),
        None => Ok(text.to_owned()),
    }
}
