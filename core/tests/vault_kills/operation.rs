//! The operations that the sweeps stop: the folder before each, what the engine does, and the two states that may follow.

use steadfast::session::UnixMillis;
use steadfast::vault::{
    End, Forget, OldToken, OutboxProof, Outcome, StoredStanding, TokenFate, VaultError,
};
use tempfile::TempDir;

use crate::vault_support::*;

/// When the entry of the outbox is tried again after an attempt in vain.
const NEXT_TRY: UnixMillis = UnixMillis(5_000);

/// A standing with a count in it, which the vault does not read.
const COUNT: &str = r#"{"unreadable":{"starts":1}}"#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// The first sign-in of a new installation: the file itself is made.
    FirstSignIn,
    /// A sign-in over a session that has ended and keeps its token.
    SignInAgain,
    /// A sign-in over a session whose key cannot be read, by the user's choice: nothing is owed for it.
    GiveUp,
    /// How long a key could not be read is counted, in the standing.
    Count,
    /// A verdict ends the session.
    Verdict,
    /// The user signs out.
    SignOut,
    /// The account is removed from the device.
    Forget,
    /// The administrator has the device wiped: the session ends, and its token, its data key and the app's data go.
    Wipe,
    /// A session ended long ago: the app owes the erasing of its data.
    RaiseErase,
    /// The app has erased what it owed.
    AcknowledgeErase,
    /// The server is proved to have ended a session that was owed to it.
    Pay,
    /// The server could not be reached to end a session that is owed to it.
    Attempt,
}

/// What the sweeps look at.
#[derive(Debug, PartialEq, Eq)]
struct State {
    accounts: Vec<Account>,
    /// Token, attempts and the next of them, of each entry of the outbox.
    owed: Vec<(String, i64, UnixMillis)>,
    notices: usize,
    /// Obligations to erase.
    erasing: usize,
}

#[derive(Debug, PartialEq, Eq)]
struct Account {
    epoch: i64,
    standing: String,
    has_ended: bool,
    can_be_restored: bool,
    token: Option<String>,
    has_data_key: bool,
    /// Its standing says for how long the key could not be read.
    counts: bool,
}

impl State {
    fn of(device: &mut Device) -> Self {
        let records = device.vault.accounts().unwrap();
        let mut accounts = Vec::new();
        for record in &records {
            let data_key = device.vault.data_key_name(record.id).unwrap();
            if let Some(name) = &data_key {
                assert!(device.key(name).is_some(), "the data key is in the store");
            }
            accounts.push(Account {
                epoch: record.epoch.0,
                standing: record.standing.code.clone(),
                has_ended: record.ended_at.is_some(),
                can_be_restored: record.restore_until.is_some(),
                token: device.token(record),
                has_data_key: data_key.is_some(),
                counts: record.standing.detail == COUNT,
            });
        }
        let outbox = device.vault.outbox().unwrap();
        let owed = outbox.iter().map(|entry| {
            let token = device.owed_token(entry);
            (token, i64::from(entry.attempts), entry.next_try_at)
        });
        Self {
            accounts,
            owed: owed.collect(),
            notices: device.vault.notices().unwrap().len(),
            erasing: device.vault.obligations().unwrap().len(),
        }
    }
}

/// The session that every operation but the first begins with.
fn live() -> Account {
    Account {
        epoch: 1,
        standing: "active".to_owned(),
        has_ended: false,
        can_be_restored: false,
        token: Some(FIRST_TOKEN.to_owned()),
        has_data_key: true,
        counts: false,
    }
}

fn ended() -> Account {
    Account {
        standing: "ended".to_owned(),
        has_ended: true,
        can_be_restored: true,
        ..live()
    }
}

/// Ended, with the token taken away.
fn without_token() -> Account {
    Account {
        can_be_restored: false,
        token: None,
        ..ended()
    }
}

/// The first token is owed to the server, since the sign-out.
fn first_token_owed() -> Vec<(String, i64, UnixMillis)> {
    vec![(FIRST_TOKEN.to_owned(), 0, UnixMillis(2_000))]
}

impl Operation {
    pub(crate) const ALL: [Self; 12] = [
        Self::FirstSignIn,
        Self::SignInAgain,
        Self::GiveUp,
        Self::Count,
        Self::Verdict,
        Self::SignOut,
        Self::Forget,
        Self::Wipe,
        Self::RaiseErase,
        Self::AcknowledgeErase,
        Self::Pay,
        Self::Attempt,
    ];

    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }

    /// The folder as it is before.
    pub(crate) fn before(self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        if self == Self::FirstSignIn {
            return folder;
        }
        let mut device = Device::open(folder.path());
        let signed_in = device.sign_in(SERVER, ALICE, FIRST_TOKEN);
        // The outbox key is there, as it is after the first sign-out of an installation.
        let _ = device.sealed_for_outbox(signed_in.account);
        device.make_data_key(signed_in.account);
        match self {
            Self::FirstSignIn
            | Self::GiveUp
            | Self::Count
            | Self::Verdict
            | Self::SignOut
            | Self::Forget
            | Self::Wipe => {}
            Self::SignInAgain | Self::RaiseErase => {
                let _ = device.end(signed_in.account, signed_in.epoch);
            }
            Self::AcknowledgeErase => Self::Wipe.run(&mut device).unwrap(),
            Self::Pay | Self::Attempt => {
                let _ = device.sign_out(signed_in.account);
            }
        }
        let _ = device.vault.close().unwrap();
        folder
    }

    /// What the engine does: in the child, and again in the parent to see that it can be made up for.
    pub(crate) fn run(self, device: &mut Device) -> Result<(), VaultError> {
        let record = device.vault.accounts()?.into_iter().next();
        match (self, record) {
            (Self::FirstSignIn, _) => {
                device.try_sign_in(SERVER, ALICE, FIRST_TOKEN)?;
            }
            (Self::SignInAgain, _) => {
                device.try_sign_in(SERVER, ALICE, SECOND_TOKEN)?;
            }
            (Self::GiveUp, _) => {
                let mut sign_in = device.prepared_sign_in(SERVER, ALICE, SECOND_TOKEN);
                sign_in.old_token = OldToken::Dropped;
                if let Outcome::Committed(signed_in) = device.vault.commit_sign_in(&sign_in)? {
                    let _ = device.finish_removal(signed_in.retired_key.as_ref());
                }
            }
            (Self::Count, Some(record)) => {
                let counted = StoredStanding {
                    detail: COUNT.to_owned(),
                    ..record.standing
                };
                let stored = device
                    .vault
                    .store_standing(record.id, record.epoch, &counted)?;
                assert_eq!(stored, Outcome::Committed(()));
            }
            (Self::Verdict, Some(record)) => {
                let _ = device.vault.commit_end(&end(record.id, record.epoch))?;
            }
            (Self::SignOut, Some(record)) => {
                let signed_out = device.try_sign_out(record.id)?;
                // The sign-out is stored; what is left undone here is made up for at the next open.
                let _ = device.finish_removal(signed_out.retired_key.as_ref());
            }
            (Self::Forget, Some(record)) => {
                let owed = device.sealed_for_outbox(record.id);
                let forget = Forget {
                    account: record.id,
                    epoch: record.epoch,
                    old_token: owed,
                    reason: "forgotten".to_owned(),
                    at: UnixMillis(2_000),
                };
                if let Outcome::Committed(_) = device.vault.forget(&forget)? {
                    let _ = device.delete_doomed_keys();
                }
            }
            (Self::Wipe, Some(record)) => {
                let wipe = End {
                    token: TokenFate::Destroyed,
                    erase: Some("wiped".to_owned()),
                    ..end(record.id, record.epoch)
                };
                if let Outcome::Committed(_) = device.vault.commit_end(&wipe)? {
                    let _ = device.delete_doomed_keys();
                }
            }
            (Self::RaiseErase, Some(record)) => {
                let at = UnixMillis(3_000);
                let raised =
                    device
                        .vault
                        .raise_erase(record.id, record.epoch, "ended_long_ago", at)?;
                assert!(matches!(raised, Outcome::Committed(Some(_))), "{raised:?}");
                let _ = device.delete_doomed_keys();
            }
            (Self::AcknowledgeErase, _) => {
                let owed = device.vault.obligations()?[0].id;
                assert!(device.vault.acknowledge_obligation(owed)?);
            }
            (Self::Pay, _) => {
                let entry = device.vault.outbox()?[0].id;
                assert!(device.vault.outbox_done(entry, OutboxProof::LoggedOut)?);
            }
            (Self::Attempt, _) => {
                let entry = device.vault.outbox()?[0].id;
                assert!(device.vault.outbox_attempted(entry, NEXT_TRY)?);
            }
            (
                Self::Count
                | Self::Verdict
                | Self::SignOut
                | Self::Forget
                | Self::Wipe
                | Self::RaiseErase,
                None,
            ) => {
                panic!("the account is there before")
            }
        }
        Ok(())
    }

    /// The state before and the state after.
    fn states(self) -> (State, State) {
        let state = |account: Option<Account>, owed, notices, erasing| State {
            accounts: account.into_iter().collect(),
            owed,
            notices,
            erasing,
        };
        let new = Account {
            has_data_key: false,
            ..live()
        };
        let again = || Account {
            epoch: 2,
            token: Some(SECOND_TOKEN.to_owned()),
            ..live()
        };
        let signed_out = || Account {
            epoch: 2,
            ..without_token()
        };
        let wiped = || Account {
            has_data_key: false,
            ..without_token()
        };
        let erasing = Account {
            has_data_key: false,
            ..ended()
        };
        let tried = vec![(FIRST_TOKEN.to_owned(), 1, NEXT_TRY)];
        let owed = first_token_owed;
        match self {
            Self::FirstSignIn => (state(None, vec![], 0, 0), state(Some(new), vec![], 0, 0)),
            Self::SignInAgain => (
                state(Some(ended()), vec![], 1, 0),
                state(
                    Some(again()),
                    vec![(FIRST_TOKEN.to_owned(), 0, UnixMillis(1_000))],
                    0,
                    0,
                ),
            ),
            Self::GiveUp => (
                state(Some(live()), vec![], 0, 0),
                state(Some(again()), vec![], 0, 0),
            ),
            Self::Count => {
                let counted = Account {
                    counts: true,
                    ..live()
                };
                (
                    state(Some(live()), vec![], 0, 0),
                    state(Some(counted), vec![], 0, 0),
                )
            }
            Self::Verdict => (
                state(Some(live()), vec![], 0, 0),
                state(Some(ended()), vec![], 1, 0),
            ),
            Self::SignOut => (
                state(Some(live()), vec![], 0, 0),
                state(Some(signed_out()), owed(), 0, 0),
            ),
            Self::Forget => (state(Some(live()), vec![], 0, 0), state(None, owed(), 0, 1)),
            Self::Wipe => (
                state(Some(live()), vec![], 0, 0),
                state(Some(wiped()), vec![], 1, 1),
            ),
            Self::RaiseErase => (
                state(Some(ended()), vec![], 1, 0),
                state(Some(erasing), vec![], 1, 1),
            ),
            Self::AcknowledgeErase => (
                state(Some(wiped()), vec![], 1, 1),
                state(Some(wiped()), vec![], 1, 0),
            ),
            Self::Pay => (
                state(Some(signed_out()), owed(), 0, 0),
                state(Some(signed_out()), vec![], 0, 0),
            ),
            Self::Attempt => (
                state(Some(signed_out()), owed(), 0, 0),
                state(Some(signed_out()), tried, 0, 0),
            ),
        }
    }

    /// Whether the operation took place. Panics if the state is neither the one before nor the one after.
    pub(crate) fn took_place(self, device: &mut Device) -> bool {
        let state = State::of(device);
        let (before, after) = self.states();
        assert!(state == before || state == after, "{self:?}: {state:?}");
        state == after
    }
}
