//! The one team with its two channels, and the posts in them.

use super::ids::new_id;
use super::settings::Flavour;
use serde_json::{Value, json};

pub(crate) struct Team {
    pub(crate) id: String,
    invite_id: String,
    create_at: i64,
}

impl Team {
    pub(crate) const NAME: &str = "crew";

    pub(crate) fn new(now: i64) -> Self {
        Self {
            id: new_id(),
            invite_id: new_id(),
            create_at: now,
        }
    }

    pub(crate) fn json(&self, flavour: Flavour) -> Value {
        let mut team = json!({
            "id": self.id, "create_at": self.create_at, "update_at": self.create_at,
            "delete_at": 0, "display_name": "Crew", "name": Self::NAME, "description": "",
            "email": "", "type": "O", "company_name": "", "allowed_domains": "",
            "invite_id": self.invite_id, "allow_open_invite": false, "scheme_id": null,
            "group_constrained": null, "policy_id": null,
        });
        if !flavour.is_classic() {
            team["cloud_limits_archived"] = json!(false);
        }
        team
    }
}

pub(crate) struct Channel {
    pub(crate) id: String,
    pub(crate) name: &'static str,
    pub(crate) display_name: &'static str,
    create_at: i64,
}

impl Channel {
    pub(crate) fn new(name: &'static str, display_name: &'static str, now: i64) -> Self {
        Self {
            id: new_id(),
            name,
            display_name,
            create_at: now,
        }
    }

    pub(crate) fn json(&self, team_id: &str, posts: &[Post]) -> Value {
        let own = posts.iter().filter(|post| post.channel_id == self.id);
        let count = own.clone().count();
        let last = own.map(|post| post.create_at).max().unwrap_or(0);
        json!({
            "id": self.id, "create_at": self.create_at, "update_at": self.create_at,
            "delete_at": 0, "team_id": team_id, "type": "O", "display_name": self.display_name,
            "name": self.name, "header": "", "purpose": "", "last_post_at": last,
            "total_msg_count": count, "extra_update_at": 0, "creator_id": "", "scheme_id": null,
            "props": null, "group_constrained": null, "shared": null,
            "total_msg_count_root": count, "policy_id": null, "last_root_post_at": last,
        })
    }
}

#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) channel_id: String,
    pub(crate) message: String,
    pub(crate) pending_post_id: String,
    pub(crate) create_at: i64,
}

impl Post {
    /// The JSON object, keys in the order of the wire.
    pub(crate) fn json(&self, flavour: Flavour) -> Value {
        if flavour.is_classic() {
            return json!({
                "id": self.id, "create_at": self.create_at, "update_at": self.create_at,
                "edit_at": 0, "delete_at": 0, "is_pinned": false, "user_id": self.user_id,
                "channel_id": self.channel_id, "root_id": "", "parent_id": "",
                "original_id": "", "message": self.message, "type": "", "props": {},
                "hashtags": "", "pending_post_id": self.pending_post_id, "reply_count": 0,
                "last_reply_at": 0, "participants": null, "metadata": {},
            });
        }
        json!({
            "id": self.id, "create_at": self.create_at, "update_at": self.create_at,
            "edit_at": 0, "delete_at": 0, "is_pinned": false, "user_id": self.user_id,
            "channel_id": self.channel_id, "root_id": "", "original_id": "",
            "message": self.message, "type": "", "props": {}, "hashtags": "", "file_ids": [],
            "pending_post_id": self.pending_post_id, "remote_id": "", "reply_count": 0,
            "last_reply_at": 0, "participants": null, "metadata": {},
        })
    }
}
