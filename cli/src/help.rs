//! What is said about the arguments: the help on one screen, the end of the man page, and errors in one or two lines.

use clap::CommandFactory;
use clap::error::ErrorKind;

use crate::args::Args;
use crate::failure::Failure;
use crate::terminal::escaped;

/// `--help`. It has to fit a terminal of 80 columns and 40 lines, and to name every option; a test holds it to both.
pub(crate) const SCREEN: &str = "\
Usage: dimorph [OPTIONS] [METHOD] URL [ITEM...]

Items:
  key=value  JSON field (form field with --form)    key==value  query parameter
  key:=json  JSON field that is no string           Name:value  header
  key@path   file of a form                         Name:       no such header
  @path      body from a file                       Name;       empty header
  key=@path  key:=@path  key==@path  Name:@path     the value from a file
  a[b][c]=x  a[]=x  nested JSON                     \\ takes = : @ ; [ literally
Request:
  -m, --method METHOD          default: GET, or POST where there is a body
  -p, --params NAME VALUE      query parameter     -h, --headers NAME VALUE
  -c, --content TEXT           body                -j, --json TEXT     JSON body
  -d, --data NAME VALUE        form field          -f, --files NAME FILENAME
  --cookies NAME VALUE         cookie              --form  items are a form
  --auth USER PASS             Basic; PASS `-` asks     --digest  use Digest
  --bearer TOKEN               bearer token        --ignore-stdin  no body of it
Connection:
  --timeout SECONDS            default 5; 0: none  --proxy URL
  --http2                      where offered       --follow-redirects
  --no-verify                  any certificate     --verify FILE  authorities
  --cert FILE                  the client's own certificate and key (PEM)
Answer:
  -o, --output FILE            write there         --stream      as it comes
  --download FILE              with a progress bar --continue    an earlier one
  --body, --headers-only       one part alone      --json-lines  a value a line
  --print WHAT                 letters of HBhbm: request and response, times
  --color auto|always|never    also NO_COLOR       -v, --verbose  -vv: secrets
Also:
  --session FILE, --session-read-only FILE         keep cookies and headers
  --check-status               status 1 where the answer is not 2xx
  --offline, --curl            print the request, or its curl command; send none
  --repeat N                   send it N times, show a table of latencies
  --completions SHELL, --man, --help, -V, --version

Exit status: 0 an answer came; 1 none came, or see --check-status; 2 a mistake
in the command line: nothing was sent. More: dimorph --man | man -l -
";

/// The end of the man page.
pub(crate) const MANUAL: &str = "\
Items: key=value is a field of a JSON object, or of a form with --form; key:=json a field of any JSON type; key==value a parameter of the \
query; Name:value a header, Name: the wish that none of this name be sent, Name; an empty one; key@path a file of a multipart form, \
with ;type=... and ;filename=... after it if wanted; @path the body. key=@path, key:=@path, key==@path and Name:@path take the value from a file. \
The first of these signs decides; a backslash before one of = : @ ; [ ] or \\ takes it literally. \
a[b]=x, a[]=x and a[0]=x are fields of nested JSON.

Standard input is the body where it is a pipe or a file, is not empty, and the command line gives no body.

Exit status: 0 where an answer came, whatever its status; with --check-status only where it is 2xx. 1 where the request failed, or \
--check-status met another status. 2 where the command line was wrong, or a file that it names could not be used; then nothing was sent.

Environment: NO_COLOR; HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY; NETRC; SSL_CERT_FILE, SSL_CERT_DIR; SSLKEYLOGFILE.";

/// What clap has to say: help and version as they are, an error in one or two lines.
pub(crate) fn told(error: &clap::Error) -> Result<String, Failure> {
    let text = error.render().to_string();
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        return Ok(text);
    }
    let first = text.split("\n\n").next().unwrap_or(&text);
    let words: Vec<&str> = first.split_whitespace().collect();
    let message = words.join(" ");
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    Err(Failure::usage(format!(
        "{}\nTry: dimorph --help",
        escaped(message)
    )))
}

/// The completion script of a shell.
pub(crate) fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "dimorph", &mut script);
    script
}

/// The man page, in roff.
pub(crate) fn manual() -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Args::command()).render(&mut page)?;
    Ok(page)
}
