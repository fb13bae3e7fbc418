//! Storing a sign-in. First a number, an epoch and the name of a key are set aside; then the engine makes that key and
//! seals the token; then everything becomes true in one transaction.

use rusqlite::{OptionalExtension, Transaction};

use super::records::{
    KeyName, ObligationId, OldToken, OutboxId, Outcome, Stamp, StoredStanding, UserFacts,
};
use super::seal::Sealed;
use super::{
    Reserve, Vault, VaultError, accounts, data_key, keys, notices, obligations, outbox, reminders,
};
use crate::session::{AccountId, Epoch, UnixMillis};

/// The session that a sign-in would replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingSession {
    /// Its epoch.
    pub epoch: Epoch,
    /// Its key, if it has a token.
    pub key_name: Option<KeyName>,
    /// Its token, to be sealed again as [`OldToken::Owed`].
    pub sealed_token: Option<Sealed>,
}

/// What is set aside for a sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedSignIn {
    /// Number of the account, new or the one it has.
    pub account: AccountId,
    /// Epoch of the session that begins.
    pub epoch: Epoch,
    /// Name under which the new key is to be stored.
    pub key_name: KeyName,
    /// The session of the same user on the same server, if there is an account.
    pub existing: Option<ExistingSession>,
    server_url: String,
    user_id: String,
}

/// Everything that a sign-in stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// What was set aside.
    pub prepared: PreparedSignIn,
    /// The token, sealed under the key named in `prepared` and bound to its account and epoch.
    pub sealed_token: Sealed,
    /// The token of the session that this one replaces.
    pub old_token: OldToken,
    /// Standing to begin with.
    pub standing: StoredStanding,
    /// What the server says about the user.
    pub user: UserFacts,
    /// The server's version, if its answer said so.
    pub server_version: Option<String>,
    /// Code of the way in which the user signed in.
    pub method: String,
    /// SHA-256 of the session's CSRF token, if known.
    pub csrf_hash: Option<String>,
    /// Device id that the sign-in itself attached. If it is not this installation's, that one is owed.
    pub device_id: Option<String>,
    /// The `Date` of the sign-in answer.
    pub server_date: Option<UnixMillis>,
    /// The network profile, as JSON.
    pub network_profile: Option<String>,
    /// Now.
    pub at: Stamp,
    /// Whether the server has just said that the session is valid.
    pub proved: bool,
}

/// What a stored sign-in brought with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The account.
    pub account: AccountId,
    /// The epoch that began.
    pub epoch: Epoch,
    /// The key of the replaced session, to be deleted and then reported with [`Vault::key_deleted`].
    pub retired_key: Option<KeyName>,
    /// The replaced session's entry in the outbox.
    pub owed: Option<OutboxId>,
    /// Erasing that the app owes before anything of this account is shown: of users whose sessions on this server ended, of
    /// accounts that were forgotten, and of this user's own earlier session after a wipe.
    pub erase_first: Vec<ObligationId>,
}

impl Vault {
    /// Sets a number, an epoch and a key name aside for this user on this server. To be followed by
    /// [`Vault::commit_sign_in`] or [`Vault::abandon_sign_in`]; a kill in between leaves an orphan key that the next open
    /// lists.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn prepare_sign_in(
        &mut self,
        server_url: &str,
        user_id: &str,
    ) -> Result<PreparedSignIn, VaultError> {
        let random = keys::random_name()?;
        self.write(Reserve::Keep, |transaction| {
            let existing = find(transaction, server_url, user_id)?;
            let (account, epoch, existing) = match existing {
                Some((account, session)) => (account, session.epoch.next(), Some(session)),
                None => (
                    number_for(transaction, server_url, user_id)?,
                    Epoch(1),
                    None,
                ),
            };
            let key_name = KeyName(format!("account-{}-{random}", account.0));
            keys::prepare(transaction, account, key_name.as_str())?;
            Ok(PreparedSignIn {
                account,
                epoch,
                key_name,
                existing,
                server_url: server_url.to_owned(),
                user_id: user_id.to_owned(),
            })
        })
    }

    /// Gives a prepared sign-in up. True if its key is to be deleted, and then reported with [`Vault::key_deleted`]; false
    /// if the key is in use, because the sign-in was stored after all (an I/O error can hide that): then it must stay.
    ///
    /// # Errors
    /// If the file cannot be written; the next open lists the key.
    pub fn abandon_sign_in(&mut self, prepared: &PreparedSignIn) -> Result<bool, VaultError> {
        self.write(Reserve::Keep, |transaction| {
            let doomed = transaction.execute(
                "UPDATE pending_keys SET state = 'doomed' WHERE name = ?1",
                [prepared.key_name.as_str()],
            )?;
            Ok(doomed == 1)
        })
    }

    /// Makes a prepared sign-in true: the account with its new epoch and token; the replaced token owed to the server;
    /// the notices and the kept token of an earlier end gone; and the erasing owed for other users whose sessions on this
    /// server have ended. Accounts with a live session there are not touched.
    ///
    /// `Stale` if the account has moved on since, or the vault was closed in between: prepare again and seal again. The
    /// prepared key is doomed then. [`Vault::refresh_server_list`] is to follow, and nobody need wait for it.
    ///
    /// # Errors
    /// If the file cannot be written; on [`VaultError::DiskFull`] the user must be told that the sign-in was not kept.
    pub fn commit_sign_in(&mut self, sign_in: &SignIn) -> Result<Outcome<SignedIn>, VaultError> {
        self.write(Reserve::Keep, |transaction| commit(transaction, sign_in))
    }
}

fn find(
    transaction: &Transaction<'_>,
    server_url: &str,
    user_id: &str,
) -> Result<Option<(AccountId, ExistingSession)>, VaultError> {
    Ok(transaction
        .prepare_cached(
            "SELECT id, epoch, key_name, sealed_token FROM accounts WHERE server_url = ?1 AND user_id = ?2",
        )?
        .query_row([server_url, user_id], |row| {
            Ok((
                AccountId(row.get(0)?),
                ExistingSession {
                    epoch: Epoch(row.get(1)?),
                    key_name: row.get::<_, Option<String>>(2)?.map(KeyName),
                    sealed_token: row.get::<_, Option<Vec<u8>>>(3)?.map(Sealed::from_bytes),
                },
            ))
        })
        .optional()?)
}

/// The number that a lost account had, or a new one.
fn number_for(
    transaction: &Transaction<'_>,
    server_url: &str,
    user_id: &str,
) -> Result<AccountId, VaultError> {
    let lost: Option<i64> = transaction
        .query_row(
            "SELECT id FROM lost_accounts WHERE server_url = ?1 AND user_id = ?2",
            [server_url, user_id],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(number) = lost {
        return Ok(AccountId(number));
    }
    let number = accounts::last_number(transaction)?.saturating_add(1);
    accounts::raise_last_number(transaction, number)?;
    Ok(AccountId(number))
}

pub(super) fn commit(
    transaction: &Transaction<'_>,
    sign_in: &SignIn,
) -> Result<Outcome<SignedIn>, VaultError> {
    let prepared = &sign_in.prepared;
    let account = prepared.account;
    let at = sign_in.at.wall;
    let reserved = keys::redeem(transaction, &prepared.key_name)?;
    let present = find(transaction, &prepared.server_url, &prepared.user_id)?;
    let unchanged = match (&present, &prepared.existing) {
        (None, None) => prepared.epoch == Epoch(1),
        (Some((number, present)), Some(existing)) => {
            *number == account && present.epoch == existing.epoch
        }
        _ => false,
    };
    if !reserved || !unchanged {
        if reserved {
            keys::doom(transaction, account.0, prepared.key_name.as_str())?;
        }
        return Ok(Outcome::Stale);
    }
    let (owed, retired_key) = if present.is_some() {
        let owed = outbox::owe(transaction, account, &sign_in.old_token, at)?;
        notices::clear(transaction, account)?;
        reminders::clear(transaction, account)?;
        (owed, keys::retire(transaction, account)?)
    } else {
        (None, None)
    };
    write_row(transaction, sign_in)?;
    if let Some(data_key) = data_key::take_lost(transaction, account)? {
        data_key::keep(transaction, account, data_key)?;
    }
    outbox::owe_own_device(transaction, account, sign_in.device_id.as_deref(), at)?;
    erase_ended_others(transaction, sign_in)?;
    let erase_first = obligations::wait_for_all(transaction, account, &prepared.server_url)?;
    Ok(Outcome::Committed(SignedIn {
        account,
        epoch: prepared.epoch,
        retired_key,
        owed,
        erase_first,
    }))
}

fn write_row(transaction: &Transaction<'_>, sign_in: &SignIn) -> Result<(), VaultError> {
    let prepared = &sign_in.prepared;
    let at = &sign_in.at;
    let proved = sign_in.proved.then_some(at);
    transaction
        .prepare_cached(
            "INSERT INTO accounts (id, server_url, user_id, username, roles, locale, server_version, sign_in_method,
                 position, epoch, standing, standing_detail, key_name, sealed_token, csrf_hash, device_id, signed_in_at,
                 signed_in_server_date, validated_wall, validated_boot, validated_boot_id, network_profile)
             VALUES (:id, :server_url, :user_id, :username, :roles, :locale, :server_version, :method,
                 (SELECT coalesce(max(position), 0) + 1 FROM accounts), :epoch, :standing, :detail, :key_name, :token,
                 :csrf_hash, :device_id, :wall, :server_date, :proved_wall, :proved_boot, :proved_boot_id, :profile)
             ON CONFLICT (id) DO UPDATE SET username = excluded.username, roles = excluded.roles,
                 locale = excluded.locale,
                 server_version = coalesce(excluded.server_version, server_version), sign_in_method = excluded.sign_in_method,
                 epoch = excluded.epoch, standing = excluded.standing, standing_detail = excluded.standing_detail,
                 key_name = excluded.key_name, sealed_token = excluded.sealed_token, session_id = NULL,
                 csrf_hash = excluded.csrf_hash, device_id = excluded.device_id, signed_in_at = excluded.signed_in_at,
                 signed_in_server_date = excluded.signed_in_server_date, expires_at = NULL,
                 validated_wall = excluded.validated_wall, validated_boot = excluded.validated_boot,
                 validated_boot_id = excluded.validated_boot_id, network_profile = excluded.network_profile,
                 ended_at = NULL",
        )?
        .execute(rusqlite::named_params! {
            ":id": prepared.account.0,
            ":server_url": prepared.server_url,
            ":user_id": prepared.user_id,
            ":username": sign_in.user.username,
            ":roles": sign_in.user.roles,
            ":locale": sign_in.user.locale,
            ":server_version": sign_in.server_version,
            ":method": sign_in.method,
            ":epoch": prepared.epoch.0,
            ":standing": sign_in.standing.code,
            ":detail": sign_in.standing.detail,
            ":key_name": prepared.key_name.as_str(),
            ":token": sign_in.sealed_token.as_bytes(),
            ":csrf_hash": sign_in.csrf_hash,
            ":device_id": sign_in.device_id,
            ":wall": at.wall.0,
            ":server_date": sign_in.server_date.map(|date| date.0),
            ":proved_wall": proved.map(|at| at.wall.0),
            ":proved_boot": proved.map(|at| at.boot.0),
            ":proved_boot_id": proved.map(|at| &at.boot_id.0),
            ":profile": sign_in.network_profile,
        })?;
    Ok(())
}

fn erase_ended_others(transaction: &Transaction<'_>, sign_in: &SignIn) -> Result<(), VaultError> {
    let prepared = &sign_in.prepared;
    let others: Vec<i64> = transaction
        .prepare_cached(
            "SELECT id FROM accounts WHERE server_url = ?1 AND id <> ?2 AND ended_at IS NOT NULL ORDER BY id",
        )?
        .query_map((&prepared.server_url, prepared.account.0), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for other in others {
        // Nobody may take a session up again whose content is to be erased.
        keys::retire(transaction, AccountId(other))?;
        obligations::erase(
            transaction,
            AccountId(other),
            "another_user",
            sign_in.at.wall,
        )?;
    }
    Ok(())
}
