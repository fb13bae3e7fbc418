//! Answers that come up again and again: what captive portals say, and a body that unpacks to a gigabyte.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::faults::Answer;

/// What a captive portal does with a request that is not for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Portal {
    /// Its page, in the place of what was asked for, as if all were well.
    Page,
    /// Its page, and it calls that JSON.
    PageAsJson,
    /// A redirect to its page on another host.
    Redirect,
    /// The status that was made for this (RFC 6585, section 6).
    NetworkAuthenticationRequired,
    /// Its page with 401.
    Unauthorized,
    /// Nothing at all, with status 204, as some answer every probe.
    Empty,
    /// Its page, so late that the user has given up.
    Slow,
}

impl Portal {
    /// Each of them.
    pub const ALL: [Self; 7] = [
        Self::Page,
        Self::PageAsJson,
        Self::Redirect,
        Self::NetworkAuthenticationRequired,
        Self::Unauthorized,
        Self::Empty,
        Self::Slow,
    ];
}

const PAGE: &str = "<!doctype html><html><head><title>Welcome to our Wi-Fi</title>\
    <meta http-equiv=\"refresh\" content=\"0; url=https://portal.invalid/login\"></head>\
    <body><form action=\"https://portal.invalid/login\"><button>I accept the terms</button></form></body></html>";

/// Longer than any request of the core may take.
const SLOW: Duration = Duration::from_secs(120);

/// 2³⁰: what [`Answer::gzip_bomb`] unpacks to.
const UNPACKED: u64 = 1 << 30;

impl Answer {
    /// What such a portal answers, to every request until cleared.
    pub fn portal(portal: Portal) -> Self {
        match portal {
            Portal::Page => Self::new(200).html(PAGE),
            Portal::PageAsJson => Self::new(200).body("application/json", PAGE),
            Portal::Redirect => Self::new(302)
                .html(PAGE)
                .header("location", "https://portal.invalid/login"),
            Portal::NetworkAuthenticationRequired => Self::new(511).html(PAGE),
            Portal::Unauthorized => Self::new(401).html(PAGE),
            Portal::Empty => Self::new(204),
            Portal::Slow => Self::new(200).html(PAGE).after(SLOW),
        }
    }

    /// A JSON body of 1,040,480 bytes with `Content-Encoding: gzip`, which unpacks to 2³⁰ zeros.
    ///
    /// One block of DEFLATE (RFC 1951) whose own codes give a bit each to "258 bytes" and "one back": apart from its code
    /// tables and its last three bytes it is a megabyte of zero bits.
    pub fn gzip_bomb(status: u16) -> Self {
        const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        const TABLES: [u8; 13] = [
            0xed, 0xc0, 0x81, 0, 0, 0, 0, 0x80, 0xa0, 0xfd, 0xa9, 0x17, 0xa9,
        ];
        const REPEATS: usize = 1_040_447;
        const TAIL: [u8; 2] = [0xa0, 0x1a];
        /// Of the zeros.
        const CRC: u32 = 0x5b64_c2b0;
        let mut body = Vec::with_capacity(REPEATS + 64);
        body.extend(HEAD);
        body.extend(TABLES);
        body.resize(body.len() + REPEATS, 0);
        body.extend(TAIL);
        body.extend(CRC.to_le_bytes());
        body.extend(&UNPACKED.to_le_bytes()[..4]);
        Self::new(status)
            .body("application/json", Bytes::from(body))
            .header("content-encoding", "gzip")
    }
}
