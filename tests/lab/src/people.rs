//! The stage: who has which device, behind which network, and the things that every case does with them.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use futures_util::future::{join_all, try_join_all};
use steadfast::policy::{HEARTBEAT_FOCUSED, YOUNG_SESSION};
use steadfast_faults::{Control, Proxy};
use steadfast_lab::device::{
    Device,
    message::{Command, Event, Kind, Screen, SessionRow, Setup, now_ms},
};
use tempfile::TempDir;

use crate::{
    report::DeviceOutcome,
    server::{Person, Server},
    teller::Teller,
};

/// The text on the sign-in page after a session was ended by somebody else.
pub(crate) const EXPIRED: &str = "Your session has expired. Please log in again.";

/// Within this an idle device shows the sign-in page by itself (MM-T938).
pub(crate) const BY_ITSELF: Duration = Duration::from_secs(30);

/// Longer than a sign-in, a resume or a request takes when all is well.
const SOON: Duration = Duration::from_secs(20);

/// How often it is looked at what passed over a wire.
const LOOKS: Duration = Duration::from_millis(50);

/// What the device said is no heartbeat if the server has not answered it by then.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);

/// How old a session is by the server's clock, which tells whole seconds only, before its end counts at the first look.
const GROWN_UP: Duration = YOUNG_SESSION.saturating_add(Duration::from_secs(2));

/// Whether the app of a device covers its content on a resume until the server has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// The product's default: content is shown.
    Shown,
    /// Strict employers: content is covered.
    Covered,
}

/// A device in somebody's hands.
pub(crate) struct Actor {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) policy: Policy,
    pub(crate) device: Device,
    pub(crate) control: Control,
    owner: Person,
    teller: Arc<Teller>,
    signed_in_at: Option<Instant>,
    _network: Proxy,
}

/// When something was done to a device, and what it had shown until then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause {
    pub(crate) mark: usize,
    at: i64,
    /// No content was visible to begin with, and something was.
    covered: bool,
}

impl Actor {
    async fn new(
        (name, kind, policy): (&'static str, Kind, Policy),
        owner: &Person,
        server: &Server,
        folder: &Path,
        teller: &Arc<Teller>,
    ) -> Result<Self> {
        let (network, url, authorities) = server.network().await?;
        let setup = Setup {
            kind,
            folder: folder.join(name.replace(' ', "-")),
            server: url,
            authorities,
            device_id: kind.new_device_id(),
            cover_until_validated_after_ms: (policy == Policy::Covered).then_some(0),
            log: None,
        };
        let listening = Arc::clone(teller);
        let device = Device::new(std::env::current_exe()?, setup, move |entry| {
            listening.overhear(name, entry);
        });
        Ok(Self {
            name,
            kind,
            policy,
            device,
            control: network.control(),
            owner: owner.clone(),
            teller: Arc::clone(teller),
            signed_in_at: None,
            _network: network,
        })
    }

    /// Tells what its user does.
    pub(crate) fn tell(&self, text: &str) {
        self.teller.tell(self.name, text);
    }

    /// Has the device do something, and says which device it was if that fails.
    pub(crate) async fn perform(&self, command: Command) -> Result<()> {
        self.device
            .perform(command)
            .await
            .with_context(|| self.name.to_owned())
    }

    /// The session list as this device shows it.
    pub(crate) async fn active_sessions(&self) -> Result<Vec<SessionRow>> {
        self.device
            .active_sessions()
            .await
            .with_context(|| format!("{}: Active Sessions", self.name))
    }

    /// The device is on, has its network, is in front, and its owner is signed in.
    async fn get_ready(&mut self) -> Result<()> {
        self.control.restore();
        if self.device.is_on() {
            self.perform(Command::Network { up: true }).await?;
            self.perform(Command::Open).await?;
        } else {
            self.device.start().await?;
        }
        let settled = |screen: &Screen| matches!(screen, Screen::Content | Screen::SignIn { .. });
        if !self.device.wait_for_screen(SOON, settled).await {
            bail!("{} {}", self.name, self.device.screen());
        }
        if self.device.screen() != Screen::Content {
            self.sign_in().await?;
        }
        Ok(())
    }

    /// Its owner signs in and sees the content.
    pub(crate) async fn sign_in(&mut self) -> Result<()> {
        self.tell(&format!("{} signs in", self.owner.name));
        self.perform(Command::SignIn {
            login_id: self.owner.name.clone(),
            password: self.owner.password.clone(),
            mfa_code: None,
        })
        .await?;
        let in_content = |screen: &Screen| *screen == Screen::Content;
        if !self.device.wait_for_screen(SOON, in_content).await {
            bail!("{} {} after the sign-in", self.name, self.device.screen());
        }
        self.signed_in_at = Some(Instant::now());
        Ok(())
    }

    /// The device lies there until its user is told that the session ended, or its system suspends the app.
    pub(crate) async fn lies_there(&self, since: Cause) -> Result<&'static str> {
        let first = self
            .device
            .wait_for(since.mark, BY_ITSELF, |entry| match &entry.event {
                Event::Told { .. } => Some("notified in its grace"),
                Event::Suspended => Some("suspended after its grace"),
                _ => None,
            });
        first
            .await
            .with_context(|| format!("{} is neither notified nor suspended", self.name))
    }

    /// Its user takes it up, opens the app and looks.
    pub(crate) async fn is_opened(&self, part: &str) -> Result<DeviceOutcome> {
        let cause = self.cause();
        self.tell("is taken up again");
        self.perform(Command::Open).await?;
        Ok(self
            .shows_sign_in(part, cause, BY_ITSELF, Some(EXPIRED))
            .await)
    }

    /// Waits until the device, of which nothing is wanted meanwhile, has just sent its heartbeat, so that its next is a whole
    /// interval away. Any server has that on its wire: bytes from the device over a connection that is there, and the answer.
    pub(crate) async fn until_heartbeat(&self) -> Result<()> {
        let deadline = Instant::now() + 3 * HEARTBEAT_FOCUSED;
        let (mut before, mut taken) = (self.control.report(), Instant::now());
        loop {
            tokio::time::sleep(LOOKS).await;
            let now = self.control.report();
            let same_connections = (now.accepted, now.open) == (before.accepted, before.open);
            let said = now.bytes_from_client > before.bytes_from_client;
            let answered = now.bytes_from_server > before.bytes_from_server;
            if same_connections && said && answered {
                return Ok(());
            }
            // The beginning of a heartbeat may be seen some looks before its answer.
            if !(same_connections && said) || taken.elapsed() > ANSWERED_WITHIN {
                (before, taken) = (now, Instant::now());
            }
            ensure!(
                Instant::now() < deadline,
                "{} sends no heartbeat",
                self.name
            );
        }
    }

    /// Marks the moment at which something happens to the device.
    pub(crate) fn cause(&self) -> Cause {
        let screen = self.device.screen();
        Cause {
            mark: self.device.mark(),
            at: now_ms(),
            covered: matches!(screen, Screen::Cover { .. } | Screen::SignIn { .. }),
        }
    }

    /// Waits until the device shows the sign-in page with this text, and judges what it showed on the way there.
    pub(crate) async fn shows_sign_in(
        &self,
        part: &str,
        cause: Cause,
        within: Duration,
        text: Option<&str>,
    ) -> DeviceOutcome {
        let page = self
            .device
            .wait_for(cause.mark, within, |entry| match &entry.event {
                Event::Shows(Screen::SignIn { text }) => Some((entry.at, text.clone())),
                _ => None,
            });
        let page = page.await;
        let screens: Vec<(i64, Screen)> = self
            .device
            .entries_from(cause.mark)
            .into_iter()
            .filter_map(|entry| match entry.event {
                Event::Shows(screen) => Some((entry.at, screen)),
                _ => None,
            })
            .take_while(|(at, _)| page.as_ref().is_none_or(|(up, _)| at <= up))
            .collect();
        let covered = screens
            .iter()
            .position(|(_, screen)| matches!(screen, Screen::Cover { .. } | Screen::SignIn { .. }));
        let content = screens
            .iter()
            .rposition(|(_, screen)| *screen == Screen::Content);
        let mut detail = String::new();
        let mut passed = true;
        let mut complain = |text: String| {
            passed = false;
            detail = text;
        };
        match &page {
            None => complain(format!(
                "no sign-in page within {} s, it {}",
                within.as_secs(),
                self.device.screen()
            )),
            Some((_, seen)) if seen.as_deref() != text => complain(format!(
                "the sign-in page says {seen:?} instead of {text:?}"
            )),
            Some(_) if content > covered => {
                complain("content was shown again after the cover".to_owned());
            }
            Some(_) if content.is_some() && self.policy == Policy::Covered => {
                complain("content was shown although it had to be covered".to_owned());
            }
            Some(_) => {}
        }
        let since = |at: i64| (at - cause.at).max(0);
        DeviceOutcome {
            device: self.name.to_owned(),
            part: part.to_owned(),
            passed,
            covered_ms: if cause.covered {
                Some(0)
            } else {
                covered.map(|index| since(screens[index].0))
            },
            sign_in_page_ms: page.map(|(at, _)| since(at)),
            detail,
        }
    }

    /// Asks for nothing, but proves that its user is still signed in: the list comes, and the content is shown.
    pub(crate) async fn is_undisturbed(&self, part: &str, cause: Cause) -> DeviceOutcome {
        let listed = self.device.active_sessions().await;
        let disturbed = self
            .device
            .entries_from(cause.mark)
            .into_iter()
            .find_map(|entry| match entry.event {
                Event::Shows(screen) if screen != Screen::Content => Some(screen.to_string()),
                _ => None,
            });
        let detail = match (&listed, disturbed) {
            (Err(error), _) => error.to_string(),
            (Ok(_), Some(screen)) => format!("it {screen}"),
            (Ok(_), None) => String::new(),
        };
        DeviceOutcome {
            device: self.name.to_owned(),
            part: part.to_owned(),
            passed: detail.is_empty(),
            covered_ms: None,
            sign_in_page_ms: None,
            detail,
        }
    }
}

/// Everybody with a part in the story.
pub(crate) struct Stage<'a> {
    pub(crate) server: &'a Server,
    pub(crate) teller: Arc<Teller>,
    /// The user's five devices, in the order of [`Kind::ALL`].
    pub(crate) devices: Vec<Actor>,
    /// One more tablet: the bystander's, or another of the user's where there is no bystander.
    pub(crate) tablet: Actor,
    pub(crate) admin: Actor,
    _folder: TempDir,
}

/// Which of the user's apps cover their content on a resume until the server has answered.
const POLICIES: [Policy; 5] = [
    Policy::Shown,
    Policy::Covered,
    Policy::Covered,
    Policy::Shown,
    Policy::Shown,
];

impl<'a> Stage<'a> {
    /// Hands out the devices. Nothing is switched on yet.
    pub(crate) async fn build(server: &'a Server, teller: Arc<Teller>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path();
        let parts = Kind::ALL.into_iter().zip(POLICIES);
        let devices = try_join_all(parts.map(|(kind, policy)| {
            Actor::new(
                (kind.name(), kind, policy),
                &server.user,
                server,
                path,
                &teller,
            )
        }))
        .await?;
        let tablet = ("tablet", Kind::Android, Policy::Shown);
        let owner = server.bystander.as_ref().unwrap_or(&server.user);
        let tablet = Actor::new(tablet, owner, server, path, &teller).await?;
        let admin = ("admin", Kind::Desktop, Policy::Shown);
        let admin = Actor::new(admin, &server.admin, server, path, &teller).await?;
        Ok(Self {
            server,
            teller,
            devices,
            tablet,
            admin,
            _folder: folder,
        })
    }

    /// Tells something that nobody in particular does.
    pub(crate) fn tell(&self, text: &str) {
        self.teller.tell("", text);
    }

    /// The user's device of that kind.
    pub(crate) fn the(&self, kind: Kind) -> &Actor {
        &self.devices[kind as usize]
    }

    /// The same, to be switched on and off.
    pub(crate) fn the_mut(&mut self, kind: Kind) -> &mut Actor {
        &mut self.devices[kind as usize]
    }

    /// Every device on the stage.
    pub(crate) fn everybody(&self) -> impl Iterator<Item = &Actor> {
        self.devices.iter().chain([&self.tablet, &self.admin])
    }

    fn everybody_mut(&mut self) -> impl Iterator<Item = &mut Actor> {
        self.devices
            .iter_mut()
            .chain([&mut self.tablet, &mut self.admin])
    }

    /// Every device is on and in front, and its owner is signed in.
    pub(crate) async fn everybody_signs_in(&mut self) -> Result<()> {
        let ready = join_all(self.everybody_mut().map(Actor::get_ready)).await;
        ready.into_iter().collect()
    }

    /// Waits until nobody's session is so young any more that its end would have to be looked at again.
    ///
    /// # Errors
    /// If somebody was signed out meanwhile: what follows would prove nothing.
    pub(crate) async fn sessions_grow_up(&self) -> Result<()> {
        self.sessions_of(self.everybody().collect()).await
    }

    /// The same for some devices.
    pub(crate) async fn sessions_of(&self, actors: Vec<&Actor>) -> Result<()> {
        let youngest = actors.iter().filter_map(|actor| actor.signed_in_at).max();
        let left = youngest.map_or(Duration::ZERO, |at| GROWN_UP.saturating_sub(at.elapsed()));
        if !left.is_zero() {
            self.tell(&format!("a while passes ({:.0} s)", left.as_secs_f64()));
            tokio::time::sleep(left).await;
        }
        for actor in actors {
            let screen = actor.device.screen();
            ensure!(
                matches!(screen, Screen::Content | Screen::Dark),
                "{} {screen} before anything was done to it",
                actor.name
            );
        }
        Ok(())
    }

    /// The administrator presses "Revoke All Sessions" and confirms.
    pub(crate) async fn admin_ends_everyone(&self) -> Result<()> {
        let _text: String = self.admin.device.ask(Command::AskToEndEveryone).await?;
        self.admin
            .tell("presses \"Revoke All Sessions\" and confirms");
        self.admin
            .perform(Command::AnswerConfirmation { confirm: true })
            .await
    }

    /// Switches everything off.
    pub(crate) async fn clear(&mut self) {
        for actor in self.everybody_mut() {
            if let Err(error) = actor.device.kill().await {
                actor.tell(&format!("cannot be switched off: {error}"));
            }
        }
    }
}
