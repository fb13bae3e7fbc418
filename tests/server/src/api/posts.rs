//! Posts, and viewing a channel: the two kinds of activity that prolong a
//! session.

use super::answer::Answer;
use super::call::Call;
use super::error::ApiError;
use serde_json::{Map, Value, json};

/// Longest message of a post, in characters.
const MAXIMUM_MESSAGE: usize = 16_383;

/// `POST /posts`.
pub(crate) async fn create(call: &mut Call) -> Result<Answer, ApiError> {
    let body = call.object();
    if body.is_empty() {
        return Err(ApiError::invalid_body_param("post"));
    }
    need_membership(call).await?;
    let session = call.session().clone();
    let channel_id = call.text("channel_id");
    let message = call.text("message");
    let pending = call.text("pending_post_id");
    if message.chars().count() > MAXIMUM_MESSAGE {
        return Err(ApiError::new(
            400,
            "model.post.is_valid.msg.app_error",
            "Invalid message.",
        ));
    }
    let shared = call.shared.clone();
    let (now, healthy) = (shared.now(), shared.database_is_healthy());
    let (post, extended) = {
        let mut world = shared.world();
        if world.channel(&channel_id).is_none() {
            return Err(ApiError::permissions());
        }
        world.set_status(&session.user_id, "online", now, healthy);
        let post = world.create_post(
            &session.user_id,
            &channel_id,
            &message,
            &pending,
            now,
            healthy,
        );
        world.note_activity(&session, now);
        (post, world.extend(&session, now))
    };
    if extended {
        call.set_all_cookies(&session);
    }
    Ok(Answer::json_line(&post.json(call.shared.flavour)).with_status(201))
}

/// `POST /channels/members/{user_id}/view`.
pub(crate) async fn view_channel(call: &mut Call) -> Result<Answer, ApiError> {
    call.user_id_in_charge_of()?;
    need_membership(call).await?;
    let session = call.session().clone();
    let channel_id = call.text("channel_id");
    let shared = call.shared.clone();
    let now = shared.now();
    let (last_post, extended) = {
        let mut world = shared.world();
        let last_post = world.channel(&channel_id).map(|_| {
            let posts = world.posts.iter();
            let own = posts.filter(|post| post.channel_id == channel_id);
            own.map(|post| post.create_at).max().unwrap_or(now)
        });
        world.note_activity(&session, now);
        (last_post, world.extend(&session, now))
    };
    if extended {
        call.set_all_cookies(&session);
    }
    let mut times = Map::new();
    if let Some(last_post) = last_post {
        times.insert(channel_id, json!(last_post));
    }
    Ok(Answer::json_line(
        &json!({"status": "OK", "last_viewed_at_times": times}),
    ))
}

/// `GET /posts/{post_id}`.
pub(crate) async fn by_id(call: &mut Call) -> Result<Answer, ApiError> {
    need_membership(call).await?;
    let world = call.shared.world();
    let post = world
        .posts
        .iter()
        .find(|post| post.id == call.parameters[0]);
    let post = post
        .ok_or_else(|| ApiError::new(404, "app.post.get.app_error", "Unable to get the post."))?;
    Ok(Answer::json_line(&post.json(call.shared.flavour)))
}

/// `GET /channels/{channel_id}/posts`, newest first.
pub(crate) async fn of_channel(call: &mut Call) -> Result<Answer, ApiError> {
    need_membership(call).await?;
    let page = call.query_number("page", 0);
    let per_page = call.query_number("per_page", 60).min(200);
    let since = call.query("since").parse::<i64>().unwrap_or(0);
    let world = call.shared.world();
    let channel_id = &call.parameters[0];
    if world.channel(channel_id).is_none() {
        return Err(ApiError::permissions());
    }
    let all: Vec<_> = world
        .posts
        .iter()
        .rev()
        .filter(|post| post.channel_id == *channel_id && post.create_at > since)
        .collect();
    let shown: Vec<_> = all.iter().skip(page * per_page).take(per_page).collect();
    let order: Vec<&str> = shown.iter().map(|post| post.id.as_str()).collect();
    let posts: Map<String, Value> = shown
        .iter()
        .map(|post| (post.id.clone(), post.json(call.shared.flavour)))
        .collect();
    Ok(Answer::json_line(&json!({
        "order": order, "posts": posts, "next_post_id": "", "prev_post_id": "",
        "has_next": false, "first_inaccessible_post_time": 0,
    })))
}

/// Whether the caller is in a channel is read from the database; when that
/// fails the answer is that of somebody who is not.
async fn need_membership(call: &Call) -> Result<(), ApiError> {
    let reads = if call.shared.flavour.is_classic() {
        3
    } else {
        2
    };
    call.shared
        .reach_database(reads)
        .await
        .map_err(|_| ApiError::permissions())
}
