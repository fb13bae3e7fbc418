//! The first look at a server: is it Mattermost, how old is it, and how may people sign in. Sends
//! no user's credential, only what the profile has for whatever stands before the server.

use crate::policy;
use std::time::Duration;
use tokio::io::AsyncReadExt;

use super::address::{ClearText, ServerAddress};
use super::dialler::Dialler;
use super::gateway::{Gateway, is_html};
use super::profile::NetworkProfile;
use super::reply::{Outcome, Reply};
use super::rest::{RequestParts, Rest};
use super::sessions::{CONFIG_PATH, PING_PATH};
use super::transport::{TlsReason, TransportError, TransportErrorKind, classify};
use super::wire::ClientConfig;

/// What servers of before version 4 answer, and what only those answer.
const OLD_PING_PATH: &str = "/api/v3/general/ping";

/// How a server lets people sign in, from its client configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignInMethods {
    /// Password with an e-mail address.
    pub email: bool,
    /// Password with a user name.
    pub username: bool,
    /// Password of an LDAP directory.
    pub ldap: bool,
    /// Web page of a SAML provider.
    pub saml: bool,
    /// Web page of GitLab.
    pub gitlab: bool,
    /// Web page of Google.
    pub google: bool,
    /// Web page of Microsoft Office 365.
    pub office365: bool,
    /// Web page of an OpenID Connect provider.
    pub openid: bool,
}

/// What a server tells a stranger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// In canonical form.
    pub address: ServerAddress,
    /// For example `11.6.0`.
    pub version: String,
    /// Name that its administrators gave it; may be empty.
    pub site_name: String,
    /// How people may sign in.
    pub methods: SignInMethods,
    /// Id of the installation; empty where it is not told.
    pub diagnostic_id: String,
}

/// Why a server cannot be used, or not now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// The device has no network.
    #[error("the device is offline")]
    Offline,
    /// The name could not be resolved: mistyped, or the network is not up.
    #[error("the name of the server cannot be resolved")]
    UnknownHost,
    /// No trustworthy TLS connection.
    #[error("no secure connection: {0}")]
    Tls(TlsReason),
    /// Something answered, but not Mattermost.
    #[error("this is not a Mattermost server")]
    NotMattermost,
    /// A Mattermost server that is too old.
    #[error("the server is too old: {version}")]
    TooOld {
        /// Its version.
        version: String,
    },
    /// It sends its visitors to another address, which may be offered to the user and is never followed.
    #[error("the server has another address: {to}")]
    Moved {
        /// Where to.
        to: ServerAddress,
    },
    /// Something else answered in its place.
    #[error("something on the network answers in the server's place")]
    Gateway(Gateway),
    /// There is a server, and it does without TLS. Nothing secret was sent to it.
    #[error("the server speaks without TLS only")]
    OnlyClearText,
    /// The proxy of the profile, or the system's, wants a user name and a password, or other ones.
    #[error("the proxy wants credentials")]
    ProxyCredentials,
    /// The server, or something before it, is overloaded or down.
    #[error("the server is not available: {status}")]
    Unavailable {
        /// HTTP status.
        status: u16,
        /// How long to wait, if it said so.
        retry_after: Option<Duration>,
    },
    /// No answer for another reason.
    #[error(transparent)]
    NoAnswer(TransportError),
}

impl From<TransportError> for ProbeError {
    fn from(error: TransportError) -> Self {
        match error.kind {
            TransportErrorKind::Offline => Self::Offline,
            TransportErrorKind::Dns => Self::UnknownHost,
            TransportErrorKind::Tls(
                TlsReason::ClientCertificateNeeded | TlsReason::ClientCertificateRefused,
            ) => Self::Gateway(Gateway::ClientCertificateNeeded),
            TransportErrorKind::Tls(reason) => Self::Tls(reason),
            TransportErrorKind::ProxyCredentials => Self::ProxyCredentials,
            TransportErrorKind::TooLarge | TransportErrorKind::Protocol => Self::NotMattermost,
            _ => Self::NoAnswer(error),
        }
    }
}

/// Looks at a server.
pub async fn probe_server(
    dialler: &Dialler,
    address: &ServerAddress,
    user_agent: &str,
) -> Result<Probe, ProbeError> {
    let rest = Rest::new(address.clone(), dialler, user_agent)?;
    let answer = match rest.config(None).await {
        Ok(answer) => answer,
        Err(mut error) => {
            // What is said before the request is sent, the HTTP client has no name for.
            let may_have_spoken = matches!(
                error.kind,
                TransportErrorKind::Reset | TransportErrorKind::Other
            );
            if may_have_spoken && let Some(kind) = first_word(dialler, address).await {
                error.kind = kind;
            }
            let only = speaks_clear_text(dialler, address, user_agent, error.kind).await;
            return Err(if only {
                ProbeError::OnlyClearText
            } else {
                error.into()
            });
        }
    };
    match answer.outcome {
        Outcome::Done(config) if answer.reply.same_origin => probe(address, &config),
        _ if answer.reply.status == 404 => Err(match old_version(&rest).await {
            Some(version) => ProbeError::TooOld { version },
            None => refused(address, &answer.reply),
        }),
        _ => Err(refused(address, &answer.reply)),
    }
}

/// What a server says that ends a connection at once. A server that wants a certificate says so only after the client has
/// sent its first request, and what it says is lost if it closes before it has read that; so is what a server of HTTP/2 says
/// unasked. So nothing is sent here.
async fn first_word(dialler: &Dialler, address: &ServerAddress) -> Option<TransportErrorKind> {
    let mut stream = match dialler.dial(address).await {
        Ok(stream) => stream,
        Err(error) => return Some(error.kind).filter(|kind| is_tls(*kind)),
    };
    let read = tokio::time::timeout(policy::SECOND_PROBE, stream.read_u8()).await;
    match read.ok()? {
        // A server of HTTP/1.1 speaks unasked only to say that nobody asks: 408.
        Ok(b'H') => None,
        Ok(_) => Some(TransportErrorKind::Protocol),
        Err(error) => classify(&error).filter(|kind| is_tls(*kind)),
    }
}

fn is_tls(kind: TransportErrorKind) -> bool {
    matches!(kind, TransportErrorKind::Tls(_))
}

/// The version of a server that is from before this protocol.
async fn old_version(rest: &Rest) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct OldPing {
        version: String,
    }
    let reply = rest
        .send(RequestParts::get(OLD_PING_PATH).fresh())
        .await
        .ok()?;
    let ping: OldPing = (reply.status == 200).then(|| reply.json())??;
    major_minor(&ping.version)?;
    Some(ping.version)
}

/// Whether a server that cannot be reached over TLS answers without it. Asked with nothing of the profile but its proxy, so
/// that whoever listens learns nothing.
async fn speaks_clear_text(
    dialler: &Dialler,
    address: &ServerAddress,
    user_agent: &str,
    kind: TransportErrorKind,
) -> bool {
    let may_be = matches!(
        kind,
        TransportErrorKind::Tls(TlsReason::NotTls)
            | TransportErrorKind::Refused
            | TransportErrorKind::Reset
    );
    let plain = address.as_str().strip_prefix("https://").and_then(|rest| {
        ServerAddress::parse(&format!("http://{rest}"), ClearText::AllowedByApp).ok()
    });
    let profile = NetworkProfile {
        proxy: dialler.profile().proxy.clone(),
        ..NetworkProfile::default()
    };
    let (true, Some(plain), Ok(bare)) = (may_be, plain, dialler.with_profile(&profile)) else {
        return false;
    };
    let Ok(rest) = Rest::new(plain, &bare, user_agent) else {
        return false;
    };
    let look = RequestParts::get(PING_PATH).deadline(policy::SECOND_PROBE);
    matches!(rest.send(look).await, Ok(reply) if reply.version_id.is_some())
}

fn probe(address: &ServerAddress, config: &ClientConfig) -> Result<Probe, ProbeError> {
    let version = config.get("Version").to_owned();
    match major_minor(&version) {
        None => return Err(ProbeError::NotMattermost),
        Some(found) if found < policy::OLDEST_SERVER => return Err(ProbeError::TooOld { version }),
        Some(_) => {}
    }
    Ok(Probe {
        address: address.clone(),
        version,
        site_name: config.get("SiteName").to_owned(),
        methods: SignInMethods {
            email: config.is_on("EnableSignInWithEmail"),
            username: config.is_on("EnableSignInWithUsername"),
            ldap: config.is_on("EnableLdap"),
            saml: config.is_on("EnableSaml"),
            gitlab: config.is_on("EnableSignUpWithGitLab"),
            google: config.is_on("EnableSignUpWithGoogle"),
            office365: config.is_on("EnableSignUpWithOffice365"),
            openid: config.is_on("EnableSignUpWithOpenId"),
        },
        diagnostic_id: config.get("DiagnosticId").to_owned(),
    })
}

pub(crate) fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn refused(address: &ServerAddress, reply: &Reply) -> ProbeError {
    if let Some(gateway) = reply.gateway {
        return ProbeError::Gateway(gateway);
    }
    let portal = ProbeError::Gateway(Gateway::Portal);
    let unavailable = ProbeError::Unavailable {
        status: reply.status,
        retry_after: reply.retry_after,
    };
    match reply.status {
        300..=399 => moved(address, reply).map_or(portal, |to| ProbeError::Moved { to }),
        // No server asks a stranger who he is before it tells its configuration.
        401 if !reply.has_www_authenticate => ProbeError::Gateway(Gateway::ClientCertificateNeeded),
        401 => portal,
        429 | 500..=599 => unavailable,
        _ if reply.version_id.is_none() && is_html(&reply.headers) && reply.is_success() => portal,
        _ => ProbeError::NotMattermost,
    }
}

/// Where a redirect of the request leads, if it is the same request at another address.
fn moved(address: &ServerAddress, reply: &Reply) -> Option<ServerAddress> {
    let asked = address.rest(CONFIG_PATH).ok()?;
    let mut target = asked.join(reply.location.as_deref()?).ok()?;
    target.set_query(None);
    target.set_fragment(None);
    let base = target.as_str().strip_suffix(CONFIG_PATH)?;
    let to = ServerAddress::parse(base, ClearText::Refused).ok()?;
    (to != *address).then_some(to)
}
