//! A tour of dimorph, in both forms: `cargo run --example tour`.
//!
//! It talks to a server that it starts itself. With a URL as argument it fetches that instead.
#![allow(clippy::print_stdout, reason = "a program whose work is to print")]
#![allow(
    clippy::duplicate_mod,
    reason = "one source, two instances: as in the library"
)]

mod asynchronous;
mod blocking;
mod fetch;
mod flow;
mod server;
mod show;

use std::error::Error;
use std::process::ExitCode;
use std::{env, iter};

use server::Server;
use show::{bold, dim, heading};

pub(crate) type Done<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let done = match env::args().nth(1) {
        Some(url) => fetch::fetch(&url),
        None => tour(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            for cause in iter::successors(error.source(), |&cause| cause.source()) {
                let cause = cause.to_string();
                if !text.contains(&cause) {
                    text = format!("{text}\n  because: {cause}");
                }
            }
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn tour() -> Done {
    use asynchronous::{comforts as also_later, steps as later};
    use blocking::{comforts as also_now, steps as now};

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let server = Server::start()?;
    println!(
        "{}",
        bold(format_args!(
            "dimorph {}: one source, two clients",
            env!("CARGO_PKG_VERSION")
        ))
    );
    println!(
        "{}",
        dim(format_args!(
            "our own server: http://{} and https://{}",
            server.plain, server.tls
        ))
    );

    heading(
        "Configuration merges into each request",
        &[
            r#"let client = Client::builder().base_url(…).params([("client_id", "client1")]).build()?;"#,
            r#"client.get("/things").params([("request_id", "request1")]).send()?"#,
        ],
    );
    now::merge(&server)?;
    runtime.block_on(later::merge(&server))?;

    heading(
        "JSON both ways",
        &[r#"client.post(url).json(&order).send()?.error_for_status()?.json::<Receipt>()?"#],
    );
    now::json(&server)?;
    runtime.block_on(later::json(&server))?;

    heading(
        "A streamed upload, from any reader",
        &["client.put(url).body(Body::sized(reader, length)).send()?"],
    );
    now::upload(&server)?;
    runtime.block_on(later::upload(&server))?;

    heading(
        "A streamed download, over TLS with a certificate made just now",
        &[
            r#"Client::builder().verify("certificate.pem")"#,
            "while let Some(chunk) = response.chunk()? { … }",
        ],
    );
    now::download(&server)?;
    runtime.block_on(later::download(&server))?;

    heading(
        "Timeouts that say what happened",
        &["Timeout::new(Duration::from_secs(5)).read(Duration::from_millis(150))"],
    );
    now::timeout(&server)?;
    runtime.block_on(later::timeout(&server))?;

    heading("Redirects, with their history", &["response.history()"]);
    now::redirect(&server)?;
    runtime.block_on(later::redirect(&server))?;

    heading(
        "Authentication as a flow of requests, by one type for both clients",
        &["let response = exchange.send(request.try_clone()?).await?;"],
    );
    also_now::auth(&server)?;
    runtime.block_on(also_later::auth(&server))?;

    heading("Cookies", &[r#"Client::new().cookies().get("session")?"#]);
    also_now::cookies(&server)?;
    runtime.block_on(also_later::cookies(&server))?;

    heading(
        "Forms with files",
        &[r#"Form::new().text("title", "a report").file("upload-file", "report.xls")?"#],
    );
    also_now::form(&server)?;
    runtime.block_on(also_later::form(&server))?;

    heading(
        "Proxies that forward, and proxies that open a tunnel",
        &[
            r#"Client::builder().proxy(Proxy::new("http://tom:mot123@…")?.mode(ProxyMode::TunnelOnly))"#,
        ],
    );
    also_now::proxy(&server)?;
    runtime.block_on(also_later::proxy(&server))?;

    heading(
        "Hooks, and events with the time of each step",
        &["Client::builder().on_request(…).on_event(…)"],
    );
    also_now::hooks(&server)?;
    runtime.block_on(also_later::hooks(&server))?;

    heading(
        "Tests without a network: an application in process, and a mock",
        &[
            r#"Client::builder().app(router).base_url("http://testserver")"#,
            r#"Mock::routes().route(Route::get("/stock").replies([503, 200]))"#,
        ],
    );
    also_now::in_process()?;
    runtime.block_on(also_later::in_process())?;

    heading(
        "A pool that lets requests wait their turn",
        &["PoolLimits::new().hard_limit(4)", "client.pool_stats()"],
    );
    now::pool(&server)?;
    runtime.block_on(later::pool(&server))?;

    heading("Many at once: threads, or tasks", &[]);
    now::many(&server, 64)?;
    runtime.block_on(later::many(&server, 1_000))?;

    println!(
        "\n{}",
        dim("with a URL as argument: cargo run --example tour -- http://example.org")
    );
    Ok(())
}
