//! Cookies of apps that show web pages, as a jar on the other side would hold them.

use std::sync::{Arc, Mutex};
use steadfast::{
    AccountId, Error, LegacySource, Reason, SecretText, SignIn, Standing, Steadfast, WebCookie,
    WebCookies, WebView,
};
use steadfast_testserver::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::*;

fn open_for_web(folder: &std::path::Path) -> Steadfast {
    let mut config = config(folder);
    config.web_view = WebView::CookiesForAccounts;
    open_with(config, folder)
}

async fn signed_in(server: &Server, folder: &std::path::Path) -> (Steadfast, AccountId) {
    let core = open_for_web(folder);
    let account = core
        .sign_in(SignIn::new(server.url(), "alice", ALICE))
        .await
        .unwrap();
    (core, account)
}

fn value(cookies: &WebCookies, name: &str) -> Option<String> {
    let start = format!("{name}=");
    cookies.lines.iter().find_map(|line| {
        let (pair, _) = line.expose().split_once(';')?;
        Some(pair.strip_prefix(&start)?.to_owned())
    })
}

/// The status that a page in the web view would be answered with.
async fn page_asks(
    server: &Server,
    line: &str,
    cookies: &WebCookies,
    csrf: Option<&str>,
) -> String {
    let pairs: Vec<&str> = cookies
        .lines
        .iter()
        .filter_map(|line| line.expose().split(';').next())
        .collect();
    let authority = server.url().strip_prefix("http://").unwrap();
    let csrf = csrf.map_or(String::new(), |csrf| format!("X-CSRF-Token: {csrf}\r\n"));
    let request = format!(
        "{line} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nCookie: {}\r\n{csrf}\
         Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}",
        pairs.join("; ")
    );
    let mut stream = tokio::net::TcpStream::connect(authority).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().to_owned()
}

async fn until_due(core: &Steadfast, account: AccountId) {
    until_changes(core, |changes| changes.cookies_due.contains(&account)).await;
}

async fn until_not_due(core: &Steadfast, account: AccountId) {
    until_changes(core, |changes| !changes.cookies_due.contains(&account)).await;
}

/// Writes the cookies, and writes them again for as long as something changed meanwhile.
async fn write_all(core: &Steadfast, account: AccountId) -> WebCookies {
    loop {
        let cookies = core.webview_cookies(account).await.unwrap();
        core.webview_cookies_written(account, cookies.generation)
            .await
            .unwrap();
        let now = core.changes(steadfast::Revision::START).await.unwrap();
        if !now.cookies_due.contains(&account) {
            return cookies;
        }
    }
}

#[tokio::test]
async fn without_asking_for_it_no_token_leaves_the_core() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    let account = core
        .sign_in(SignIn::new(server.url(), "alice", ALICE))
        .await
        .unwrap();
    let refused = Error::InvalidArgument {
        argument: "web_view",
    };
    assert_eq!(
        core.webview_cookies(account).await.unwrap_err(),
        refused.clone()
    );
    assert_eq!(
        core.webview_cookies_written(account, 1).await,
        Err(refused.clone())
    );
    assert_eq!(core.webview_saw_401(account).await, Err(refused.clone()));
    let page = format!("{}/", server.url());
    assert_eq!(
        core.webview_signed_in(server.url(), &page, vec![]).await,
        Err(refused)
    );
    let now = core.changes(steadfast::Revision::START).await.unwrap();
    assert_eq!(now.cookies_due, []);
    core.close().await;
}

#[tokio::test]
async fn the_server_takes_the_cookies_for_the_same_session() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = signed_in(&server, folder.path()).await;
    until_due(&core, account).await;
    let cookies = write_all(&core, account).await;
    assert!(!cookies.over);
    assert_eq!(cookies.lines.len(), 3);
    assert_eq!(cookies.server_url, server.url());
    let shown = format!("{cookies:?}");
    let token = value(&cookies, "MMAUTHTOKEN").unwrap();
    let csrf = value(&cookies, "MMCSRF").unwrap();
    assert!(!shown.contains(&token) && !shown.contains(&csrf));

    let me = page_asks(&server, "GET /api/v4/users/me", &cookies, None).await;
    assert_eq!(me, "200");
    // A write by cookie has to bring the CSRF token, and the right one.
    let write = "POST /api/v4/users/search";
    let written = page_asks(&server, write, &cookies, Some(&csrf)).await;
    assert_ne!(written, "401");
    for csrf in [None, Some("another")] {
        assert_eq!(page_asks(&server, write, &cookies, csrf).await, "401");
    }
    assert_eq!(server.control().sessions("alice").len(), 1);
    assert_eq!(occurrences(folder.path(), &csrf), 0, "not stored");
    core.close().await;
}

#[tokio::test]
async fn what_changes_about_a_session_makes_its_cookies_due_again() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = signed_in(&server, folder.path()).await;
    let first = write_all(&core, account).await;

    // An attached device makes it a mobile session, which lives longer.
    core.set_device_id(Some("apple_rn-v2:device".to_owned()))
        .await
        .unwrap();
    until_due(&core, account).await;
    let second = write_all(&core, account).await;
    assert!(second.generation > first.generation);
    assert_eq!(value(&second, "MMAUTHTOKEN"), value(&first, "MMAUTHTOKEN"));

    // A stale acknowledgement does not hide what came after it.
    core.sign_in(SignIn::new(server.url(), "alice", ALICE))
        .await
        .unwrap();
    core.webview_cookies_written(account, second.generation)
        .await
        .unwrap();
    until_due(&core, account).await;
    let third = write_all(&core, account).await;
    assert_ne!(value(&third, "MMAUTHTOKEN"), value(&second, "MMAUTHTOKEN"));

    // It is due until it is written, whatever happens to the process.
    core.sign_out(account).await.unwrap();
    until_due(&core, account).await;
    core.close().await;
    let core = open_for_web(folder.path());
    until_due(&core, account).await;
    let over = core.webview_cookies(account).await.unwrap();
    assert!(over.over);
    assert_eq!(over.lines.len(), 3);
    assert!(
        over.lines
            .iter()
            .all(|line| line.expose().contains("Max-Age=0"))
    );
    core.webview_cookies_written(account, over.generation)
        .await
        .unwrap();
    until_not_due(&core, account).await;
    core.close().await;
}

#[tokio::test]
async fn the_cookies_of_a_forgotten_account_are_still_taken_back() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = signed_in(&server, folder.path()).await;
    write_all(&core, account).await;
    core.forget(account).await.unwrap();
    until_due(&core, account).await;
    let over = core.webview_cookies(account).await.unwrap();
    assert!(over.over);
    core.webview_cookies_written(account, over.generation)
        .await
        .unwrap();
    until_not_due(&core, account).await;
    assert_eq!(
        core.webview_cookies(account).await.unwrap_err(),
        Error::NoSuchAccount
    );
    core.close().await;
}

#[tokio::test]
async fn a_401_in_a_web_view_is_looked_into_and_proves_nothing() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = signed_in(&server, folder.path()).await;
    let before = write_all(&core, account).await;
    core.webview_saw_401(account).await.unwrap();
    assert_eq!(core.snapshot(account).unwrap().standing, Standing::Active);
    until_due(&core, account).await;
    let again = write_all(&core, account).await;
    assert!(again.generation > before.generation);
    // A page that goes on complaining does not have its cookies written for ever.
    core.webview_saw_401(account).await.unwrap();
    let now = core.changes(steadfast::Revision::START).await.unwrap();
    assert_eq!(now.cookies_due, []);
    core.close().await;
}

#[tokio::test]
async fn a_revoked_session_is_found_by_its_web_view_and_its_cookies_go() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let (core, account) = signed_in(&server, folder.path()).await;
    let cookies = write_all(&core, account).await;
    // As if the sign-in were old: a young session is looked at for longer.
    server
        .control()
        .clock_advance(std::time::Duration::from_secs(60));
    server
        .control()
        .revoke_session(&value(&cookies, "MMAUTHTOKEN").unwrap());
    core.webview_saw_401(account).await.unwrap();
    let ended = until(&core, account, |one| one.standing == Standing::Ended).await;
    assert_eq!(ended.reason, Some(Reason::SessionEnded));
    until_due(&core, account).await;
    assert!(core.webview_cookies(account).await.unwrap().over);
    core.close().await;
}

#[tokio::test]
async fn a_sign_in_inside_a_web_view_is_adopted_from_the_servers_own_page_only() {
    let server = server().await;
    let folder = tempfile::tempdir().unwrap();
    let core = open_for_web(folder.path());
    let session = session_of(&server, None).await;
    let cookie = |name: &str, value: &str| WebCookie {
        name: name.to_owned(),
        value: SecretText::new(value),
        domain: None,
    };
    let cookies = vec![
        cookie("MMAUTHTOKEN", &session.token),
        cookie("MMCSRF", &session.csrf),
    ];
    for page in ["https://evil.example.com/", "about:blank", "nonsense"] {
        assert_eq!(
            core.webview_signed_in(server.url(), page, cookies.clone())
                .await,
            Err(Error::ForeignOrigin)
        );
    }
    let page = format!("{}/team/channels/town-square", server.url());
    assert_eq!(
        core.webview_signed_in(server.url(), &page, vec![cookies[1].clone()])
            .await,
        Err(Error::InvalidArgument {
            argument: "cookies"
        })
    );
    let account = core
        .webview_signed_in(server.url(), &page, cookies)
        .await
        .unwrap();
    let written = write_all(&core, account).await;
    assert_eq!(
        value(&written, "MMAUTHTOKEN").as_deref(),
        Some(session.token.as_str()),
        "web view and core share one session"
    );
    assert_eq!(
        value(&written, "MMCSRF").as_deref(),
        Some(session.csrf.as_str())
    );
    assert_eq!(server.control().sessions("alice").len(), 1);
    core.close().await;
}

#[tokio::test]
async fn a_classic_apps_jar_is_replaced_and_not_emptied() {
    let server = server().await;
    let session = session_of(&server, None).await;
    let folder = tempfile::tempdir().unwrap();
    let core = open_for_web(folder.path());
    let source = LegacySource::ClassicAndroidCookie;
    let entries = [
        entry(source, server.url(), "MMAUTHTOKEN", &session.token),
        entry(source, server.url(), "MMUSERID", &session.user_id),
        entry(source, server.url(), "MMCSRF", &session.csrf),
    ];
    let account = adopted(&import(&core, &entries).await);
    until_heard(&core, account).await;
    assert_eq!(core.legacy_erasable().await.unwrap(), []);
    let written = write_all(&core, account).await;
    assert_eq!(
        value(&written, "MMAUTHTOKEN").as_deref(),
        Some(session.token.as_str())
    );
    assert_eq!(core.legacy_erasable().await.unwrap(), []);
    core.close().await;
    // Nor by an app that no longer shows web pages: they count as dealt with.
    let core = open(folder.path());
    assert_eq!(core.legacy_erasable().await.unwrap(), []);
    core.close().await;
}

/// Hazards E15.
#[tokio::test]
async fn cookies_that_a_server_sets_are_never_sent_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = heads.clone();
    let task = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let log = log.clone();
            tokio::spawn(async move {
                loop {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else {
                            return;
                        };
                        head.push(byte);
                    }
                    log.lock()
                        .unwrap()
                        .push(String::from_utf8(head).unwrap().to_ascii_lowercase());
                    let body = r#"{"id":"useruseruseruseruseruserus","username":"alice"}"#;
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                         Set-Cookie: MMAUTHTOKEN=another; Path=/; HttpOnly\r\nSet-Cookie: MMCSRF=x; Path=/\r\n\r\n{body}",
                        body.len()
                    );
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let core = open(folder.path());
    let account = core
        .adopt_token(&url, "tokenatokenatokenatokenaaa")
        .await
        .unwrap();
    for _ in 0..2 {
        core.request(
            account,
            steadfast::Request::new(steadfast::Method::Get, "/api/v4/users/me"),
        )
        .await
        .unwrap();
    }
    core.close().await;
    task.abort();
    let heads = heads.lock().unwrap();
    assert!(heads.len() >= 3);
    for head in heads.iter() {
        assert!(!head.contains("\r\ncookie:"), "{head}");
    }
    let bearing = heads
        .iter()
        .filter(|head| head.contains("authorization: bearer tokena"));
    assert!(bearing.count() >= 3);
}
