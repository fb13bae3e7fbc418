//! Sign-ins that wait for their link from the browser. At most one per server, because the link names nothing but the
//! server; each is taken once.
//!
//! Whether a link fits is decided by the engine, and here only that nobody takes the same one twice.

use rusqlite::{Connection, Row, Transaction};

use super::records::Stamp;
use super::seal::Sealed;
use super::{Reserve, Vault, VaultError};
use crate::policy;
use crate::session::{AccountId, BootId, BootMillis, UnixMillis};

/// Number of a pending sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PendingSignInId(pub i64);

/// A sign-in that begins.
#[derive(Clone, PartialEq, Eq)]
pub struct NewPendingSignIn {
    /// Canonical URL of the server where it begins, and the only one where it may be finished.
    pub server_url: String,
    /// The account that is to be signed in to again; `None` for whoever it will be.
    pub account: Option<AccountId>,
    /// What the server binds its answer to.
    pub state: String,
    /// What proves that the one who finishes is the one who began: see [`seal_verifier`](super::seal_verifier).
    pub sealed_verifier: Sealed,
    /// The network profile to go on with, as JSON.
    pub network_profile: Option<String>,
    /// Now.
    pub begun: Stamp,
}

/// A sign-in that waits.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingSignIn {
    /// Its number, never used again.
    pub id: PendingSignInId,
    /// What was stored when it began.
    pub begun: NewPendingSignIn,
}

impl PendingSignIn {
    /// Whether it may still be finished.
    pub fn is_open(&self, now: &Stamp) -> bool {
        self.begun
            .begun
            .is_within(policy::PENDING_SIGN_IN_LIFETIME, now)
    }
}

impl std::fmt::Debug for NewPendingSignIn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("NewPendingSignIn")
            .field("server_url", &self.server_url)
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for PendingSignIn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PendingSignIn")
            .field("id", &self.id)
            .field("begun", &self.begun)
            .finish()
    }
}

impl Vault {
    /// Stores a sign-in that begins, in place of one that waits at the same server. Those whose time is over go.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn begin_pending_sign_in(
        &mut self,
        pending: &NewPendingSignIn,
    ) -> Result<PendingSignInId, VaultError> {
        self.write(Reserve::Keep, |transaction| {
            drop_over(transaction, &pending.begun)?;
            transaction.execute(
                "DELETE FROM pending_sign_ins WHERE server_url = ?1",
                [&pending.server_url],
            )?;
            let id = transaction.query_row(
                "INSERT INTO pending_sign_ins (server_url, account, state, sealed_verifier, begun_wall, begun_boot,
                     begun_boot_id, network_profile)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id",
                (
                    &pending.server_url,
                    pending.account.map(|account| account.0),
                    &pending.state,
                    pending.sealed_verifier.as_bytes(),
                    pending.begun.wall.0,
                    pending.begun.boot.0,
                    &pending.begun.boot_id.0,
                    &pending.network_profile,
                ),
                |row| row.get(0),
            )?;
            Ok(PendingSignInId(id))
        })
    }

    /// Sign-ins that wait, oldest first, those included whose time is over.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn pending_sign_ins(&mut self) -> Result<Vec<PendingSignIn>, VaultError> {
        self.on_connection(|connection| all(connection))
    }

    /// Takes one, durably and before anything is done with it. False if it was taken, replaced or its time is over.
    ///
    /// # Errors
    /// If the file cannot be written; then it must not be used.
    pub fn take_pending_sign_in(
        &mut self,
        id: PendingSignInId,
        now: &Stamp,
    ) -> Result<bool, VaultError> {
        self.write(Reserve::Spend, |transaction| {
            drop_over(transaction, now)?;
            let taken =
                transaction.execute("DELETE FROM pending_sign_ins WHERE id = ?1", [id.0])?;
            Ok(taken == 1)
        })
    }
}

fn drop_over(transaction: &Transaction<'_>, now: &Stamp) -> Result<(), VaultError> {
    for pending in all(transaction)? {
        if !pending.is_open(now) {
            transaction.execute("DELETE FROM pending_sign_ins WHERE id = ?1", [pending.id.0])?;
        }
    }
    Ok(())
}

pub(super) fn all(connection: &Connection) -> Result<Vec<PendingSignIn>, VaultError> {
    let pending = connection
        .prepare_cached(
            "SELECT id, server_url, account, state, sealed_verifier, begun_wall, begun_boot, begun_boot_id,
                 network_profile
             FROM pending_sign_ins ORDER BY id",
        )?
        .query_map([], from_row)?
        .collect::<Result<_, _>>()?;
    Ok(pending)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<PendingSignIn> {
    Ok(PendingSignIn {
        id: PendingSignInId(row.get("id")?),
        begun: NewPendingSignIn {
            server_url: row.get("server_url")?,
            account: row.get::<_, Option<i64>>("account")?.map(AccountId),
            state: row.get("state")?,
            sealed_verifier: Sealed::from_bytes(row.get("sealed_verifier")?),
            network_profile: row.get("network_profile")?,
            begun: Stamp {
                wall: UnixMillis(row.get("begun_wall")?),
                boot: BootMillis(row.get("begun_boot")?),
                boot_id: BootId(row.get("begun_boot_id")?),
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: i64 = 600_000;

    fn stamp(boot_id: &str, boot: i64, wall: i64) -> Stamp {
        Stamp {
            wall: UnixMillis(wall),
            boot: BootMillis(boot),
            boot_id: BootId(boot_id.to_owned()),
        }
    }

    /// Hazards A27, A28, E10.
    #[test]
    fn ten_minutes_count_by_boot_time_and_after_a_restart_by_the_wall_clock() {
        let pending = PendingSignIn {
            id: PendingSignInId(1),
            begun: NewPendingSignIn {
                server_url: "https://chat.example.com".to_owned(),
                account: None,
                state: "state".to_owned(),
                sealed_verifier: Sealed::from_bytes(Vec::new()),
                network_profile: None,
                begun: stamp("first", 1_000, 1_000_000),
            },
        };
        let day = 86_400_000;
        for (now, open) in [
            (stamp("first", 1_000, 1_000_000), true),
            (stamp("first", 1_000 + LIFETIME, 1_000_000), true),
            (stamp("first", 1_001 + LIFETIME, 1_000_000), false),
            // The wall clock was changed, either way, while the device ran.
            (stamp("first", 2_000, 1_000_000 + day), true),
            (stamp("first", 2_000, 1_000_000 - day), true),
            (stamp("first", 1_001 + LIFETIME, 1_000_000 - day), false),
            // It was started again.
            (stamp("second", 5, 1_000_000 + LIFETIME), true),
            (stamp("second", 5, 1_000_001 + LIFETIME), false),
            // And its clock was set back: nothing proves that it is in time.
            (stamp("second", 5, 999_999), false),
            (stamp("first", 999, 1_000_000), false),
        ] {
            assert_eq!(pending.is_open(&now), open, "{now:?}");
        }
    }
}
