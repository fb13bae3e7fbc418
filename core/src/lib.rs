//! A session core for Mattermost mobile apps: it signs people in, keeps their tokens, holds the realtime socket through
//! every change of the network, and finds out when a session was revoked — at once while the app is in front, and on resume
//! if it happened while the phone was off. A user who was revoked is out; nobody else ever is.
//!
//! # An app in a dozen lines
//!
//! ```no_run
//! use std::sync::Arc;
//! use steadfast::{Config, Device, DeviceKind, FileKeyStore, HostState, Revision, Shows, SignIn, Steadfast};
//!
//! # async fn app() -> Result<(), Box<dyn std::error::Error>> {
//! let device = Device::new(DeviceKind::IPhone, "2.43.0", "799", "18.1", "iPhone15,4");
//! let core = Steadfast::open(Config::new("vault", device), Arc::new(FileKeyStore::open("keys")?))?;
//!
//! // 1. Sign in once. The session is stored, the socket is dialled, and both are looked after from here on.
//! let account = core
//!     .sign_in(SignIn::new("chat.example.com", "alice", "her password"))
//!     .await?;
//!
//! // 2. Say where the app is, whenever that changes, and when the network does.
//! core.host_state(HostState::Focused).await?;
//!
//! // 3. Show what the core says.
//! let mut revision = Revision::START;
//! loop {
//!     let changes = core.changes(revision).await?;
//!     revision = changes.revision;
//!     match core.snapshot(account)?.shows() {
//!         Shows::Content => println!("content"),
//!         Shows::Cover(message) => println!("a cover that says {}", message.text),
//!         Shows::SignIn(message) => println!("the sign-in page {:?}", message.map(|message| message.text)),
//!         _ => println!("the sign-in page"),
//!     }
//! }
//! # }
//! ```
//!
//! # What an app calls, in which order
//!
//! 1. [`Steadfast::open`] at start: local, quick, touches neither network nor key store.
//! 2. [`Steadfast::accounts`] for what to show first; [`Steadfast::changes`] for whatever follows.
//! 3. [`Steadfast::sign_in`]; [`Error::MfaCodeRequired`] means: ask for the code and call again. Through the browser:
//!    [`Steadfast::begin_sso`], and [`Steadfast::finish_sso`] with the link that comes back, even into a new process.
//! 4. [`Steadfast::host_state`] and [`Steadfast::network_changed`] as the platform tells. With
//!    [`HostState::Suspended`] it returns when no socket and no file is open any more, but for a sign-in whose answer
//!    is awaited: the session that it brings must not be left behind at the server.
//! 5. [`Steadfast::request`] and [`Steadfast::events`] for the app's own traffic: the app never handles a token.
//! 6. [`Steadfast::notices`] for the operating system's notifications, acknowledged once shown.
//! 7. After an update from an older app, once: [`Steadfast::import_legacy`] with what that left on the device, then
//!    [`Steadfast::legacy_erasable`] until nothing is left. An app that shows web pages writes the cookies of
//!    [`Changes::cookies_due`] as [`Steadfast::webview_cookies`] gives them.
//!
//! # Where things are
//!
//! `session/` is the machine that decides when a user is signed out; `evidence` is what one response proves; `policy` holds
//! every duration. Those are pure. `server/` speaks with Mattermost, `vault/` with SQLite, `engine/` carries out what the
//! machine decides, `api/` is the surface. `legacy/` reads what older apps left behind, `webview/` writes cookies for apps
//! that show web pages.

#[macro_use]
mod codes;

mod api;
pub mod device;
mod engine;
mod error;
pub mod evidence;
pub mod keystore;
mod legacy;
pub mod pace;
pub mod policy;
pub mod secret;
pub mod server;
pub mod session;
pub mod vault;
mod webview;

pub use api::{
    ActiveSession, Changes, Config, Confirmation, Destination, Download, EraseReason, HostState,
    Link, MagicLink, Method, Notice, NoticeId, NoticeKind, Notifications, Obligation, ObligationId,
    Progress, PushPayload, PushReceived, Reader, Reminder, Request, Response, Revision, ServerInfo,
    Shows, SignIn, SignInAgain, SignInMethod, Snapshot, SsoStart, Standing, Steadfast, ToShow,
    Transfer, Upload, UserQuery, UserSummary, message,
};
pub use device::{Device, DeviceId, DeviceKind};
pub use engine::events::{Event, EventBatch};
pub use error::{Error, Reaction};
pub use keystore::{FileKeyStore, KeyStore};
pub use legacy::{
    LegacyEntry, LegacyEntryId, LegacyErasable, LegacyOutcome, LegacyReport, LegacySource,
    PreviousInstallation,
};
pub use secret::{Key, SecretText};
pub use server::{
    ClearText, ClientCertificate, ClientCertificates, DeviceNetwork, HttpProxy, NetworkProfile,
    Pin, Pins, Proxy, ProxyCredentials, Roots, SignatureKind, SsoMethod,
};
pub use session::{AccountId, NetworkPath, Reason, UnixMillis};
pub use webview::{WebCookie, WebCookies, WebView};

/// The guide's snippets, compiled as tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide.md")]
struct Guide;

/// The front page's, likewise.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
