//! Fetches one URL and prints everything about the answer.

use std::time::Instant;

use dimorph::Client;

use crate::Done;
use crate::show::{bold, dim, size, time};

/// How much of a text is printed.
const SHOWN: usize = 4_000;

pub(crate) fn fetch(url: &str) -> Done {
    let started = Instant::now();
    let mut response = Client::new().get(url).send()?;
    let head = started.elapsed();

    for step in response.history() {
        println!(
            "{}",
            dim(format_args!("{} {}  →", step.status(), step.url()))
        );
    }
    let status = format!(
        "{:?} {} {}",
        response.version(),
        response.status().as_u16(),
        response.reason()
    );
    println!("{}  {}", bold(status), response.url());
    if let Some(address) = response.remote_addr() {
        println!("{}", dim(format_args!("from {address}")));
    }

    println!();
    let width = response
        .headers()
        .keys()
        .map(|name| name.as_str().len())
        .max()
        .unwrap_or_default();
    for (name, value) in response.headers() {
        println!(
            "{:>width$}  {}",
            name.as_str(),
            String::from_utf8_lossy(value.as_bytes())
        );
    }

    let decoded = response.buffer()?.len() as u64;
    let body = started.elapsed();
    let wire = response.num_bytes_downloaded();
    println!("\n{:>width$}  {}", "head after", time(head));
    println!("{:>width$}  {}", "body after", time(body));
    let from = if wire == decoded {
        String::new()
    } else {
        format!(", from {} on the wire", size(wire))
    };
    println!("{:>width$}  {}{from}\n", "body", size(decoded));

    let kind = response
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("")
        .to_owned();
    if ["text/", "json", "xml", "javascript"]
        .iter()
        .any(|word| kind.contains(word))
    {
        let text = response.text()?;
        let end = text
            .char_indices()
            .nth(SHOWN)
            .map_or(text.len(), |(at, _)| at);
        println!("{}", &text[..end]);
        if end < text.len() {
            println!(
                "{}",
                dim(format_args!(
                    "… and {} more",
                    size((text.len() - end) as u64)
                ))
            );
        }
    } else if decoded > 0 {
        println!(
            "{}",
            dim(format_args!(
                "({} of {})",
                size(decoded),
                if kind.is_empty() { "something" } else { &kind }
            ))
        );
    }
    Ok(())
}
