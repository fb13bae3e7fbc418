//! The server that the cases are played against: the embedded one, or any other. Of the other, only what its public API
//! offers is used; of the embedded one too, so that there is one story.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use steadfast_faults::Proxy;
use steadfast_lab::device::message::Password;
use steadfast_testserver::Role;
use url::Url;

use crate::arguments::Arguments;

/// A user and the password.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) password: Password,
}

impl Person {
    fn new(name: &str, password: &str) -> Self {
        Self {
            name: name.to_owned(),
            password: Password(password.to_owned()),
        }
    }
}

/// The server and those who use it.
pub(crate) struct Server {
    embedded: Option<steadfast_testserver::Server>,
    url: String,
    authorities: Option<String>,
    pub(crate) user: Person,
    pub(crate) admin: Person,
    /// Somebody else, whom a foreign server need not have.
    pub(crate) bystander: Option<Person>,
}

const ADMIN: (&str, &str) = ("sysadmin", "Sys@dmin-pass1");
const USER: (&str, &str) = ("alice", "Passw0rd!alice");
const BYSTANDER: (&str, &str) = ("bob", "Passw0rd!bob");

impl Server {
    /// Starts the embedded server, or takes the one that was named.
    pub(crate) async fn start(arguments: &Arguments) -> Result<Self> {
        let Some(url) = &arguments.server else {
            let server = steadfast_testserver::Server::builder()
                .tls(true)
                .user(ADMIN.0, ADMIN.1, Role::Admin)
                .user(USER.0, USER.1, Role::User)
                .user(BYSTANDER.0, BYSTANDER.1, Role::User)
                .start()
                .await
                .context("the embedded server")?;
            return Ok(Self {
                url: server.url().to_owned(),
                authorities: server.ca_pem().map(ToOwned::to_owned),
                embedded: Some(server),
                user: Person::new(USER.0, USER.1),
                admin: Person::new(ADMIN.0, ADMIN.1),
                bystander: Some(Person::new(BYSTANDER.0, BYSTANDER.1)),
            });
        };
        let authorities = match &arguments.ca {
            Some(file) => Some(
                std::fs::read_to_string(file)
                    .with_context(|| format!("reading {}", file.display()))?,
            ),
            None => None,
        };
        Ok(Self {
            embedded: None,
            url: url.trim_end_matches('/').to_owned(),
            authorities,
            user: named(arguments.user.as_deref(), "STEADFAST_USER_PASSWORD")?,
            admin: named(arguments.admin.as_deref(), "STEADFAST_ADMIN_PASSWORD")?,
            bystander: None,
        })
    }

    /// What the report calls it.
    pub(crate) fn name(&self) -> String {
        if self.embedded.is_some() {
            format!("the embedded server at {}", self.url)
        } else {
            self.url.clone()
        }
    }

    /// Its address without any proxy.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The authorities that vouch for it, if not the public ones.
    pub(crate) fn authorities(&self) -> Option<&str> {
        self.authorities.as_deref()
    }

    /// A network of its own for one device: the proxy, the address behind it, and the authorities to trust there.
    ///
    /// The embedded server's certificate is good for any loopback port, so TLS stays end to end; elsewhere the proxy has
    /// to end it.
    pub(crate) async fn network(&self) -> Result<(Proxy, String, Option<String>)> {
        if self.embedded.is_some() {
            let port = Url::parse(&self.url)?
                .port()
                .context("the embedded server's port")?;
            let proxy = Proxy::tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
                .start()
                .await?;
            let url = proxy.url("https");
            return Ok((proxy, url, self.authorities.clone()));
        }
        let mut builder = Proxy::http(&self.url).tls();
        if let Some(authorities) = &self.authorities {
            builder = builder.upstream_ca(authorities);
        }
        let proxy = builder.start().await?;
        let url = proxy.url("https");
        let authorities = proxy.ca_pem().map(ToOwned::to_owned);
        Ok((proxy, url, authorities))
    }

    /// Stops the embedded server.
    pub(crate) async fn stop(self) {
        if let Some(server) = self.embedded {
            server.stop().await;
        }
    }
}

fn named(name: Option<&str>, variable: &str) -> Result<Person> {
    let name = name.context("both --admin and --user are needed")?;
    let password = std::env::var(variable)
        .with_context(|| format!("the password of {name} is expected in {variable}"))?;
    Ok(Person::new(name, &password))
}
