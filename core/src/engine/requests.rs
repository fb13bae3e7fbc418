//! Calls with an account's session, and what a 401 to one of them sets going.

use crate::api::{Method, Request, Response, Standing};
use crate::engine::Engine;
use crate::engine::account::Account;
use crate::engine::problems;
use crate::engine::token::NoToken;
use crate::engine::worker::Message;
use crate::error::Error;
use crate::evidence::MFA_REQUIRED_ID;
use crate::policy;
use crate::secret::Token;
use crate::server::{InvalidRequest, Reply, RequestParts};
use crate::session::{AccountId, Epoch, Event, Hint, KeyTrouble};
use http::header::HeaderMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

impl Engine {
    /// The account, its epoch and its token, if somebody is signed in to it.
    pub(crate) async fn signed_in(
        &self,
        id: AccountId,
    ) -> Result<(Arc<Account>, Epoch, Token), Error> {
        let account = self.account(id)?;
        if account.failed.load(Ordering::Acquire) {
            return Err(Error::Internal);
        }
        self.standing_allows(id)?;
        self.not_suspended()?;
        if let Some((epoch, token)) = account.tokens.in_memory().await {
            return Ok((account, epoch, token));
        }
        let record = self
            .vault(move |vault| vault.account(id))
            .await?
            .ok_or(Error::NoSuchAccount)?;
        match account.tokens.get(self, id, record.epoch).await {
            Ok(token) => Ok((account, record.epoch, token)),
            Err(NoToken::Outdated) => Err(Error::NotSignedIn),
            Err(NoToken::Key(KeyTrouble::Unavailable | KeyTrouble::Other)) => {
                Err(Error::KeyStoreUnavailable)
            }
            Err(NoToken::Key(KeyTrouble::Absent)) => Err(Error::SessionEnded),
            Err(NoToken::Store(failure)) => Err(failure.into()),
        }
    }

    pub(crate) fn standing_allows(&self, id: AccountId) -> Result<(), Error> {
        use crate::session::Reason;
        let current = self.hub.read();
        let snapshot = current
            .accounts
            .iter()
            .find(|snapshot| snapshot.id == id)
            .ok_or(Error::NoSuchAccount)?;
        match (snapshot.standing, snapshot.reason) {
            (Standing::Ended, Some(Reason::SignedOut)) => Err(Error::NotSignedIn),
            (Standing::Ended, _) => Err(Error::SessionEnded),
            (Standing::Unverifiable, _) => Err(Error::Unverifiable),
            (Standing::Active | Standing::Suspect | Standing::NeedsMfa | Standing::Locked, _) => {
                Ok(())
            }
        }
    }

    /// A call was answered with a 401. Waits for the validation that this causes; an error if the session turned out to be
    /// gone or is still being looked at.
    pub(crate) async fn met_401(&self, account: &Arc<Account>, path: String) -> Result<(), Error> {
        let (done, looked) = oneshot::channel();
        account.send(Message::Request401 { path, done });
        let _ = tokio::time::timeout(policy::REQUEST_WAITS_FOR_VERDICT, looked).await;
        self.standing_allows(account.id)
    }

    pub(crate) async fn request(
        self: &Arc<Self>,
        id: AccountId,
        request: Request,
    ) -> Result<Response, Error> {
        if request
            .body
            .as_ref()
            .is_some_and(|(_, body)| body.len() > policy::REQUEST_BODY_LIMIT)
        {
            return Err(Error::TooLarge {
                limit: policy::REQUEST_BODY_LIMIT,
            });
        }
        let path = request.path.clone();
        let account = self.account(id)?;
        let parts = parts(request);
        allowed(&parts, &account)?;
        let (account, _, token) = self.signed_in(id).await?;
        let sending = account.rest.send(parts.token(&token));
        let reply = self
            .unless_suspended(sending)
            .await
            .ok_or(Error::Suspended)?;
        let reply = reply.map_err(problems::transport)?;
        self.answered(&account, path, reply).await
    }

    /// The answer to a call of the app, whichever way it went, and what it sets going.
    pub(crate) async fn answered(
        self: &Arc<Self>,
        account: &Arc<Account>,
        path: String,
        reply: Reply,
    ) -> Result<Response, Error> {
        if reply.status == 401 {
            self.met_401(account, path).await?;
        }
        if reply.status == 403
            && reply
                .error_body()
                .is_some_and(|error| error.id == MFA_REQUIRED_ID)
        {
            account.event(Event::Hint(Hint::MfaRequired));
        }
        if reply.renewed {
            self.start_refreshing_expiry(account);
        }
        Ok(Response {
            status: reply.status,
            headers: texts(&reply.headers),
            body: reply.body.into(),
        })
    }
}

/// Whether a request of the app may be sent to the account's server.
pub(crate) fn allowed(request: &RequestParts, account: &Account) -> Result<(), Error> {
    request
        .check(account.rest.address())
        .map_err(|error| match error {
            InvalidRequest::Path => Error::ForeignOrigin,
            InvalidRequest::Header => Error::InvalidArgument {
                argument: "headers",
            },
            InvalidRequest::Id => Error::InvalidArgument { argument: "path" },
        })
}

pub(crate) fn parts(request: Request) -> RequestParts {
    let method = match request.method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Patch => http::Method::PATCH,
        Method::Delete => http::Method::DELETE,
        Method::Head => http::Method::HEAD,
    };
    let mut parts = RequestParts::new(method, request.path);
    for (name, value) in request.query {
        parts = parts.query(name, value);
    }
    for (name, value) in &request.headers {
        parts = parts.header(name, value);
    }
    match request.body {
        Some((content_type, body)) => parts.body(&content_type, body),
        None => parts,
    }
}

/// Headers as the app gets them.
pub(crate) fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.to_string(), value)
        })
        .collect()
}
