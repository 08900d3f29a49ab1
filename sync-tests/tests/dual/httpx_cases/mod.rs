//! What HTTPX does, row by row. A row passes, or [`DIVERGES`] says by which rule dimorph does
//! something else and what, or [`DEFERRED`] says that it waits for a part not built yet.

use serde_json::Value;
use sync_tests::cases::{httpx, text};

mod auth;
mod building;
mod cookies;
mod multipart;
mod proxies;
mod redirects;
mod responses;
mod tables;
mod wire;

use tables::{DEFERRED, DIVERGES};

/// What dimorph calls itself.
pub(crate) const AGENT: &str = concat!("dimorph/", env!("CARGO_PKG_VERSION"));

/// One row's two sides, in the same shape.
pub(crate) struct Verdict {
    expected: Value,
    actual: Value,
}

/// Makes one test of one area from a function that turns a row into a [`Verdict`].
macro_rules! area {
    ($test:ident, $area:literal, $row:ident) => {
        #[crate::dual]
        #[crate::form_test]
        async fn $test() {
            let rows = super::rows($area);
            let verdicts = crate::form_util::concurrently(12, rows.clone(), $row).await;
            super::judge($area, &rows, verdicts);
        }
    };
}
pub(crate) use area;
pub(crate) use building::file_of;

/// Returns the rows of an area without those that are deferred, which are named.
#[allow(
    clippy::print_stdout,
    reason = "what is deferred is said, not skipped in silence"
)]
fn rows(area: &str) -> Vec<Value> {
    let (deferred, rows): (Vec<Value>, Vec<Value>) = httpx(area).into_iter().partition(|row| {
        DEFERRED
            .iter()
            .any(|&(of, name, _)| of == area && text(row, "name") == name)
    });
    for row in deferred {
        println!("deferred: {area}: {}", text(&row, "name"));
    }
    rows
}

fn judge(area: &str, rows: &[Value], verdicts: Vec<Verdict>) {
    let mut faults = Vec::new();
    for (row, Verdict { expected, actual }) in rows.iter().zip(verdicts) {
        let name = text(row, "name");
        let divergence = DIVERGES.iter().find(|d| d.area == area && d.name == name);
        match divergence {
            None if expected == actual => {}
            None => faults.push(format!(
                "{name}\n  expected {expected}\n  actual   {actual}"
            )),
            Some(d) => {
                let instead: Value =
                    serde_json::from_str(&d.instead.replace("{UA}", AGENT)).unwrap();
                if actual == expected {
                    faults.push(format!("{name}: does not diverge (by {})", d.rule));
                } else if actual != instead {
                    faults.push(format!("{name}\n  instead {instead}\n  actual  {actual}"));
                }
            }
        }
    }
    let count = rows.len();
    assert!(
        faults.is_empty(),
        "{area}: {} faults in {count} rows:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn every_entry_of_the_tables_names_a_row() {
    let named = DIVERGES
        .iter()
        .map(|d| (d.area, d.name))
        .chain(DEFERRED.iter().map(|d| (d.0, d.1)));
    for (area, name) in named {
        let found = httpx(area).iter().any(|row| text(row, "name") == name);
        assert!(found, "no row {name} in {area}");
    }
}
