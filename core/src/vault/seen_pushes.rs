//! Pushes that were acted on, so that none counts twice.

use super::{Reserve, Vault, VaultError};
use crate::policy;
use crate::session::UnixMillis;

impl Vault {
    /// Whether a push with this acknowledgement id was acted on.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn has_seen_push(&mut self, ack_id: &str) -> Result<bool, VaultError> {
        self.on_connection(|connection| {
            Ok(connection
                .prepare_cached("SELECT 1 FROM seen_pushes WHERE ack_id = ?1")?
                .exists([ack_id])?)
        })
    }

    /// Remembers that a push was acted on, and forgets those that no service delivers any more.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn push_seen(&mut self, ack_id: &str, at: UnixMillis) -> Result<(), VaultError> {
        let kept = i64::try_from(policy::SEEN_PUSHES.as_millis()).unwrap_or(i64::MAX);
        self.write(Reserve::Keep, |transaction| {
            transaction.execute(
                "INSERT INTO seen_pushes (ack_id, seen_at) VALUES (?1, ?2) ON CONFLICT (ack_id) DO NOTHING",
                (ack_id, at.0),
            )?;
            transaction.execute(
                "DELETE FROM seen_pushes WHERE seen_at < ?1",
                [at.0.saturating_sub(kept)],
            )?;
            Ok(())
        })
    }
}
