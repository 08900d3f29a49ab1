//! Tokens of a netrc file, as Python's `netrc` (3.11 and later) cuts them, and the entries they make.
//!
//! netrc-rs knows no comments, quotes and escapes. It gets the entries in its own plainest form, with placeholders
//! where values stood: no value has to survive its tokens.
//!
//! Where Python is kinder, or harsher, on purpose:
//! - a comment reaches to the end of its line wherever it stands (Python loses count after an empty line),
//! - a byte order mark is skipped,
//! - an unterminated quote, a missing value, an empty word where a keyword should be, NUL, and a line break inside a
//!   value are errors.

use std::fmt::Write as _;

/// No server takes a longer credential.
const LONGEST_TOKEN: usize = 64 * 1024;

/// Why a file is malformed; never what stands there, which may be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) line: usize,
    pub(super) why: &'static str,
}

/// The entries of a file, for netrc-rs.
#[derive(Default)]
pub(super) struct Cleaned {
    /// One line each: `machine t0 login t1 password t2`, or `default login …`.
    pub(super) text: String,
    /// What the placeholders stand for.
    values: Vec<String>,
    pub(super) bad: Option<Bad>,
}

impl Cleaned {
    /// What a placeholder stands for.
    pub(super) fn value(&self, placeholder: &str) -> &str {
        let index = placeholder.strip_prefix('t').and_then(|n| n.parse().ok());
        index
            .and_then(|index: usize| self.values.get(index))
            .map_or("", String::as_str)
    }

    fn push(&mut self, entry: Entry) {
        // Python keeps the default entry under this name.
        if entry.name == "default" {
            self.text.push_str("default");
        } else {
            self.push_value("machine", entry.name);
        }
        for (keyword, value) in [
            (" login", entry.login),
            (" password", entry.password),
            (" account", entry.account),
        ] {
            if let Some(value) = value {
                self.push_value(keyword, value);
            }
        }
        self.text.push('\n');
    }

    fn push_value(&mut self, keyword: &str, value: String) {
        // Writing to a String does not fail.
        let _ = write!(self.text, "{keyword} t{}", self.values.len());
        self.values.push(value);
    }
}

#[derive(Default)]
struct Entry {
    name: String,
    login: Option<String>,
    password: Option<String>,
    account: Option<String>,
    /// Where its last word stood.
    line: usize,
}

/// Reads a file. What stands before a bad line is kept.
pub(super) fn clean(bytes: &[u8]) -> Cleaned {
    let mut lexer = Lexer {
        bytes: bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes),
        at: 0,
        line: 1,
    };
    let mut cleaned = Cleaned::default();
    let mut entry = None;
    let bad = entries(&mut lexer, &mut cleaned, &mut entry).err();
    if let Some(entry) = entry
        // An entry on the bad line is bad; one that may go on there is only good if it says enough.
        && bad.is_none_or(|bad| entry.line < bad.line && entry.password.is_some())
    {
        cleaned.push(entry);
    }
    cleaned.bad = bad;
    cleaned
}

fn entries(
    lexer: &mut Lexer<'_>,
    cleaned: &mut Cleaned,
    entry: &mut Option<Entry>,
) -> Result<(), Bad> {
    while let Some(keyword) = lexer.keyword()? {
        let line = lexer.line;
        if let "machine" | "default" | "macdef" = &*keyword
            && let Some(entry) = entry.take()
        {
            cleaned.push(entry);
        }
        match (&*keyword, &mut *entry) {
            ("machine" | "default", _) => {
                let name = match &*keyword {
                    "machine" => lexer.value(line)?,
                    _ => keyword,
                };
                if name.is_empty() {
                    let why = "the name of a machine is empty";
                    return Err(Bad { line, why });
                }
                let line = lexer.line;
                *entry = Some(Entry {
                    name,
                    line,
                    ..Entry::default()
                });
            }
            ("macdef", _) => {
                lexer.value(line)?;
                lexer.skip_macro()?;
            }
            (field @ ("login" | "user" | "password" | "account"), Some(entry)) => {
                let value = Some(lexer.value(line)?);
                match field {
                    "password" => entry.password = value,
                    "account" => entry.account = value,
                    _ => entry.login = value,
                }
                entry.line = lexer.line;
            }
            (_, None) => {
                let why = "expected `machine`, `default` or `macdef`";
                return Err(Bad { line, why });
            }
            (_, Some(_)) => {
                let why = "expected `login`, `password`, `account` or the next entry";
                return Err(Bad { line, why });
            }
        }
    }
    Ok(())
}

/// Cuts a file into tokens, each on one line.
struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
}

impl Lexer<'_> {
    fn bad<T>(&self, why: &'static str) -> Result<T, Bad> {
        Err(Bad {
            line: self.line,
            why,
        })
    }

    /// The byte that is next; CR and CR LF are line ends as well.
    fn peek(&self) -> Result<Option<u8>, Bad> {
        match self.bytes.get(self.at) {
            Some(b'\0') => self.bad("there is a NUL"),
            Some(b'\r') => Ok(Some(b'\n')),
            byte => Ok(byte.copied()),
        }
    }

    fn advance(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += if rest.starts_with(b"\r\n") { 2 } else { 1 };
        self.line += usize::from(matches!(rest[0], b'\r' | b'\n'));
    }

    /// The byte that the next token begins with.
    fn begin(&mut self) -> Result<Option<u8>, Bad> {
        while let Some(b' ' | b'\t' | b'\n') = self.peek()? {
            self.advance();
        }
        self.peek()
    }

    /// The next token; none at the end.
    fn token(&mut self) -> Result<Option<String>, Bad> {
        let Some(first) = self.begin()? else {
            return Ok(None);
        };
        let quoted = first == b'"';
        if quoted {
            self.advance();
        }
        let mut token = Vec::new();
        loop {
            let mut next = self.peek()?;
            match next {
                Some(b'"') if quoted => {
                    self.advance();
                    break;
                }
                Some(b' ' | b'\t' | b'\n') | None if !quoted => break,
                Some(b'\\') => {
                    self.advance();
                    next = self.peek()?;
                }
                _ => {}
            }
            match next {
                Some(b'\n') => return self.bad("a line ends inside a value"),
                None if quoted => return self.bad("a quote is not closed"),
                None => break,
                Some(_) if token.len() == LONGEST_TOKEN => return self.bad("a word is too long"),
                Some(byte) => token.push(byte),
            }
            self.advance();
        }
        match String::from_utf8(token) {
            Ok(token) => Ok(Some(token)),
            Err(_) => self.bad("a word is not UTF-8"),
        }
    }

    /// The next token behind comments.
    fn keyword(&mut self) -> Result<Option<String>, Bad> {
        while self.begin()? == Some(b'#') {
            self.skip_line()?;
        }
        self.token()
    }

    /// What follows a keyword on `line`: anything, even a keyword or what looks like a comment.
    fn value(&mut self, line: usize) -> Result<String, Bad> {
        let why = "the file ends where a value should be";
        self.token()?.ok_or(Bad { line, why })
    }

    /// Skips what is left of the line; `true`: there was something.
    fn skip_line(&mut self) -> Result<bool, Bad> {
        let mut any = false;
        while let Some(byte) = self.peek()? {
            self.advance();
            if byte == b'\n' {
                break;
            }
            any = true;
        }
        Ok(any)
    }

    /// Skips a macro, from behind its name: it ends with an empty line.
    fn skip_macro(&mut self) -> Result<(), Bad> {
        let begin = self.line;
        self.skip_line()?;
        while self.at < self.bytes.len() {
            if !self.skip_line()? {
                return Ok(());
            }
        }
        Err(Bad {
            line: begin,
            why: "a macro does not end with an empty line",
        })
    }
}
