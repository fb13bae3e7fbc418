//! The port: a listener that can be closed and opened again at once and on the same port. A second
//! socket, bound but never listening, keeps the port ours meanwhile; the kernel then refuses
//! connects itself.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::Handle,
};

const BACKLOG: u32 = 1024;

#[derive(Debug)]
pub(crate) struct Door {
    addr: SocketAddr,
    runtime: Handle,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    listener: Option<TcpListener>,
    /// `None` once locked up for good.
    keeper: Option<TcpSocket>,
    waiting: Option<Waker>,
}

impl Door {
    /// Opens a loopback port; 0 lets the system choose.
    pub(crate) fn new(port: u16) -> io::Result<Self> {
        let keeper = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let addr = keeper.local_addr()?;
        let listener = bind(addr)?.listen(BACKLOG)?;
        Ok(Self {
            addr,
            runtime: Handle::current(),
            inner: Mutex::new(Inner {
                listener: Some(listener),
                keeper: Some(keeper),
                waiting: None,
            }),
        })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn close(&self) {
        self.inner().listener = None;
    }

    /// Opens the port again, unless it is open or locked up.
    pub(crate) fn open(&self) {
        let mut inner = self.inner();
        if inner.listener.is_some() || inner.keeper.is_none() {
            return;
        }
        let _runtime = self.runtime.enter();
        let listener = bind(self.addr).and_then(|socket| socket.listen(BACKLOG));
        inner.listener = Some(listener.expect("the keeper holds this port for us"));
        if let Some(waiting) = inner.waiting.take() {
            waiting.wake();
        }
    }

    /// Closes the port for good.
    pub(crate) fn lock_up(&self) {
        let mut inner = self.inner();
        inner.listener = None;
        inner.keeper = None;
    }

    /// Accepts; `admit` runs before the door can be closed, so that whoever closes it and then
    /// looks at the connections misses none.
    pub(crate) fn poll_accept<T>(
        &self,
        context: &mut Context<'_>,
        admit: impl Fn() -> T,
    ) -> Poll<io::Result<(TcpStream, T)>> {
        let mut inner = self.inner();
        if let Some(listener) = &inner.listener
            && let Poll::Ready(accepted) = listener.poll_accept(context)
        {
            return Poll::Ready(accepted.map(|(stream, _)| (stream, admit())));
        }
        inner.waiting = Some(context.waker().clone());
        Poll::Pending
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bind(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(addr)?;
    Ok(socket)
}
