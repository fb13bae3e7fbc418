//! Every way in but name and password, over real sockets: through the browser, with a token, with a mailed link, and again
//! as the same user. The hazards are those of links that any app on the device can send or catch, and of a server that
//! relays another one's sign-in.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, what does not hold stops the test"
)]

#[path = "../common/mod.rs"]
mod common;

mod again;
mod kills;
mod links;
mod support;
mod tokens;
