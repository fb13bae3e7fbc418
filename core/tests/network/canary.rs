//! The secrets of a profile show nowhere: in no line of any library's log, in no file, in no `Debug` output.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use steadfast::{Destination, Error, HttpProxy, NetworkProfile, Proxy};

use crate::logged;
use crate::support::{
    ConnectProxy, Gate, Rules, alice_at, config, holds, open, server, until_live,
};

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_profile_shows() {
    logged::listen();

    let (folder, server) = (tempfile::tempdir().unwrap(), server().await);
    let rules = Rules {
        pre_auth: Some("CANARYsecretOfTheGate"),
        ..Rules::default()
    };
    let gate = Gate::before(&server, rules).await;
    let credentials = ("worker", "CANARYpasswordOfTheProxy");
    let proxy = ConnectProxy::to(gate.address, Some(credentials)).await;
    let profile = |pre_auth: &str, password: &str| NetworkProfile {
        proxy: Proxy::Http(
            HttpProxy::new("127.0.0.1", proxy.address.port()).with_credentials("worker", password),
        ),
        pre_auth: Some(pre_auth.into()),
        ..NetworkProfile::default()
    };
    let right = profile("CANARYsecretOfTheGate", "CANARYpasswordOfTheProxy");
    let core = open(folder.path(), config(folder.path(), &gate));
    let mut said = Vec::new();
    for (wrong, expected) in [
        (
            profile("CANARYwrong", "CANARYpasswordOfTheProxy"),
            Error::PreAuthenticationRefused,
        ),
        (
            profile("CANARYsecretOfTheGate", "CANARYwrong"),
            Error::ProxyCredentialsNeeded,
        ),
    ] {
        let at = Destination::new(gate.url()).with_profile(wrong);
        said.push(format!("{at:?}"));
        let error = core.probe_server(at).await.unwrap_err();
        assert_eq!(error, expected);
        said.push(format!("{error} {error:?}"));
    }
    let sign_in = alice_at(&gate.url()).with_profile(right.clone());
    said.push(format!("{sign_in:?} {right:?}"));
    let id = core.sign_in(sign_in).await.unwrap();
    until_live(&core, id).await;
    core.sign_out(id).await.unwrap();
    core.close().await;
    said.push(format!("{core:?}"));

    let basic = STANDARD.encode("worker:CANARYpasswordOfTheProxy");
    let lines = logged::heard();
    assert!(lines.contains("step"), "the core itself was heard");
    said.push(lines);
    for text in &said {
        for secret in ["CANARY", basic.as_str()] {
            let found = text.lines().find(|line| line.contains(secret));
            assert_eq!(found, None);
        }
    }
    for secret in ["CANARY", basic.as_str()] {
        assert_eq!(
            holds(&folder.path().join("vault"), secret),
            Vec::<String>::new()
        );
    }
}
