//! A loopback fault proxy between the core and a server.
