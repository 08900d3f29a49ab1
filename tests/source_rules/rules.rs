//! The rules, one function each: from a file to the places that break it.

use crate::strip::{Strings, is_word, strip, without_tests};

/// The kind of room a file stands in; the arrows between rooms point downwards only:
/// `lib → blocking | asynchronous → core → { rt, shared }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Lib,
    Instance,
    Core,
    Rt,
    Shared,
}

/// One file of `src/`, ready for the rules.
pub(crate) struct File {
    /// Relative to `src/`, with `/`.
    pub(crate) path: String,
    /// No comments, no string contents, no tests.
    code: String,
    /// No comments; strings as written.
    text: String,
}

/// A place that breaks a rule.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) fact: String,
}

impl File {
    pub(crate) fn new(path: &str, source: &str) -> Self {
        Self {
            path: path.to_owned(),
            code: without_tests(&strip(source, Strings::Blank)),
            text: strip(source, Strings::Keep),
        }
    }

    pub(crate) fn room(&self) -> Room {
        match self.path.as_str() {
            "lib.rs" => Room::Lib,
            "blocking.rs" | "asynchronous.rs" => Room::Instance,
            path if path.starts_with("blocking/") || path.starts_with("asynchronous/") => {
                Room::Instance
            }
            path if path.starts_with("core/") => Room::Core,
            path if path.starts_with("rt/") || path == "rt.rs" => Room::Rt,
            _ => Room::Shared,
        }
    }

    fn found(&self, offset: usize, fact: impl Into<String>) -> Finding {
        let line = 1 + self.text.as_bytes()[..offset]
            .iter()
            .filter(|&&b| b == b'\n')
            .count();
        Finding {
            path: self.path.clone(),
            line,
            fact: fact.into(),
        }
    }

    /// Every place where one of `names` stands as whole words.
    fn named(&self, names: &[&str], fact: &str) -> Vec<Finding> {
        let each = names
            .iter()
            .flat_map(|name| words(&self.code, name).map(move |at| (at, name)));
        each.map(|(at, name)| self.found(at, format!("`{name}` {fact}")))
            .collect()
    }
}

/// Every rule that looks at one file alone.
pub(crate) const RULES: &[fn(&File) -> Vec<Finding>] = &[
    arrows_point_downwards,
    shared_does_no_io,
    shared_never_awaits,
    tokio_stays_in_its_room,
    lib_only_re_exports,
    maybe_async_is_never_global,
    dual_marks_functions_only,
    dual_traits_say_afit,
    no_await_in_macro_arguments,
    no_async_closure,
    no_nested_async_fn,
    async_blocks_are_tails,
    core_cannot_tell_the_forms_apart,
];

fn arrows_point_downwards(file: &File) -> Vec<Finding> {
    let above: &[&str] = match file.room() {
        Room::Lib | Room::Instance => return Vec::new(),
        Room::Core => &["crate::blocking", "crate::asynchronous"],
        Room::Rt => &["crate::blocking", "crate::asynchronous", "super::core"],
        Room::Shared => &[
            "crate::blocking",
            "crate::asynchronous",
            "crate::core",
            "super::core",
            "crate::rt",
            "super::rt",
            "rt::",
        ],
    };
    file.named(above, "is a room above, or beside, the one that names it")
}

fn shared_does_no_io(file: &File) -> Vec<Finding> {
    if file.room() != Room::Shared {
        return Vec::new();
    }
    let sockets = [
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "UnixStream",
        "UnixListener",
        "UnixDatagram",
        "ToSocketAddrs",
        "socket2",
        "rustix",
    ];
    let clocks = [
        "Instant::now",
        "SystemTime::now",
        "UnixTime::now",
        "thread::sleep",
    ];
    let mut found = file.named(
        &sockets,
        "is a socket; a shared file decides and never does I/O",
    );
    found.extend(file.named(&clocks, "is a clock; time is passed in"));
    found
}

fn shared_never_awaits(file: &File) -> Vec<Finding> {
    if file.room() != Room::Shared {
        return Vec::new();
    }
    // Authentication flows and transport handlers are generators: they may await what drives them, and nothing else.
    let driver = [("auth/", "exchange.send("), ("transport/", "next.")]
        .into_iter()
        .find(|(room, _)| file.path.starts_with(room))
        .map(|(_, driver)| driver);
    let awaits = awaits(&file.code).filter(|&at| {
        let statement = file.code[..at].rfind([';', '{', '}']).map_or(0, |i| i + 1);
        !driver.is_some_and(|driver| file.code[statement..at].contains(driver))
    });
    awaits
        .map(|at| file.found(at, "a shared file awaits"))
        .collect()
}

fn tokio_stays_in_its_room(file: &File) -> Vec<Finding> {
    if file.room() == Room::Rt || file.path == "asynchronous.rs" {
        return Vec::new();
    }
    file.named(&["tokio"], "may be named in rt/ and asynchronous.rs only")
}

fn lib_only_re_exports(file: &File) -> Vec<Finding> {
    if file.room() != Room::Lib {
        return Vec::new();
    }
    file.named(
        &["fn", "impl", "struct", "enum", "trait", "macro_rules"],
        "defines something in lib.rs",
    )
}

/// `#[maybe_async::maybe_async]` obeys one switch for the whole dependency graph: any crate could flip it.
fn maybe_async_is_never_global(file: &File) -> Vec<Finding> {
    let marks = words(&file.code, "maybe_async").filter(|&at| {
        let rest = &file.code[at + "maybe_async".len()..];
        let fixed = ["::must_be_sync", "::must_be_async"]
            .iter()
            .any(|m| words(rest, m).next() == Some(0));
        file.room() != Room::Instance || !fixed
    });
    let mut found: Vec<_> = marks
        .map(|at| {
            file.found(
                at,
                "maybe_async other than an instance's own must_be_sync or must_be_async",
            )
        })
        .collect();
    found.extend(file.named(&["is_sync"], "is the global switch"));
    found
}

fn dual_marks_functions_only(file: &File) -> Vec<Finding> {
    let items = dual_items(&file.code)
        .filter(|(_, _, item)| !["impl", "trait", "fn"].contains(&keyword(item)));
    items
        .map(|(at, _, _)| file.found(at, "#[dual] on something other than impl, trait or fn"))
        .collect()
}

fn dual_traits_say_afit(file: &File) -> Vec<Finding> {
    let items = dual_items(&file.code).filter(|(_, attribute, item)| {
        let header = item.split(['{', ';']).next().unwrap_or_default();
        let of_trait = match keyword(item) {
            "trait" => true,
            "impl" => {
                words(header, "for").any(|at| !header[at + 3..].trim_start().starts_with('<'))
            }
            _ => false,
        };
        of_trait && !attribute.contains("AFIT")
    });
    items
        .map(|(at, _, _)| file.found(at, "a trait, or the impl of one, takes #[dual(AFIT)]"))
        .collect()
}

/// A macro's arguments are opaque to the attribute: an `.await` in there is not taken away.
fn no_await_in_macro_arguments(file: &File) -> Vec<Finding> {
    if file.room() != Room::Core {
        return Vec::new();
    }
    let calls = file.code.match_indices('!').filter_map(|(at, _)| {
        let name = file.code[..at].bytes().next_back().is_some_and(is_word);
        let open = at + 1 + file.code[at + 1..].find(|c: char| !c.is_whitespace())?;
        (name && matches!(file.code.as_bytes()[open], b'(' | b'[' | b'{'))
            .then(|| (open, closing(&file.code, open)))
    });
    let inside =
        calls.flat_map(|(open, close)| awaits(&file.code[open..close]).map(move |at| open + at));
    let mut offsets: Vec<_> = inside.collect();
    offsets.sort_unstable();
    offsets.dedup();
    offsets
        .into_iter()
        .map(|at| file.found(at, ".await inside a macro's arguments: bind it first"))
        .collect()
}

fn no_async_closure(file: &File) -> Vec<Finding> {
    if file.room() != Room::Core {
        return Vec::new();
    }
    let closures =
        words(&file.code, "async").filter(|&at| after_async(&file.code, at).starts_with('|'));
    closures
        .map(|at| file.found(at, "an async closure does not lose its async"))
        .collect()
}

fn no_nested_async_fn(file: &File) -> Vec<Finding> {
    if file.room() != Room::Core {
        return Vec::new();
    }
    let functions = words(&file.code, "async").filter(|&at| keyword(&file.code[at..]) == "fn");
    let nested = functions.filter(|&at| {
        blocks_around(&file.code, at)
            .iter()
            .any(|header| is_function(header))
    });
    nested
        .map(|at| file.found(at, "an async fn inside a function"))
        .collect()
}

/// In the blocking form an `async` block runs where it stands; only as a function's tail is that the same moment.
fn async_blocks_are_tails(file: &File) -> Vec<Finding> {
    if file.room() != Room::Core {
        return Vec::new();
    }
    let blocks = words(&file.code, "async").filter_map(|at| {
        let rest = after_async(&file.code, at);
        rest.starts_with('{')
            .then(|| (at, closing(&file.code, file.code.len() - rest.len())))
    });
    let inner = blocks.filter(|&(at, close)| {
        let after = file.code[close..].trim_start_matches(|c: char| c.is_whitespace() || c == ')');
        let in_function = blocks_around(&file.code, at)
            .last()
            .is_some_and(|header| is_function(header));
        !(in_function && after.starts_with('}'))
    });
    inner
        .map(|(at, _)| file.found(at, "an async block that is not its function's tail"))
        .collect()
}

/// Both features may be on at once: a `cfg` in core would say the same in both instances.
fn core_cannot_tell_the_forms_apart(file: &File) -> Vec<Finding> {
    if file.room() != Room::Core {
        return Vec::new();
    }
    let features = words(&file.text, "feature").filter(|&at| {
        let value = file.text[at + "feature".len()..]
            .trim_start()
            .strip_prefix('=')
            .unwrap_or_default();
        ["\"blocking\"", "\"async\""]
            .iter()
            .any(|form| value.trim_start().starts_with(form))
    });
    features
        .map(|at| {
            file.found(
                at,
                "a cfg on one form's feature; differences live in rt or in the parent file",
            )
        })
        .collect()
}

/// Both instances mount the same files, but each its own of `rt/`, and every mounted file is there.
pub(crate) fn both_instances_mount_the_same(
    blocking: &File,
    asynchronous: &File,
    exists: impl Fn(&str) -> bool,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let mounts = [blocking, asynchronous].map(|file| {
        let paths = file.text.match_indices("#[path").map(|(at, _)| {
            let path = file.text[at..].split('"').nth(1).unwrap_or_default();
            (at, path.to_owned())
        });
        paths.collect::<Vec<_>>()
    });
    for (file, mine, other) in [
        (blocking, &mounts[0], &mounts[1]),
        (asynchronous, &mounts[1], &mounts[0]),
    ] {
        if !mine.iter().any(|(_, path)| path == "core/mod.rs") {
            found.push(file.found(0, "core/mod.rs is not mounted"));
        }
        for (at, path) in mine {
            if !exists(path) {
                found.push(file.found(*at, format!("{path} is mounted and not there")));
            }
            let twin = path
                .replace("rt/blocking", "rt/*")
                .replace("rt/tokio", "rt/*");
            let twins = other
                .iter()
                .map(|(_, p)| p.replace("rt/blocking", "rt/*").replace("rt/tokio", "rt/*"));
            if !twins.into_iter().any(|p| p == twin) {
                found.push(file.found(
                    *at,
                    format!("{path} has no counterpart in the other instance"),
                ));
            }
        }
    }
    found
}

/// Offsets of `name` where no identifier goes on at either end; a name that ends in `::` may go on there.
fn words<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(name)
        .map(|(at, _)| at)
        .filter(move |&at| {
            let before = at.checked_sub(1).map(|i| code.as_bytes()[i]);
            let after = code.as_bytes().get(at + name.len()).copied();
            let starts = name.starts_with(':') || !before.is_some_and(is_word);
            starts && (name.ends_with(':') || !after.is_some_and(is_word))
        })
}

/// Offsets of `.await`, however it is spaced.
fn awaits(code: &str) -> impl Iterator<Item = usize> + '_ {
    words(code, "await").filter(|&at| code[..at].trim_end().ends_with('.'))
}

/// What follows `async` or `async move` at `at`.
fn after_async(code: &str, at: usize) -> &str {
    let rest = code[at + "async".len()..].trim_start();
    let moved = words(rest, "move").next() == Some(0);
    if moved {
        rest["move".len()..].trim_start()
    } else {
        rest
    }
}

/// `(offset, attribute, the item after it)` for each `#[dual…]`.
fn dual_items(code: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    code.match_indices("#[dual").filter_map(|(at, _)| {
        let end = closing(code, at + 1);
        let mut item = code[end..].trim_start();
        while item.starts_with("#[") {
            item = item[closing(item, 1)..].trim_start();
        }
        matches!(code.as_bytes().get(at + 6), Some(b']' | b'(')).then(|| (at, &code[at..end], item))
    })
}

/// The word that says what an item is, behind visibility and qualifiers.
fn keyword(item: &str) -> &str {
    let outside = item.trim_start();
    let outside = outside
        .strip_prefix("pub")
        .map_or(outside, |rest| match rest.trim_start() {
            scoped if scoped.starts_with('(') => &scoped[closing(scoped, 0)..],
            rest => rest,
        });
    let mut words = outside
        .split(|c: char| !c.is_ascii() || !is_word(c as u8))
        .filter(|word| !word.is_empty());
    words
        .find(|word| !["async", "unsafe", "const"].contains(word))
        .unwrap_or_default()
}

/// Offset just behind the delimiter that closes the one at `open`; the end of the text if none does.
fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0usize;
    for (i, b) in code.bytes().enumerate().skip(open) {
        match b {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return i + 1;
        }
    }
    code.len()
}

/// The headers of the blocks that are open at `at`, outermost first.
fn blocks_around(code: &str, at: usize) -> Vec<&str> {
    // Each open delimiter with the start of the statement within it.
    let mut open: Vec<(Option<&str>, usize)> = vec![(None, 0)];
    for (i, b) in code.bytes().enumerate().take(at) {
        match b {
            b'{' => {
                let header = open.last().map(|&(_, statement)| &code[statement..i]);
                open.push((header, i + 1));
            }
            b'(' | b'[' => open.push((None, i + 1)),
            b')' | b']' | b'}' if open.len() > 1 => drop(open.pop()),
            _ => {}
        }
        if let (b'}' | b';', Some((_, statement))) = (b, open.last_mut()) {
            *statement = i + 1;
        }
    }
    open.into_iter().filter_map(|(header, _)| header).collect()
}

/// Whether a block's header is that of a named function.
fn is_function(header: &str) -> bool {
    words(header, "fn").any(|at| {
        header[at + 2..]
            .trim_start()
            .bytes()
            .next()
            .is_some_and(is_word)
    })
}
