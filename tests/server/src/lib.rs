//! An embedded server that answers as Mattermost 11.6 does, or 5.37 of the
//! classic apps' time, surprises included: for tests that want to see a client's sessions live and die on a
//! real wire without a real installation.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use std::time::Duration;
//! use steadfast_testserver::{Database, Role, Server};
//!
//! let server = Server::builder()
//!     .tls(true)
//!     .user("sysadmin", "Sys@dmin-pass1", Role::Admin)
//!     .user("alice", "Passw0rd!alice", Role::User)
//!     .start()
//!     .await?;
//! // … a client signs in at server.url(), trusting server.ca_pem() …
//! let control = server.control();
//! control.clear_token_cache();
//! control.database(Database::Stopped); // good tokens now look revoked
//! control.database(Database::Healthy);
//! control.restart(Duration::from_secs(2)).await;
//! server.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! Any number of servers may run in one process. Each listens on the loopback
//! interface alone and keeps everything in memory. Passwords are compared in
//! the clear: nothing but tests may use this.
//!
//! `src/state/` is what the server knows, `src/api/` what it answers over
//! HTTP, `src/provider.rs` the identity provider beside it, `src/browser.rs` a
//! person at a browser, `src/websocket/` its sockets, `src/push/` what it tells devices, `src/control/` the switches that tests
//! turn, in process and over HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support that never ships; a broken server should stop the test"
)]

mod api;
mod browser;
mod control;
mod provider;
mod push;
mod server;
mod state;
mod stream;
mod tls;
mod websocket;

pub use browser::{Browser, Page};
pub use control::{Control, SessionInfo, SocketInfo};
pub use push::proxy::{PushAnswer, PushRecord};
pub use server::{Builder, Server};
pub use state::SecretKind;
pub use state::requests::{RequestRecord, SocketRequest};
pub use state::sessions::Session;
pub use state::settings::{CodeExchange, Database, Flavour, HealthQuery, NamedServer, Settings};
pub use state::users::Role;
