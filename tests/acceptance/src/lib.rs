//! Acceptance cases over real sockets and real vaults.
