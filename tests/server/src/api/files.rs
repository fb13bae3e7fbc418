//! Files: taken whole as the body of a request, given whole or in ranges.

use super::answer::Answer;
use super::call::Call;
use super::error::ApiError;
use crate::state::ids::new_id;
use serde_json::json;
use std::sync::Arc;

/// `POST /files`, with the file as the body.
pub(crate) async fn create(call: &mut Call) -> Result<Answer, ApiError> {
    if call.query("filename").is_empty() {
        return Err(ApiError::invalid_url_param("filename"));
    }
    let channel_id = call.query("channel_id").to_owned();
    let bytes = std::mem::take(&mut call.body);
    let shared = call.shared.clone();
    let mut world = shared.world();
    if world.channel(&channel_id).is_none() {
        return Err(ApiError::permissions());
    }
    let (id, size) = (new_id(), bytes.len());
    world.files.insert(id.clone(), Arc::new(bytes));
    let info = json!({ "id": id, "name": call.query("filename"), "size": size });
    let answer = json!({ "file_infos": [info], "client_ids": [] });
    Ok(Answer::json_line(&answer).with_status(201))
}

/// `GET /files/{file_id}`.
pub(crate) fn get(call: &mut Call) -> Result<Answer, ApiError> {
    let file = call.shared.world().files.get(&call.parameters[0]).cloned();
    let Some(file) = file else {
        return Err(ApiError::new(
            404,
            "app.file_info.get.app_error",
            "Unable to find the file.",
        ));
    };
    let tag = format!("\"{:x}-{:x}\"", file.len(), checksum(&file));
    let condition = call.header("if-range");
    let fits = condition.is_empty() || condition == tag;
    let range = Some(call.header("range").to_owned()).filter(|range| fits && !range.is_empty());
    call.answer_headers.add("Etag", tag);
    call.answer_headers.add("Accept-Ranges", "bytes");
    let (status, bytes) = match range.map(|range| part(&range, file.len())) {
        None => (200, file.to_vec()),
        Some(Some((first, last))) => {
            let whole = file.len();
            call.answer_headers
                .add("Content-Range", format!("bytes {first}-{last}/{whole}"));
            (206, file[first..=last].to_vec())
        }
        Some(None) => {
            call.answer_headers
                .add("Content-Range", format!("bytes */{}", file.len()));
            (416, Vec::new())
        }
    };
    call.answer_headers
        .add("Content-Length", bytes.len().to_string());
    Ok(Answer::text(status, "application/octet-stream", bytes))
}

/// First and last byte of `bytes=4-`, if the file has them.
fn part(range: &str, length: usize) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok()?;
    let last = if last.is_empty() {
        length.checked_sub(1)?
    } else {
        last.parse::<usize>().ok()?.min(length.checked_sub(1)?)
    };
    (first <= last).then_some((first, last))
}

fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
