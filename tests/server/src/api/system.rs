//! Ping with and without a look at the database, and the licence.

use super::answer::Answer;
use super::call::Call;
use super::error::ApiError;
use crate::push;
use crate::state::Shared;
use crate::state::settings::{Database, HealthQuery};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `GET /system/ping`. The plain one notices nothing of an outage.
pub(crate) async fn ping(call: &mut Call) -> Result<Answer, ApiError> {
    let classic = call.shared.flavour.is_classic();
    let mut body: BTreeMap<&str, Value> = [
        ("AndroidLatestVersion", ""),
        ("AndroidMinVersion", ""),
        ("IosLatestVersion", ""),
        ("IosMinVersion", ""),
        ("status", "OK"),
    ]
    .map(|(key, value)| (key, json!(value)))
    .into();
    if classic {
        body.insert("DesktopLatestVersion", json!(""));
        body.insert("DesktopMinVersion", json!(""));
    } else {
        body.insert("ActiveSearchBackend", json!("database"));
    }
    let device_id = call.query("device_id").to_owned();
    if !device_id.is_empty() && !classic {
        let can = push::test(&call.shared, &device_id).await;
        body.insert("CanReceiveNotifications", json!(can));
    }
    let asked = call.query("get_server_status") == "true";
    if !asked || *call.shared.health_query.borrow() == HealthQuery::Absent {
        return Ok(Answer::json(&body));
    }
    let healthy = health(&call.shared).await;
    let condition = if healthy { "OK" } else { "UNHEALTHY" };
    body.insert("database_status", json!(condition));
    body.insert("filestore_status", json!("OK"));
    body.insert("status", json!(condition));
    if call.is_admin() && !classic {
        body.insert("root_status", json!(true));
    }
    for (name, value) in [
        ("Database_status", condition),
        ("Filestore_status", "OK"),
        ("Status", condition),
    ] {
        call.answer_headers.add(name, value);
    }
    let plain_semantics = call.query("use_rest_semantics") == "true" && !classic;
    let status = if healthy || plain_semantics { 200 } else { 500 };
    Ok(Answer::json(&body).with_status(status))
}

/// Writes to the database and tells whether that worked; while it hangs, or
/// while tests want no answer, there is none.
async fn health(shared: &Shared) -> bool {
    let mut wanted = shared.health_query.subscribe();
    if wanted
        .wait_for(|query| *query != HealthQuery::NotAnswered)
        .await
        .is_err()
    {
        return false;
    }
    let mut condition = shared.database.subscribe();
    match condition
        .wait_for(|database| *database != Database::Frozen)
        .await
    {
        Ok(database) => *database == Database::Healthy,
        Err(_) => false,
    }
}

/// `GET /license/client`.
pub(crate) fn client_license(call: &mut Call) -> Result<Answer, ApiError> {
    if call.query("format") != "old" {
        let status = if call.shared.flavour.is_classic() {
            501
        } else {
            400
        };
        return Err(ApiError::new(
            status,
            "api.license.client.old_format.app_error",
            "New format for the client license is not supported yet. \
             Please specify format=old in the query string.",
        ));
    }
    Ok(Answer::json(&json!({"IsLicensed": "false"})))
}
