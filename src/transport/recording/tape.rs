//! What clones share: the exchanges, which of them were used, and the file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::file::{self, Stamp};
use super::har::{self, Timing};
use super::json::Json;
use super::matching::Matching;
use super::recorded::Recorded;
use super::redact::Rules;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::request::Request;

/// Up to this size the file is written after every exchange.
const SMALL: usize = 1 << 20;

/// A larger file is written when this part of it is new: all the writing together stays in proportion to the file.
const GROWTH: usize = 8;

/// How many entries an error names.
const NEAREST: usize = 3;

pub(super) struct Tape {
    /// Where it stands; a name only, for a tape that is never written.
    path: PathBuf,
    /// What was there at first.
    old: Vec<Entry>,
    state: Mutex<State>,
}

/// One entry, to be replayed.
struct Entry {
    /// `None`: nothing to replay.
    recorded: Option<Recorded>,
    used: AtomicBool,
}

/// What is written.
struct State {
    log: Vec<(String, Json)>,
    /// What was there, and what others added since.
    before: Vec<Box<str>>,
    /// What was there and is not kept.
    dropped: Vec<Box<str>>,
    /// What this tape took up, by ticket.
    lines: Vec<Line>,
    next_ticket: u64,
    seen: Seen,
    /// How much of the file was written last, and how much is new since.
    saved: usize,
    unsaved: usize,
    dirty: bool,
}

/// In which state the file was left.
#[derive(Clone, Copy)]
enum Seen {
    /// In any: whatever is there is replaced.
    Never,
    At(Option<Stamp>),
}

/// One entry as it stands in the file.
struct Line {
    /// In which order exchanges began.
    ticket: u64,
    text: Box<str>,
    /// Whether the file had it once.
    written: bool,
}

impl Tape {
    /// A tape with nothing on it, which replaces the file that there may be.
    pub(super) fn blank(path: PathBuf) -> Tape {
        Tape::of(path, har::log(), Vec::new(), Seen::Never)
    }

    /// Reads a file, to replay it.
    pub(super) fn load(path: &Path) -> Result<Option<Tape>> {
        match file::load(path)? {
            Some(parsed) => Tape::parsed(path.to_owned(), parsed, None).map(Some),
            None => Ok(None),
        }
    }

    /// Reads a file, to replay it and to add to it; tells whether there was one.
    pub(super) fn open(path: PathBuf) -> Result<(Tape, bool)> {
        // Before the reading: what changes meanwhile is read once more.
        let stamp = file::stamp(&path);
        match file::load(&path)? {
            Some(parsed) => Ok((Tape::parsed(path, parsed, Some(stamp))?, true)),
            None => {
                let seen = Seen::At(None);
                Ok((Tape::of(path, har::log(), Vec::new(), seen), false))
            }
        }
    }

    /// A tape with nothing on it, which replaces what was there when this one was opened.
    pub(super) fn anew(&self) -> Tape {
        let state = self.lock();
        let tape = Tape::of(self.path.clone(), har::log(), Vec::new(), state.seen);
        tape.lock().dropped.clone_from(&state.before);
        tape
    }

    /// Reads a text.
    pub(super) fn parse(text: &[u8]) -> Result<Tape> {
        let name = Path::new("the text");
        match file::parse(text) {
            Ok(parsed) => Tape::parsed(name.to_owned(), parsed, None),
            Err(what) => Err(file::not_a_recording(name, &what)),
        }
    }

    /// What was read; its texts are kept where the file is to be written again.
    fn parsed(path: PathBuf, parsed: file::Parsed, keep: Option<Option<Stamp>>) -> Result<Tape> {
        let mut old = Vec::with_capacity(parsed.entries.len());
        let mut before = Vec::new();
        for (at, entry) in parsed.entries.into_iter().enumerate() {
            let recorded = har::read(&entry).map_err(|what| {
                file::not_a_recording(&path, &format!("entry {}: {what}", at + 1))
            })?;
            old.push(Entry {
                recorded,
                used: AtomicBool::new(false),
            });
            if keep.is_some() {
                before.push(file::entry_text(&entry));
            }
        }
        let seen = keep.map_or(Seen::Never, Seen::At);
        let tape = Tape::of(path, parsed.log, old, seen);
        tape.lock().before = before;
        Ok(tape)
    }

    fn of(path: PathBuf, log: Vec<(String, Json)>, old: Vec<Entry>, seen: Seen) -> Tape {
        Tape {
            path,
            old,
            state: Mutex::new(State {
                log,
                before: Vec::new(),
                dropped: Vec::new(),
                lines: Vec::new(),
                next_ticket: 0,
                seen,
                saved: 0,
                unsaved: 0,
                dirty: false,
            }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn len(&self) -> usize {
        let state = self.lock();
        self.old.len().max(state.before.len() + state.lines.len())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is made as a whole, so that a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the place of an exchange that begins.
    pub(super) fn begin(&self) -> u64 {
        let mut state = self.lock();
        state.next_ticket += 1;
        state.next_ticket - 1
    }

    /// Takes an exchange up, with no secret in it, and writes the file where that is due.
    pub(super) fn add(&self, ticket: u64, recorded: &Recorded, timing: &Timing) -> Result<()> {
        let text = file::entry_text(&har::write(recorded, timing));
        let mut state = self.lock();
        state.unsaved += text.len();
        state.dirty = true;
        let at = state.lines.partition_point(|line| line.ticket < ticket);
        let line = Line {
            ticket,
            text,
            written: false,
        };
        state.lines.insert(at, line);
        if state.saved <= SMALL || state.unsaved >= state.saved / GROWTH {
            self.write(&mut state)?;
        }
        Ok(())
    }

    /// Writes what the file does not have yet.
    pub(super) fn save(&self) -> Result<()> {
        let mut state = self.lock();
        match state.dirty {
            true => self.write(&mut state),
            false => Ok(()),
        }
    }

    fn write(&self, state: &mut State) -> Result<()> {
        // Nobody in this process writes between the look at the file and the writing of it.
        static ONE: Mutex<()> = Mutex::new(());
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let there = file::stamp(&self.path);
        if there.is_some() && matches!(state.seen, Seen::At(seen) if seen != there) {
            let read =
                file::load(&self.path).map_err(|error| file::not_written(&self.path, error))?;
            if let Some(parsed) = read {
                state.take_up(parsed);
            }
        }
        let text = state.text();
        file::replace(&self.path, &text)?;
        for line in &mut state.lines {
            line.written = true;
        }
        state.seen = Seen::At(file::stamp(&self.path));
        state.saved = text.len();
        state.unsaved = 0;
        state.dirty = false;
        Ok(())
    }

    /// Finds the exchange that answers a request, and marks it used.
    pub(super) fn find(&self, matching: &Matching, request: &Request) -> Option<&Recorded> {
        let mut again = None;
        for (_, entry, recorded) in self.replayable() {
            if entry.used.load(Ordering::Relaxed) && !matching.repeats {
                continue;
            }
            if !matching.fits(recorded, request) {
                continue;
            }
            // Somebody else may have been faster.
            if !entry.used.swap(true, Ordering::Relaxed) {
                return Some(recorded);
            }
            again = Some(recorded);
        }
        again.filter(|_| matching.repeats)
    }

    /// The entries that may answer, with their numbers in the file.
    fn replayable(&self) -> impl Iterator<Item = (usize, &Entry, &Recorded)> {
        let numbered = self.old.iter().zip(1..);
        numbered.filter_map(|(entry, number)| Some((number, entry, entry.recorded.as_ref()?)))
    }

    /// Why nothing answers a request: the nearest entries, and what differs.
    pub(super) fn unmatched(&self, matching: &Matching, request: &Request, rules: &Rules) -> Error {
        let mut near: Vec<(usize, String)> = Vec::new();
        for (number, entry, recorded) in self.replayable() {
            let mut differences = matching.differences(recorded, request, rules);
            if entry.used.load(Ordering::Relaxed) && !matching.repeats {
                differences.insert(0, "it was used before".to_owned());
            }
            let place = near.partition_point(|(count, _)| *count <= differences.len());
            if place < NEAREST {
                let line = line(recorded, rules);
                let told = format!("entry {number}, {line}: {}", differences.join(", "));
                near.insert(place, (differences.len(), told));
                near.truncate(NEAREST);
            }
        }
        let near: Vec<_> = near.into_iter().map(|(_, told)| told).collect();
        let near = match near.is_empty() {
            true => "there are no entries".to_owned(),
            false => format!("the nearest are {}", near.join("; ")),
        };
        let message = format!(
            "nothing recorded in {} answers {} {} ({near})",
            self.path.display(),
            request.method(),
            rules.url(request.url()),
        );
        // Of an error in a phase the host is shown, and not the whole URL.
        Error::new(ErrorKind::App, message).in_phase(Phase::Send)
    }

    /// The entries that answered nothing.
    pub(super) fn unused(&self, rules: &Rules) -> Vec<String> {
        self.replayable()
            .filter(|(_, entry, _)| !entry.used.load(Ordering::Relaxed))
            .map(|(number, _, recorded)| format!("entry {number}: {}", line(recorded, rules)))
            .collect()
    }
}

impl State {
    /// Keeps what others wrote since the file was read or written here.
    fn take_up(&mut self, parsed: file::Parsed) {
        let mut known: HashMap<&str, usize> = HashMap::new();
        // What was not written yet cannot be there: an entry that says the same is another's.
        let written = self.lines.iter().filter(|line| line.written);
        let lines = written.map(|line| &line.text);
        for text in lines.chain(&self.dropped) {
            *known.entry(text).or_default() += 1;
        }
        let mut others = Vec::new();
        for entry in &parsed.entries {
            let text = file::entry_text(entry);
            match known.get_mut(&*text) {
                Some(count) if *count > 0 => *count -= 1,
                _ => others.push(text),
            }
        }
        self.before = others;
        self.log = parsed.log;
    }

    fn text(&self) -> String {
        let lines = self.lines.iter().map(|line| &line.text);
        file::render(
            &self.log,
            self.before.iter().chain(lines).map(|text| &**text),
        )
    }
}

/// A browser's file may hold secrets, which are not shown either.
fn line(recorded: &Recorded, rules: &Rules) -> String {
    format!("{} {}", recorded.method, rules.url(&recorded.url))
}

/// What is not in the file yet goes there with the last clone, in a panic as well. Nobody hears of a failure here: [`save`](Tape::save)
/// tells.
impl Drop for Tape {
    fn drop(&mut self) {
        let _ = self.save();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use bytes::Bytes;
    use http::Method;

    use super::*;

    const TIMING: Timing = Timing {
        started: UNIX_EPOCH,
        wait: Duration::ZERO,
        receive: Duration::ZERO,
    };

    fn exchange(path: &str) -> Recorded {
        let url = format!("http://h.test{path}");
        let request = Request::new(Method::POST, url).unwrap();
        Recorded::asked(&request, Bytes::from_static(b"\x00\xff"))
    }

    fn text_of(tape: &Tape) -> String {
        tape.lock().text()
    }

    #[test]
    fn entries_stand_in_the_order_in_which_exchanges_began() {
        let path = std::env::temp_dir().join(format!("dimorph-tape-{}.har", std::process::id()));
        let tape = Tape::blank(path.clone());
        let (first, second) = (tape.begin(), tape.begin());
        tape.add(second, &exchange("/2"), &TIMING).unwrap();
        tape.add(first, &exchange("/1"), &TIMING).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text_of(&tape));
        std::fs::remove_file(path).unwrap();
        let again = Tape::parse(text_of(&tape).as_bytes()).unwrap();
        assert_eq!(
            again.unused(&Rules::default()),
            [
                "entry 1: POST http://h.test/1",
                "entry 2: POST http://h.test/2"
            ]
        );
    }

    #[test]
    fn entries_of_two_tapes_that_say_the_same_are_both_kept() {
        let path = std::env::temp_dir().join(format!("dimorph-twins-{}.har", std::process::id()));
        let tapes = [(); 2].map(|()| Tape::open(path.clone()).unwrap().0);
        for count in 1..4 {
            for tape in &tapes {
                tape.add(tape.begin(), &exchange("/"), &TIMING).unwrap();
            }
            let parsed = file::load(&path).unwrap().unwrap();
            assert_eq!(parsed.entries.len(), 2 * count);
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn no_cut_or_changed_file_panics() {
        let text = file::render(
            &har::log(),
            [&*file::entry_text(&har::write(
                &exchange("/é?a=1"),
                &TIMING,
            ))]
            .into_iter(),
        );
        let whole = text.trim_end();
        for end in 0..whole.len() {
            assert!(Tape::parse(&whole.as_bytes()[..end]).is_err(), "{end}");
        }
        assert!(Tape::parse(whole.as_bytes()).is_ok());
        let mut random = 1_u32;
        let mut next = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            random as usize >> 8
        };
        for _ in 0..20_000 {
            let mut changed = whole.as_bytes().to_vec();
            for _ in 0..1 + next() % 3 {
                let at = next() % changed.len();
                changed[at] = b"\"{}[],:0x\\ \xff\0"[next() % 13];
            }
            // An error or not: what counts is that there is an end.
            if let Ok(tape) = Tape::parse(&changed) {
                let request = Request::new(Method::GET, "http://h.test/").unwrap();
                let rules = Rules::default();
                let _ = tape.unmatched(&Matching::strict(), &request, &rules);
            }
        }
    }
}
