//! What web views are given of accounts, and what they report.

use crate::api::{SignInMethod, Standing};
use crate::engine::problems;
use crate::engine::sign_in::NewSession;
use crate::engine::worker::Message;
use crate::engine::{Engine, lock};
use crate::error::Error;
use crate::policy;
use crate::secret::SecretText;
use crate::server::{NetworkProfile, ServerAddress};
use crate::session::{AccountId, BootMillis};
use crate::vault::{self, AccountRecord};
use crate::webview::{Contents, FromWebView, WebCookies, WebView, expiry_lines, lifetime, lines};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// When each account's cookies were last made due because a web view complained.
#[derive(Default)]
pub(crate) struct WebViews {
    complained: Mutex<BTreeMap<AccountId, BootMillis>>,
}

impl Engine {
    pub(crate) fn hands_out_cookies(&self) -> bool {
        self.config.web_view == WebView::CookiesForAccounts
    }

    /// Refuses what only an app that shows web pages may ask for.
    pub(crate) fn needs_web_view(&self) -> Result<(), Error> {
        if self.hands_out_cookies() {
            Ok(())
        } else {
            Err(Error::InvalidArgument {
                argument: "web_view",
            })
        }
    }

    pub(crate) async fn webview_cookies(&self, id: AccountId) -> Result<WebCookies, Error> {
        self.needs_web_view()?;
        let record = self.vault(move |vault| vault.account(id)).await?;
        let live =
            record.filter(|record| record.sealed_token.is_some() && record.ended_at.is_none());
        let Some(record) = live else {
            return self.webview_end(id).await;
        };
        let (csrf, expires_at) = self.csrf_of(id, &record).await?;
        let row = self
            .vault(move |vault| vault.export_web_cookies(id, None))
            .await?
            .ok_or(Error::NoSuchAccount)?;
        // Read after the generation: what changes from here on makes the cookies due again.
        let (account, epoch, token) = self.signed_in(id).await?;
        if epoch != record.epoch {
            return Err(Error::NotSignedIn);
        }
        let contents = Contents {
            token: &token,
            user_id: &account.user_id,
            csrf: csrf.as_ref(),
            lives_for: lifetime(expires_at, self.times.wall()),
        };
        Ok(WebCookies {
            server_url: row.server_url,
            generation: row.generation,
            over: false,
            lines: lines(account.rest.address(), row.domain.as_deref(), &contents),
        })
    }

    /// The CSRF token of an account's own session and its expiry, as the server's list has them.
    async fn csrf_of(
        &self,
        id: AccountId,
        record: &AccountRecord,
    ) -> Result<(Option<SecretText>, Option<crate::session::UnixMillis>), Error> {
        let (account, epoch, token) = self.signed_in(id).await?;
        let list = account.next_list();
        let answer = account
            .rest
            .sessions(&token, "me")
            .await
            .map_err(problems::transport)?;
        if answer.reply.status == 401 {
            self.met_401(&account, "/api/v4/users/me/sessions".to_owned())
                .await?;
        }
        let sessions = problems::value(answer)?;
        let own = self
            .learn_own_session(&account, epoch, list, &sessions)
            .await;
        let row = sessions.iter().find(|row| own.as_deref() == Some(&row.id));
        let csrf = row
            .map(|row| row.property("csrf"))
            .filter(|csrf| !csrf.is_empty())
            .map(SecretText::new);
        let expires_at = row
            .map(|row| row.expires_at)
            .filter(|at| *at > 0)
            .map(crate::session::UnixMillis);
        Ok((csrf, expires_at.or(record.expires_at)))
    }

    async fn webview_end(&self, id: AccountId) -> Result<WebCookies, Error> {
        let row = self
            .vault(move |vault| vault.web_cookies(id))
            .await?
            .ok_or(Error::NoSuchAccount)?;
        // Whether clear text is still allowed does not matter for taking cookies away.
        let address = ServerAddress::parse(&row.server_url, crate::server::ClearText::AllowedByApp)
            .map_err(problems::address)?;
        Ok(WebCookies {
            lines: expiry_lines(&address, row.domain.as_deref()),
            server_url: row.server_url,
            generation: row.generation,
            over: true,
        })
    }

    pub(crate) async fn webview_cookies_written(
        &self,
        id: AccountId,
        generation: i64,
    ) -> Result<(), Error> {
        self.needs_web_view()?;
        self.vault(move |vault| {
            let account = vault.account(id)?;
            let over = account
                .is_none_or(|record| record.sealed_token.is_none() || record.ended_at.is_some());
            vault.web_cookies_written(id, generation, over)
        })
        .await?;
        self.refresh_cookies_due().await;
        Ok(())
    }

    pub(crate) async fn webview_signed_in(
        self: &Arc<Self>,
        address: ServerAddress,
        profile: &NetworkProfile,
        found: FromWebView,
    ) -> Result<AccountId, Error> {
        let rest = self.rest(address, profile)?;
        self.at_the_form(rest.address()).await?;
        let signed_in = self.whose(&rest, found.token, found.csrf).await?;
        let session = NewSession {
            signed_in,
            method: SignInMethod::Adopted,
            device_id: None,
        };
        let id = self.keep(&rest, session).await?;
        self.vault(move |vault| vault.export_web_cookies(id, found.domain.as_deref()))
            .await?;
        self.refresh_cookies_due().await;
        Ok(id)
    }

    pub(crate) async fn webview_saw_401(&self, id: AccountId) -> Result<(), Error> {
        self.needs_web_view()?;
        let account = self.account(id)?;
        let (done, looked) = oneshot::channel();
        account.send(Message::WebView(done));
        let _ = looked.await;
        let good = self
            .snapshot(id)
            .is_some_and(|snapshot| snapshot.standing == Standing::Active);
        let now = self.times.boot();
        let muted = {
            let mut complained = lock(&self.web_views.complained);
            let muted = complained
                .get(&id)
                .is_some_and(|at| now.since(*at) < policy::HINT_MUTE);
            if good && !muted {
                complained.insert(id, now);
            }
            muted
        };
        if good && !muted {
            self.vault(move |vault| vault.raise_web_cookies(id)).await?;
            self.refresh_cookies_due().await;
        }
        Ok(())
    }

    /// Something changed that cookies depend on.
    pub(crate) async fn refresh_cookies_due(&self) {
        if !self.hands_out_cookies() {
            return;
        }
        let _in_order = self.refreshing.lock().await;
        if let Ok(due) = self.vault(vault::Vault::web_cookies_due).await {
            self.hub.change(|changes| changes.cookies_due = due);
        }
    }
}
