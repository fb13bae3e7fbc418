//! Mattermost over the wire: addresses, one dialler, REST, the realtime socket, the first look at a server.
//!
//! Answers become plain facts here. What they mean for a session is decided elsewhere (`evidence`), and so is when to ask
//! again (`pace` and the engine): nothing in this folder retries, follows a redirect or keeps a cookie.

pub mod address;
pub mod certificates;
pub(crate) mod cookies;
pub mod dialler;
pub mod gateway;
pub mod headers;
pub mod magic_link;
pub mod probe;
pub mod profile;
mod proxy;
pub mod push_signature;
pub mod reply;
pub mod resolver;
pub mod rest;
pub mod server_policy;
pub mod sessions;
pub mod sign_in;
pub mod socket;
pub mod sso;
pub mod tls;
pub mod transfer;
pub mod transport;
mod wiped;
pub mod wire;

pub use address::{AddressError, ClearText, InvalidPath, ServerAddress};
pub use certificates::{ClientCertificate, ClientCertificates, SignatureKind};
pub use dialler::{DeviceNetwork, Dialler};
pub use gateway::Gateway;
pub use magic_link::LoginType;
pub use probe::{Probe, ProbeError, SignInMethods, probe_server};
pub use profile::{HttpProxy, NetworkProfile, Pin, Pins, ProfileError, Proxy, ProxyCredentials};
pub use reply::{Answer, Incoming, Outcome, Refusal, Reply};
pub use resolver::{Resolve, ResolveError, SystemResolver};
pub use rest::{Connection, InvalidRequest, RequestParts, Rest};
pub use sessions::{DeviceProperties, Health, UserQuery};
pub use sign_in::{Credentials, SignInOutcome, SignedIn};
pub use socket::{Ended, Resume, SendError, Socket, SocketEvent, SocketHandle, UpgradeError};
pub use sso::{Callback, CallbackAddress, Challenge, Exchanged, Grant, SsoMethod};
pub use tls::{Roots, TlsProfileError};
pub use transport::{TlsReason, TransportError, TransportErrorKind};
