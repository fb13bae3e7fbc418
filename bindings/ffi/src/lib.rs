//! The session core as Kotlin and Swift see it: UniFFI exports, thin and complete, a file per topic.
//!
//! Nothing is decided here. Each export turns its arguments into the core's, calls the core, and turns the answer back. What
//! this layer adds is what a border needs:
//!
//! - one error, sealed by how an app reacts ([`SteadfastError`]); a panic becomes one too, and the next call works;
//! - flat ids and signed numbers: an account is a number, a time is milliseconds since 1970, a duration is milliseconds.
//!   Kotlin and Swift put an `Account` object over the number;
//! - traits that the app implements ([`KeyStore`], [`LogSink`], [`Resolver`], [`ClientCertificates`]), none of whose
//!   exceptions gets further than this layer;
//! - [`Cancellation`], because a cancelled Swift task does not reach Rust. Whatever is cancelled or dropped only stops
//!   waiting: what the core has begun is finished and stored.
//!
//! Exports have no async runtime of their own: they await channels of the engine, which any executor can poll.
#![allow(
    unsafe_code,
    reason = "UniFFI's macros export C functions; nothing else here is unsafe"
)]

mod accounts;
mod changes;
mod config;
mod core;
mod enums;
mod error;
mod guard;
mod host;
mod key_store;
mod legacy;
mod lifecycle;
mod log;
mod profile;
mod push;
mod reader;
mod requests;
mod secret;
mod sessions;
mod sign_in;
#[cfg(test)]
mod tests;
mod texts;
mod transfers;
mod webview;

pub use accounts::{Event, EventBatch, Shows, SignInMethod, Snapshot, Standing};
pub use accounts::{Link, Reason};
pub use changes::{Changes, EraseReason, Notice, NoticeKind, Obligation, Reminder};
pub use config::{ClearText, Config, DesktopSystem, Device, DeviceKind, Roots, WebView};
pub use config::{default_config, device_id_of_push_token, library_version, nothing};
pub use core::Core;
pub use error::{ErrorDetail, Reaction, SteadfastError};
pub use guard::Cancellation;
pub use host::{ClientCertificate, ClientCertificates, HostError, Resolver, SignatureKind};
pub use key_store::{KeyAnswer, KeyStore, KeyWritten, file_key_store};
pub use legacy::{LegacyEntry, LegacyErasable, LegacyOutcome, LegacyResult, LegacySource};
pub use legacy::{PreviousInstallation, legacy_entry_id};
pub use lifecycle::{HostState, NetworkPath, Notifications};
pub use log::{LogLevel, LogRecord, LogSink, clear_log_sink, set_log_sink};
pub use profile::{HttpProxy, NetworkProfile, Pins, Proxy, ProxyCredentials};
pub use push::{PushReceived, ToShow};
pub use reader::Reader;
pub use requests::{Body, Method, NameValue, Request, Response};
pub use secret::SecretText;
pub use sessions::{ActiveSession, Confirmation, Icon, UserQuery, UserSummary};
pub use sign_in::{Destination, MagicLink, ServerInfo, SignIn, SignInAgain, SignInMethods};
pub use sign_in::{SsoMethod, SsoStart};
pub use texts::{Message, messages};
pub use transfers::{ByteRange, Download, Progress, Transfer, Upload};
pub use webview::{WebCookie, WebCookies};

uniffi::setup_scaffolding!("steadfast");
