//! A loopback fault proxy between the core and a server.
//!
//! [`Proxy::tcp`] passes bytes, so TLS stays end to end. [`Proxy::http`] ends the client's TLS
//! itself and speaks to the server anew, so it can answer in the server's place. Either is
//! scripted at run time through its [`Control`].
//!
//! ```no_run
//! # async fn example() -> Result<(), steadfast_faults::StartError> {
//! use std::time::Duration;
//! use steadfast_faults::{Answer, Match, Proxy};
//!
//! let proxy = Proxy::http("https://chat.example.com").tls().start().await?;
//! let control = proxy.control();
//! control.latency(Duration::from_millis(25), Duration::from_millis(5));
//! control.answer(
//!     Answer::error(401, "api.context.session_expired.app_error")
//!         .mattermost_headers()
//!         .on(Match::path("/api/v4/users/me"))
//!         .times(1),
//! );
//! control.cut();
//! control.restore();
//! # Ok(())
//! # }
//! ```
//!
//! What a proxy on one machine cannot show: the kernel acknowledges what a client writes, so a
//! dead peer never shows up as unacknowledged bytes (`TCP_USER_TIMEOUT` does not fire), and the
//! TCP handshake itself cannot be delayed. See [`Control::latency`] for how that round trip is
//! charged.

#![allow(
    clippy::expect_used,
    reason = "test support that never ships; a wrong script should stop the test at its own line"
)]

mod control;
mod faults;
mod presets;
mod proxy;
mod remote;
mod state;
mod tls;

pub use control::{Command, Control, Pace};
pub use faults::{Answer, AnswerScript, Match, Presented, Side, Speaks};
pub use presets::Portal;
pub use proxy::{HttpBuilder, Proxy, StartError, TcpBuilder};
pub use remote::Remote;
pub use state::{Report, SeenRequest};
pub use tls::{Authority, TlsError};
