//! A copy of the database, as an administrator keeps one. Putting it back forgets everything that was written since.

use super::World;
use super::sessions::Session;
use super::single_use::SingleUse;
use super::sso::SignIns;
use super::teams::Post;
use super::users::{AccessToken, User};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is in the database, and the files that lie beside it. What a node holds in memory is not, nor is what was mailed.
#[derive(Clone)]
pub(crate) struct Backup {
    users: Vec<User>,
    access_tokens: Vec<AccessToken>,
    sessions: Vec<Session>,
    posts: Vec<Post>,
    files: BTreeMap<String, Arc<Vec<u8>>>,
    sso: SignIns,
    magic_links: SingleUse<String>,
    desktop_tokens: SingleUse<String>,
}

impl World {
    pub(crate) fn back_up(&mut self) {
        self.backup = Some(Backup {
            users: self.users.clone(),
            access_tokens: self.access_tokens.clone(),
            sessions: self.sessions.clone(),
            posts: self.posts.clone(),
            files: self.files.clone(),
            sso: self.sso.clone(),
            magic_links: self.magic_links.clone(),
            desktop_tokens: self.desktop_tokens.clone(),
        });
    }

    /// Nobody is told: the rows that are missing now were not revoked.
    pub(crate) fn put_back(&mut self) {
        // The copy is kept, so that it can be put back again.
        let Some(backup) = self.backup.clone() else {
            return;
        };
        self.users = backup.users;
        self.access_tokens = backup.access_tokens;
        self.sessions = backup.sessions;
        self.posts = backup.posts;
        self.files = backup.files;
        self.sso = backup.sso;
        self.magic_links = backup.magic_links;
        self.desktop_tokens = backup.desktop_tokens;
    }
}
