//! A network profile as it is stored with an account, an entry of the outbox or a pending sign-in: JSON, its secrets sealed
//! under the outbox key and bound to the server and to what they are. Not under the account's key: what is owed to the server
//! after a sign-out still needs the way there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::secret::{Key, SecretText};
use crate::server::{HttpProxy, NetworkProfile, Pin, Pins, Proxy, ProxyCredentials};
use crate::session::UnixMillis;
use crate::vault::{ProfileSecret, Sealed, seal_profile_secret, unseal_profile_secret};

/// A profile as it is stored: its secrets sealed, and told apart by what they are.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredProfile {
    proxy: StoredProxy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed_pre_auth: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_certificate: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pins: Option<StoredPins>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum StoredProxy {
    #[default]
    System,
    Direct,
    Http {
        host: String,
        port: u16,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed_password: Option<String>,
    },
}

#[derive(Serialize, Deserialize)]
struct StoredPins {
    keys: Vec<String>,
    until: i64,
}

/// A profile cannot be stored: no random numbers for sealing, or nothing to write it with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotStorable;

/// The text that is stored of a profile; `None` for the default one.
pub(crate) fn write(
    profile: &NetworkProfile,
    server_url: &str,
    key: &Key,
) -> Result<Option<String>, NotStorable> {
    if *profile == NetworkProfile::default() {
        return Ok(None);
    }
    let stored = StoredProfile::sealed(profile, |which, secret| {
        seal_profile_secret(key, server_url, which, secret).map_err(|_| NotStorable)
    })?;
    serde_json::to_string(&stored)
        .map(Some)
        .map_err(|_| NotStorable)
}

/// Reads what was stored. `None` for a text that this version cannot read: no way that trusts more than was asked for is
/// taken in its place.
pub(crate) fn read(text: Option<&str>) -> Option<StoredProfile> {
    match text {
        None => Some(StoredProfile::default()),
        Some(text) => serde_json::from_str(text).ok(),
    }
}

impl StoredProfile {
    /// What is stored of a profile.
    fn sealed(
        profile: &NetworkProfile,
        seal: impl Fn(ProfileSecret, &SecretText) -> Result<Sealed, NotStorable>,
    ) -> Result<Self, NotStorable> {
        let seal =
            |which, secret: &SecretText| Ok(STANDARD.encode(seal(which, secret)?.as_bytes()));
        Ok(Self {
            proxy: match &profile.proxy {
                Proxy::System => StoredProxy::System,
                Proxy::Direct => StoredProxy::Direct,
                Proxy::Http(proxy) => StoredProxy::Http {
                    host: proxy.host.clone(),
                    port: proxy.port,
                    user: proxy.credentials.as_ref().map(|known| known.user.clone()),
                    sealed_password: match &proxy.credentials {
                        Some(known) => Some(seal(ProfileSecret::ProxyPassword, &known.password)?),
                        None => None,
                    },
                },
            },
            sealed_pre_auth: match &profile.pre_auth {
                Some(secret) => Some(seal(ProfileSecret::PreAuth, secret)?),
                None => None,
            },
            client_certificate: profile.client_certificate.clone(),
            pins: profile.pins.as_ref().map(|pins| StoredPins {
                keys: pins.keys.iter().map(Pin::to_string).collect(),
                until: pins.until.0,
            }),
        })
    }

    /// Whether it can be read whole only with the key.
    pub(crate) fn has_secrets(&self) -> bool {
        let of_proxy = matches!(
            &self.proxy,
            StoredProxy::Http {
                sealed_password: Some(_),
                ..
            }
        );
        of_proxy || self.sealed_pre_auth.is_some()
    }

    /// Whether it can be read whole with this key.
    pub(crate) fn opens(self, server_url: &str, key: &Key) -> bool {
        let (has_pre_auth, has_password) = (
            self.sealed_pre_auth.is_some(),
            matches!(
                &self.proxy,
                StoredProxy::Http {
                    sealed_password: Some(_),
                    ..
                }
            ),
        );
        self.opened(server_url, Some(key)).is_some_and(|profile| {
            let password =
                matches!(&profile.proxy, Proxy::Http(proxy) if proxy.credentials.is_some());
            has_pre_auth == profile.pre_auth.is_some() && has_password == password
        })
    }

    /// The profile. A secret that the key does not open, or that no key was given for, is left out: then the gateway or the
    /// proxy says so. `None` if pins cannot be read.
    pub(crate) fn opened(self, server_url: &str, key: Option<&Key>) -> Option<NetworkProfile> {
        let unseal = |which, text: String| {
            let sealed = Sealed::from_bytes(STANDARD.decode(text).ok()?);
            unseal_profile_secret(key?, server_url, which, &sealed).ok()
        };
        let proxy = match self.proxy {
            StoredProxy::System => Proxy::System,
            StoredProxy::Direct => Proxy::Direct,
            StoredProxy::Http {
                host,
                port,
                user,
                sealed_password,
            } => Proxy::Http(HttpProxy {
                host,
                port,
                credentials: user
                    .zip(
                        sealed_password.and_then(|text| unseal(ProfileSecret::ProxyPassword, text)),
                    )
                    .map(|(user, password)| ProxyCredentials { user, password }),
            }),
        };
        let pins = match self.pins {
            None => None,
            Some(stored) => Some(Pins {
                keys: stored
                    .keys
                    .iter()
                    .map(|text| Pin::parse(text))
                    .collect::<Option<_>>()?,
                until: UnixMillis(stored.until),
            }),
        };
        Some(NetworkProfile {
            proxy,
            pre_auth: self
                .sealed_pre_auth
                .and_then(|text| unseal(ProfileSecret::PreAuth, text)),
            client_certificate: self.client_certificate,
            pins,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::profile::full_profile;

    const SERVER: &str = "https://chat.example.com";

    #[test]
    fn a_profile_comes_back_as_it_was_stored() {
        let key = Key::generate().unwrap();
        let text = write(&full_profile(), SERVER, &key).unwrap().unwrap();
        assert!(!text.contains("CANARY"), "{text}");
        let stored = read(Some(&text)).unwrap();
        assert!(stored.has_secrets());
        assert_eq!(stored.opened(SERVER, Some(&key)), Some(full_profile()));
    }

    #[test]
    fn the_default_needs_no_text() {
        let key = Key::generate().unwrap();
        let default = NetworkProfile::default();
        assert_eq!(write(&default, SERVER, &key), Ok(None));
        let stored = read(None).unwrap();
        assert!(!stored.has_secrets());
        assert_eq!(stored.opened(SERVER, None), Some(default));
    }

    #[test]
    fn without_the_key_the_secrets_are_missing_and_nothing_else() {
        let key = Key::generate().unwrap();
        let text = write(&full_profile(), SERVER, &key).unwrap().unwrap();
        let open = |server, key: Option<&Key>| read(Some(&text)).unwrap().opened(server, key);
        let expected = NetworkProfile {
            proxy: Proxy::Http(HttpProxy::new("proxy.example", 3128)),
            pre_auth: None,
            ..full_profile()
        };
        assert_eq!(open(SERVER, None), Some(expected.clone()));
        let other = Key::generate().unwrap();
        assert_eq!(open(SERVER, Some(&other)), Some(expected.clone()));
        assert_eq!(open("https://evil.example", Some(&key)), Some(expected));
    }

    #[test]
    fn pins_that_cannot_be_read_are_not_left_out() {
        let text = r#"{"proxy":{"kind":"direct"},"pins":{"keys":["nonsense"],"until":9}}"#;
        assert_eq!(read(Some(text)).unwrap().opened(SERVER, None), None);
        assert!(read(Some(r#"{"proxy":{"kind":"direct"},"newer":1}"#)).is_none());
    }
}
