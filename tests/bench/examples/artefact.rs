//! The whole surface behind one exported function, so that a release build of this library is as large as what an app
//! would ship. It is measured, never called.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    reason = "an exported name needs it; this library is measured and never shipped"
)]

use std::sync::Arc;
use std::time::Duration;
use steadfast::{
    AccountId, Config, Device, DeviceKind, Download, FileKeyStore, HostState, LegacyEntry,
    LegacySource, Method, NetworkPath, NetworkProfile, PreviousInstallation, PushPayload, Reader,
    Request, Revision, SignIn, SignInAgain, SsoMethod, Steadfast, UnixMillis, Upload, UserQuery,
};
use zeroizing_alloc::ZeroAlloc;

/// What any secret was in is wiped when it is given back: docs/adr/0030-an-allocator-that-wipes.md.
#[global_allocator]
static WIPING: ZeroAlloc<std::alloc::System> = ZeroAlloc(std::alloc::System);

/// Runs one operation, chosen at run time so that none is optimised away.
#[unsafe(no_mangle)]
pub extern "C" fn steadfast_artefact(operation: u32) -> u64 {
    let text = std::env::var("STEADFAST_ARTEFACT").unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let said = runtime.block_on(run(operation, &text));
    said.len() as u64
}

async fn run(operation: u32, text: &str) -> String {
    let device = Device::new(DeviceKind::IPhone, text, text, text, text);
    let keys = Arc::new(FileKeyStore::open(text).unwrap());
    let core = Steadfast::open(Config::new(text, device), keys).unwrap();
    let id = AccountId(i64::from(operation));
    match operation {
        0 => format!("{:?}", core.accounts()),
        1 => format!("{:?}", core.snapshot(id)),
        2 => format!("{:?}", core.changes(Revision::START).await),
        3 => format!("{:?}", core.sign_in(SignIn::new(text, text, text)).await),
        4 => format!(
            "{:?}",
            core.reauthenticate(id, SignInAgain::new(text)).await
        ),
        5 => format!("{:?}", core.sign_out(id).await),
        6 => format!("{:?}", core.begin_sso(text, SsoMethod::Saml).await),
        7 => format!("{:?}", core.begin_sso_again(id, SsoMethod::OpenId).await),
        8 => format!("{:?}", core.finish_sso(text).await),
        9 => format!("{:?}", core.adopt_token(text, text).await),
        10 => format!("{:?}", core.request_magic_link(text, text).await),
        11 => format!("{:?}", core.sign_in_with_magic_link(text, text).await),
        12 => format!("{:?}", core.host_state(HostState::Focused).await),
        13 => format!("{:?}", core.verify(id, Duration::from_secs(1)).await),
        14 => format!("{:?}", core.set_device_id(Some(text.to_owned())).await),
        15 => format!("{:?} {:?}", core.notices(), core.obligations()),
        16 => format!("{:?}", core.events(id, 0).await),
        17 => format!("{:?}", core.active_sessions(id).await),
        18 => format!("{:?}", core.end_session(id, text).await),
        19 => format!("{:?}", core.end_all_my_sessions(id).await),
        20 => format!("{:?}", core.users(id, UserQuery::default()).await),
        21 => format!("{:?}", core.end_user_sessions(id, text).await),
        22 => match core.prepare_end_everyone(id).await {
            Ok(confirmation) => format!("{:?}", core.confirm_end_everyone(confirmation).await),
            Err(error) => error.code().to_owned(),
        },
        23 => {
            let request = Request::new(Method::Post, text).json(&serde_json::json!({ "a": text }));
            format!("{:?}", core.request(id, request).await)
        }
        24 => format!("{:?}", core.continue_session(id).await),
        25 => format!("{:?}", core.forget(id).await),
        26 => format!(
            "{:?} {:?}",
            core.data_key(id).await,
            core.renew_data_key(id).await
        ),
        27 => format!(
            "{:?}",
            core.send(id, text, serde_json::json!({ "a": text })).await
        ),
        28 => match core.upload(id, Upload::new(text, text, text)).await {
            Ok(transfer) => format!("{:?}", transfer.finished().await),
            Err(error) => error.code().to_owned(),
        },
        29 => match core.download(id, Download::new(text, text)).await {
            Ok(transfer) => format!("{:?}", transfer.finished().await),
            Err(error) => error.code().to_owned(),
        },
        30 => match PushPayload::from_json(text) {
            Ok(payload) => format!("{:?}", core.push_received(payload).await),
            Err(error) => error.code().to_owned(),
        },
        31 => format!("{:?}", core.background_check(Duration::from_secs(15)).await),
        32 => format!(
            "{:?} {:?}",
            core.reminders(),
            core.reminder_set(text, UnixMillis(1)).await
        ),
        33 => {
            let entry = LegacyEntry::new(LegacySource::ReactNative2, text, text, text);
            let import = core.import_legacy(vec![entry], PreviousInstallation::Updated);
            format!("{:?} {:?}", import.await, core.legacy_erasable().await)
        }
        34 => format!("{:?}", core.webview_cookies(id).await),
        35 => format!("{:?}", core.webview_signed_in(text, text, Vec::new()).await),
        36 => format!("{:?}", core.webview_saw_401(id).await),
        37 => format!("{:?}", core.probe_server(text).await),
        38 => format!(
            "{:?}",
            core.set_network_profile(id, NetworkProfile::default())
                .await
        ),
        39 => format!("{:?}", core.network_changed(NetworkPath::Up, None)),
        40 => {
            let reader = Reader::new(text);
            format!("{:?} {:?}", reader.accounts(), reader.leave_hint(id))
        }
        _ => {
            core.close().await;
            String::new()
        }
    }
}
