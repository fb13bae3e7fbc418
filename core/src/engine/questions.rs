//! The machine's questions to the server: asked in the background, one at a time, and what came back read as evidence.

use crate::engine::Engine;
use crate::engine::account::{Account, ListNumber};
use crate::engine::installation::{self, Said};
use crate::engine::token::NoToken;
use crate::engine::worker::Message;
use crate::evidence::{
    self, Body, Evidence, Expected, HeaderBehaviour, HeaderFacts, Origin, RequestIds, Tls,
};
use crate::policy;
use crate::secret::Token;
use crate::server::sessions::config_request;
use crate::server::{ClearText, Reply, TransportError, TransportErrorKind, wire};
use crate::session::{
    Answer, Epoch, Event, Health, KeyTrouble, Question, SessionsRead, Ticket, UnknownWhy,
    Validation,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// Boxed, because most of what a worker is told is small.
type Sent = Result<Box<Reply>, TransportError>;

/// What a question brought, not yet judged.
pub(crate) enum Returned {
    /// There was no token to ask with, for a reason that is not the key store's.
    NoToken(Question),
    UserMe {
        epoch: Epoch,
        sent: Sent,
    },
    Health(Box<Said>),
    Sessions {
        epoch: Epoch,
        list: ListNumber,
        sent: Sent,
    },
    Experiment {
        with_token: Sent,
        without_token: Sent,
    },
}

pub(crate) struct Questions {
    engine: Arc<Engine>,
    account: Arc<Account>,
    open: Option<(Ticket, AbortHandle)>,
    seen: RequestIds,
    learned: Option<HeaderBehaviour>,
    /// Another installation than the account's answered last.
    other_server: bool,
}

impl Questions {
    pub(crate) fn new(engine: Arc<Engine>, account: Arc<Account>) -> Self {
        let learned = account
            .header_habits
            .as_deref()
            .and_then(HeaderBehaviour::from_code);
        Self {
            engine,
            account,
            open: None,
            seen: RequestIds::default(),
            learned,
            other_server: false,
        }
    }

    /// Asks in the background; [`Message::Returned`] follows, or [`Message::Key`] if the key store gave no key.
    pub(crate) fn ask(&mut self, ticket: Ticket, epoch: Epoch, question: Question) {
        if let Some((_, task)) = self.open.take() {
            task.abort();
        }
        let engine = self.engine.clone();
        let account = self.account.clone();
        let task = self.engine.spawn(async move {
            let returned = match question {
                Question::Health => ask_health(&account).await,
                Question::UserMe | Question::Sessions | Question::ConfigExperiment => {
                    match account.tokens.get(&engine, account.id, epoch).await {
                        Ok(token) => ask_with(&engine, &account, question, epoch, &token).await,
                        Err(NoToken::Key(trouble)) => {
                            let event = Some(Event::KeyUnreadable(trouble));
                            account.send(Message::Key { epoch, event });
                            return;
                        }
                        Err(NoToken::Outdated | NoToken::Store(_)) => Returned::NoToken(question),
                    }
                }
            };
            account.send(Message::Returned { ticket, returned });
        });
        self.open = Some((ticket, task.abort_handle()));
    }

    /// Nobody wants the answer any more.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) {
        if let Some((_, task)) = self.open.take_if(|(open, _)| *open == ticket) {
            task.abort();
        }
    }

    /// Nobody wants any answer any more.
    pub(crate) fn stop(&mut self) {
        if let Some((_, task)) = self.open.take() {
            task.abort();
        }
    }

    /// Tries the key store again in the background; [`Message::Key`] follows.
    pub(crate) fn read_key(&self, epoch: Epoch) {
        let engine = self.engine.clone();
        let account = self.account.clone();
        self.engine.spawn(async move {
            let event = match account.tokens.get(&engine, account.id, epoch).await {
                Ok(_) => Some(Event::KeyReadable),
                Err(NoToken::Key(trouble)) => Some(Event::KeyUnreadable(trouble)),
                Err(NoToken::Store(_)) => Some(Event::KeyUnreadable(KeyTrouble::Other)),
                Err(NoToken::Outdated) => None,
            };
            account.send(Message::Key { epoch, event });
        });
    }

    /// Reads what came back as an answer to the machine, and remembers what the next one must not repeat.
    pub(crate) async fn judge(&mut self, returned: Returned, current_epoch: Epoch) -> Answer {
        match returned {
            Returned::NoToken(question) => no_answer(question, UnknownWhy::Other),
            Returned::UserMe {
                sent: Err(error), ..
            } => no_answer(Question::UserMe, unknown_why(error.kind)),
            Returned::UserMe {
                epoch,
                sent: Ok(reply),
            } => {
                let validation = self.validation(&reply, epoch, current_epoch).await;
                Answer::Validation(validation)
            }
            Returned::Health(said) => {
                let own = installation::own(&self.account);
                let health =
                    installation::health(own.as_deref(), &said, self.engine.config.clear_text);
                self.other_server = health == Health::OtherServer;
                if self.other_server {
                    tracing::warn!(
                        account = self.account.id.0,
                        "another server answers at the address of this account"
                    );
                }
                Answer::Health(health)
            }
            Returned::Sessions { sent: Err(_), .. } => Answer::Sessions(SessionsRead::Other),
            Returned::Sessions {
                epoch,
                list,
                sent: Ok(reply),
            } => {
                let facts = self.facts(&reply);
                let read = evidence::sessions_read(&facts, &self.expected(epoch, current_epoch));
                self.remember(&reply);
                if read == SessionsRead::Read
                    && let Some(sessions) = reply.json::<Vec<wire::Session>>()
                {
                    self.engine
                        .learn_own_session(&self.account, epoch, list, &sessions)
                        .await;
                }
                Answer::Sessions(read)
            }
            Returned::Experiment {
                with_token: Ok(with_token),
                without_token: Ok(without_token),
            } => Answer::Experiment(evidence::experiment(
                &self.facts(&with_token),
                &self.facts(&without_token),
            )),
            Returned::Experiment { .. } => {
                no_answer(Question::ConfigExperiment, UnknownWhy::Transport)
            }
        }
    }

    async fn validation(
        &mut self,
        reply: &Reply,
        epoch: Epoch,
        current_epoch: Epoch,
    ) -> Validation {
        let facts = self.facts(reply);
        let evidence = evidence::judge(&facts, &self.expected(epoch, current_epoch));
        tracing::debug!(
            account = self.account.id.0,
            status = reply.status,
            ?evidence,
            "validation answered"
        );
        self.remember(reply);
        if let Evidence::Valid {
            headers,
            server_date,
        } = evidence
        {
            self.account
                .note_server_clock(server_date, self.engine.times.wall());
            if self.engine.passed_expiry(&self.account).is_some() {
                self.engine.start_refreshing_expiry(&self.account);
            }
            if std::mem::take(&mut self.other_server) {
                // It knows the session, so it is the account's own server under a new id.
                self.engine.reread_config(&self.account, Duration::ZERO);
            }
            if self.learned != Some(headers) {
                self.learned = Some(headers);
                let habits = headers.code();
                self.engine
                    .store_header_habits(self.account.id, epoch, habits)
                    .await;
            }
            if let Some(user) = reply.json::<wire::User>() {
                let unheard = self
                    .engine
                    .snapshot(self.account.id)
                    .is_some_and(|snapshot| snapshot.username.is_empty());
                self.engine.learn_user(self.account.id, epoch, &user).await;
                if unheard {
                    // The first answer to a session that an older app left: what follows a sign-in follows now.
                    self.engine.start_welcome(&self.account);
                }
            }
        }
        Validation::from_evidence(evidence)
    }

    fn expected(&self, request_epoch: Epoch, current_epoch: Epoch) -> Expected<'_> {
        Expected {
            request_epoch,
            current_epoch,
            user_id: &self.account.user_id,
            seen: &self.seen,
            learned: self.learned,
        }
    }

    fn facts(&self, reply: &Reply) -> evidence::Reply {
        facts(reply, self.engine.config.clear_text)
    }

    fn remember(&mut self, reply: &Reply) {
        if let Some(id) = &reply.request_id {
            self.seen.remember(id);
        }
    }
}

/// What was begun for a worker ends with it, however that ended.
impl Drop for Questions {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn ask_with(
    engine: &Engine,
    account: &Account,
    question: Question,
    epoch: Epoch,
    token: &Token,
) -> Returned {
    let rest = &account.rest;
    match question {
        Question::UserMe => {
            let nonce = engine.times.wall().0.to_string();
            Returned::UserMe {
                epoch,
                sent: rest.users_me(token, &nonce).await.map(Box::new),
            }
        }
        Question::Sessions => Returned::Sessions {
            epoch,
            list: account.next_list(),
            sent: rest
                .sessions(token, "me")
                .await
                .map(|answer| Box::new(answer.reply)),
        },
        Question::ConfigExperiment => {
            let config = || {
                config_request()
                    .fresh()
                    // Two requests share the time of one question.
                    .deadline(policy::REQUEST_DEADLINE / 2)
            };
            let with_token = rest.send(config().token(token)).await.map(Box::new);
            let without_token = rest.send(config()).await.map(Box::new);
            Returned::Experiment {
                with_token,
                without_token,
            }
        }
        Question::Health => ask_health(account).await,
    }
}

/// Without a token.
async fn ask_health(account: &Account) -> Returned {
    let own = installation::own(account);
    Returned::Health(Box::new(
        installation::ask(&account.rest, own.as_deref()).await,
    ))
}

fn no_answer(question: Question, why: UnknownWhy) -> Answer {
    match question {
        Question::UserMe | Question::ConfigExperiment => Answer::Validation(Validation::Unknown {
            why,
            retry_after: None,
        }),
        Question::Health => Answer::Health(Health::Silent),
        Question::Sessions => Answer::Sessions(SessionsRead::Other),
    }
}

/// The facts of a reply, as the evidence rule reads them.
pub(crate) fn facts(reply: &Reply, clear_text: ClearText) -> evidence::Reply {
    let text = |name: &str| {
        let values: Vec<_> = reply.headers.get_all(name).iter().collect();
        let joined: Vec<String> = values
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        (!joined.is_empty()).then(|| joined.join(", "))
    };
    evidence::Reply {
        status: reply.status,
        origin: if reply.same_origin {
            Origin::Own
        } else {
            Origin::Foreign
        },
        tls: match (reply.tls, clear_text) {
            (true, _) => Tls::Verified,
            (false, ClearText::AllowedByApp) => Tls::ClearTextAllowedByApp,
            (false, ClearText::Refused) => Tls::No,
        },
        content_type: reply.content_type.clone(),
        headers: HeaderFacts {
            x_request_id: reply.request_id.clone(),
            x_version_id: reply.version_id.clone(),
            www_authenticate: text("www-authenticate"),
            age: text("age"),
            date: text("date"),
            retry_after: text("retry-after"),
        },
        body: Body::Bytes(reply.body.to_vec()),
    }
}

/// Why no answer came, as the machine sorts it.
pub(crate) fn unknown_why(kind: TransportErrorKind) -> UnknownWhy {
    match kind {
        TransportErrorKind::Offline => UnknownWhy::Offline,
        TransportErrorKind::Tls(_) => UnknownWhy::Tls,
        TransportErrorKind::TooLarge
        | TransportErrorKind::ProxyCredentials
        | TransportErrorKind::ProxyRefused => UnknownWhy::Portal,
        TransportErrorKind::Dns
        | TransportErrorKind::Refused
        | TransportErrorKind::Reset
        | TransportErrorKind::Timeout
        | TransportErrorKind::Protocol
        | TransportErrorKind::InvalidRequest
        | TransportErrorKind::Other => UnknownWhy::Transport,
    }
}
