//! A session core for Mattermost mobile apps.

mod api;
pub mod device;
mod engine;
mod error;
pub mod evidence;
pub mod keystore;
pub mod pace;
pub mod policy;
pub mod secret;
pub mod server;
pub mod session;
pub mod vault;

pub use api::{
    ActiveSession, Changes, Config, Confirmation, Link, Method, Notice, NoticeId, NoticeKind,
    Obligation, ObligationId, Request, Response, Revision, ServerInfo, Shows, SignIn, Snapshot,
    Standing, Steadfast, UserQuery, UserSummary, message,
};
pub use device::{Device, DeviceId, DeviceKind};
pub use engine::events::{Event, EventBatch};
pub use error::{Error, Reaction};
pub use keystore::{FileKeyStore, KeyStore};
pub use secret::SecretText;
pub use server::{ClearText, NetworkProfile, Roots};
pub use session::{AccountId, HostState, NetworkPath, Reason, UnixMillis};
