//! The rules: which of the entries hold a session, whose it is as far as the older app knew, and which one counts where
//! several are of the same server.

use std::collections::BTreeMap;

use super::entry::{LegacyEntry, LegacyEntryId, LegacyOutcome, LegacySource, PreviousInstallation};
use crate::device::DeviceId;
use crate::secret::{SecretText, Token};
use crate::server::cookies::{CSRF, TOKEN, USER_ID};
use crate::server::wire::is_id;
use crate::server::{AddressError, ClearText, NetworkProfile, ServerAddress};

/// The name of the token's cookie on servers before 3.0. The classic apps' preferences name a token as its cookie is named.
const OLD_TOKEN: &str = "MMTOKEN";
/// Servers cut a token to this length.
const LONGEST_TOKEN: usize = 50;

/// One entry, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) id: LegacyEntryId,
    pub(crate) source: LegacySource,
    /// Canonical address of its server; empty where it has none.
    pub(crate) server_url: String,
    /// What becomes of it, unless it is the entry of a [`Candidate`].
    pub(crate) outcome: LegacyOutcome,
}

/// The session that counts for a server.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// The entry that it is from.
    pub(crate) entry: LegacyEntryId,
    pub(crate) address: ServerAddress,
    pub(crate) token: Token,
    /// Whose it is, if the older app wrote that down.
    pub(crate) user_id: Option<String>,
    /// The device id that the older app attached to it.
    pub(crate) device_id: Option<String>,
    pub(crate) csrf: Option<SecretText>,
    /// What a gateway before its server wants, and the entry that said so.
    pub(crate) pre_auth: Option<(LegacyEntryId, SecretText)>,
}

#[derive(Debug)]
pub(crate) struct Plan {
    /// In the order in which the entries were handed over.
    pub(crate) entries: Vec<Planned>,
    /// At most one per server.
    pub(crate) candidates: Vec<Candidate>,
}

/// What one entry says.
enum Said {
    Session(Box<Found>),
    Part(Part),
    /// What the gateway before a server wants; of which server, the React Native apps did not always keep.
    PreAuth(Option<ServerAddress>, SecretText),
    Nothing(LegacyOutcome),
}

struct Found {
    address: ServerAddress,
    token: Token,
    user_id: Option<String>,
    device_id: Option<String>,
}

/// Something beside a token.
enum Part {
    UserId(ServerAddress, String),
    Csrf(ServerAddress, SecretText),
    Device(ServerAddress, String),
    Other(Option<ServerAddress>),
}

/// Reads the entries and settles which sessions count. Several of the same server: the better source, as
/// [`LegacySource`] lists them; of the same source, the first.
pub(crate) fn plan(
    entries: &[LegacyEntry],
    previous: PreviousInstallation,
    clear_text: ClearText,
) -> Plan {
    let mut planned = Vec::new();
    let mut best: BTreeMap<ServerAddress, (LegacySource, usize, Found)> = BTreeMap::new();
    let mut parts = Vec::new();
    let mut secrets = Vec::new();
    let left = servers_left(entries, clear_text);
    for (index, entry) in entries.iter().enumerate() {
        let said = if previous == PreviousInstallation::Gone && entry.source.outlives_the_app() {
            Said::Nothing(LegacyOutcome::OtherInstallation)
        } else {
            read(entry, clear_text)
        };
        let (server_url, outcome) = match said {
            Said::Session(found)
                if entry.source == LegacySource::ClassicIosCookie
                    && !left.stays(&found.address) =>
            {
                (found.address.as_str().to_owned(), LegacyOutcome::LeftServer)
            }
            Said::Session(found) => {
                let url = found.address.as_str().to_owned();
                let better = best
                    .get(&found.address)
                    .is_none_or(|(source, _, _)| entry.source < *source);
                if better {
                    best.insert(found.address.clone(), (entry.source, index, *found));
                }
                // Of the one that counts in the end, the candidate says what becomes of it.
                (url, LegacyOutcome::Superseded)
            }
            Said::Part(part) => {
                let url = part.address().map_or("", ServerAddress::as_str).to_owned();
                parts.push((entry.source, part));
                (url, LegacyOutcome::Noted)
            }
            Said::PreAuth(address, secret) => {
                let url = address.as_ref().map_or("", ServerAddress::as_str);
                let url = url.to_owned();
                secrets.push((index, address, secret));
                // Without a session there is nothing to keep it with.
                (url, LegacyOutcome::Unsupported)
            }
            Said::Nothing(outcome) => (
                ServerAddress::parse(&entry.server, ClearText::AllowedByApp)
                    .map(|address| address.as_str().to_owned())
                    .unwrap_or_default(),
                outcome,
            ),
        };
        planned.push(Planned {
            id: entry.id(),
            source: entry.source,
            server_url,
            outcome,
        });
    }
    let mut candidates: Vec<Candidate> = best
        .into_values()
        .filter_map(|(source, index, found)| {
            let entry = planned.get(index)?.id.clone();
            Some(complete(entry, source, found, &parts))
        })
        .collect();
    for (index, address, secret) in secrets {
        if let (Some(candidate), Some(entry)) = (
            behind_the_gateway(&mut candidates, address.as_ref()),
            planned.get_mut(index),
        ) {
            entry.server_url = candidate.address.as_str().to_owned();
            entry.outcome = match &candidate.pre_auth {
                None => {
                    candidate.pre_auth = Some((entry.id.clone(), secret));
                    LegacyOutcome::Noted
                }
                Some(_) => LegacyOutcome::Superseded,
            };
        }
    }
    Plan {
        entries: planned,
        candidates,
    }
}

/// The session that goes with a gateway's secret. One that names no server is of the only server there is, and of none where
/// there are several: a server must not be told another's.
fn behind_the_gateway<'a>(
    candidates: &'a mut [Candidate],
    address: Option<&ServerAddress>,
) -> Option<&'a mut Candidate> {
    match (address, candidates) {
        (Some(address), candidates) => candidates.iter_mut().find(|one| one.address == *address),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

impl Part {
    fn address(&self) -> Option<&ServerAddress> {
        match self {
            Self::UserId(address, _) | Self::Csrf(address, _) | Self::Device(address, _) => {
                Some(address)
            }
            Self::Other(address) => address.as_ref(),
        }
    }
}

/// Adds to a session what was written down beside it, by the same app.
fn complete(
    entry: LegacyEntryId,
    source: LegacySource,
    found: Found,
    parts: &[(LegacySource, Part)],
) -> Candidate {
    let mut candidate = Candidate {
        entry,
        address: found.address,
        token: found.token,
        user_id: found.user_id,
        device_id: found.device_id,
        csrf: None,
        pre_auth: None,
    };
    for (from, part) in parts {
        if !is_of_one_app(source, *from) || part.address() != Some(&candidate.address) {
            continue;
        }
        match part {
            // Cookies speak of the session in the jar, not of the copy in the preferences.
            Part::UserId(_, id) if source.is_cookie() => candidate.user_id = Some(id.clone()),
            Part::Csrf(_, csrf) if source.is_cookie() => candidate.csrf = Some(csrf.clone()),
            Part::Device(_, id) => candidate.device_id = Some(id.clone()),
            Part::UserId(..) | Part::Csrf(..) | Part::Other(_) => {}
        }
    }
    candidate
}

fn is_of_one_app(one: LegacySource, other: LegacySource) -> bool {
    use LegacySource::{
        ClassicAndroidCookie, ClassicAndroidPreferences, ClassicIosCookie, ClassicIosDefaults,
    };
    match one {
        ClassicIosCookie | ClassicIosDefaults => {
            matches!(other, ClassicIosCookie | ClassicIosDefaults)
        }
        ClassicAndroidCookie | ClassicAndroidPreferences => {
            matches!(other, ClassicAndroidCookie | ClassicAndroidPreferences)
        }
        _ => false,
    }
}

/// The servers where the classic iPhone app had a session: leaving a server emptied the preferences and not the jar.
struct ServersLeft(Vec<ServerAddress>);

impl ServersLeft {
    fn stays(&self, address: &ServerAddress) -> bool {
        self.0.contains(address)
    }
}

fn servers_left(entries: &[LegacyEntry], clear_text: ClearText) -> ServersLeft {
    let signed_in = entries.iter().filter(|entry| {
        entry.source == LegacySource::ClassicIosDefaults
            && [TOKEN, OLD_TOKEN].contains(&entry.name.expose())
            && something(entry.value.expose()).is_some()
    });
    ServersLeft(
        signed_in
            .filter_map(|entry| ServerAddress::parse(&entry.server, clear_text).ok())
            .collect(),
    )
}

fn read(entry: &LegacyEntry, clear_text: ClearText) -> Said {
    let (name, value) = (entry.name.expose(), entry.value.expose());
    match entry.source {
        LegacySource::ReactNative2 => session(&entry.server, value, None, None, clear_text),
        LegacySource::ReactNative2PreSharedSecret => pre_auth(&entry.server, value, clear_text),
        LegacySource::ReactNative1Internet => {
            let (device_id, user_id) = device_and_user(name);
            session(&entry.server, value, user_id, device_id, clear_text)
        }
        LegacySource::ReactNative1Generic => {
            let Some((token, server)) = value.split_once(',') else {
                return Said::Nothing(LegacyOutcome::Unreadable);
            };
            let (device_id, user_id) = device_and_user(name);
            session(server.trim(), token, user_id, device_id, clear_text)
        }
        LegacySource::ClassicIosCookie | LegacySource::ClassicAndroidCookie => {
            cookie(entry, clear_text)
        }
        LegacySource::ClassicIosDefaults => match name {
            TOKEN if something(value).is_some() => {
                session(&entry.server, value, None, None, clear_text)
            }
            OLD_TOKEN if something(value).is_some() => Said::Nothing(LegacyOutcome::OldServer),
            "DeviceToken" => device(entry, "apple:", clear_text),
            _ => other(entry, clear_text),
        },
        LegacySource::ClassicAndroidPreferences => match name {
            "device_id" => device(entry, "android:", clear_text),
            _ => other(entry, clear_text),
        },
    }
}

fn cookie(entry: &LegacyEntry, clear_text: ClearText) -> Said {
    let value = entry.value.expose();
    match entry.name.expose() {
        TOKEN => session(&entry.server, value, None, None, clear_text),
        OLD_TOKEN => Said::Nothing(LegacyOutcome::OldServer),
        USER_ID => match ServerAddress::parse(&entry.server, clear_text) {
            Ok(address) if is_id(value) => Said::Part(Part::UserId(address, value.to_owned())),
            _ => other(entry, clear_text),
        },
        CSRF => match ServerAddress::parse(&entry.server, clear_text) {
            Ok(address) if something(value).is_some() => {
                Said::Part(Part::Csrf(address, entry.value.clone()))
            }
            _ => other(entry, clear_text),
        },
        // An identity provider's, or the app's own.
        _ => Said::Nothing(LegacyOutcome::Unreadable),
    }
}

fn pre_auth(server: &str, value: &str, clear_text: ClearText) -> Said {
    let Some(secret) = something(value).map(SecretText::new) else {
        return Said::Nothing(LegacyOutcome::Unreadable);
    };
    if behind(&secret).check().is_err() {
        return Said::Nothing(LegacyOutcome::Unreadable);
    }
    if server.trim().is_empty() {
        return Said::PreAuth(None, secret);
    }
    match ServerAddress::parse(server, clear_text) {
        Ok(address) => Said::PreAuth(Some(address), secret),
        Err(AddressError::ClearTextRefused) => Said::Nothing(LegacyOutcome::Insecure),
        Err(_) => Said::Nothing(LegacyOutcome::Unreadable),
    }
}

/// The way to a server whose gateway wants this secret.
pub(crate) fn behind(secret: &SecretText) -> NetworkProfile {
    NetworkProfile {
        pre_auth: Some(secret.clone()),
        ..NetworkProfile::default()
    }
}

fn device(entry: &LegacyEntry, prefix: &str, clear_text: ClearText) -> Said {
    let id = something(entry.value.expose())
        .and_then(|token| DeviceId::parse(&format!("{prefix}{token}")).ok());
    match (ServerAddress::parse(&entry.server, clear_text), id) {
        (Ok(address), Some(id)) => Said::Part(Part::Device(address, id.as_str().to_owned())),
        _ => other(entry, clear_text),
    }
}

fn other(entry: &LegacyEntry, clear_text: ClearText) -> Said {
    Said::Part(Part::Other(
        ServerAddress::parse(&entry.server, clear_text).ok(),
    ))
}

fn session(
    server: &str,
    token: &str,
    user_id: Option<String>,
    device_id: Option<String>,
    clear_text: ClearText,
) -> Said {
    let Some(token) = something(token).filter(|token| token.len() <= LONGEST_TOKEN) else {
        return Said::Nothing(LegacyOutcome::Unreadable);
    };
    let Some(token) = Token::new(token) else {
        return Said::Nothing(LegacyOutcome::Unreadable);
    };
    match ServerAddress::parse(server, clear_text) {
        Ok(address) => Said::Session(Box::new(Found {
            address,
            token,
            user_id,
            device_id,
        })),
        Err(AddressError::ClearTextRefused) => Said::Nothing(LegacyOutcome::Insecure),
        Err(_) => Said::Nothing(LegacyOutcome::Unreadable),
    }
}

/// `<device id>, <user id>`: what the React Native apps of version 1 wrote for a user name.
fn device_and_user(name: &str) -> (Option<String>, Option<String>) {
    let Some((device, user)) = name.split_once(',') else {
        return (None, None);
    };
    let device = something(device).and_then(|id| DeviceId::parse(id).ok());
    let user = something(user).filter(|id| is_id(id));
    (
        device.map(|id| id.as_str().to_owned()),
        user.map(str::to_owned),
    )
}

/// Trimmed; `None` if nothing is there but JavaScript's word for nothing.
fn something(text: &str) -> Option<&str> {
    let text = text.trim();
    (!matches!(text, "" | "undefined" | "null")).then_some(text)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
