//! Sign-in through the system browser: where it starts, the link that comes back, and the exchange of a login code.
//!
//! The link is read here and believed nowhere: whether it belongs to a sign-in that was begun is the engine's to decide.
//!
//! Facts: `server/channels/web/oauth.go`, `server/channels/web/saml.go` and `loginSSOCodeExchange` in
//! `server/channels/api4/user.go` of mattermost/mattermost.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, HeaderValue};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;

use super::address::{ClearText, ServerAddress};
use super::cookies;
use super::reply::Answer;
use super::rest::{RequestParts, Rest};
use super::transport::TransportError;
use super::wire::is_id;
use crate::policy;
use crate::secret::{SecretText, Token};

/// Who the server sends the user to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SsoMethod {
    /// GitLab.
    GitLab,
    /// Google.
    Google,
    /// Microsoft Office 365, or Entra ID.
    Office365,
    /// An OpenID Connect provider.
    OpenId,
    /// A SAML provider.
    Saml,
}

/// The link by which the browser comes back to the app: `<scheme>://callback`, nothing else is honoured by servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackAddress(String);

impl CallbackAddress {
    /// Takes such an address; `None` for anything else, and for the schemes of web pages.
    pub fn parse(text: &str) -> Option<Self> {
        let scheme = text.strip_suffix("://callback")?;
        let url = Url::parse(text).ok()?;
        let own = url.scheme() == scheme && !url.is_special() && url.as_str() == text;
        own.then(|| Self(text.to_owned()))
    }

    /// The address, for the server.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A random text that nobody can guess, and what the server is told of it.
pub struct Challenge {
    /// What the server's answer is bound to.
    pub state: String,
    /// What proves later that the one who finishes is the one who began.
    pub verifier: SecretText,
    /// SHA-256 of the verifier, for the server.
    pub digest: String,
}

impl std::fmt::Debug for Challenge {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Challenge(…)")
    }
}

impl Challenge {
    /// A new one from the operating system's generator; `None` if that fails.
    pub fn generate() -> Option<Self> {
        let (mut state, mut verifier) = ([0; 16], [0; 32]);
        getrandom::fill(&mut state).ok()?;
        getrandom::fill(&mut verifier).ok()?;
        let verifier = SecretText::new(URL_SAFE_NO_PAD.encode(verifier));
        Some(Self {
            state: URL_SAFE_NO_PAD.encode(state),
            digest: URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes())),
            verifier,
        })
    }
}

/// The page that the browser opens.
pub fn start_url(
    address: &ServerAddress,
    method: SsoMethod,
    callback: &CallbackAddress,
    challenge: &Challenge,
) -> Option<Url> {
    let (path, action) = match method {
        SsoMethod::GitLab => ("/oauth/gitlab/mobile_login", None),
        SsoMethod::Google => ("/oauth/google/mobile_login", None),
        SsoMethod::Office365 => ("/oauth/office365/mobile_login", None),
        SsoMethod::OpenId => ("/oauth/openid/mobile_login", None),
        SsoMethod::Saml => ("/login/sso/saml", Some("mobile")),
    };
    let mut url = address.rest(path).ok()?;
    let mut query = url.query_pairs_mut();
    if let Some(action) = action {
        query.append_pair("action", action);
    }
    query
        .append_pair("redirect_to", callback.as_str())
        .append_pair("state", &challenge.state)
        .append_pair("code_challenge", &challenge.digest)
        .append_pair("code_challenge_method", "S256");
    drop(query);
    Some(url)
}

/// What a link brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// A code that is worth nothing without the verifier.
    Code(SecretText),
    /// The session itself, as servers send it that exchange no codes.
    Token {
        /// Its token.
        token: Token,
        /// Its CSRF token, by which it is recognised in the list of sessions.
        csrf: Option<SecretText>,
    },
}

/// A link that came back.
#[derive(Clone, PartialEq, Eq)]
pub struct Callback {
    /// What it brings. A code counts more than a token.
    pub grant: Grant,
    /// The server that it says it comes from; `None` from servers before that was introduced.
    pub server: Option<String>,
    /// The state that it was made for, where it says one.
    pub state: Option<String>,
}

impl std::fmt::Debug for Callback {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Callback(…)")
    }
}

impl Callback {
    /// Reads a link; `None` if it is not one of this app, brings nothing, or says something twice.
    pub fn parse(link: &str, own: &CallbackAddress) -> Option<Self> {
        if link.len() > policy::CALLBACK_LENGTH_LIMIT {
            return None;
        }
        let url = Url::parse(link).ok()?;
        let base = link.split(['?', '#']).next()?;
        if base.strip_suffix('/').unwrap_or(base) != own.as_str() {
            return None;
        }
        let once = |name: &str| {
            let mut values = url.query_pairs().filter(|(key, _)| key == name);
            let value = values.next().map(|(_, value)| value.into_owned());
            match (value, values.next()) {
                (_, Some(_)) => Err(()),
                (value, None) => Ok(value.filter(|value| !value.is_empty())),
            }
        };
        let code = once("login_code").ok()?;
        let token = once(cookies::TOKEN).ok()?;
        let csrf = once(cookies::CSRF).ok()?.filter(|csrf| is_id(csrf));
        let grant = match (code, token) {
            (Some(code), _) => Grant::Code(SecretText::new(code)),
            (None, Some(token)) => Grant::Token {
                token: Token::new(token)?,
                csrf: csrf.map(SecretText::new),
            },
            (None, None) => return None,
        };
        Some(Self {
            grant,
            server: once("srv").ok()?,
            state: once("state").ok()?,
        })
    }

    /// Whether the link may come from the server of this canonical address, which says which one it is by its site URL. A
    /// site URL without TLS is taken for the same server with TLS, as behind a proxy that ends it.
    pub fn may_come_from(&self, server_url: &str) -> bool {
        let Some(server) = &self.server else {
            return true;
        };
        let secured = server
            .get(..7)
            .filter(|scheme| scheme.eq_ignore_ascii_case("http://"))
            .map(|scheme| format!("https://{}", &server[scheme.len()..]));
        let names = |text: &str| {
            ServerAddress::parse(text, ClearText::AllowedByApp)
                .is_ok_and(|address| address.as_str() == server_url)
        };
        names(server) || secured.is_some_and(|secured| names(&secured))
    }
}

/// What a code was exchanged for.
#[derive(Clone)]
pub struct Exchanged {
    /// The token of the new session.
    pub token: Token,
    /// Its CSRF token.
    pub csrf: Option<SecretText>,
}

impl std::fmt::Debug for Exchanged {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Exchanged(…)")
    }
}

#[derive(Deserialize)]
struct ExchangedBody {
    token: String,
    #[serde(default)]
    csrf: String,
}

impl Rest {
    /// Exchanges a login code for a session. One attempt: the code is spent by it. A server that has the exchange switched
    /// off answers 410, one of some versions in between 400.
    pub async fn exchange_login_code(
        &self,
        code: &SecretText,
        verifier: &SecretText,
        state: &str,
    ) -> Result<Answer<Exchanged>, TransportError> {
        let body = [
            ("login_code", code.expose()),
            ("code_verifier", verifier.expose()),
            ("state", state),
        ];
        let request = RequestParts::post("/api/v4/users/login/sso/code-exchange")
            .secret_json(&body)
            .fresh()
            .body_limit(policy::VERDICT_BODY_LIMIT)
            .own_header(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let reply = self.send(request).await?;
        Ok(Answer::read(reply, |reply| {
            let body = reply
                .json::<ExchangedBody>()
                .filter(|_| reply.same_origin)?;
            Some(Exchanged {
                token: Token::new(body.token)?,
                csrf: Some(body.csrf)
                    .filter(|csrf| is_id(csrf))
                    .map(SecretText::new),
            })
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "tokentokentokentokentokent";

    fn own() -> CallbackAddress {
        CallbackAddress::parse("mmauth://callback").unwrap()
    }

    #[test]
    fn only_the_address_that_servers_honour_is_taken() {
        for good in [
            "mmauth://callback",
            "mmauthbeta://callback",
            "com.example.app://callback",
        ] {
            assert_eq!(CallbackAddress::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "callback",
            "://callback",
            "mmauth://callback/",
            "mmauth://callback?a=b",
            "mmauth://other",
            "MMAUTH://callback",
            "https://callback",
            "http://callback",
            "file://callback",
            "a b://callback",
            "mm://x@callback",
        ] {
            assert_eq!(CallbackAddress::parse(bad), None, "{bad}");
        }
    }

    /// Hazards E10, E21.
    #[test]
    fn a_challenge_is_the_digest_of_its_verifier_and_never_the_same() {
        let first = Challenge::generate().unwrap();
        let second = Challenge::generate().unwrap();
        assert_eq!(first.verifier.expose().len(), 43);
        assert_eq!(first.digest.len(), 43);
        assert_ne!(first.verifier, second.verifier);
        assert_ne!(first.state, second.state);
        let digest = Sha256::digest(first.verifier.expose().as_bytes());
        assert_eq!(first.digest, URL_SAFE_NO_PAD.encode(digest));
    }

    #[test]
    fn the_browser_starts_below_the_servers_own_path() {
        let address = ServerAddress::parse("https://example.com/chat", ClearText::Refused).unwrap();
        let challenge = Challenge::generate().unwrap();
        let url = |method| {
            start_url(&address, method, &own(), &challenge)
                .unwrap()
                .to_string()
        };
        let tail = format!(
            "redirect_to=mmauth%3A%2F%2Fcallback&state={}&code_challenge={}&code_challenge_method=S256",
            challenge.state, challenge.digest
        );
        for (method, start) in [
            (SsoMethod::GitLab, "/oauth/gitlab/mobile_login?"),
            (SsoMethod::Google, "/oauth/google/mobile_login?"),
            (SsoMethod::Office365, "/oauth/office365/mobile_login?"),
            (SsoMethod::OpenId, "/oauth/openid/mobile_login?"),
            (SsoMethod::Saml, "/login/sso/saml?action=mobile&"),
        ] {
            assert_eq!(
                url(method),
                format!("https://example.com/chat{start}{tail}")
            );
        }
        assert!(!url(SsoMethod::Saml).contains(challenge.verifier.expose()));
    }

    /// Hazard E12.
    #[test]
    fn a_link_is_read_whole_or_not_at_all() {
        let read = |query: &str| Callback::parse(&format!("mmauth://callback{query}"), &own());
        let link = read(&format!(
            "?MMAUTHTOKEN={TOKEN}&MMCSRF={TOKEN}&srv=https%3A%2F%2Fexample.com"
        ))
        .unwrap();
        assert_eq!(link.server.as_deref(), Some("https://example.com"));
        assert!(matches!(link.grant, Grant::Token { csrf: Some(_), .. }));
        let link = read(&format!("/?login_code=c&MMAUTHTOKEN={TOKEN}&state=s")).unwrap();
        assert_eq!(link.grant, Grant::Code(SecretText::new("c")));
        assert_eq!(link.state.as_deref(), Some("s"));
        assert_eq!(link.server, None);
        for bad in [
            "",
            "?",
            "?srv=https%3A%2F%2Fexample.com",
            "?login_code=",
            "?login_code=a&login_code=b",
            "?login_code=a&srv=https%3A%2F%2Fa.example&srv=https%3A%2F%2Fb.example",
            "?MMAUTHTOKEN=two%0D%0Alines",
            "/elsewhere?login_code=a",
            ".evil?login_code=a",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        for foreign in [
            "mmauthbeta://callback?login_code=a",
            "https://callback?login_code=a",
            "mmauth://user@callback?login_code=a",
            "mmauth://callback:80?login_code=a",
            "not a link",
        ] {
            assert_eq!(Callback::parse(foreign, &own()), None, "{foreign}");
        }
        let long = format!("?login_code={}", "a".repeat(policy::CALLBACK_LENGTH_LIMIT));
        assert_eq!(read(&long), None);
    }

    #[test]
    fn a_link_comes_from_the_server_that_it_names() {
        let from = |server: Option<&str>| Callback {
            grant: Grant::Code(SecretText::new("c")),
            server: server.map(str::to_owned),
            state: None,
        };
        let begun = "https://example.com/chat";
        for same in [
            None,
            Some("https://example.com/chat"),
            Some("https://EXAMPLE.com:443/chat/"),
            Some("http://example.com/chat"),
        ] {
            assert!(from(same).may_come_from(begun), "{same:?}");
        }
        for other in [
            "https://example.com",
            "https://example.com/chat2",
            "https://example.com:8443/chat",
            "https://example.com.evil.example/chat",
            "https://evil.example/chat",
            "https://user@example.com/chat",
            "javascript:alert(1)",
            "é",
            "",
        ] {
            assert!(!from(Some(other)).may_come_from(begun), "{other}");
        }
        assert!(!from(Some("https://127.0.0.1:80")).may_come_from("http://127.0.0.1:80"));
    }

    #[test]
    fn debug_output_shows_nothing() {
        let link = format!("mmauth://callback?MMAUTHTOKEN={TOKEN}");
        let link = Callback::parse(&link, &own()).unwrap();
        let challenge = Challenge::generate().unwrap();
        assert_eq!(
            format!("{link:?} {challenge:?}"),
            "Callback(…) Challenge(…)"
        );
    }
}
