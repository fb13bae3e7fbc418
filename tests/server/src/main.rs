//! A server in a process of its own. Prints one JSON line with its URL, the
//! file of its certificate authority and the URL of its switches, then serves
//! until it is stopped or, where that is asked for, its standard input ends.

use clap::Parser;
use std::io::Write;
use steadfast_testserver::{Role, Server};

/// An embedded server that answers as Mattermost does, on its own port.
#[derive(Parser)]
struct Arguments {
    /// Port on 127.0.0.1; 0 takes any free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Port of the control interface; 0 takes any free one.
    #[arg(long, default_value_t = 0)]
    control_port: u16,
    /// Serve HTTPS with a certificate authority of its own.
    #[arg(long)]
    tls: bool,
    /// An account, `name:password` or `name:password:admin` (or `:tokens` for
    /// one that may create access tokens). May be repeated. Without any:
    /// sysadmin, alice and bob with the documented passwords.
    #[arg(long = "user", value_parser = parse_user)]
    users: Vec<Account>,
    /// Stop when standard input ends, so that the server never outlives who started it.
    #[arg(long)]
    until_stdin_ends: bool,
}

#[derive(Clone)]
struct Account {
    name: String,
    password: String,
    role: Role,
}

fn parse_user(text: &str) -> Result<Account, String> {
    let (name, rest) = text
        .split_once(':')
        .ok_or("an account is name:password or name:password:admin")?;
    let (password, role) = match rest.rsplit_once(':') {
        Some((password, "admin")) => (password, Role::Admin),
        Some((password, "tokens")) => (password, Role::UserWithAccessTokens),
        Some((password, "user")) => (password, Role::User),
        _ => (rest, Role::User),
    };
    if name.is_empty() || password.is_empty() {
        return Err("neither name nor password may be empty".into());
    }
    Ok(Account {
        name: name.to_owned(),
        password: password.to_owned(),
        role,
    })
}

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve(arguments))
}

async fn serve(arguments: Arguments) -> std::io::Result<()> {
    let mut builder = Server::builder()
        .tls(arguments.tls)
        .port(arguments.port)
        .control_port(arguments.control_port);
    if arguments.users.is_empty() {
        builder = builder
            .user("sysadmin", "Sys@dmin-pass1", Role::Admin)
            .user("alice", "Passw0rd!alice", Role::User)
            .user("bob", "Passw0rd!bob", Role::User);
    }
    for account in &arguments.users {
        builder = builder.user(&account.name, &account.password, account.role);
    }
    let server = builder.start().await?;
    let line = serde_json::json!({
        "url": server.url(),
        "ca_file": server.ca_file(),
        "control_url": server.control_url(),
    });
    let mut output = std::io::stdout();
    writeln!(output, "{line}")?;
    output.flush()?;
    tokio::select! {
        stopped = stopped() => stopped?,
        () = standard_input_ends(), if arguments.until_stdin_ends => {}
    }
    server.stop().await;
    Ok(())
}

async fn standard_input_ends() {
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    // A thread of its own: a read of the runtime's would hold up its shutdown.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(end);
    });
    let _ = ended.await;
}

/// Waits for an interrupt or a request to terminate.
#[cfg(unix)]
async fn stopped() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn stopped() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
