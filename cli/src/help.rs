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

/// The man page, in roff: the options by their definitions, and what else there is to know.
pub(crate) fn manual() -> std::io::Result<Vec<u8>> {
    // The words are explained in a section of their own.
    let man = clap_mangen::Man::new(Args::command().mut_arg("words", |words| words.hide(true)));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    section(&mut page, "REQUEST", REQUEST);
    section(&mut page, "ITEMS", ITEMS);
    man.render_options_section(&mut page)?;
    section(&mut page, "EXIT STATUS", EXIT_STATUS);
    section(&mut page, "ENVIRONMENT", ENVIRONMENT);
    section(&mut page, "FILES", FILES);
    Ok(page)
}

/// A section of terms and what they mean; without a term, of paragraphs.
fn section(page: &mut Vec<u8>, title: &str, entries: &[(&str, &str)]) {
    let roff = |text: &str| text.replace('\\', "\\e").replace('-', "\\-");
    let mut text = format!(".SH \"{title}\"\n");
    for (term, meaning) in entries {
        text += &match *term {
            "" => format!(".PP\n{}\n", roff(meaning)),
            term => format!(".TP\n\\fB{}\\fR\n{}\n", roff(term), roff(meaning)),
        };
    }
    page.extend_from_slice(text.as_bytes());
}

const REQUEST: &[(&str, &str)] = &[
    (
        "METHOD",
        "The first word is a method where it is one of HTTP's names, or in capitals, or where what follows it is no item. Without one, it \
         is GET, or POST where there is a body.",
    ),
    (
        "URL",
        "Without a scheme it begins with http://. :8000/x is http://localhost:8000/x, and :/x is http://localhost/x.",
    ),
    (
        "standard input",
        "It is the body where it is a pipe or a file, is not empty, and the command line gives no body. See --ignore-stdin.",
    ),
];

const ITEMS: &[(&str, &str)] = &[
    (
        "key=value",
        "A field of a JSON object that is text, or of a form with --form.",
    ),
    ("key:=json", "A field of any JSON type."),
    ("key==value", "A parameter of the query."),
    (
        "Name:value",
        "A header. It replaces the default of its name.",
    ),
    ("Name:", "No header of this name, not even the default."),
    ("Name;", "A header with an empty value."),
    (
        "key@path",
        "A file; the body is then a multipart form. ;type=text/csv and ;filename=name may follow the path.",
    ),
    ("@path", "The body, its media type by its extension."),
    (
        "key=@path key:=@path key==@path Name:@path",
        "The same as without the @, with the value from a file.",
    ),
    (
        "",
        "a[b]=x, a[]=x and a[0]=x are fields of nested JSON. The first sign decides; before it, a backslash takes one of = : @ ; [ ] and \\ \
         literally.",
    ),
];

const EXIT_STATUS: &[(&str, &str)] = &[
    (
        "0",
        "An answer came, whatever its status; with --check-status it was 2xx.",
    ),
    (
        "1",
        "The request failed, or --check-status met another status.",
    ),
    (
        "2",
        "The command line was wrong, or a file that it names could not be used. Nothing was sent.",
    ),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "NO_COLOR",
        "Where it is set, and not empty, there are no colours by default.",
    ),
    (
        "HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY",
        "The proxies where --proxy names none, in either case.",
    ),
    (
        "NETRC",
        "The file of credentials, in place of ~/.netrc and ~/_netrc.",
    ),
    (
        "SSL_CERT_FILE SSL_CERT_DIR",
        "Certificate authorities, in place of those built in.",
    ),
    (
        "SSLKEYLOGFILE",
        "Where the keys of TLS sessions are written, for debugging.",
    ),
];

const FILES: &[(&str, &str)] = &[(
    "FILE.resume",
    "Beside a download that is not whole: what --continue recognizes the file on the server by.",
)];
