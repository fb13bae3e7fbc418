//! Events: what they look like on the wire and when they are published.

use crate::control::SocketInfo;
use crate::state::World;
use crate::state::sessions::Lookup;
use crate::state::settings::Flavour;
use crate::state::teams::Post;
use serde_json::{Value, json};

use super::hub::Outgoing;

/// Whom an event is for; empty fields do not narrow it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audience {
    pub(crate) user_id: String,
    pub(crate) channel_id: String,
    pub(crate) omitted_user_id: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) data: Value,
    pub(crate) audience: Audience,
}

impl Event {
    /// The text frame with its place in the connection's sequence.
    pub(crate) fn text(&self, sequence: i64, flavour: Flavour) -> String {
        let omitted = if self.audience.omitted_user_id.is_empty() {
            Value::Null
        } else {
            json!({&self.audience.omitted_user_id: true})
        };
        let mut broadcast = json!({
            "omit_users": omitted,
            "user_id": self.audience.user_id,
            "channel_id": self.audience.channel_id,
            "team_id": "",
        });
        if !flavour.is_classic() {
            broadcast["connection_id"] = json!("");
            broadcast["omit_connection_id"] = json!("");
        }
        json!({
            "event": self.name,
            "data": self.data,
            "broadcast": broadcast,
            "seq": sequence,
        })
        .to_string()
    }

    /// Whether it may be dropped where a queue is half full.
    pub(crate) fn is_droppable(&self) -> bool {
        matches!(self.name, "typing" | "status_change")
    }

    fn is_for(&self, user_id: &str) -> bool {
        (self.audience.user_id.is_empty() || self.audience.user_id == user_id)
            && self.audience.omitted_user_id != user_id
    }

    pub(crate) fn hello(
        connection_id: &str,
        user_id: &str,
        version_id: &str,
        flavour: Flavour,
    ) -> Self {
        let data = match flavour {
            Flavour::V11 => json!({
                "connection_id": connection_id,
                "server_hostname": "steadfast",
                "server_version": version_id,
            }),
            Flavour::V5 => json!({
                "connection_id": connection_id,
                "server_version": version_id,
            }),
        };
        Self {
            name: "hello",
            data,
            audience: Audience {
                user_id: user_id.to_owned(),
                ..Audience::default()
            },
        }
    }
}

impl World {
    /// Hands an event to every connection it is for, left ones included.
    ///
    /// Each is asked whether it is still authenticated, which makes those
    /// that have to read their session again do so now.
    pub(crate) fn broadcast(&mut self, event: &Event, now: i64, healthy: bool) {
        for key in self.hub.registered_keys() {
            if !self.is_authenticated(key, now, healthy) {
                continue;
            }
            if self.hub.user_of(key).is_some_and(|user| event.is_for(user)) {
                let limit = self.settings.websocket_send_queue;
                self.hub.enqueue(key, Outgoing::Event(event.clone()), limit);
            }
        }
    }

    /// Tells a channel that a user types, the user's own sockets left out.
    pub(crate) fn publish_typing(
        &mut self,
        user_id: &str,
        channel_id: &str,
        parent_id: &str,
        now: i64,
        healthy: bool,
    ) {
        let event = Event {
            name: "typing",
            data: json!({"parent_id": parent_id, "user_id": user_id}),
            audience: Audience {
                channel_id: channel_id.to_owned(),
                omitted_user_id: user_id.to_owned(),
                ..Audience::default()
            },
        };
        self.broadcast(&event, now, healthy);
    }

    /// Whether a connection counts as authenticated.
    ///
    /// Its session is read again only when what it remembers has run out, and
    /// any failure of that, an outage included, is for good.
    pub(crate) fn is_authenticated(&mut self, key: u64, now: i64, healthy: bool) -> bool {
        let Some((token, expires_at)) = self.hub.credentials(key) else {
            return false;
        };
        if expires_at < now {
            if token.is_empty() {
                return false;
            }
            let lookup = match self.cached(&token, now) {
                Some(found) => found,
                None if healthy => self.look_up(&token, now),
                None => Lookup::Invalid,
            };
            match lookup {
                Lookup::Found(session) => self.hub.remember(key, &session),
                Lookup::Invalid | Lookup::AccessTokensOff => {
                    self.hub.silence(key);
                    return false;
                }
            }
        }
        match self.hub.session_of(key) {
            Some(session) => !self.must_enrol(&session),
            None => true,
        }
    }

    /// Saves a post and publishes it.
    pub(crate) fn create_post(
        &mut self,
        user_id: &str,
        channel_id: &str,
        message: &str,
        pending_post_id: &str,
        now: i64,
        healthy: bool,
    ) -> Post {
        let post = Post {
            id: crate::state::ids::new_id(),
            user_id: user_id.to_owned(),
            channel_id: channel_id.to_owned(),
            message: message.to_owned(),
            pending_post_id: pending_post_id.to_owned(),
            create_at: now,
        };
        self.posts.push(post.clone());
        let sender = self
            .user(user_id)
            .map_or_else(String::new, |user| format!("@{}", user.username));
        let (name, display_name) = self
            .channel(channel_id)
            .map_or(("", ""), |channel| (channel.name, channel.display_name));
        let event = Event {
            name: "posted",
            data: json!({
                "channel_display_name": display_name,
                "channel_name": name,
                "channel_type": "O",
                "post": post.json(self.flavour).to_string(),
                "sender_name": sender,
                "set_online": true,
                "team_id": self.team.id,
            }),
            audience: Audience {
                channel_id: channel_id.to_owned(),
                ..Audience::default()
            },
        };
        self.broadcast(&event, now, healthy);
        post
    }

    /// Sets a user's status and tells the user's sockets if it changed.
    pub(crate) fn set_status(&mut self, user_id: &str, status: &str, now: i64, healthy: bool) {
        let Some(user) = self.user_mut(user_id) else {
            return;
        };
        if user.status == status {
            return;
        }
        user.status = status.to_owned();
        let event = Event {
            name: "status_change",
            data: json!({"status": status, "user_id": user_id}),
            audience: Audience {
                user_id: user_id.to_owned(),
                ..Audience::default()
            },
        };
        self.broadcast(&event, now, healthy);
    }

    pub(crate) fn publish_user_updated(
        &mut self,
        user_id: &str,
        profile: Value,
        now: i64,
        healthy: bool,
    ) {
        let event = Event {
            name: "user_updated",
            data: json!({"user": profile}),
            audience: Audience {
                omitted_user_id: user_id.to_owned(),
                ..Audience::default()
            },
        };
        self.broadcast(&event, now, healthy);
    }

    pub(crate) fn publish_activation_change(&mut self, now: i64, healthy: bool) {
        let event = Event {
            name: "user_activation_status_change",
            data: json!({}),
            audience: Audience::default(),
        };
        self.broadcast(&event, now, healthy);
    }

    /// The sockets that are open.
    pub(crate) fn live_sockets(&self, now: i64) -> Vec<SocketInfo> {
        self.hub
            .active()
            .map(|connection| SocketInfo {
                connection_id: connection.id.clone(),
                user: self
                    .user(&connection.user_id)
                    .map(|user| user.username.clone()),
                authenticated: !connection.token.is_empty()
                    && (connection.expires_at >= now
                        || self
                            .sessions
                            .iter()
                            .any(|row| row.token == connection.token && !row.is_expired(now))),
            })
            .collect()
    }
}
