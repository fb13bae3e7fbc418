//! A session core for Mattermost mobile apps.

pub mod device;
pub mod error;
pub mod evidence;
pub mod keystore;
pub mod pace;
pub mod policy;
pub mod secret;
pub mod server;
pub mod session;
pub mod vault;
