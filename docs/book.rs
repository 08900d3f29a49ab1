//! The book's pages and the README as documentation tests: every snippet in them compiles, and runs, against the
//! servers of `stage/`. What says `no_run` is a whole program, whose `main` leaves no room for them.

macro_rules! pages {
    ($($name:ident: $path:literal,)*) => {
        $(#[doc = include_str!($path)] mod $name {})*
    };
}

pages! {
    readme: "../README.md",
    introduction: "src/introduction.md",
    quickstart: "src/quickstart.md",
    clients: "src/clients.md",
    async_: "src/async.md",
    requests: "src/requests.md",
    responses: "src/responses.md",
    server_sent_events: "src/server-sent-events.md",
    downloads: "src/downloads.md",
    pagination: "src/pagination.md",
    authentication: "src/authentication.md",
    digest_behind_a_proxy: "src/digest-behind-a-proxy.md",
    netrc: "src/netrc.md",
    cookies: "src/cookies.md",
    multipart: "src/multipart.md",
    proxies: "src/proxies.md",
    text_encodings: "src/text-encodings.md",
    extensions: "src/extensions.md",
    hooks: "src/hooks.md",
    logging: "src/logging.md",
    transports: "src/transports.md",
    testing: "src/testing.md",
    timeouts: "src/timeouts.md",
    pool: "src/pool.md",
    tls: "src/tls.md",
    http2: "src/http2.md",
    environment_variables: "src/environment-variables.md",
    errors: "src/errors.md",
    troubleshooting: "src/troubleshooting.md",
    security: "src/security.md",
    coming_from_httpx: "src/coming-from-httpx.md",
    coming_from_requests: "src/coming-from-requests.md",
    coming_from_reqwest: "src/coming-from-reqwest.md",
    coming_from_ureq: "src/coming-from-ureq.md",
}
