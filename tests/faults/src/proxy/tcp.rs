//! The way to the server of [`super::Proxy::tcp`]: a second TCP connection, bytes untouched.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::link::{Link, carry};

pub(super) async fn pass(link: &Link, client: TcpStream, upstream: SocketAddr) {
    let server = async {
        let server = TcpStream::connect(upstream).await?;
        server.set_nodelay(true)?;
        Ok(server)
    };
    carry(link, client, server).await;
}
