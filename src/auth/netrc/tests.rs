//! Files, look-ups and errors as tables; Python's `netrc` as the oracle.

use std::io::Write as _;
use std::process::{Command, Stdio};

use http::Method;
use http::header::AUTHORIZATION;

use super::super::Step;
use super::*;
use crate::error::ErrorKind;

fn parse(text: impl AsRef<[u8]>) -> Netrc {
    Netrc::parse(text.as_ref(), Path::new("/home/u/.netrc"))
}

/// The credentials as `login:password`; `-` for none, `!n` for an error in line n.
fn found(netrc: &Netrc, host: &str) -> String {
    match netrc.lookup(host) {
        Ok(Some((login, password))) => format!("{login}:{password}"),
        Ok(None) => "-".to_owned(),
        Err(error) => format!("!{}", error.line),
    }
}

#[test]
fn requests_are_authenticated_as_httpx_does() {
    let host = "http://a.test/";
    let cases = [
        // HTTPX's NetRCAuth.
        (
            "machine a.test login u password p\n",
            "http://x.a.test/",
            None,
        ),
        (
            "# c\nmachine a.test login u password p\n",
            host,
            Some("Basic dTpw"),
        ),
        ("machine a.test login u\n", host, None),
        (
            "machine a.test login u password p#q\n",
            host,
            Some("Basic dTpwI3E="),
        ),
        (
            "machine netrcexample.org\nlogin example-username\npassword example-password\n",
            "http://netrcexample.org",
            Some("Basic ZXhhbXBsZS11c2VybmFtZTpleGFtcGxlLXBhc3N3b3Jk"),
        ),
        (
            "machine netrcexample.org\nlogin example-username\npassword example-password\n",
            "http://example.org",
            None,
        ),
        (
            "machine a.test login u password \"p w\"\n",
            host,
            Some("Basic dTpwIHc="),
        ),
        // The key is the host: any port, any scheme.
        (
            "machine a.test login u password p",
            "https://a.test:8080/",
            Some("Basic dTpw"),
        ),
        (
            "machine a.test:8080 login u password p",
            "http://a.test:8080/",
            None,
        ),
        ("machine a.test password p", host, Some("Basic OnA=")),
        ("machine a.test login u password \"\"", host, None),
        ("", host, None),
    ];
    for (text, url, expected) in cases {
        let auth = NetrcAuth::from_text(text).unwrap();
        let mut flow = auth.auth_flow(Request::new(Method::GET, url).unwrap());
        let Step::Send(request) = flow.resume(None).unwrap() else {
            panic!("{text:?} sends nothing")
        };
        let sent = request.headers().get(AUTHORIZATION);
        assert_eq!(
            sent.map(|value| value.to_str().unwrap()),
            expected,
            "{text:?}"
        );
        assert!(sent.is_none_or(http::HeaderValue::is_sensitive));
    }
}

#[test]
fn entries_are_found_by_host() {
    let seed = "machine a.test\nlogin nu\npassword np\n\nmachine b.test login bu password bp\ndefault login du password dp\n";
    let cases = [
        (seed, "a.test", "nu:np"),
        (seed, "b.test", "bu:bp"),
        (seed, "zz.test", "du:dp"),
        (
            "default login a password b\nmachine c login d password e",
            "c",
            "d:e",
        ),
        // An entry that says less than the default still is the host's.
        ("machine a login u\ndefault login d password p", "a", "-"),
        ("machine a\ndefault login d password p", "a", "-"),
        ("default", "a", "-"),
        ("machine default login u password p", "a", "u:p"),
        // The last of several wins.
        ("machine a login u password p machine a login v", "a", "-"),
        (
            "machine a login u login v password p password q",
            "a",
            "v:q",
        ),
        ("machine a user u account x password p", "a", "u:p"),
        // Hosts are compared as names and addresses are.
        ("machine A.Test login u password p", "a.test", "u:p"),
        ("machine a.test. login u password p", "a.test", "u:p"),
        ("machine a.test login u password p", "a.test.", "u:p"),
        ("machine ::1 login u password p", "[::1]", "u:p"),
        ("machine [0:0::1] login u password p", "[::1]", "u:p"),
        (
            "machine b\u{fc}cher.test login u password p",
            "xn--bcher-kva.test",
            "u:p",
        ),
        // Quotes, escapes, comments.
        (
            "machine a login \"u v\" password \"p\\\"q\\\\\"",
            "a",
            "u v:p\"q\\",
        ),
        ("machine a login u password p\"q", "a", "u:p\"q"),
        ("machine a login u password p\\ q", "a", "u:p q"),
        ("machine a login u password #p", "a", "u:#p"),
        (
            "machine a # tail\nlogin u # tail\n# line\n\n# line\npassword p# no tail",
            "a",
            "!6",
        ),
        (
            "machine a # tail\nlogin u # tail\n# line\n\n# line\npassword p#q",
            "a",
            "u:p#q",
        ),
        (
            "# machine a login old password old\nmachine a login u password p",
            "a",
            "u:p",
        ),
        ("\n\n#machine a login old password old\n", "a", "-"),
        ("#\"\nmachine a login u password p\n#\\", "a", "u:p"),
        (
            "machine a login machine password default",
            "a",
            "machine:default",
        ),
        // Line ends, the byte order mark, macros.
        ("machine a\r\nlogin u\r\npassword p\r\n", "a", "u:p"),
        ("machine a\rlogin u\rpassword p\r", "a", "u:p"),
        ("\u{feff}machine a login u password p", "a", "u:p"),
        (
            "macdef m\nmachine a login x password y\n\nmachine a login u password p",
            "a",
            "u:p",
        ),
        (
            "machine a login u password p\nmacdef m\r\nput \"\r\n\r\nmachine b login v password q",
            "b",
            "v:q",
        ),
        ("macdef m\n\nmachine a login u password p", "a", "u:p"),
        (
            "machine a login \u{fc} password \u{e4}",
            "a",
            "\u{fc}:\u{e4}",
        ),
    ];
    for (text, host, expected) in cases {
        assert_eq!(found(&parse(text), host), expected, "{text:?} {host}");
    }
}

#[test]
fn net_05_a_malformed_file_is_an_error_that_names_its_line_and_no_secret() {
    let long = format!("machine a\nlogin u password {}", "sesame".repeat(200_000));
    let cases: [(&[u8], usize); 24] = [
        (b"machine a login u password sesame\0x\n", 1),
        (b"machine a login u\npassword p\n#\0", 3),
        (b"machine a login u password sesame\rsesame", 2),
        (b"machine a login u\npassword \"sesame\n", 2),
        (b"machine a login u\npassword \"sesame", 2),
        (b"machine a login u password \"sesame\rx\"", 1),
        (b"machine a login u password sesame\\\n", 1),
        (b"machine a login u password \"sesame\\\r\n\"", 1),
        (long.as_bytes(), 2),
        (b"machine a login u password", 1),
        (b"machine a login sesame password\n\n", 1),
        (b"machine", 1),
        (b"\n\nmachine \n", 3),
        (b"machine \"\" login u password sesame", 1),
        (
            b"machine a login u password\nmachine b login v password sesame",
            2,
        ),
        (b"machine a login u password sesame sesame", 1),
        (b"login u password sesame", 1),
        (b"sesame", 1),
        (b"machine a login u password sesame \"\"", 1),
        (b"machine a login u password \xff\xfesesame", 1),
        (b"macdef m\nsesame", 1),
        (b"machine a login u\nmacdef", 2),
        (b"# \xff\n\xff", 2),
        (b"machine a sesame u password p", 1),
    ];
    for (text, line) in cases {
        let netrc = parse(text);
        let shown = String::from_utf8_lossy(&text[..text.len().min(80)]).into_owned();
        let error = netrc.lookup("not.there").expect_err(&shown);
        assert_eq!(error.line, line, "{shown:?}: {error}");
        let error = error.to_error();
        assert_eq!(error.kind(), ErrorKind::Builder);
        let said = format!("{error} {error:?} {netrc:?}");
        assert!(said.contains("/home/u/.netrc"), "{said}");
        assert!(!said.contains("sesame"), "{said}");
        if let Ok(text) = std::str::from_utf8(text) {
            let error = NetrcAuth::from_text(text).unwrap_err();
            assert!(
                error.to_string().contains(&format!("line {line}")),
                "{error}"
            );
        }
    }
}

#[test]
fn entries_before_a_malformed_line_are_found() {
    let cases = [
        (
            "machine a login u password p\nbad\nmachine b login v password q",
            "a",
            "u:p",
        ),
        (
            "machine a login u password p\nbad\nmachine b login v password q",
            "b",
            "!2",
        ),
        (
            "machine a\nlogin u\npassword p\nmachine b login v password q r",
            "a",
            "u:p",
        ),
        // The entry that the bad word stands in is bad too: half a password helps nobody.
        ("machine a login u password p w", "a", "!1"),
        ("machine a login u\npassword p w\n", "a", "!2"),
        ("machine a password p login\n\n", "a", "!1"),
        // It may go on behind the bad line.
        ("machine a login u\nbad\npassword p", "a", "!2"),
        // The host's own entry may come after it.
        ("default login d password e\nbad", "a", "!2"),
        (
            "machine a login u\nmachine b login v password q\nbad",
            "a",
            "-",
        ),
    ];
    for (text, host, expected) in cases {
        assert_eq!(found(&parse(text), host), expected, "{text:?} {host}");
    }
    let netrc = parse(b"machine a login u password p\n\xff");
    assert_eq!(found(&netrc, "a"), "u:p");
}

#[test]
fn net_02_no_entry_lends_its_password_to_another_host() {
    let text = "machine a.test login u password p\nmachine b.test login v\nmachine c.test\ndefault login d";
    for host in [
        "b.test",
        "c.test",
        "d.test",
        "x.a.test",
        "a.test.b.test",
        "",
    ] {
        assert_eq!(found(&parse(text), host), "-", "{host}");
    }
}

#[test]
fn debug_shows_how_many_and_nothing_else() {
    let auth = NetrcAuth::from_text("machine a.test login user password sesame").unwrap();
    assert_eq!(format!("{auth:?}"), "NetrcAuth(1 hosts)");
}

#[test]
fn the_first_file_that_exists_is_the_only_one_read() {
    let folder = std::env::temp_dir().join(format!("dimorph-netrc-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let [none, first, second, large] =
        ["none", "first", "second", "large"].map(|name| folder.join(name));
    std::fs::write(&first, "machine a login u password p").unwrap();
    std::fs::write(&second, "machine b login v password q").unwrap();
    std::fs::write(&large, vec![b' '; 1024 * 1024 + 1]).unwrap();
    let cases: [(&[&PathBuf], Option<&PathBuf>, bool); 6] = [
        (&[&none, &first, &second], Some(&first), true),
        (&[&second, &first], Some(&second), true),
        (&[&none], None, false),
        (&[], None, false),
        (&[&folder, &first], Some(&folder), false),
        (&[&large, &first], Some(&large), false),
    ];
    for (paths, expected, readable) in cases {
        let owned: Vec<_> = paths.iter().map(|path| (*path).clone()).collect();
        let read = read_first(&owned);
        assert_eq!(read.as_ref().map(|(path, _)| path), expected, "{paths:?}");
        let bytes = read.is_some_and(|(_, bytes)| bytes.is_ok());
        assert_eq!(bytes, readable, "{paths:?}");
    }
    let auth = NetrcAuth::from_file(&first).unwrap();
    assert_eq!(found(&auth.netrc, "a"), "u:p");
    for path in [&none, &folder, &large] {
        let error = NetrcAuth::from_file(path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Builder);
        assert!(
            error.to_string().contains(&*path.to_string_lossy()),
            "{error}"
        );
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_hostile_file_takes_linear_time() {
    for text in [
        "machine a ".repeat(100_000),
        "machine a login b password c\n".repeat(35_000),
        "\\".repeat(60_000),
        format!("machine {} login a password b", "\u{fc}".repeat(30_000)),
        "# \n".repeat(300_000),
        format!("macdef m\n{}", "x\n".repeat(500_000)),
    ] {
        let _ = found(&parse(text), "a");
    }
}

/// Any file, byte by byte cut off, is an error or not, and never a panic.
#[test]
fn every_prefix_and_every_byte_is_survived() {
    let text = "# c\nmachine a login \"u\\\"v\" password p\\ q\r\nmacdef m\nx\n\ndefault user \u{e4} account 1 password z\n";
    for end in 0..text.len() {
        parse(&text.as_bytes()[..end]);
        for byte in 0..=255 {
            let mut changed = text.as_bytes().to_vec();
            changed[end] = byte;
            let _ = found(&parse(changed), "a");
        }
    }
}

/// A generator that gives the same files each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    /// A word as a file may write it.
    fn word(&mut self) -> String {
        let word = self.of(&[
            "u",
            "pass",
            "p#q",
            "#p",
            "a\"b",
            "machine",
            "login",
            "default",
            "\u{fc}n\u{ef}",
            "a b",
            "x\\y",
            "p\tq",
            "@:/%",
            "1",
        ]);
        let escaped = |special: &[char]| {
            word.chars()
                .flat_map(|c| special.contains(&c).then_some('\\').into_iter().chain([c]))
                .collect::<String>()
        };
        match self.below(3) {
            0 => format!("\"{}\"", escaped(&['"', '\\'])),
            _ if word.contains([' ', '\t', '\\']) || word.starts_with('"') => {
                escaped(&[' ', '\t', '\\', '"'])
            }
            1 => word.chars().flat_map(|c| ['\\', c]).collect(),
            _ => word.to_owned(),
        }
    }

    fn gap(&mut self) -> &'static str {
        self.of(&[" ", " ", "\n", "\t", "\r\n", " \n\n ", "  ", "\r"])
    }

    /// A file out of what Python and this reader mean to understand alike, with a mistake here and there.
    fn file(&mut self) -> String {
        let mut text = String::from(self.of(&["", "", "\n", "# a comment\n", "#\n"]));
        for _ in 0..self.below(5) {
            match self.below(8) {
                0 => text.push_str("default"),
                1 => text
                    .push_str(self.of(&["macdef m\nput a \"\nmachine x\n\n", "macdef m\r\n\r\n"])),
                2 if self.below(4) == 0 => {
                    text.push_str(self.of(&["oops", "password", "macdef m", "machine"]));
                }
                _ => {
                    text.push_str("machine");
                    text.push_str(self.gap());
                    text.push_str(self.of(&["a", "b.test", "\"c\"", "d\\.test", "default"]));
                }
            }
            for _ in 0..self.below(4) {
                text.push_str(self.gap());
                text.push_str(self.of(&[
                    "login",
                    "user",
                    "password",
                    "password",
                    "account",
                    "\"login\"",
                ]));
                text.push_str(self.gap());
                text.push_str(&self.word());
                if self.below(6) == 0 {
                    text.push_str(self.of(&[
                        " # a comment\n",
                        "\n#\n",
                        "\n#word\n",
                        " #a comment",
                    ]));
                    text.push('\n');
                }
            }
            text.push('\n');
        }
        // A value that is missing at the very end is an error here, and an empty one in Python.
        text.push_str("machine end login u password p\n");
        text
    }
}

const ORACLE: &str = r#"
import json, netrc, os, sys, tempfile
if sys.version_info < (3, 11):
    sys.exit("python3 is older than 3.11")
answers = []
path = os.path.join(tempfile.mkdtemp(), "netrc")
for text in json.load(sys.stdin):
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    try:
        hosts = netrc.netrc(path).hosts
        answers.append({host: [login, password] for host, (login, _, password) in hosts.items()})
    except netrc.NetrcParseError:
        answers.append(None)
os.remove(path)
os.rmdir(os.path.dirname(path))
json.dump(answers, sys.stdout)
"#;

/// Login and password by host; none for a file that is refused.
type Answer = Option<HashMap<String, [String; 2]>>;

/// Python's answers, or why there are none.
fn ask_python(texts: &[String]) -> Result<Vec<Answer>, String> {
    let mut python = Command::new("python3")
        .args(["-X", "utf8", "-c", ORACLE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("python3 does not start: {error}"))?;
    let mut stdin = python.stdin.take().unwrap();
    // It may have gone already; what it said on stderr tells why.
    let _ = stdin.write_all(serde_json::to_string(texts).unwrap().as_bytes());
    drop(stdin);
    let output = python.wait_with_output().unwrap();
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

#[test]
fn files_are_understood_as_python_understands_them() {
    let mut random = Random(7);
    let texts: Vec<String> = (0..600).map(|_| random.file()).collect();
    let answers = match ask_python(&texts) {
        Ok(answers) => answers,
        Err(why) if std::env::var_os("CI").is_some() => panic!("the oracle is missing: {why}"),
        Err(why) => {
            eprintln!("skipped, the oracle is missing: {why}");
            return;
        }
    };
    let mut understood = 0;
    for (text, answer) in texts.iter().zip(answers) {
        let netrc = parse(text);
        let Some(mut expected) = answer else {
            assert!(netrc.error.is_some(), "Python refuses {text:?}");
            continue;
        };
        understood += 1;
        assert_eq!(netrc.error, None, "{text:?}");
        let pair = |found: &Credentials| [found.login.clone(), found.password.clone()];
        assert_eq!(
            netrc.default.as_ref().map(pair),
            expected.remove("default"),
            "{text:?}"
        );
        let hosts: HashMap<_, _> = netrc
            .hosts
            .iter()
            .map(|(host, found)| (host.clone(), pair(found)))
            .collect();
        assert_eq!(hosts, expected, "{text:?}");
    }
    assert!(
        (200..590).contains(&understood),
        "{understood} files without a mistake"
    );
}
