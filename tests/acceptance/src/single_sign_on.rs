//! Signing in through a browser, with a user at the browser who picks a name on the identity provider's page.

use steadfast::{AccountId, SsoMethod, SsoStart};
use steadfast_testserver::{Browser, Server};

use crate::{
    device::{Device, Shown},
    world::{User, World},
};

/// A way through the browser.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// As the core calls it.
    pub method: SsoMethod,
    /// As the server calls it.
    pub service: &'static str,
}

impl Way {
    /// OpenID Connect.
    pub const OPEN_ID: Self = Self {
        method: SsoMethod::OpenId,
        service: "openid",
    };
    /// GitLab.
    pub const GIT_LAB: Self = Self {
        method: SsoMethod::GitLab,
        service: "gitlab",
    };
    /// Google.
    pub const GOOGLE: Self = Self {
        method: SsoMethod::Google,
        service: "google",
    };
    /// Office 365.
    pub const OFFICE_365: Self = Self {
        method: SsoMethod::Office365,
        service: "office365",
    };
    /// SAML.
    pub const SAML: Self = Self {
        method: SsoMethod::Saml,
        service: "saml",
    };

    /// Has a server offer all of single sign-on under the address by which a device reaches it, and the users come this
    /// way.
    pub fn offer(self, server: &Server, address: &str, users: &[&User]) {
        let control = server.control();
        control.settings(|settings| {
            settings.enable_single_sign_on(true);
            address.clone_into(&mut settings.site_url);
        });
        for user in users {
            control.auth_service(user.name, self.service);
        }
    }

    /// Has the world's server offer it to a device.
    pub fn offer_to(self, world: &World, device: &Device) {
        self.offer(&world.server, &device.server(), &[&world.alice, &world.bob]);
    }

    /// Begins, at the address by which the device reaches the world's server.
    ///
    /// # Panics
    /// If the core refuses.
    pub async fn begin(self, device: &Device) -> SsoStart {
        let begun = device.core().begin_sso(&device.server(), self.method).await;
        begun.expect("begun")
    }

    /// Signs in from the beginning to the content.
    ///
    /// # Panics
    /// If any step fails.
    pub async fn sign_in(self, world: &World, device: &Device, user: &User) -> AccountId {
        let begun = self.begin(device).await;
        let link = through_the_browser(&world.server, &begun, user).await;
        let id = device.core().finish_sso(&link).await.expect("signed in");
        device
            .until_account(id, "content after the sign-in", |snapshot| {
                Shown::of(snapshot) == Shown::Content
            })
            .await;
        id
    }
}

/// What the user does in the browser; the link by which it comes back.
///
/// # Panics
/// If it does not.
pub async fn through_the_browser(server: &Server, begun: &SsoStart, user: &User) -> String {
    let browser = Browser::new(server.ca_pem());
    let page = browser.sign_in(&begun.url, user.name).await;
    let page = page.expect("a page");
    page.app_link()
        .unwrap_or_else(|| panic!("no way back: {:?} {}", page.error(), page.html))
}
