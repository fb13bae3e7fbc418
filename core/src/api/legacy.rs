//! Taking over what older apps left on the device.

use crate::api::Steadfast;
use crate::error::Error;
use crate::legacy::{
    LegacyEntry, LegacyEntryId, LegacyErasable, LegacyReport, PreviousInstallation,
};

impl Steadfast {
    /// Takes over sessions that older apps left. Touches no server: a session whose user the older app wrote down is an
    /// account when this returns, the others become accounts when their server was heard, which is tried from here on as
    /// long as it takes. An account that the core already has on a server always counts before anything left there. The same
    /// entries may be handed over any number of times, also after a killed import; what they became does not change by it.
    ///
    /// # Errors
    /// [`Error::KeyStoreUnavailable`], [`Error::DiskFull`], [`Error::Suspended`] and others of the store: what was taken over
    /// until then stays, the rest is as it was, and the host calls again later. Nothing is erased in the meantime.
    pub async fn import_legacy(
        &self,
        entries: Vec<LegacyEntry>,
        previous: PreviousInstallation,
    ) -> Result<LegacyReport, Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.import_legacy(entries, previous).await })
            .await
    }

    /// Entries that the host may erase now, in the order in which to do it. Only what is on the disk, its key in the key
    /// store, and was opened as read back: before that, what the older app left is the only copy.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn legacy_erasable(&self) -> Result<Vec<LegacyErasable>, Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.legacy_erasable().await })
            .await
    }

    /// The host has erased these. Erasing again what is not there is no error, so an erasing that a kill interrupted is simply
    /// done again. Ids that were not to be erased are ignored.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn legacy_erased(&self, ids: Vec<LegacyEntryId>) -> Result<(), Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.legacy_erased(ids).await })
            .await
    }
}
