//! What the tests of the vault share: a device that does with vault and key store what the engine does, step by step.

// Each test file compiles its own copy and uses a part of it.
#![allow(dead_code, unreachable_pub)]

use std::path::{Path, PathBuf};

use steadfast::keystore::{FileKeyStore, KeyAnswer, KeyStore};
use steadfast::secret::{Key, SecretText, Token};
use steadfast::session::{AccountId, BootId, BootMillis, Epoch, UnixMillis};
use steadfast::vault::{
    AccountRecord, Binding, Column, End, Ended, Interrupted, KeyName, LostAccount, NewNotice,
    NewPendingSignIn, OldToken, Opened, OutboxEntry, Outcome, STRAY, SignIn, SignOut, SignedIn,
    SignedOut, Stamp, StoredStanding, TokenFate, UserFacts, Vault, VaultError, seal, seal_verifier,
    unseal, unseal_verifier,
};

pub const SERVER: &str = "https://chat.example.com";
pub const ALICE: &str = "alicealicealicealicealicea";
pub const BOB: &str = "bobbobbobbobbobbobbobbobbo";
pub const FIRST_TOKEN: &str = "firstfirstfirstfirstfirstt";
pub const SECOND_TOKEN: &str = "secondsecondsecondsecondse";

/// A vault and a key store in one folder.
pub struct Device {
    pub vault: Vault,
    pub keys: FileKeyStore,
    pub quarantined: Option<PathBuf>,
    pub lost: Vec<LostAccount>,
    pub interrupted: Interrupted,
}

impl Device {
    /// Opens both and deletes the keys that a kill left over.
    pub fn open(folder: &Path) -> Self {
        let mut device = Self::open_only(folder).unwrap();
        for name in device.interrupted.orphan_keys.clone() {
            device.keys.delete(name.as_str()).unwrap();
            device.vault.key_deleted(&name).unwrap();
        }
        device
    }

    pub fn open_only(folder: &Path) -> Result<Self, VaultError> {
        let Opened {
            vault,
            interrupted,
            quarantined,
            lost,
            ..
        } = Vault::open(&vault_folder(folder))?;
        Ok(Self {
            vault,
            keys: FileKeyStore::open(folder.join("keys")).unwrap(),
            quarantined,
            lost,
            interrupted,
        })
    }

    pub fn key(&self, name: &KeyName) -> Option<Key> {
        match self.keys.load(name.as_str()) {
            KeyAnswer::Value(key) => Some(key),
            KeyAnswer::Absent => None,
            KeyAnswer::Unavailable => panic!("the key store is not available"),
        }
    }

    fn outbox_key(&self) -> Key {
        let name = KeyName::outbox();
        self.key(&name).unwrap_or_else(|| {
            let key = Key::generate().unwrap();
            self.keys.store(name.as_str(), &key).unwrap();
            key
        })
    }

    /// The account's token, if it has one, as plain text.
    pub fn token(&self, account: &AccountRecord) -> Option<String> {
        let key = self
            .key(account.key_name.as_ref()?)
            .expect("an account's key is in the store");
        let binding = binding(account.id, account.epoch, Column::AccountToken);
        let token = unseal(&key, binding, account.sealed_token.as_ref()?).unwrap();
        Some(token.expose().to_owned())
    }

    /// The token that an entry of the outbox owes a revocation.
    pub fn owed_token(&self, entry: &OutboxEntry) -> String {
        let binding = binding(entry.account, entry.epoch, Column::OutboxToken);
        let sealed = entry.sealed_token.as_ref().unwrap();
        let key = self
            .key(&KeyName::outbox())
            .expect("the outbox key is in the store");
        unseal(&key, binding, sealed).unwrap().expose().to_owned()
    }

    fn old_token(&self, account: Option<&AccountRecord>) -> OldToken {
        let Some((account, token)) = account.and_then(|account| {
            let token = self.token(account)?;
            Some((account, token))
        }) else {
            return OldToken::None;
        };
        let binding = binding(account.id, account.epoch, Column::OutboxToken);
        OldToken::Owed(seal(&self.outbox_key(), binding, &Token::new(token).unwrap()).unwrap())
    }

    /// Prepares a sign-in, makes its key and seals its token; nothing is true yet.
    pub fn prepared_sign_in(&mut self, server: &str, user: &str, token: &str) -> SignIn {
        let prepared = self.vault.prepare_sign_in(server, user).unwrap();
        let key = Key::generate().unwrap();
        self.keys.store(prepared.key_name.as_str(), &key).unwrap();
        let binding = binding(prepared.account, prepared.epoch, Column::AccountToken);
        let sealed_token = seal(&key, binding, &Token::new(token).unwrap()).unwrap();
        let existing = self.vault.account(prepared.account).unwrap();
        SignIn {
            old_token: self.old_token(existing.as_ref()),
            prepared,
            sealed_token,
            standing: standing("active"),
            user: user_facts("alice"),
            server_version: Some("11.6.0".to_owned()),
            method: "password".to_owned(),
            csrf_hash: Some("c5f".to_owned()),
            device_id: None,
            server_date: Some(UnixMillis(1_500)),
            network_profile: None,
            at: stamp(1_000),
            proved: true,
        }
    }

    pub fn sign_in(&mut self, server: &str, user: &str, token: &str) -> SignedIn {
        self.try_sign_in(server, user, token).unwrap()
    }

    pub fn try_sign_in(
        &mut self,
        server: &str,
        user: &str,
        token: &str,
    ) -> Result<SignedIn, VaultError> {
        let sign_in = self.prepared_sign_in(server, user, token);
        let outcome = self.vault.commit_sign_in(&sign_in)?;
        let signed_in = outcome.committed().expect("the epoch is current");
        self.vault.refresh_server_list();
        // The sign-in is stored; what is left undone here is made up for at the next open.
        let _ = self.finish_removal(signed_in.retired_key.as_ref());
        Ok(signed_in)
    }

    /// Makes the key that the app encrypts its data of an account with.
    pub fn make_data_key(&mut self, account: AccountId) {
        let name = self.vault.prepare_data_key(account).unwrap();
        let key = Key::generate().unwrap();
        self.keys.store(name.as_str(), &key).unwrap();
        let made = self.vault.commit_data_key(account, &name).unwrap();
        assert_eq!(made, Outcome::Committed(()));
    }

    /// The token of an account, sealed again for the outbox.
    pub fn sealed_for_outbox(&mut self, account: AccountId) -> OldToken {
        let record = self.vault.account(account).unwrap();
        self.old_token(record.as_ref())
    }

    pub fn sign_out(&mut self, account: AccountId) -> SignedOut {
        let signed_out = self.try_sign_out(account).unwrap();
        self.finish_removal(signed_out.retired_key.as_ref())
            .unwrap();
        signed_out
    }

    pub fn try_sign_out(&mut self, account: AccountId) -> Result<SignedOut, VaultError> {
        let record = self.vault.account(account)?.unwrap();
        let owed = self.old_token(Some(&record));
        let outcome = self
            .vault
            .sign_out(&sign_out(account, record.epoch, owed))?;
        Ok(outcome.committed().expect("the epoch is current"))
    }

    pub fn end(&mut self, account: AccountId, epoch: Epoch) -> Outcome<Ended> {
        self.vault.commit_end(&end(account, epoch)).unwrap()
    }

    /// A sign-in through the browser that begins at the time of [`stamp`] 1,000.
    pub fn pending(&self, server: &str, account: Option<AccountId>) -> NewPendingSignIn {
        let verifier = SecretText::new("verifier");
        NewPendingSignIn {
            server_url: server.to_owned(),
            account,
            state: "state".to_owned(),
            sealed_verifier: seal_verifier(&self.outbox_key(), server, "state", &verifier).unwrap(),
            network_profile: Some(r#"{"proxy":{"kind":"direct"}}"#.to_owned()),
            begun: stamp(1_000),
        }
    }

    /// The verifier of a pending sign-in, as plain text.
    pub fn verifier(&self, begun: &NewPendingSignIn) -> String {
        let sealed = &begun.sealed_verifier;
        unseal_verifier(&self.outbox_key(), &begun.server_url, &begun.state, sealed)
            .unwrap()
            .expose()
            .to_owned()
    }

    /// Owes a server the end of a session that no account holds.
    pub fn owe_stray(&mut self, server: &str, token: &str) {
        let (account, epoch) = STRAY;
        let binding = binding(account, epoch, Column::OutboxToken);
        let sealed = seal(&self.outbox_key(), binding, &Token::new(token).unwrap()).unwrap();
        self.vault
            .owe_stray(server, &sealed, None, UnixMillis(1))
            .unwrap();
    }

    /// What follows an operation that took a token away. A key that cannot be deleted now stays listed.
    pub fn finish_removal(&mut self, retired: Option<&KeyName>) -> Result<(), VaultError> {
        if let Some(name) = retired
            && self.keys.delete(name.as_str()).is_ok()
        {
            self.vault.key_deleted(name)?;
        }
        let _ = self.vault.scrub()?;
        Ok(())
    }

    /// What follows an operation that took keys of several kinds away.
    pub fn delete_doomed_keys(&mut self) -> Result<(), VaultError> {
        for name in self.vault.orphan_keys()? {
            self.finish_removal(Some(&name))?;
        }
        Ok(())
    }

    /// Every key in the store, the master key aside.
    pub fn key_names(&self, folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder.join("keys"))
            .unwrap()
            .filter_map(|entry| {
                let name = entry.unwrap().file_name().into_string().unwrap();
                name.strip_suffix(".key").map(str::to_owned)
            })
            .collect();
        names.sort();
        names
    }
}

pub fn vault_folder(folder: &Path) -> PathBuf {
    folder.join("vault")
}

pub fn database(folder: &Path) -> PathBuf {
    vault_folder(folder).join(steadfast::vault::DATABASE_FILE)
}

pub fn binding(account: AccountId, epoch: Epoch, column: Column) -> Binding {
    Binding {
        account,
        epoch,
        column,
    }
}

pub fn standing(code: &str) -> StoredStanding {
    StoredStanding {
        code: code.to_owned(),
        detail: "{}".to_owned(),
    }
}

pub fn notice(kind: &str) -> NewNotice {
    NewNotice {
        kind: kind.to_owned(),
        payload: "{}".to_owned(),
    }
}

pub fn user_facts(username: &str) -> UserFacts {
    UserFacts {
        username: username.to_owned(),
        roles: "system_user".to_owned(),
        locale: "en".to_owned(),
    }
}

pub fn stamp(at: i64) -> Stamp {
    Stamp {
        wall: UnixMillis(at),
        boot: BootMillis(at),
        boot_id: BootId("boot".to_owned()),
    }
}

/// The end of a session by verdict, with its token kept.
pub fn end(account: AccountId, epoch: Epoch) -> End {
    End {
        account,
        epoch,
        standing: standing("ended"),
        notice: Some(notice("session_ended")),
        token: TokenFate::KeptUntil(stamp(902_000)),
        erase: None,
        at: UnixMillis(2_000),
    }
}

pub fn sign_out(account: AccountId, epoch: Epoch, old_token: OldToken) -> SignOut {
    SignOut {
        account,
        epoch,
        standing: standing("ended"),
        old_token,
        at: UnixMillis(2_000),
    }
}

/// How often `needle` occurs in the files of the vault's folder.
pub fn occurrences(folder: &Path, needle: &[u8]) -> usize {
    std::fs::read_dir(vault_folder(folder))
        .unwrap()
        .map(|entry| {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            bytes
                .windows(needle.len())
                .filter(|window| *window == needle)
                .count()
        })
        .sum()
}
