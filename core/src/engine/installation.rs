//! Which installation answers at an account's address. A server that was set up anew, or another one that the name leads to now,
//! knows none of the old one's sessions and says so in the server's own words; what it says is no evidence.

use crate::engine::account::Account;
use crate::engine::lock;
use crate::engine::questions::facts;
use crate::evidence;
use crate::policy;
use crate::server::sessions::{Health as PingFor, config_request};
use crate::server::{ClearText, Reply, Rest, TransportError, wire};
use crate::session::Health;
use crate::vault::ServerFacts;
use futures_util::future::{self, Either};
use std::pin::pin;

/// What a server said of its database, and of which installation it is if that was asked and answered.
pub(crate) struct Said {
    pub(crate) ping: Result<Reply, TransportError>,
    pub(crate) config: Option<Reply>,
}

/// The id of the installation that an account belongs to, if a well-formed one was learned.
pub(crate) fn own(account: &Account) -> Option<String> {
    of(&lock(&account.server))
}

/// The same of what is stored.
pub(crate) fn of(server: &ServerFacts) -> Option<String> {
    let learned = server.diagnostic_id.as_deref();
    learned.filter(|id| wire::is_id(id)).map(str::to_owned)
}

/// Asks a server how its database is and, where the account's `own` installation is known, beside that which one it is: at the
/// same time, so that a verdict takes no longer, and without a token, which another server has no business with. One that
/// keeps silent about its id is waited for only a little beyond the other answer.
pub(crate) async fn ask(rest: &Rest, own: Option<&str>) -> Said {
    let ping = pin!(async { rest.ping(PingFor::Database).await.map(|(reply, _)| reply) });
    if own.is_none() {
        return Said {
            ping: ping.await,
            config: None,
        };
    }
    let config = pin!(config(rest));
    match future::select(ping, config).await {
        Either::Left((ping @ Err(_), _)) => Said { ping, config: None },
        Either::Left((ping @ Ok(_), config)) => {
            let config = tokio::time::timeout(policy::INSTALLATION_PATIENCE, config);
            let config = config.await.ok().and_then(Result::ok);
            Said { ping, config }
        }
        Either::Right((config, ping)) => Said {
            ping: ping.await,
            config: config.ok(),
        },
    }
}

/// Whether this client configuration is of another installation than the account's `own`. Where either id is not known,
/// nothing is: a server that hides it must not keep revoked people in for ever.
pub(crate) fn is_other(own: Option<&str>, config: &Reply, clear_text: ClearText) -> bool {
    let answers = evidence::installation(&facts(config, clear_text));
    match (own, answers) {
        (Some(own), Some(answers)) => own != answers,
        (None, _) | (_, None) => false,
    }
}

/// The client configuration that anybody gets, on a connection of its own.
pub(crate) async fn config(rest: &Rest) -> Result<Reply, TransportError> {
    let request = config_request()
        .header("cache-control", "no-cache")
        .fresh()
        .body_limit(policy::VERDICT_BODY_LIMIT);
    rest.send(request).await
}

/// What both answers together say of the database that knows the account's session.
pub(crate) fn health(own: Option<&str>, said: &Said, clear_text: ClearText) -> Health {
    match (&said.ping, &said.config) {
        (_, Some(config)) if is_other(own, config, clear_text) => Health::OtherServer,
        (Ok(ping), _) => evidence::health(&facts(ping, clear_text)),
        (Err(_), _) => Health::Silent,
    }
}
