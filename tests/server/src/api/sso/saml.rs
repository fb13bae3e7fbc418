//! SAML. What the browser is to come back with travels in `RelayState`, so
//! the server remembers nothing of a sign-in that began.

use super::{Failure, Shown, binding, check_scheme, let_in};
use crate::api::answer::Answer;
use crate::api::call::Call;
use crate::provider;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const NOT_CONFIGURED: &str =
    "/error?message=SAML+2.0+is+not+configured+or+supported+on+this+server.&s=none";

/// `GET /login/sso/saml`: on to the identity provider.
pub(super) fn begin(call: &mut Call) -> Shown {
    if !call.shared.world().settings.enable_saml {
        return Ok(call.redirect_as_json(NOT_CONFIGURED));
    }
    let redirect_to = call.query("redirect_to").to_owned();
    check_scheme(call, &redirect_to)?;
    let relayed = json!({
        "action": call.query("action"),
        "redirect_to": redirect_to,
        "state": call.query("state"),
        "code_challenge": call.query("code_challenge"),
        "code_challenge_method": call.query("code_challenge_method"),
    });
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("SAMLRequest", &STANDARD.encode("<samlp:AuthnRequest/>"))
        .append_pair("RelayState", &STANDARD.encode(relayed.to_string()))
        .finish();
    Ok(call.redirect(&format!("/provider/saml/authorize?{query}")))
}

/// `POST /login/sso/saml`: where the identity provider sends the browser back to.
pub(super) async fn complete(call: &mut Call) -> Shown {
    if !call.shared.world().settings.enable_saml {
        return Ok(call.redirect_as_json(NOT_CONFIGURED));
    }
    let relayed: Value = STANDARD
        .decode(call.form("RelayState"))
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default();
    let read = |name: &str| relayed[name].as_str().unwrap_or_default().to_owned();
    let redirect_to = read("redirect_to");
    // Whoever made the state: the scheme is looked at again.
    check_scheme(call, &redirect_to)?;
    let Some(assertion) = provider::assertion(&call.form("SAMLResponse")) else {
        return Err(Failure::new(
            &redirect_to,
            "ent.saml.do_login.invalid_signature.app_error",
            "The identity provider did not authorize the sign-in.",
        ));
    };
    let_in(call, &assertion, "saml", &redirect_to, binding(read)).await
}

impl Call {
    /// As the API's own redirects: with the type of its answers.
    fn redirect_as_json(&mut self, target: &str) -> Answer {
        self.answer_headers.add("Location", target);
        Answer::empty(302)
    }
}
