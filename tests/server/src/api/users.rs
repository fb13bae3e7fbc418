//! Reading accounts.

use super::answer::Answer;
use super::call::Call;
use super::error::ApiError;
use crate::state::World;
use crate::state::users::{User, View};
use serde_json::Value;

const MAXIMUM_PAGE: usize = 200;
const DEFAULT_PAGE: usize = 60;
const DEFAULT_SEARCH: usize = 100;

/// `GET /users`, sorted by name.
pub(crate) async fn list(call: &mut Call) -> Result<Answer, ApiError> {
    need_users(call).await?;
    let page = call.query_number("page", 0);
    let per_page = call
        .query_number("per_page", DEFAULT_PAGE)
        .min(MAXIMUM_PAGE);
    let world = call.shared.world();
    let mut users: Vec<&User> = world.users.iter().collect();
    users.sort_by(|left, right| left.username.cmp(&right.username));
    let users: Vec<Value> = users
        .into_iter()
        .skip(page.saturating_mul(per_page))
        .take(per_page)
        .map(|user| user.json(others(call), call.shared.flavour))
        .collect();
    Ok(Answer::json(&users))
}

/// `POST /users/search`.
pub(crate) async fn search(call: &mut Call) -> Result<Answer, ApiError> {
    let body = call.object();
    let term = call.text("term");
    if term.is_empty() {
        return Err(ApiError::invalid_body_param("term"));
    }
    need_users(call).await?;
    let inactive = body.get("allow_inactive").and_then(Value::as_bool) == Some(true);
    let limit = body
        .get("limit")
        .and_then(Value::as_u64)
        .map_or(DEFAULT_SEARCH, |limit| limit as usize);
    let world = call.shared.world();
    let mut users: Vec<&User> = world
        .users
        .iter()
        .filter(|user| user.matches(&term) && (inactive || user.delete_at == 0))
        .collect();
    users.sort_by(|left, right| left.username.cmp(&right.username));
    let users: Vec<Value> = users
        .into_iter()
        .take(limit)
        .map(|user| user.json(others(call), call.shared.flavour))
        .collect();
    Ok(Answer::json(&users))
}

/// `POST /users/ids`.
pub(crate) async fn by_ids(call: &mut Call) -> Result<Answer, ApiError> {
    let ids: Vec<String> = serde_json::from_slice(&call.body).unwrap_or_default();
    if ids.is_empty() {
        return Err(ApiError::invalid_body_param("user_ids"));
    }
    need_users(call).await?;
    let world = call.shared.world();
    let users: Vec<Value> = world
        .users
        .iter()
        .filter(|user| ids.contains(&user.id))
        .map(|user| user.json(others(call), call.shared.flavour))
        .collect();
    Ok(Answer::json(&users))
}

/// `GET /users/{user_id}`; the own account counts as activity.
pub(crate) async fn by_id(call: &mut Call) -> Result<Answer, ApiError> {
    let user_id = call.user_id()?;
    let shared = call.shared.clone();
    if shared.reach_database(1).await.is_err() {
        // The account itself is cached; what is read next is not.
        return Err(ApiError::new(
            500,
            "app.user_terms_of_service.get_by_user.app_error",
            "Unable to fetch terms of service.",
        ));
    }
    let own = user_id == call.session().user_id;
    if own {
        let session = call.session().clone();
        shared.world().note_activity(&session, shared.now());
    }
    one(call, |world| world.user(&user_id))
}

/// `GET /users/username/{username}`.
pub(crate) async fn by_name(call: &mut Call) -> Result<Answer, ApiError> {
    need_users(call).await?;
    let name = call.parameters[0].to_lowercase();
    one(call, |world| {
        world.users.iter().find(|user| user.username == name)
    })
}

/// `GET /users/email/{email}`.
pub(crate) async fn by_email(call: &mut Call) -> Result<Answer, ApiError> {
    need_users(call).await?;
    let email = call.parameters[0].to_lowercase().replace("%40", "@");
    one(call, |world| {
        world.users.iter().find(|user| user.email == email)
    })
}

fn one(call: &mut Call, find: impl FnOnce(&World) -> Option<&User>) -> Result<Answer, ApiError> {
    let shared = call.shared.clone();
    let world = shared.world();
    let user = find(&world).ok_or_else(ApiError::user_not_found)?;
    let etag = user.etag(shared.flavour);
    let unchanged = call.header("if-none-match") == etag;
    call.answer_headers.add("Etag", etag);
    if unchanged {
        return Ok(Answer::not_modified());
    }
    Ok(Answer::json_line(
        &user.json(view(call, user), shared.flavour),
    ))
}

/// How the caller sees a user.
pub(super) fn view(call: &Call, user: &User) -> View {
    if user.id == call.session().user_id {
        View::Own
    } else {
        others(call)
    }
}

/// How the caller sees users in lists, the own account included.
fn others(call: &Call) -> View {
    if call.is_admin() {
        View::Administrator
    } else {
        View::Member
    }
}

async fn need_users(call: &Call) -> Result<(), ApiError> {
    call.shared
        .reach_database(1)
        .await
        .map_err(|_| ApiError::users_unreadable())
}
