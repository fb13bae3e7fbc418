//! Accounts as they stand and what changes about them; and what becomes of one: its session taken up again after a wrong
//! verdict, the whole forgotten, and the key that dies with it.

use crate::api::{Changes, Revision, Snapshot, Steadfast};
use crate::error::Error;
use crate::secret::Key;
use crate::session::AccountId;

impl Steadfast {
    /// Every account, in the order in which they were added. Local and immediate.
    pub fn accounts(&self) -> Vec<Snapshot> {
        self.engine().hub.read().accounts.clone()
    }

    /// One account as it stands. Local and immediate.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`].
    pub fn snapshot(&self, id: AccountId) -> Result<Snapshot, Error> {
        let current = self.engine().hub.read();
        current
            .accounts
            .iter()
            .find(|snapshot| snapshot.id == id)
            .cloned()
            .ok_or(Error::NoSuchAccount)
    }

    /// Waits until there is something newer than `since`, and gives everything as it then stands. Any number of callers;
    /// one that stops asking loses nothing.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn changes(&self, since: Revision) -> Result<Changes, Error> {
        self.engine().changes(since).await
    }

    /// Takes a session up again that ended by a verdict which turned out to be wrong, without a password. Only for the user's
    /// own act: content comes back with it. [`Snapshot::may_continue`](crate::Snapshot::may_continue) says whether it is
    /// offered; an account that is signed in is no error.
    ///
    /// # Errors
    /// [`Error::SessionEnded`], [`Error::NotSignedIn`] if nothing is offered, or no longer; [`Error::NoSuchAccount`];
    /// [`Error::Suspended`]; those of the store, then it is tried again.
    pub async fn continue_session(&self, id: AccountId) -> Result<(), Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.continue_session(id).await })
            .await
    }

    /// Removes an account from this device. Its session is ended here at once; the server's part is owed as after a sign-out,
    /// and the app owes the erasing of what it stored. The id is never used again; a later sign-in of the same user is
    /// another account.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`]; [`Error::Suspended`] and [`Error::KeyStoreUnavailable`], then nothing was done;
    /// [`Error::DiskFull`], then the key was destroyed and the server told once; [`Error::StoreUnavailable`].
    pub async fn forget(&self, id: AccountId) -> Result<(), Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.forget(id).await })
            .await
    }

    /// The key with which an app may encrypt what it stores of an account, so that it is erased in one step. Made when it is
    /// first asked for and the same from then on, also after a sign-out and a new sign-in of the same user. It is destroyed
    /// when the app comes to owe the erasing of the account's data: on [`forget`](Self::forget), on a wipe, before another
    /// user of the server signs in, and long after an end.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`], [`Error::SessionEnded`], [`Error::Unverifiable`] while nobody is signed in;
    /// [`Error::KeyStoreUnavailable`]; [`Error::DataKeyLost`] if the key store has lost it:
    /// [`renew_data_key`](Self::renew_data_key) begins anew; [`Error::NoSuchAccount`]; those of the store.
    pub async fn data_key(&self, id: AccountId) -> Result<Key, Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.data_key(id).await })
            .await
    }

    /// Makes a new data key in place of one that was lost or is to be changed. What the old one encrypted cannot be read any
    /// more.
    ///
    /// # Errors
    /// As [`data_key`](Self::data_key), but for [`Error::DataKeyLost`].
    pub async fn renew_data_key(&self, id: AccountId) -> Result<Key, Error> {
        let engine = self.engine().clone();
        self.engine()
            .run(async move { engine.renew_data_key(id).await })
            .await
    }
}
