//! Help, version, completions and the man page.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::run;
use crate::terminal::shown;

/// The long options that the man page knows.
fn options(page: &str) -> Vec<String> {
    let page = page
        .replace("\\-", "-")
        .replace("\\fB", "")
        .replace("\\fR", "");
    let mut names: Vec<String> = page
        .lines()
        .filter(|line| line.starts_with("--") || line.starts_with('-') && line.contains(", --"))
        .map(|line| line.split("--").nth(1).unwrap())
        .map(|rest| rest.split([' ', '\\', '[']).next().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn help_fits_one_screen_and_names_every_option() {
    let help = run(&["--help"]).text();
    assert!(help.lines().count() <= 40, "{} lines", help.lines().count());
    for line in help.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let page = run(&["--man"]).text();
    let names = options(&page);
    assert_eq!(names.len(), 40, "{names:?}");
    for name in names {
        assert!(help.contains(&format!("--{name}")), "--{name}");
    }
    assert_eq!(shown(&["--help"]), help);
}

#[test]
fn help_and_version_need_no_url() {
    let version = format!("dimorph {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["--version"]).text(), version);
    assert_eq!(run(&["-V"]).text(), version);
    assert_eq!(
        run(&["http://127.0.0.1:1", "--help"]).text(),
        run(&["--help"]).text()
    );
}

#[test]
fn completions_are_scripts_that_their_shells_take() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["--completions", shell]).text();
        assert!(script.contains("follow-redirects"), "{shell}");
        let check = match shell {
            "bash" => "bash",
            "zsh" | "fish" => shell,
            _ => continue,
        };
        // Shells other than bash are seldom there, and their absence is no failure.
        if check != "bash" && Command::new(check).arg("-c").arg("true").output().is_err() {
            continue;
        }
        let mut child = Command::new(check)
            .arg("-n")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(script.as_bytes())
            .unwrap();
        assert!(child.wait().unwrap().success(), "{shell}");
    }
    assert!(
        run(&["--completions", "tcsh"])
            .complaint(2)
            .contains("'tcsh'")
    );
}

#[test]
fn the_man_page_renders_without_a_complaint() {
    let page = run(&["--man"]).text();
    for words in ["EXIT STATUS", "NO_COLOR", "follow", "standard input"] {
        assert!(page.replace("\\-", "-").contains(words), "{words}");
    }
    let groff = Command::new("groff")
        .args(["-man", "-Tutf8", "-ww"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = groff else {
        println!("skipped: groff is not installed");
        return;
    };
    let mut pipe = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || pipe.write_all(page.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(String::from_utf8_lossy(&output.stdout).contains("check-status"));
}
