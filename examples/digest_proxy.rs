//! Digest authentication at a server behind a proxy that wants a user name and a password of its own, in both forms.
//!
//! `cargo run --example digest_proxy --features async`, or with a URL, a proxy, and the server's user and password:
//! `cargo run --example digest_proxy --features async -- http://intranet.example/report http://tom:mot123@proxy.example:3128 alice ecila123`
#![allow(clippy::print_stdout, reason = "a program whose work is to print")]

#[path = "support/digest_proxy.rs"]
mod office;
mod support;

use std::env;

use dimorph::{
    AsyncClient, Client, DigestAuth, ErrorKind, HistoryEntry, Proxy, ProxyMode, Result, StatusCode,
    Url,
};

fn blocking(url: &str, proxy: Proxy, user: &str, password: &str) -> Result<StatusCode> {
    // Two passwords, for two readers: the proxy's goes to the proxy alone, the server's is never sent, only proven.
    let client = Client::builder()
        .proxy(proxy)
        .auth(DigestAuth::new(user, password))
        .build()?;
    // The first request brings the server's challenge, and is sent again with the answer.
    let response = client.get(url).send()?;
    show(
        "blocking",
        response.history(),
        response.url(),
        response.status(),
    );
    // From now on the client knows the challenge: each request is right at once.
    let response = client.get(url).send()?;
    show(
        "blocking",
        response.history(),
        response.url(),
        response.status(),
    );
    Ok(response.status())
}

async fn asynchronous(url: &str, proxy: Proxy, user: &str, password: &str) -> Result<StatusCode> {
    let client = AsyncClient::builder()
        .proxy(proxy)
        .auth(DigestAuth::new(user, password))
        .build()?;
    let response = client.get(url).send().await?;
    show(
        "async",
        response.history(),
        response.url(),
        response.status(),
    );
    let response = client.get(url).send().await?;
    show(
        "async",
        response.history(),
        response.url(),
        response.status(),
    );
    Ok(response.status())
}

fn show(form: &str, history: &[HistoryEntry], url: &Url, last: StatusCode) {
    let steps = history
        .iter()
        .map(|step| step.status().as_u16().to_string());
    let steps: Vec<_> = steps.chain([last.as_u16().to_string()]).collect();
    println!("{form:>8}  {url}: {}", steps.join(", then "));
}

fn main() -> support::Done {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let arguments: Vec<_> = env::args().skip(1).collect();
    if let [url, proxy, user, password] = &arguments[..] {
        let proxy = Proxy::new(proxy)?;
        blocking(url, proxy.clone(), user, password)?;
        runtime.block_on(asynchronous(url, proxy, user, password))?;
        return Ok(());
    }

    let office = office::start()?;
    let url = "http://intranet.example/report";
    let proxy = Proxy::new(office.proxy.url("/"))?.basic_auth("tom", "mot123");

    // A proxy forwards what is http: it reads along, and every request to it bears its password.
    assert_eq!(blocking(url, proxy.clone(), "alice", "ecila123")?, 200);
    let seen = office.seen.take();
    println!("{seen:#?}");
    assert_eq!(
        seen.iter()
            .filter(|line| line.contains("GET http://intranet.example/report by tom"))
            .count(),
        3
    );
    assert_eq!(seen[1], "server: /report with nc none");
    assert_eq!(seen[5], "server: /report with nc 00000002");

    // Through a tunnel, as for https always, it learns host and port, once.
    let tunnel = proxy.mode(ProxyMode::TunnelOnly);
    assert_eq!(
        runtime.block_on(asynchronous(url, tunnel, "alice", "ecila123"))?,
        200
    );
    let seen = office.seen.take();
    println!("{seen:#?}");
    assert_eq!(seen[0], "proxy: CONNECT intranet.example:80 by tom");
    assert_eq!(seen.len(), 4);

    // A proxy that does not know us: where it forwards, its 407 is the response; where it was to open a tunnel, an error.
    let stranger = Proxy::new(office.proxy.url("/"))?.basic_auth("tom", "guess");
    assert_eq!(blocking(url, stranger.clone(), "alice", "ecila123")?, 407);
    let refused = runtime.block_on(asynchronous(
        url,
        stranger.mode(ProxyMode::TunnelOnly),
        "alice",
        "ecila123",
    ));
    match refused {
        Err(error) if error.kind() == ErrorKind::ProxyError => println!("   async  {error}"),
        other => return Err(format!("the proxy let a stranger through: {other:?}").into()),
    }
    Ok(())
}
