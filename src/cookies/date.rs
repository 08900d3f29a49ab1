//! The dates of `Expires`, read as RFC 6265 section 5.1.1 reads them.
//!
//! Servers write these dates in every way there is, so the RFC's algorithm looks for four tokens in any order and ignores the rest. The formats of
//! the crate `cookie` know fewer; a date that they miss makes a deletion a session cookie.

use time::{Date, Month, OffsetDateTime, Time};

/// Reads a date; `None` for what is none, or no day of the calendar.
pub(super) fn parse(text: &str) -> Option<OffsetDateTime> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.as_bytes().split(|&b| is_delimiter(b)) {
        if time.is_none()
            && let Some(found) = time_of_day(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(token, 1, 2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = month_of(token)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = number(token, 2, 4)
        {
            year = Some(found);
        }
    }
    let year = match year? {
        y @ 70..=99 => y + 1900,
        y @ 0..=69 => y + 2000,
        y @ 1601.. => y,
        _ => return None,
    };
    let date = Date::from_calendar_date(i32::from(year), month?, u8::try_from(day?).ok()?).ok()?;
    Some(date.with_time(time?).assume_utc())
}

/// `delimiter = %x09 / %x20-2F / %x3B-40 / %x5B-60 / %x7B-7E`
fn is_delimiter(byte: u8) -> bool {
    matches!(byte, 0x09 | 0x20..=0x2f | 0x3b..=0x40 | 0x5b..=0x60 | 0x7b..=0x7e)
}

/// `time = hms-time [ non-digit *OCTET ]`, `hms-time = time-field ":" time-field ":" time-field`, `time-field = 1*2DIGIT`
fn time_of_day(token: &[u8]) -> Option<Time> {
    let mut fields = token.splitn(3, |&b| b == b':');
    let mut field = |last: bool| {
        let text = fields.next()?;
        let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
        // Nothing but digits before a colon.
        (last || digits == text.len()).then(|| number(text, 1, 2))?
    };
    let (hour, minute, second) = (field(false)?, field(false)?, field(true)?);
    let byte = |n: u16| u8::try_from(n).ok();
    Time::from_hms(byte(hour)?, byte(minute)?, byte(second)?).ok()
}

/// `min*maxDIGIT [ non-digit *OCTET ]`
fn number(token: &[u8], min: usize, max: usize) -> Option<u16> {
    let digits = token.iter().take_while(|b| b.is_ascii_digit()).count();
    let fits = (min..=max).contains(&digits);
    fits.then(|| {
        token[..digits]
            .iter()
            .fold(0, |n, &b| n * 10 + u16::from(b - b'0'))
    })
}

/// `month = ( "jan" / "feb" / … / "dec" ) *OCTET`
fn month_of(token: &[u8]) -> Option<Month> {
    let names = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let start = token.get(..3)?;
    let index = (1..).zip(names);
    let mut found = index.filter(|(_, name)| start.eq_ignore_ascii_case(name.as_bytes()));
    found
        .next()
        .and_then(|(number, _)| Month::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_way_to_write_a_date_is_read_as_rfc_6265_says() {
        let cases = [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Sun, 6 Nov 1994 8:49:37 +0000", Some(784_111_777)),
            ("06-nov-1994 08:49:37", Some(784_111_777)),
            ("1994 NOVEMBER 6th 08:49:37Z", Some(784_111_777)),
            ("Thu, 1 Jan 1970 00:00:00 GMT", Some(0)),
            ("Thu, 01-Jan-70 00:00:00 GMT", Some(0)),
            ("Thu, 01-Jan-69 00:00:00 GMT", Some(3_124_224_000)),
            ("01 Jan 0001 00:00:00 GMT", Some(978_307_200)),
            ("31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
            ("01 Jan 10000 00:00:00 GMT", None),
            ("01 Jan 1600 00:00:00 GMT", None),
            ("01 Jan 1 00:00:00 GMT", None),
            ("31 Feb 2030 00:00:00 GMT", None),
            ("00 Jan 2030 00:00:00 GMT", None),
            ("01 Jan 2030 24:00:00 GMT", None),
            ("01 Jan 2030 00:60:00 GMT", None),
            ("01 Jan 2030 0:0:0", Some(1_893_456_000)),
            ("01 Jan 2030 000:00:00", None),
            ("01 Jan 2030", None),
            ("01 2030 00:00:00", None),
            ("garbage", None),
            ("0", None),
            ("-1", None),
            ("", None),
            ("\u{e4}\u{f6} 01 J\u{e4}n 2030 00:00:00", None),
            ("99999999999999999999", None),
        ];
        for (text, expected) in cases {
            let found = parse(text).map(|at| at.unix_timestamp());
            assert_eq!(found, expected, "{text}");
        }
    }
}
