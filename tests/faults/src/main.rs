//! The fault proxy as a process: prints one JSON line with its URL, its CA file and its control
//! URL, and serves until it is stopped or its standard input ends.

use std::{error::Error, fs, io::Write, net::SocketAddr, path::PathBuf};

use clap::Parser;
use serde_json::json;
use steadfast_faults::{Proxy, Remote};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

/// A loopback fault proxy in front of a server.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Pass bytes to this address; TLS stays end to end.
    #[arg(long, value_name = "ADDRESS:PORT", required_unless_present = "http")]
    tcp: Option<SocketAddr>,
    /// End HTTP here and speak to the server at this URL.
    #[arg(long, value_name = "URL", conflicts_with = "tcp")]
    http: Option<String>,
    /// With --http: speak TLS to clients, from an authority of its own.
    #[arg(long, requires = "http")]
    tls: bool,
    /// With --http: speak TLS to clients, from this authority (PEM).
    #[arg(long, value_name = "FILE", requires_all = ["http", "ca_key"], conflicts_with = "tls")]
    ca: Option<PathBuf>,
    /// The PKCS#8 key of --ca (PEM).
    #[arg(long, value_name = "FILE", requires = "ca")]
    ca_key: Option<PathBuf>,
    /// With --http: trust this authority (PEM) upstream instead of the public ones.
    #[arg(long, value_name = "FILE", requires = "http")]
    upstream_ca: Option<PathBuf>,
    /// Listen on this port; 0 lets the system choose.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Stop when standard input ends, so that the proxy never outlives who started it.
    #[arg(long)]
    until_stdin_ends: bool,
}

impl Arguments {
    async fn start(&self) -> Result<(Proxy, &'static str), Box<dyn Error>> {
        if let Some(upstream) = self.tcp {
            let proxy = Proxy::tcp(upstream).port(self.port).start().await?;
            return Ok((proxy, "https"));
        }
        let upstream = self.http.as_deref().unwrap_or_default();
        let mut builder = Proxy::http(upstream).port(self.port);
        if let Some(file) = &self.upstream_ca {
            builder = builder.upstream_ca(fs::read_to_string(file)?);
        }
        let mut scheme = "http";
        if self.tls {
            builder = builder.tls();
            scheme = "https";
        }
        if let (Some(certificate), Some(key)) = (&self.ca, &self.ca_key) {
            builder = builder.tls_from(fs::read_to_string(certificate)?, fs::read_to_string(key)?);
            scheme = "https";
        }
        Ok((builder.start().await?, scheme))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let (proxy, scheme) = arguments.start().await?;
    let remote = Remote::start(proxy.control()).await?;
    let folder = tempfile::tempdir()?;
    let authority = match proxy.ca_pem() {
        Some(pem) => {
            let file = folder.path().join("ca.pem");
            fs::write(&file, pem)?;
            Some(file)
        }
        None => None,
    };
    let line = json!({
        "url": proxy.url(scheme),
        "ca_file": authority,
        "control_url": remote.url(),
    });
    let mut output = std::io::stdout();
    writeln!(output, "{line}")?;
    output.flush()?;
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        stopped = tokio::signal::ctrl_c() => stopped?,
        _ = terminated.recv() => {}
        () = standard_input_ends(), if arguments.until_stdin_ends => {}
    }
    proxy.stop().await;
    Ok(())
}

async fn standard_input_ends() {
    let (end, ended) = oneshot::channel::<()>();
    // A thread of its own: a read of the runtime's would hold up its shutdown.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(end);
    });
    let _ = ended.await;
}
