//! The handle through which faults are switched and counts are read, at any time and from any
//! thread. Every method is in force when it returns.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;

use crate::{
    faults::{
        Answer, AnswerScript, Arrivals, Cache, HttpScript, Limit, Match, Presented, Side, Speaks,
        Trickle, Wire,
    },
    presets::Portal,
    proxy::Fate,
    state::{Report, SeenRequest, Shared},
};

/// Scripts one proxy. Clones are cheap and control the same proxy; they may outlive it, and then
/// do nothing.
#[derive(Clone, Debug)]
pub struct Control {
    shared: Arc<Shared>,
}

impl Control {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Delays bytes by `each_way` plus up to `jitter` more, in each direction, in order. The
    /// kernel finishes the TCP handshake at once, so a new connection's first bytes are held back
    /// for the round trip that the handshake would have cost.
    pub fn latency(&self, each_way: Duration, jitter: Duration) -> &Self {
        self.shared.change_wire(|wire| {
            wire.latency = each_way;
            wire.jitter = jitter;
        });
        self
    }

    /// Accepts, but says nothing: neither old nor new connections pass a byte or an end in either
    /// direction. What came in the meantime is passed on when the proxy thaws.
    pub fn freeze(&self, on: bool) -> &Self {
        self.shared.change_wire(|wire| wire.frozen = on);
        self
    }

    /// Closes the port, so that a connect fails at once, or opens the same port again.
    /// Connections that exist stay.
    pub fn refuse(&self, on: bool) -> &Self {
        if on {
            self.shared.door.close();
        } else {
            self.shared.door.open();
        }
        self
    }

    /// Cuts every existing connection silently and for good: bytes vanish in both directions and
    /// neither end hears a FIN or RST, whatever the other does. New connections are not touched.
    pub fn half_open(&self) -> &Self {
        self.shared.doom(Fate::Vanished);
        self
    }

    /// Ends every existing connection with RST.
    pub fn reset(&self) -> &Self {
        self.shared.doom(Fate::Reset);
        self
    }

    /// Accepts new connections and ends each at once with RST.
    pub fn reset_new(&self, on: bool) -> &Self {
        self.shared.change_arrivals(|arrivals| arrivals.reset = on);
        self
    }

    /// Loses the next `connections` connections, as a radio that wakes loses the first packets: each is accepted, and then
    /// is as those of [`half_open`](Self::half_open).
    pub fn lose_new(&self, connections: u64) -> &Self {
        self.shared
            .change_arrivals(|arrivals| arrivals.lost = connections);
        self
    }

    /// Holds the first bytes of the next `connections` connections back for so long, in either direction; after those that
    /// are to be [lost](Self::lose_new).
    pub fn delay_new(&self, connections: u64, by: Duration) -> &Self {
        self.shared.change_arrivals(|arrivals| {
            arrivals.late = connections;
            arrivals.late_by = by;
        });
        self
    }

    /// Leads new connections of [`crate::Proxy::tcp`] to another server, as when its name leads elsewhere; `None` leads them
    /// to its own again. Connections that exist stay, and one that ends HTTP itself keeps its server.
    pub fn lead_to(&self, server: impl Into<Option<SocketAddr>>) -> &Self {
        self.shared.set_leads_to(server.into());
        self
    }

    /// Closes a connection with FIN once exactly so many bytes from `side` have been passed on:
    /// counted from its first for a new connection, from now for an existing one. `None` lifts
    /// it. Bytes are those on the client's wire, TLS included.
    pub fn close_after(&self, side: Side, bytes: impl Into<Option<u64>>) -> &Self {
        let limit = bytes.into().map(|bytes| Limit {
            bytes,
            generation: self.shared.next_limit_generation(),
        });
        self.shared.change_wire(|wire| match side {
            Side::Client => wire.from_client = limit,
            Side::Server => wire.from_server = limit,
        });
        self
    }

    /// Lets at most `bytes` bytes from `side` arrive, then nothing until `every` has passed, and so on: a slow loris with 1
    /// byte, a narrow line with many. Each connection is limited by itself. `None` lifts it. Bytes are those on the client's
    /// wire, TLS included.
    ///
    /// # Panics
    /// If no byte is to arrive; that is [`freeze`](Self::freeze).
    pub fn trickle(&self, side: Side, pace: impl Into<Option<(u64, Duration)>>) -> &Self {
        let trickle = pace.into().map(|(bytes, every)| Trickle { bytes, every });
        assert!(
            trickle.is_none_or(|trickle| trickle.bytes > 0),
            "at least a byte"
        );
        self.shared.change_wire(|wire| match side {
            Side::Client => wire.trickle_from_client = trickle,
            Side::Server => wire.trickle_from_server = trickle,
        });
        self
    }

    /// Limits what arrives from `side` on each connection to so many bytes per second, evenly. `None` lifts it.
    ///
    /// # Panics
    /// If it is fewer than 50 bytes per second; that is [`trickle`](Self::trickle).
    pub fn bandwidth(&self, side: Side, bytes_per_second: impl Into<Option<u64>>) -> &Self {
        const SLICES: u64 = 50;
        let pace = bytes_per_second.into().map(|bytes| {
            let slice = Duration::from_millis(1_000 / SLICES);
            (bytes / SLICES, slice)
        });
        self.trickle(side, pace)
    }

    /// Keeps the server's first answer to matching requests, and gives it to all later ones, with the `Age` it has by then
    /// and the headers it had. The server does not hear of those.
    pub fn replay(&self, matching: Match) -> &Self {
        let cache = Cache {
            matching,
            kept: None,
        };
        self.shared.http(|script| script.caches.push(cache));
        self
    }

    /// Overwrites `X-Request-Id` in the server's answers with an id of the proxy's own; bodies keep theirs.
    pub fn rewrite_request_ids(&self, on: bool) -> &Self {
        self.shared.http(|script| script.rewrites_ids = on);
        self
    }

    /// Puts this in the place of the body of every answer of the server with this status, as a proxy with its own error
    /// pages does; other headers stay. `None` lifts it.
    ///
    /// # Panics
    /// If `status` is none, or the content type cannot be a header.
    pub fn replace_bodies<'a>(
        &self,
        status: u16,
        body: impl Into<Option<(&'a str, &'a str)>>,
    ) -> &Self {
        let status = StatusCode::from_u16(status).expect("a status");
        let body = body.into().map(|(content_type, body)| {
            let content_type = HeaderValue::try_from(content_type).expect("a header value");
            (content_type, Bytes::copy_from_slice(body.as_bytes()))
        });
        self.shared.http(|script| match body {
            Some(body) => script.replaced_bodies.insert(status, body),
            None => script.replaced_bodies.remove(&status),
        });
        self
    }

    /// Lets upgrades to WebSocket through, and then swallows all that the server says on them. Sockets that exist already
    /// are not touched.
    pub fn mute_upgraded(&self, on: bool) -> &Self {
        self.shared.http(|script| script.mutes_upgraded = on);
        self
    }

    /// Answers in the server's place, which does not hear of the request. Where several answers
    /// match, the one added first is used until it is spent.
    pub fn answer(&self, answer: Answer) -> &Self {
        if !answer.is_spent() {
            self.shared.http(|script| script.answers.push(answer));
        }
        self
    }

    /// Takes back every answer of [`answer`](Self::answer).
    pub fn clear_answers(&self) -> &Self {
        self.shared.http(|script| script.answers.clear());
        self
    }

    /// Takes these headers out of every response of the server, in place of an earlier list. The
    /// proxy's own answers keep theirs.
    ///
    /// # Panics
    /// If a name cannot be a header.
    pub fn strip<'a>(&self, headers: impl IntoIterator<Item = &'a str>) -> &Self {
        let stripped = headers
            .into_iter()
            .map(|name| HeaderName::try_from(name).expect("a header name"))
            .collect();
        self.shared.http(|script| script.stripped = stripped);
        self
    }

    /// Puts these headers into every response, the proxy's own and upgrades included, in place of headers of the same name
    /// and of an earlier list.
    ///
    /// # Panics
    /// If a name or value cannot be a header.
    pub fn add_headers<'a>(&self, headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> &Self {
        let added = headers
            .into_iter()
            .map(|(name, value)| {
                let name = HeaderName::try_from(name).expect("a header name");
                (name, HeaderValue::try_from(value).expect("a header value"))
            })
            .collect();
        self.shared.http(|script| script.added = added);
        self
    }

    /// Answers each upgrade to WebSocket so in the server's place, whatever else is scripted;
    /// `None` lets them through. For whom and how often the answer is meant is not looked at.
    pub fn refuse_upgrades(&self, refusal: impl Into<Option<Answer>>) -> &Self {
        let refusal = refusal.into();
        self.shared.http(|script| script.refused_upgrades = refusal);
        self
    }

    /// Shows this certificate to new connections.
    pub fn present(&self, certificate: Presented) -> &Self {
        self.shared.http(|script| script.presented = certificate);
        self
    }

    /// Speaks this with new connections, if it ends TLS. Those that exist are not touched.
    pub fn speak(&self, language: Speaks) -> &Self {
        self.shared.http(|script| script.speaks = language);
        self
    }

    /// Airplane mode: existing connections vanish silently, new ones are refused.
    pub fn cut(&self) -> &Self {
        self.refuse(true).half_open()
    }

    /// The end of airplane mode: new connections are accepted; the old ones stay dead.
    pub fn restore(&self) -> &Self {
        self.refuse(false)
    }

    /// Lifts every fault and opens the port. What has vanished stays so; counts stay.
    pub fn clear(&self) -> &Self {
        self.shared.change_wire(|wire| *wire = Wire::default());
        self.shared.http(|script| *script = HttpScript::default());
        self.shared
            .change_arrivals(|arrivals| *arrivals = Arrivals::default());
        self.lead_to(None).refuse(false)
    }

    /// Does what a command of the control port says.
    ///
    /// # Errors
    /// What is wrong with the command, in words.
    pub fn run(&self, command: Command) -> Result<(), String> {
        match command {
            Command::Latency {
                each_way_ms,
                jitter_ms,
            } => self.latency(
                Duration::from_millis(each_way_ms),
                Duration::from_millis(jitter_ms),
            ),
            Command::Freeze { on } => self.freeze(on),
            Command::Refuse { on } => self.refuse(on),
            Command::HalfOpen => self.half_open(),
            Command::Reset => self.reset(),
            Command::ResetNew { on } => self.reset_new(on),
            Command::LeadTo { server } => self.lead_to(server),
            Command::CloseAfter { from, bytes } => self.close_after(from, bytes),
            Command::Answer(script) => self.answer(Answer::try_from(*script)?),
            Command::ClearAnswers => self.clear_answers(),
            Command::Strip { headers } => {
                if let Some(bad) = headers
                    .iter()
                    .find(|name| HeaderName::try_from(name.as_str()).is_err())
                {
                    return Err(format!("{bad} is no header name"));
                }
                self.strip(headers.iter().map(String::as_str))
            }
            Command::AddHeaders { headers } => {
                if let Some((bad, _)) = headers.iter().find(|(name, value)| {
                    HeaderName::try_from(name.as_str()).is_err()
                        || HeaderValue::try_from(value.as_str()).is_err()
                }) {
                    return Err(format!(
                        "{bad} is no header name, or its value cannot be one"
                    ));
                }
                self.add_headers(
                    headers
                        .iter()
                        .map(|(name, value)| (name.as_str(), value.as_str())),
                )
            }
            Command::Trickle { from, pace } => {
                if pace.is_some_and(|pace| pace.bytes == 0) {
                    return Err("at least a byte".into());
                }
                let pace = pace.map(|pace| (pace.bytes, Duration::from_millis(pace.every_ms)));
                self.trickle(from, pace)
            }
            Command::Replay { path_prefix } => self.replay(Match::prefix(path_prefix)),
            Command::RewriteRequestIds { on } => self.rewrite_request_ids(on),
            Command::ReplaceBodies { status, html } => {
                StatusCode::from_u16(status).map_err(|_| format!("{status} is no status"))?;
                let body = html
                    .as_deref()
                    .map(|html| ("text/html; charset=utf-8", html));
                self.replace_bodies(status, body)
            }
            Command::MuteUpgraded { on } => self.mute_upgraded(on),
            Command::Portal { kind } => self.answer(Answer::portal(kind)),
            Command::GzipBomb => self.answer(Answer::gzip_bomb(200)),
            Command::RefuseUpgrades { answer } => {
                let refusal = answer.map(|script| Answer::try_from(*script)).transpose()?;
                self.refuse_upgrades(refusal)
            }
            Command::Present { certificate } => self.present(certificate),
            Command::Speak { language } => self.speak(language),
            Command::LoseNew { connections } => self.lose_new(connections),
            Command::DelayNew { connections, by_ms } => {
                self.delay_new(connections, Duration::from_millis(by_ms))
            }
            Command::Cut => self.cut(),
            Command::Restore => self.restore(),
            Command::Clear => self.clear(),
        };
        Ok(())
    }

    /// Everything counted so far.
    pub fn report(&self) -> Report {
        self.shared.report()
    }

    /// Connections accepted in all.
    pub fn accepted(&self) -> u64 {
        self.report().accepted
    }

    /// Connections open now, as [`Report::open`] counts them.
    pub fn open(&self) -> u64 {
        self.report().open
    }

    /// Requests seen, oldest first.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.report().requests
    }

    /// Waits until `count` connections have been accepted in all.
    pub async fn wait_for_connection(&self, count: u64) {
        self.shared
            .wait(|counts| (counts.accepted >= count).then_some(()))
            .await;
    }

    /// Waits until exactly `count` connections are open.
    pub async fn wait_for_open(&self, count: u64) {
        self.shared
            .wait(|counts| (counts.open == count).then_some(()))
            .await;
    }

    /// Waits for a request for which `predicate` says yes; one already seen counts. To wait for a
    /// new one, compare [`SeenRequest::number`].
    pub async fn wait_for_request(
        &self,
        mut predicate: impl FnMut(&SeenRequest) -> bool,
    ) -> SeenRequest {
        let mut looked_at = 0;
        self.shared
            .wait(|counts| {
                let found = counts.requests[looked_at..]
                    .iter()
                    .find(|request| predicate(request))
                    .cloned();
                looked_at = counts.requests.len();
                found
            })
            .await
    }
}

/// So many bytes in each span.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// From 1.
    pub bytes: u64,
    /// Milliseconds.
    pub every_ms: u64,
}

/// A method of [`Control`] as JSON, such as `{"do":"freeze","on":true}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// [`Control::latency`].
    Latency {
        /// Milliseconds in each direction.
        each_way_ms: u64,
        /// Up to so many milliseconds more.
        #[serde(default)]
        jitter_ms: u64,
    },
    /// [`Control::freeze`].
    Freeze {
        /// On or off.
        on: bool,
    },
    /// [`Control::refuse`].
    Refuse {
        /// On or off.
        on: bool,
    },
    /// [`Control::half_open`].
    HalfOpen,
    /// [`Control::reset`].
    Reset,
    /// [`Control::reset_new`].
    ResetNew {
        /// On or off.
        on: bool,
    },
    /// [`Control::lead_to`].
    LeadTo {
        /// Address and port; null leads to the proxy's own server again.
        server: Option<SocketAddr>,
    },
    /// [`Control::close_after`].
    CloseAfter {
        /// Whose bytes are counted.
        from: Side,
        /// How many; null lifts it.
        bytes: Option<u64>,
    },
    /// [`Control::answer`].
    Answer(Box<AnswerScript>),
    /// [`Control::clear_answers`].
    ClearAnswers,
    /// [`Control::strip`].
    Strip {
        /// Names of response headers.
        headers: Vec<String>,
    },
    /// [`Control::add_headers`].
    AddHeaders {
        /// Names and values.
        headers: Vec<(String, String)>,
    },
    /// [`Control::trickle`].
    Trickle {
        /// Whose bytes are slowed down.
        from: Side,
        /// How much how often; null lifts it.
        pace: Option<Pace>,
    },
    /// [`Control::replay`].
    Replay {
        /// How the paths begin whose first answers are kept.
        path_prefix: String,
    },
    /// [`Control::rewrite_request_ids`].
    RewriteRequestIds {
        /// On or off.
        on: bool,
    },
    /// [`Control::replace_bodies`].
    ReplaceBodies {
        /// Of which answers.
        status: u16,
        /// With what; null lifts it.
        html: Option<String>,
    },
    /// [`Control::mute_upgraded`].
    MuteUpgraded {
        /// On or off.
        on: bool,
    },
    /// [`Answer::portal`].
    Portal {
        /// Which.
        kind: Portal,
    },
    /// [`Answer::gzip_bomb`] with status 200.
    GzipBomb,
    /// [`Control::refuse_upgrades`].
    RefuseUpgrades {
        /// The refusal; null lets upgrades through.
        answer: Option<Box<AnswerScript>>,
    },
    /// [`Control::present`].
    Present {
        /// The certificate to show.
        certificate: Presented,
    },
    /// [`Control::speak`].
    Speak {
        /// What to speak.
        language: Speaks,
    },
    /// [`Control::lose_new`].
    LoseNew {
        /// How many.
        connections: u64,
    },
    /// [`Control::delay_new`].
    DelayNew {
        /// How many.
        connections: u64,
        /// Milliseconds.
        by_ms: u64,
    },
    /// [`Control::cut`].
    Cut,
    /// [`Control::restore`].
    Restore,
    /// [`Control::clear`].
    Clear,
}
