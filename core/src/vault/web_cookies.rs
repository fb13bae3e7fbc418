//! Which accounts' cookies a web view holds, and whether it has the latest. The generation is counted by triggers (see the
//! schema), in the transaction that changes the session; here it is only read and acknowledged.

use rusqlite::{Connection, OptionalExtension, Row};

use super::{Reserve, Vault, VaultError};
use crate::session::AccountId;

/// What a web view holds of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebCookieRow {
    /// The account, which may be gone.
    pub account: AccountId,
    /// Canonical server URL.
    pub server_url: String,
    /// The domain of the server's own cookies, where it is not just its host.
    pub domain: Option<String>,
    /// Rises whenever the cookies change.
    pub generation: i64,
    /// The latest generation that the web view has; 0 for none.
    pub written: i64,
}

impl Vault {
    /// The row of one account.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn web_cookies(&mut self, account: AccountId) -> Result<Option<WebCookieRow>, VaultError> {
        self.on_connection(|connection| one(connection, account))
    }

    /// Accounts whose web view has not the latest.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn web_cookies_due(&mut self) -> Result<Vec<AccountId>, VaultError> {
        self.on_connection(|connection| due(connection))
    }

    /// The row of an account; made now if there is none and the account is there, because from here on a web view may hold
    /// its cookies. `domain` is stored if it is known.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn export_web_cookies(
        &mut self,
        account: AccountId,
        domain: Option<&str>,
    ) -> Result<Option<WebCookieRow>, VaultError> {
        self.write(Reserve::Keep, |transaction| {
            transaction.execute(
                "INSERT INTO web_cookies (account, server_url, generation)
                 SELECT id, server_url, 1 FROM accounts WHERE id = ?1 ON CONFLICT (account) DO NOTHING",
                [account.0],
            )?;
            if domain.is_some() {
                transaction.execute(
                    "UPDATE web_cookies SET domain = ?2 WHERE account = ?1",
                    (account.0, domain),
                )?;
            }
            one(transaction, account)
        })
    }

    /// The web view's cookies are to be written again although nothing about the session changed.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn raise_web_cookies(&mut self, account: AccountId) -> Result<(), VaultError> {
        self.write(Reserve::Keep, |transaction| {
            transaction.execute(
                "UPDATE web_cookies SET generation = generation + 1 WHERE account = ?1",
                [account.0],
            )?;
            Ok(())
        })
    }

    /// The web view has the cookies of that generation. `over` says that these took the cookies away: if nothing has changed
    /// since, nothing more is owed there. Cookies of an older app that they replaced count as erased.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn web_cookies_written(
        &mut self,
        account: AccountId,
        generation: i64,
        over: bool,
    ) -> Result<(), VaultError> {
        self.write(Reserve::Keep, |transaction| {
            transaction.execute(
                "UPDATE web_cookies SET written = max(written, ?2) WHERE account = ?1 AND generation >= ?2",
                (account.0, generation),
            )?;
            transaction.execute(
                "UPDATE legacy_imports SET state = 'erased'
                 WHERE account = ?1 AND state = 'durable' AND source IN ('classic_ios_cookie', 'classic_android_cookie')",
                [account.0],
            )?;
            if over {
                transaction.execute(
                    "DELETE FROM web_cookies WHERE account = ?1 AND written = generation",
                    [account.0],
                )?;
            }
            Ok(())
        })
    }
}

/// Accounts whose web view has not the latest: those that are signed in and were never exported, and those of which
/// something changed since.
pub(super) fn due(connection: &Connection) -> Result<Vec<AccountId>, VaultError> {
    let due = connection
        .prepare_cached(
            "SELECT account FROM web_cookies WHERE generation > written
             UNION SELECT id FROM accounts WHERE sealed_token IS NOT NULL AND ended_at IS NULL
                 AND id NOT IN (SELECT account FROM web_cookies)
             ORDER BY 1",
        )?
        .query_map([], |row| Ok(AccountId(row.get(0)?)))?
        .collect::<Result<_, _>>()?;
    Ok(due)
}

fn one(connection: &Connection, account: AccountId) -> Result<Option<WebCookieRow>, VaultError> {
    Ok(connection
        .prepare_cached("SELECT * FROM web_cookies WHERE account = ?1")?
        .query_row([account.0], from_row)
        .optional()?)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<WebCookieRow> {
    Ok(WebCookieRow {
        account: AccountId(row.get("account")?),
        server_url: row.get("server_url")?,
        domain: row.get("domain")?,
        generation: row.get("generation")?,
        written: row.get("written")?,
    })
}
