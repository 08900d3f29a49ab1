//! The grammar, as a table, and in every way to cut it.

use super::*;

const LARGE: usize = 1 << 20;

/// An event as its type, data and id.
type Told<'a> = (&'a str, &'a str, &'a str);

fn parse(pieces: &[&[u8]], most: usize) -> (Vec<Event>, Option<ErrorKind>, Parser) {
    let mut parser = Parser::new(most);
    let mut events = Vec::new();
    for piece in pieces {
        let mut input = Bytes::copy_from_slice(piece);
        loop {
            match parser.next(&mut input) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(error) => return (events, Some(error.kind()), parser),
            }
        }
        assert!(input.is_empty());
    }
    (events, None, parser)
}

fn told(events: &[Event]) -> Vec<Told<'_>> {
    let each = events.iter();
    each.map(|event| (event.event(), event.data(), event.id()))
        .collect()
}

/// Streams, and what they dispatch.
const TABLE: &[(&[u8], &[Told<'_>])] = &[
    // The examples of the standard, section 9.2.6.
    (
        b"data: YHOO\ndata: +2\ndata: 10\n\n",
        &[("message", "YHOO\n+2\n10", "")],
    ),
    (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        &[
            ("message", "first event", "1"),
            ("message", "second event", ""),
            ("message", " third event", ""),
        ],
    ),
    (
        b"data\n\ndata\ndata\n\ndata:\n",
        &[("message", "", ""), ("message", "\n", "")],
    ),
    (
        b"data:test\n\ndata: test\n\n",
        &[("message", "test", ""), ("message", "test", "")],
    ),
    (
        b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n",
        &[
            ("add", "73857293", ""),
            ("remove", "2153", ""),
            ("add", "113411", ""),
        ],
    ),
    // Line ends, and the end of the stream.
    (b"", &[]),
    (b"\n\n\r\r\n\r\n", &[]),
    (
        b"data:a\r\rdata:b\r\n\r\ndata:c\n\n",
        &[
            ("message", "a", ""),
            ("message", "b", ""),
            ("message", "c", ""),
        ],
    ),
    (b"data:a\r\ndata:b\rdata:c\n\r", &[("message", "a\nb\nc", "")]),
    (b"data:a\n", &[]),
    (b"data:a", &[]),
    (b"data:a\n\ndata:b", &[("message", "a", "")]),
    // Byte order marks: one, at the start.
    (b"\xef\xbb\xbfdata:a\n\n", &[("message", "a", "")]),
    (b"\xef\xbb\xbf\xef\xbb\xbfdata:a\n\n", &[]),
    (
        b"data:a\n\n\xef\xbb\xbfdata:b\n\ndata:c\n\n",
        &[("message", "a", ""), ("message", "c", "")],
    ),
    (b"\xef\xbb\xbf\ndata:a\n\n", &[("message", "a", "")]),
    (b"\xef\xbb\ndata:a\n\n", &[("message", "a", "")]),
    // Fields.
    (b":data:a\n\n", &[]),
    (b"data: a: b\n\n", &[("message", "a: b", "")]),
    (b"data :a\n data:b\nDATA:c\ndatas:d\n\n", &[]),
    (b"data:\ta\n\n", &[("message", "\ta", "")]),
    (b"event:x\n\ndata:a\n\n", &[("message", "a", "")]),
    (b"event:x\nevent\ndata:a\n\n", &[("message", "a", "")]),
    (b"event:x\nevent:y\ndata:a\n\n", &[("y", "a", "")]),
    (b"data:a\0b\n\n", &[("message", "a\0b", "")]),
    // IDs stay, and hold no NUL; those of blocks without data count.
    (
        b"id:1\ndata:a\n\ndata:b\n\nid:x\0y\ndata:c\n\n",
        &[
            ("message", "a", "1"),
            ("message", "b", "1"),
            ("message", "c", "1"),
        ],
    ),
    (b"id:7\n\ndata:a\n\n", &[("message", "a", "7")]),
    (b"id: \xe2\x98\x83 \ndata:a\n\n", &[("message", "a", "\u{2603} ")]),
    // What is no UTF-8.
    (
        b"data:a\xffb\xe2\x98\n\ndata:\xf0\x9f\x8c\x8d\n\n",
        &[
            ("message", "a\u{fffd}b\u{fffd}", ""),
            ("message", "\u{1f30d}", ""),
        ],
    ),
];

#[test]
fn streams_dispatch_what_the_standard_says() {
    for (stream, expected) in TABLE {
        let (events, error, _) = parse(&[stream], LARGE);
        assert_eq!(error, None);
        assert_eq!(
            told(&events),
            *expected,
            "{:?}",
            String::from_utf8_lossy(stream)
        );
    }
}

#[test]
fn the_pieces_make_no_difference() {
    for (stream, expected) in TABLE {
        for cut in 0..=stream.len() {
            for second in cut..=stream.len() {
                let pieces = [&stream[..cut], &stream[cut..second], b"", &stream[second..]];
                let (events, _, _) = parse(&pieces, LARGE);
                assert_eq!(told(&events), *expected, "cut at {cut} and {second}");
            }
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(told(&parse(&bytes, LARGE).0), *expected);
    }
}

#[test]
fn an_event_is_there_as_soon_as_its_empty_line() {
    let mut parser = Parser::new(LARGE);
    let mut input = Bytes::from_static(b"data:a\r\n\r");
    assert!(parser.next(&mut input).unwrap().is_some());
    let mut input = Bytes::from_static(b"\ndata:b\n\ndata:c\n\n");
    assert_eq!(parser.next(&mut input).unwrap().unwrap().data(), "b");
    assert_eq!(input, "data:c\n\n", "the rest is left for the next call");
}

#[test]
fn retry_takes_digits_only() {
    let ms = Duration::from_millis;
    let longest = Some(ms(u64::MAX));
    let cases: [(&str, Option<Duration>, Option<Duration>); 9] = [
        ("retry:1500\ndata:a\n\n", Some(ms(1500)), Some(ms(1500))),
        ("retry: 0\ndata:a\n\n", Some(ms(0)), Some(ms(0))),
        ("retry:1\nretry:2\ndata:a\n\n", Some(ms(2)), Some(ms(2))),
        ("retry:1\nretry:2x\ndata:a\n\n", Some(ms(1)), Some(ms(1))),
        (
            "retry:-1\nretry:+1\nretry:1 \nretry:\nretry\ndata:a\n\n",
            None,
            None,
        ),
        ("retry:1.5\nretry:\u{663}\ndata:a\n\n", None, None),
        // It counts at once, whether an event comes of it or not.
        ("retry:7\n\ndata:a\n\n", None, Some(ms(7))),
        ("data:a\n\nretry:7\n", None, Some(ms(7))),
        (
            "retry:99999999999999999999999\ndata:a\n\n",
            longest,
            longest,
        ),
    ];
    for (stream, in_event, last) in cases {
        let (events, _, parser) = parse(&[stream.as_bytes()], LARGE);
        assert_eq!(
            (events[0].retry(), parser.retry),
            (in_event, last),
            "{stream:?}"
        );
    }
}

#[test]
fn the_last_id_is_that_of_an_event_that_was_dispatched() {
    let (_, _, mut parser) = parse(&[b"id:1\ndata:a\n\nid:2\ndata:b\n"], LARGE);
    assert_eq!(&*parser.last_id, "1");
    // The next stream begins with what stayed, and knows nothing of the half event.
    parser.restart(parser.last_id.clone());
    let mut input = Bytes::from_static(b"\xef\xbb\xbfdata:c\n\n");
    let event = parser.next(&mut input).unwrap().unwrap();
    assert_eq!((event.data(), event.id()), ("c", "1"));
}

#[test]
fn lines_and_events_have_a_limit() {
    let line = |length: usize| "x".repeat(length);
    let data = |length: usize| format!("data:{}\n", line(length));
    let cases = [
        (line(20), None),
        (line(21), Some(ErrorKind::LimitExceeded)),
        (line(21) + "\n", Some(ErrorKind::LimitExceeded)),
        (format!(":{}\n", line(20)), Some(ErrorKind::LimitExceeded)),
        (data(15), None),
        (data(9) + &data(9), None),
        (data(9) + &data(10), Some(ErrorKind::LimitExceeded)),
        ("data\n".repeat(20), None),
        ("data\n".repeat(21), Some(ErrorKind::LimitExceeded)),
        // Each event has the limit for itself.
        (format!("{}\n", data(15)).repeat(9), None),
    ];
    for (stream, expected) in cases {
        for cut in 0..=stream.len() {
            let stream = stream.as_bytes();
            let (events, error, _) = parse(&[b"data:1\n\n", &stream[..cut], &stream[cut..]], 20);
            assert_eq!(error, expected, "{:?}", String::from_utf8_lossy(stream));
            assert_eq!(events[0].data(), "1", "what came before it is given");
        }
    }
}

#[test]
fn data_is_counted_as_it_is_held() {
    // U+FFFD is longer than the byte that it stands for.
    for (bytes, expected) in [(6, None), (7, Some(ErrorKind::LimitExceeded))] {
        let stream = [b"data:", &vec![0xff; bytes][..], b"\n\n"].concat();
        let (_, error, _) = parse(&[&stream], 20);
        assert_eq!(error, expected, "{bytes}");
    }
}

#[test]
fn long_lines_and_many_of_them_take_linear_time() {
    let piece: &[u8] = b"0123456789";
    let mut pieces = vec![piece; 200_000];
    pieces.insert(0, b"data:");
    pieces.push(b"\n\n");
    let (events, _, _) = parse(&pieces, 1 << 22);
    assert_eq!(events[0].data().len(), 2_000_000);
    let stream = "data:x\n".repeat(300_000) + "\n";
    let (events, _, _) = parse(&[stream.as_bytes()], 1 << 22);
    assert_eq!(events[0].data().len(), 599_999);
    let stream = "id:x\ndata\n\n".repeat(100_000);
    assert_eq!(parse(&[stream.as_bytes()], 1 << 22).0.len(), 100_000);
}
