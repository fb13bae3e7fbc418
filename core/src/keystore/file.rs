//! A key store of encrypted files, for desktop hosts and tests, where the platform offers nothing better.
//!
//! One file per key, sealed under a master key in the same folder that only the owner may read. It guards against a copy
//! of single files, not against whoever can read the folder.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{KeyAnswer, KeyStore, KeyStoreUnavailable};
use crate::secret::Key;
use crate::vault::{
    UnsealError, make_folder, seal_bytes, sync_folder_of, unseal_bytes, write_atomically,
};

/// A key store in a folder.
#[derive(Debug)]
pub struct FileKeyStore {
    folder: PathBuf,
    master: Key,
}

/// The folder of a [`FileKeyStore`] could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileKeyStoreError {
    /// The folder or the master key could not be read or written.
    #[error("the key folder could not be used: {0}")]
    Files(ErrorKind),
    /// The master key is not a key. It is left as it is.
    #[error("the master key is damaged")]
    DamagedMasterKey,
    /// The operating system gave no random numbers.
    #[error("no random numbers")]
    NoRandomness,
}

impl FileKeyStore {
    /// Opens the key store in `folder`, creating the folder and the master key if they are not there.
    ///
    /// # Errors
    /// If the folder or the master key cannot be used.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, FileKeyStoreError> {
        let folder = folder.as_ref();
        let files = |error: std::io::Error| FileKeyStoreError::Files(error.kind());
        make_folder(folder).map_err(files)?;
        let path = folder.join("master");
        let master = match fs::read(&path) {
            Ok(bytes) => Key::from_bytes(&bytes).ok_or(FileKeyStoreError::DamagedMasterKey)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let master = Key::generate().ok_or(FileKeyStoreError::NoRandomness)?;
                write_atomically(&path, master.expose()).map_err(files)?;
                master
            }
            Err(error) => return Err(files(error)),
        };
        Ok(Self {
            folder: folder.to_owned(),
            master,
        })
    }

    /// Names are turned into file names that cannot leave the folder.
    fn path(&self, name: &str) -> Option<PathBuf> {
        let safe = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        safe.then(|| self.folder.join(format!("{name}.key")))
    }
}

impl KeyStore for FileKeyStore {
    fn load(&self, name: &str) -> KeyAnswer {
        let Some(path) = self.path(name) else {
            return KeyAnswer::Absent;
        };
        let sealed = match fs::read(path) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == ErrorKind::NotFound => return KeyAnswer::Absent,
            Err(_) => return KeyAnswer::Unavailable,
        };
        match unseal_bytes(&self.master, name.as_bytes(), &sealed) {
            Ok(bytes) => Key::from_bytes(&bytes).map_or(KeyAnswer::Absent, KeyAnswer::Value),
            // Written by a newer app: another version may read it.
            Err(UnsealError::UnknownForm(_)) => KeyAnswer::Unavailable,
            Err(UnsealError::WrongKey | UnsealError::Tampered) => KeyAnswer::Absent,
        }
    }

    fn store(&self, name: &str, key: &Key) -> Result<(), KeyStoreUnavailable> {
        let path = self.path(name).ok_or(KeyStoreUnavailable)?;
        let sealed = seal_bytes(&self.master, name.as_bytes(), key.expose())
            .map_err(|_| KeyStoreUnavailable)?;
        write_atomically(&path, &sealed).map_err(|_| KeyStoreUnavailable)
    }

    fn delete(&self, name: &str) -> Result<(), KeyStoreUnavailable> {
        let Some(path) = self.path(name) else {
            return Ok(());
        };
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(_) => return Err(KeyStoreUnavailable),
        }
        sync_folder_of(&path).map_err(|_| KeyStoreUnavailable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Key {
        Key::from_bytes(&[byte; 32]).unwrap()
    }

    #[test]
    fn keys_survive_a_restart_and_deletion_is_final() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileKeyStore::open(folder.path()).unwrap();
        assert_eq!(store.load("outbox"), KeyAnswer::Absent);
        store.store("outbox", &key(1)).unwrap();
        store.store("outbox", &key(2)).unwrap();
        drop(store);
        let store = FileKeyStore::open(folder.path()).unwrap();
        assert_eq!(store.load("outbox"), KeyAnswer::Value(key(2)));
        store.delete("outbox").unwrap();
        store.delete("outbox").unwrap();
        assert_eq!(store.load("outbox"), KeyAnswer::Absent);
    }

    #[test]
    fn a_file_that_was_moved_or_changed_is_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileKeyStore::open(folder.path()).unwrap();
        store.store("account-1-a", &key(1)).unwrap();
        let path = folder.path().join("account-1-a.key");
        fs::copy(&path, folder.path().join("account-2-b.key")).unwrap();
        assert_eq!(store.load("account-2-b"), KeyAnswer::Absent);
        let mut bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(32).any(|window| window == [1; 32]));
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(store.load("account-1-a"), KeyAnswer::Absent);
    }

    /// Hazard B07.
    #[test]
    fn another_master_key_means_that_the_keys_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileKeyStore::open(folder.path()).unwrap();
        store.store("outbox", &key(1)).unwrap();
        fs::remove_file(folder.path().join("master")).unwrap();
        let store = FileKeyStore::open(folder.path()).unwrap();
        assert_eq!(store.load("outbox"), KeyAnswer::Absent);
    }

    #[test]
    fn a_damaged_master_key_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        drop(FileKeyStore::open(folder.path()).unwrap());
        fs::write(folder.path().join("master"), b"short").unwrap();
        assert_eq!(
            FileKeyStore::open(folder.path()).unwrap_err(),
            FileKeyStoreError::DamagedMasterKey
        );
        assert_eq!(fs::read(folder.path().join("master")).unwrap(), b"short");
    }

    #[cfg(unix)]
    #[test]
    fn the_files_are_readable_by_the_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let store = FileKeyStore::open(folder.path()).unwrap();
        store.store("outbox", &key(1)).unwrap();
        for name in ["master", "outbox.key"] {
            let mode = fs::metadata(folder.path().join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_name_cannot_leave_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileKeyStore::open(folder.path()).unwrap();
        for name in ["", "../outside", "a/b", "a.b", "ümlaut"] {
            assert!(store.store(name, &key(1)).is_err());
            assert_eq!(store.load(name), KeyAnswer::Absent);
        }
    }
}
