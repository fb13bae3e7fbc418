//! A way to a server that changes while requests go out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use steadfast::server::{
    ClearText, Dialler, HttpProxy, NetworkProfile, Proxy, RequestParts, Rest, ServerAddress,
};

use crate::support::{Listener, answer, dialler};

/// A way through one proxy, with a secret that only what stands behind that proxy may see.
fn through(proxy: &Listener, secret: &str) -> Dialler {
    let profile = NetworkProfile {
        proxy: Proxy::Http(HttpProxy::new("127.0.0.1", proxy.address.port())),
        pre_auth: Some(secret.into()),
        ..NetworkProfile::default()
    };
    dialler().with_profile(&profile).unwrap()
}

/// Hazard A11.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_secret_never_goes_out_by_another_ways_connection() {
    const REQUESTS: usize = 2_000;
    let (one, two) = (
        Listener::answering(answer("200 OK", "", "")).await,
        Listener::answering(answer("200 OK", "", "")).await,
    );
    let ways = [through(&one, "secret-one"), through(&two, "secret-two")];
    let server = ServerAddress::parse("http://chat.test", ClearText::AllowedByApp).unwrap();
    let rest = Arc::new(Rest::new(server, &ways[0], "Tests/1.0").unwrap());
    let over = Arc::new(AtomicBool::new(false));
    let changing = {
        let (rest, over) = (rest.clone(), over.clone());
        std::thread::spawn(move || {
            for way in ways.iter().cycle() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                rest.use_dialler(way).unwrap();
            }
        })
    };
    for number in 0..REQUESTS {
        let request = RequestParts::get("/x");
        // A transfer goes another way through the code.
        if number % 2 == 0 {
            rest.send(request).await.unwrap();
        } else {
            let mut incoming = rest.open(request, None).await.unwrap();
            while incoming.chunk().await.unwrap().is_some() {}
        }
    }
    over.store(true, Ordering::Relaxed);
    changing.join().unwrap();
    let mut seen = 0;
    for (listener, own) in [(&one, "secret-one"), (&two, "secret-two")] {
        for request in listener.received() {
            assert!(request.head.contains(own), "{}", request.head);
            seen += 1;
        }
        assert!(!listener.received().is_empty());
    }
    assert_eq!(seen, REQUESTS);
}
