//! A session core for Mattermost mobile apps.
