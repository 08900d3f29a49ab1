//! Many requests on one connection of HTTP/2, and what some of them do to the others: nothing.

pub(crate) mod chaos;
pub(crate) mod ends;
pub(crate) mod load;
mod neighbours;
mod waits;

pub(super) use super::{common, dual, form, form_test, form_util, http2_real};
use form::Client;
use http2_real::content::of_nonce;
use http2_real::text;

/// One exchange of many: a client, the server's URL, and the request's number.
type Call = (Client, String, u64);

/// Gives the calls for these numbers.
fn calls(client: &Client, base: &str, nonces: std::ops::Range<u64>) -> Vec<Call> {
    nonces
        .map(|nonce| (client.clone(), base.to_owned(), nonce))
        .collect()
}

/// Every fourth is a POST.
fn is_post(nonce: u64) -> bool {
    nonce.is_multiple_of(4)
}

/// Makes an exchange; tells whether the answer is the one that belongs to the number.
#[dual]
async fn exchange((client, base, nonce): Call) -> dimorph::Result<bool> {
    let url = format!("{base}/nonce/{nonce}");
    let request = match is_post(nonce) {
        true => client.post(url).body(of_nonce(nonce)),
        false => client.get(url),
    };
    let response = request.send().await?;
    let bytes = response.bytes().await?;
    Ok(bytes == of_nonce(nonce))
}

#[dual]
async fn fetch((client, url): (Client, String)) -> String {
    text(&client, url).await
}
