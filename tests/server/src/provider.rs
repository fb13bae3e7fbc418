//! The identity provider that every server here has beside it, for all kinds
//! of single sign-on alike: a page on which one picks a user, or says no. It
//! vouches for whom one picks; nobody has to prove anything.
//!
//! Its paths begin with `/provider/`. It answers OAuth with a code and SAML
//! with a page that posts an assertion, each good for one use. A SAML response
//! is not signed XML here, but holds what the server looks for in one.

use crate::api::sso::pages::{escaped, page};
use crate::api::{Answer, Call};
use crate::state::single_use::CODE;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Status of a SAML response of somebody who said no.
const DENIED: &str = "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed";
const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";

/// `GET /provider/{service}/authorize`: the form. It carries on what it was
/// called with.
pub(crate) fn authorize(call: &Call) -> Answer {
    let service = &call.parameters[0];
    let carried: String = ["redirect_uri", "state", "RelayState"]
        .iter()
        .map(|name| hidden(name, call.query(name)))
        .collect();
    let world = call.shared.world();
    let users: String = world
        .users
        .iter()
        .filter(|user| !user.is_bot)
        .map(|user| {
            let name = escaped(&user.username);
            format!("<button name=\"user\" value=\"{name}\">{name}</button> ")
        })
        .collect();
    let form = format!(
        "<form method=\"post\" action=\"/provider/{}/choose\">{carried}<p>{users}</p>\
         <p><button name=\"deny\" value=\"true\">Deny</button></p></form>",
        escaped(service)
    );
    page("Who are you?", "", &form)
}

/// `POST /provider/{service}/choose`: sends the browser back to the server.
pub(crate) fn choose(call: &mut Call) -> Answer {
    let denied = call.form("deny") == "true";
    let code = {
        let now = call.shared.now();
        let mut world = call.shared.world();
        let user = call.form("user");
        world.sso.vouched_for.hand_out(user, now, CODE)
    };
    if call.parameters[0] == "saml" {
        return answer_saml(call, (!denied).then_some(code.as_str()));
    }
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if denied {
        query.append_pair("error", "access_denied");
    } else {
        query.append_pair("code", &code);
    }
    query.append_pair("state", &call.form("state"));
    let target = format!("{}?{}", call.form("redirect_uri"), query.finish());
    call.redirect(&target)
}

/// A page that posts the response to the server by itself.
fn answer_saml(call: &Call, assertion: Option<&str>) -> Answer {
    let status = if assertion.is_some() { SUCCESS } else { DENIED };
    let assertion = assertion.unwrap_or_default();
    let response = format!(
        "<samlp:Response><samlp:StatusCode Value=\"{status}\"/>\
         <saml:Assertion ID=\"{assertion}\"/></samlp:Response>"
    );
    let fields = hidden("SAMLResponse", &STANDARD.encode(response))
        + &hidden("RelayState", &call.form("RelayState"));
    let form = format!(
        "<form id=\"onward\" method=\"post\" action=\"/login/sso/saml\">{fields}\
         <button>Continue</button></form>\
         <script>document.getElementById(\"onward\").submit();</script>"
    );
    page("Signing in", "", &form)
}

/// The assertion of a SAML response of somebody who did not say no.
pub(crate) fn assertion(response: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(response).ok()?).ok()?;
    if !text.contains(SUCCESS) {
        return None;
    }
    let (_, rest) = text.split_once("<saml:Assertion ID=\"")?;
    let (assertion, _) = rest.split_once('"')?;
    Some(assertion.to_owned())
}

fn hidden(name: &str, value: &str) -> String {
    let value = escaped(value);
    format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">")
}
