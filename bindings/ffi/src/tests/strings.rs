//! Texts that nobody expects, in every place that takes one: a typed error or an answer, and the core goes on.

use super::foreign::{Failure, call, lower};
use super::{World, proxy, sign_in_at, until_live};
use crate::{
    Cancellation, ClientCertificates, Core, Destination, DeviceKind, Download, LegacyEntry,
    LegacySource, Method, NameValue, NetworkPath, NetworkProfile, Pins, PreviousInstallation,
    Proxy, Reader, Request, Resolver, SteadfastError, Upload, UserQuery, WebCookie,
    device_id_of_push_token, file_key_store,
};
use std::sync::Arc;
use uniffi::RustBuffer;

fn strange() -> Vec<String> {
    let mut texts = [
        "",
        " ",
        "\0",
        "a\0b",
        "line\r\nbreak: x",
        "\u{feff}chat.example.com",
        "\u{202e}moc.elpmaxe",
        "e\u{301}",
        "\u{e9}",
        "👩‍👩‍👧‍👦",
        "../../../etc/passwd",
        "/dev/null/x",
        "%00%0d%0a",
        "https://user:password@chat.example.com/?token=x#y",
        "http://[::1",
        "{\"a\":",
        "[[[[",
        "null",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("x".repeat(10 * 1024 * 1024));
    texts.push("[".repeat(100_000));
    texts.push("é".repeat(70_000));
    texts
}

/// An answer or an error of the border: never the core's own fault.
fn fine<T>(place: &str, text: &str, result: Result<T, SteadfastError>) {
    if let Err(error) = result {
        let shown: String = text.chars().take(40).collect();
        assert_ne!(error.code(), "internal", "{place}: {shown:?}");
        assert!(error.to_string().len() < 1_000, "{place}: {shown:?}");
    }
}

/// Hazard C13.
#[tokio::test]
async fn every_text_is_taken_or_refused() {
    let world = World::new().await;
    let core = world.open();
    let account = core.sign_in(world.alice(), None).await.unwrap();
    until_live(&core, account).await;
    for text in strange() {
        let own = || text.clone();
        fine("open", &text, {
            let mut config = world.config();
            config.folder = own();
            // A folder that can be made is a folder, so only what no folder can be is tried.
            if text.is_empty() || text.contains('\0') || text.len() > 4096 {
                Core::open(config, world.keys(), None, None).map(drop)
            } else {
                Ok(())
            }
        });
        for change in [
            |config: &mut crate::Config, text: String| config.sso_callback = text,
            |config: &mut crate::Config, text: String| config.extra_authorities = vec![text],
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut config = super::config(folder.path());
            change(&mut config, own());
            fine(
                "config",
                &text,
                Core::open(config, world.keys(), None, None),
            );
        }
        fine(
            "push token",
            &text,
            device_id_of_push_token(DeviceKind::Android, own()),
        );
        if text.contains('\0') {
            fine("key folder", &text, file_key_store(own()).map(drop));
            fine("reader", &text, Reader::new(own()).accounts());
        }
        fine("device id", &text, core.set_device_id(Some(own())).await);
        fine(
            "proxy",
            &text,
            core.network_changed(NetworkPath::Up, Some(proxy(&text, 80))),
        );
        core.network_changed(NetworkPath::Up, None).unwrap();
        in_the_core(&core, account, &text).await;
    }
    for port in [i32::MIN, -1, 0, 65_536, i32::MAX] {
        let refused = core.network_changed(NetworkPath::Up, Some(proxy("proxy.example.com", port)));
        assert_eq!(refused.unwrap_err().code(), "invalid_argument", "{port}");
    }
    for millis in [i64::MIN, -1] {
        let refused = core.verify(account, millis, None).await;
        assert_eq!(refused.unwrap_err().code(), "invalid_argument");
    }
    core.network_changed(NetworkPath::Up, None).unwrap();
    core.active_sessions(account, None).await.unwrap();
    core.shut_down().await.unwrap();
}

async fn in_the_core(core: &Core, account: i64, text: &str) {
    let own = || text.to_owned();
    // What would be looked up in the real network is left out.
    let address = if text.contains("example") {
        "a b".to_owned()
    } else {
        own()
    };
    let at = || Destination {
        server: address.clone(),
        profile: None,
    };
    fine(
        "sign_in",
        text,
        core.sign_in(sign_in_at(&address, text), None).await,
    );
    fine("probe", text, core.probe_server(at(), None).await);
    fine(
        "adopt",
        text,
        core.adopt_token(at(), own().as_str().into(), None).await,
    );
    fine("callback", text, core.finish_sso(text.into(), None).await);
    fine(
        "link",
        text,
        core.request_magic_link(at(), own(), None).await,
    );
    fine(
        "session",
        text,
        core.end_session(account, own(), None).await,
    );
    fine(
        "user",
        text,
        core.end_user_sessions(account, own(), None).await,
    );
    fine("push", text, core.push_received_json(own(), None).await);
    let push = std::collections::HashMap::from([(own(), own())]);
    fine("push", text, core.push_received(push, None).await);
    fine("reminder", text, core.reminder_set(own(), 0).await);
    fine("action", text, core.send(account, own(), None, None).await);
    let action = "user_typing".to_owned();
    fine(
        "data",
        text,
        core.send(account, action, Some(own()), None).await,
    );
    fine("erased", text, core.legacy_erased(vec![own()]).await);
    let query = UserQuery {
        term: Some(text.chars().take(1_000).collect()),
        page: 0,
        per_page: 60,
    };
    fine("users", text, core.users(account, query, None).await);
    let pair = || {
        vec![NameValue {
            name: own(),
            value: own(),
        }]
    };
    for (path, headers) in [(own(), Vec::new()), ("/api/v4/users/me".to_owned(), pair())] {
        let request = Request {
            method: Method::Get,
            path: path.clone(),
            query: Vec::new(),
            headers: headers.clone(),
            body: None,
        };
        fine("request", text, core.request(account, request, None).await);
        let upload = Upload {
            method: Method::Post,
            path: path.clone(),
            content_type: own(),
            file: own(),
            query: Vec::new(),
            headers: headers.clone(),
        };
        fine("upload", text, core.upload(account, upload, None).await);
        let download = Download {
            path,
            file: format!("/dev/null/{text}"),
            range: None,
            query: Vec::new(),
            headers,
        };
        fine(
            "download",
            text,
            core.download(account, download, None).await,
        );
    }
    let profile = NetworkProfile {
        proxy: Proxy::System,
        pre_auth: None,
        client_certificate: None,
        pins: Some(Pins {
            keys: vec![own(), own()],
            until_millis: i64::MIN,
        }),
    };
    let set = core.set_network_profile(account, profile, None).await;
    assert_eq!(set.unwrap_err().code(), "invalid_argument");
    let entry = LegacyEntry {
        source: LegacySource::ReactNative1Generic,
        server: own(),
        name: text.into(),
        value: text.into(),
    };
    let updated = PreviousInstallation::Gone;
    fine(
        "legacy",
        text,
        core.import_legacy(vec![entry], updated, None).await,
    );
    let cookie = WebCookie {
        name: own(),
        value: text.into(),
        domain: Some(own()),
    };
    fine(
        "web view",
        text,
        core.webview_signed_in(at(), own(), vec![cookie], None)
            .await,
    );
}

/// Hazard C13.
#[tokio::test]
async fn a_record_that_holds_no_text_is_refused_before_anything_is_done() {
    let world = World::new().await;
    let bytes = lower(world.config()).destroy_into_vec();
    let folder = world.config().folder.into_bytes();
    let place = bytes
        .windows(folder.len())
        .position(|window| window == folder)
        .unwrap();
    let open = |bytes: Vec<u8>| {
        call(|status| {
            crate::core::uniffi_steadfast_ffi_fn_constructor_core_open(
                RustBuffer::from_vec(bytes),
                lower(world.keys()),
                lower(None::<Arc<dyn Resolver>>),
                lower(None::<Arc<dyn ClientCertificates>>),
                status,
            )
        })
    };
    let mut broken = bytes.clone();
    broken[place] = 0xff;
    assert!(matches!(open(broken), Err(Failure::Undeclared(_))));
    let mut cut = bytes.clone();
    cut.truncate(place + 3);
    assert!(matches!(open(cut), Err(Failure::Undeclared(_))));
    assert!(!std::path::Path::new(&world.config().folder).exists());

    let core = open(bytes).unwrap();
    call(|status| unsafe { crate::core::uniffi_steadfast_ffi_fn_free_core(core, status) }).unwrap();
    assert!(!Cancellation::new().is_cancelled());
}
