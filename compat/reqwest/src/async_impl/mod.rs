//! The async client: the library's root.

mod body;
mod client;
mod client_builder;
#[cfg(feature = "__tls")]
mod client_tls;
mod execute;
mod request;
mod request_builder;
mod response;
mod upgrade;
mod wire;

pub use body::Body;
pub use client::Client;
pub use client_builder::ClientBuilder;
pub use request::Request;
pub use request_builder::RequestBuilder;
pub use response::Response;
pub use upgrade::Upgraded;
