//! The book's pages and the README as documentation tests: every snippet in them compiles, and runs where it needs no network.

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
    requests: "src/requests.md",
    responses: "src/responses.md",
    timeouts: "src/timeouts.md",
    pool: "src/pool.md",
    tls: "src/tls.md",
    errors: "src/errors.md",
    coming_from_httpx: "src/coming-from-httpx.md",
}
