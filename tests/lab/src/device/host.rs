//! The app around the core: what it shows, what it puts into the tray, and how its system moves it between the front, the
//! background and suspension. It follows the core and decides nothing about sessions.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use steadfast::{
    AccountId, Changes, Config, Confirmation, Error, HostState, Method, NetworkPath,
    NetworkProfile, Notice, NoticeId, NoticeKind, Request, Revision, SecretText, Shows, SignIn,
    Snapshot, Steadfast, UserQuery, keystore::FileKeyStore, policy::BACKGROUND_GRACE,
};

use super::message::{Command, Event, Line, Place, Screen, SessionRow, Setup, now_ms};

/// Where the app is, as its user and its system see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    InFront,
    /// Running without focus. A desktop's window can still be seen, a phone's app cannot.
    Behind,
    Suspended,
}

/// What is known of the display.
struct Display {
    shown: Option<Screen>,
    whereabouts: Where,
    /// Moves with every change of place, so that a grace that was interrupted is recognized.
    moves: u64,
}

/// One running app.
pub(crate) struct Host {
    core: Steadfast,
    setup: Setup,
    display: Mutex<Display>,
    confirmation: Mutex<Option<Confirmation>>,
}

/// Tells the one who plays the user.
pub(crate) fn say(event: Event) {
    let line = Line {
        at: now_ms(),
        event,
    };
    println!("{}", serde_json::to_string(&line).expect("a line of JSON"));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn screen(snapshot: Option<&Snapshot>) -> Screen {
    match snapshot.map(Snapshot::shows) {
        None => Screen::SignIn { text: None },
        Some(Shows::Content) => Screen::Content,
        Some(Shows::Cover(message)) => Screen::Cover {
            text: message.text.to_owned(),
        },
        Some(Shows::SignIn(message)) => Screen::SignIn {
            text: message.map(|message| message.text.to_owned()),
        },
        Some(other) => unreachable!("the core shows something new: {other:?}"),
    }
}

impl Host {
    /// Opens the core and draws the first frame from what it knows by itself.
    pub(crate) fn open(setup: Setup) -> Result<Arc<Self>> {
        let keys = FileKeyStore::open(setup.folder.join("keys")).context("the key store")?;
        let mut config = Config::new(setup.folder.join("vault"), setup.kind.describe());
        config
            .network
            .extra_authorities
            .extend(setup.authorities.clone());
        config.cover_until_validated_after = setup
            .cover_until_validated_after_ms
            .map(Duration::from_millis);
        let core = Steadfast::open(config, Arc::new(keys))?;
        let host = Arc::new(Self {
            core,
            setup,
            display: Mutex::new(Display {
                shown: None,
                whereabouts: Where::InFront,
                moves: 0,
            }),
            confirmation: Mutex::default(),
        });
        host.draw();
        Ok(host)
    }

    /// Follows what the core pulls up: draws, and tells the user of notices.
    pub(crate) async fn watch(self: Arc<Self>) {
        if let Err(error) = self.core.set_device_id(self.setup.device_id.clone()).await {
            tracing::warn!(code = error.code(), "the device id is not set");
        }
        let mut seen = Revision::START;
        let mut told = HashSet::new();
        while let Ok(Changes {
            revision,
            notices,
            obligations,
            ..
        }) = self.core.changes(seen).await
        {
            seen = revision;
            self.draw();
            for notice in notices {
                if told.insert(notice.id) {
                    self.tell(&notice);
                }
                self.acknowledge(notice.id).await;
            }
            for obligation in obligations {
                // A device of the lab stores nothing of its own, so there is nothing left to erase.
                if let Err(error) = self.core.acknowledge_obligation(obligation.id).await {
                    tracing::warn!(code = error.code(), "an obligation stays owed");
                }
            }
        }
    }

    pub(crate) async fn close(&self) {
        self.core.close().await;
    }

    /// The account on the screen. A device of the lab has at most one.
    fn snapshot(&self) -> Option<Snapshot> {
        self.core.accounts().into_iter().next()
    }

    fn account(&self) -> Result<AccountId, Error> {
        self.snapshot()
            .map(|snapshot| snapshot.id)
            .ok_or(Error::NotSignedIn)
    }

    fn draw(&self) {
        let mut display = lock(&self.display);
        // Looked at under the lock, so that nobody who was held up draws what is older over it.
        let snapshot = self.snapshot();
        let visible = match display.whereabouts {
            Where::InFront => true,
            Where::Behind => !self.setup.kind.is_phone(),
            Where::Suspended => false,
        };
        let now = if visible {
            screen(snapshot.as_ref())
        } else {
            Screen::Dark
        };
        if display.shown.as_ref() != Some(&now) {
            display.shown = Some(now.clone());
            say(Event::Shows(now));
        }
    }

    fn tell(&self, notice: &Notice) {
        let place = if lock(&self.display).whereabouts == Where::InFront {
            Place::Page
        } else {
            Place::Tray
        };
        let about = match notice.kind {
            NoticeKind::SessionEnded => "session_ended",
            NoticeKind::MayContinue => "may_continue",
            NoticeKind::MayHaveExpired => "may_have_expired",
            _ => "other",
        };
        say(Event::Told {
            notice: format!("{:?}", notice.id),
            about: about.to_owned(),
            place,
            text: notice.message().text.to_owned(),
        });
    }

    async fn acknowledge(&self, notice: NoticeId) {
        match self.core.acknowledge_notice(notice).await {
            Ok(()) => say(Event::Acknowledged {
                notice: format!("{notice:?}"),
            }),
            Err(error) => tracing::warn!(code = error.code(), "the notice is not acknowledged"),
        }
    }

    /// Carries out a command and answers what it answers.
    pub(crate) async fn carry_out(self: &Arc<Self>, command: Command) -> Result<Value, Error> {
        let core = &self.core;
        match command {
            Command::SignIn {
                login_id,
                password,
                mfa_code,
            } => {
                core.sign_in(SignIn {
                    server: self.setup.server.clone(),
                    login_id,
                    password: SecretText::new(password.0),
                    mfa_code: mfa_code.map(SecretText::new),
                    ldap_only: false,
                    profile: NetworkProfile::default(),
                })
                .await?;
                self.draw();
            }
            Command::SignOut => core.sign_out(self.account()?).await?,
            Command::Open => self.enter(Where::InFront).await?,
            Command::Leave => {
                self.enter(Where::Behind).await?;
                if self.setup.kind.is_phone() {
                    tokio::spawn(Arc::clone(self).suspend_after_grace());
                }
            }
            Command::Lock => self.suspend().await?,
            Command::Network { up } => {
                let path = if up {
                    NetworkPath::Up
                } else {
                    NetworkPath::Down
                };
                core.network_changed(path, None)?;
            }
            Command::Post { text } => return self.post(text).await,
            Command::ActiveSessions => {
                let sessions = core.active_sessions(self.account()?).await?;
                let rows: Vec<SessionRow> = sessions
                    .into_iter()
                    .map(|session| SessionRow {
                        id: session.id,
                        label: session.label,
                        current: session.current,
                        os: session.os,
                        browser: session.browser,
                        first_active_at: session.first_active_at.0,
                        last_activity_at: session.last_activity_at.0,
                    })
                    .collect();
                return Ok(json!(rows));
            }
            Command::EndSession { session_id } => {
                core.end_session(self.account()?, &session_id).await?;
            }
            Command::FindUser { name } => {
                let query = UserQuery {
                    term: Some(name.clone()),
                    page: 0,
                    per_page: 60,
                };
                let users = core.users(self.account()?, query).await?;
                let found = users.into_iter().find(|user| user.username == name);
                return Ok(json!(found.map(|user| user.id)));
            }
            Command::EndUserSessions { user_id } => {
                core.end_user_sessions(self.account()?, &user_id).await?;
            }
            Command::AskToEndEveryone => {
                let confirmation = core.prepare_end_everyone(self.account()?).await?;
                let text = confirmation.message().text;
                *lock(&self.confirmation) = Some(confirmation);
                return Ok(json!(text));
            }
            Command::AnswerConfirmation { confirm } => {
                let confirmation = lock(&self.confirmation).take();
                if confirm {
                    let confirmation = confirmation.ok_or(Error::ConfirmationExpired)?;
                    core.confirm_end_everyone(confirmation).await?;
                }
            }
            Command::Quit => {}
        }
        Ok(Value::Null)
    }

    fn place(&self, whereabouts: Where) -> u64 {
        let mut display = lock(&self.display);
        display.whereabouts = whereabouts;
        display.moves += 1;
        display.moves
    }

    /// Moves the app to where it runs. What is on the screen is drawn only when the core knows of it.
    async fn enter(&self, whereabouts: Where) -> Result<(), Error> {
        let state = if whereabouts == Where::InFront {
            HostState::Focused
        } else {
            HostState::Running
        };
        self.core.host_state(state).await?;
        self.place(whereabouts);
        self.draw();
        Ok(())
    }

    async fn suspend(&self) -> Result<(), Error> {
        self.place(Where::Suspended);
        self.draw();
        self.core.host_state(HostState::Suspended).await?;
        say(Event::Suspended);
        Ok(())
    }

    async fn suspend_after_grace(self: Arc<Self>) {
        let left = lock(&self.display).moves;
        tokio::time::sleep(BACKGROUND_GRACE).await;
        if lock(&self.display).moves == left
            && let Err(error) = self.suspend().await
        {
            tracing::warn!(code = error.code(), "not suspended");
        }
    }

    async fn post(&self, text: String) -> Result<Value, Error> {
        let teams = self.get("/api/v4/users/me/teams").await?;
        let Some(team) = teams[0]["id"].as_str() else {
            return Ok(json!({ "posted": false }));
        };
        let town_square = self
            .get(&format!("/api/v4/teams/{team}/channels/name/town-square"))
            .await?;
        let post = Request::new(Method::Post, "/api/v4/posts")
            .json(&json!({ "channel_id": town_square["id"], "message": text }));
        let response = self.core.request(self.account()?, post).await?;
        Ok(json!({ "posted": response.status == 201 }))
    }

    async fn get(&self, path: &str) -> Result<Value, Error> {
        let request = Request::new(Method::Get, path);
        let response = self.core.request(self.account()?, request).await?;
        Ok(serde_json::from_slice(&response.body).unwrap_or_default())
    }
}
