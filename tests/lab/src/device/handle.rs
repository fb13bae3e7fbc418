//! The outside of a device: starts its process, kills it, moves it, and keeps everything that it showed.

use std::{
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command as Program},
    sync::watch,
};

use super::message::{Command, Event, Line, Numbered, Place, Screen, SessionRow, Setup};

/// Longer than any command of the core takes by its own limits.
const ANSWER_DEADLINE: Duration = Duration::from_secs(120);

/// Something that a device said, and in which of its lives.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Counts the starts of its process, from 1.
    pub life: u64,
    /// When, in Unix milliseconds.
    pub at: i64,
    /// What.
    pub event: Event,
}

/// Why a command brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The core refused it.
    #[error("{text} ({code})")]
    Refused {
        /// The stable code of the error.
        code: String,
        /// The error in words.
        text: String,
    },
    /// The process does not run, or does not answer.
    #[error("the device does not answer: {0}")]
    Gone(&'static str),
    /// The answer is not of the form that belongs to the command.
    #[error("the answer cannot be read: {0}")]
    Strange(#[from] serde_json::Error),
}

type Watcher = Arc<dyn Fn(&Entry) + Send + Sync>;

#[derive(Default)]
struct History {
    entries: Mutex<Vec<Entry>>,
    news: watch::Sender<u64>,
}

impl History {
    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, entry: Entry) {
        self.entries().push(entry);
        self.news.send_modify(|count| *count += 1);
    }

    /// Waits for the first entry from `start` on for which `look` finds something.
    async fn find<T>(&self, start: usize, mut look: impl FnMut(&Entry) -> Option<T>) -> T {
        let mut news = self.news.subscribe();
        let mut next = start;
        loop {
            news.mark_unchanged();
            {
                let entries = self.entries();
                if let Some(found) = entries.iter().skip(next).find_map(&mut look) {
                    return found;
                }
                next = entries.len();
            }
            // The sender lives in `self`, so this cannot fail.
            let _ = news.changed().await;
        }
    }
}

/// A device that can be started, killed and started again. Dropping it kills its process.
pub struct Device {
    program: PathBuf,
    setup: Setup,
    history: Arc<History>,
    watcher: Watcher,
    life: u64,
    process: Option<(Child, tokio::sync::Mutex<ChildStdin>)>,
    numbers: AtomicU64,
}

impl Device {
    /// A device that is switched off. `program` is started with the single argument `device` and has to call
    /// [`run`](super::run) then; `watcher` hears everything that the device says.
    pub fn new(
        program: PathBuf,
        setup: Setup,
        watcher: impl Fn(&Entry) + Send + Sync + 'static,
    ) -> Self {
        Self {
            program,
            setup,
            history: Arc::default(),
            watcher: Arc::new(watcher),
            life: 0,
            process: None,
            numbers: AtomicU64::new(0),
        }
    }

    /// What the device is.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Whether its process runs.
    pub fn is_on(&self) -> bool {
        self.process.is_some()
    }

    /// Starts the process, with what an earlier one left behind, and waits for its first frame.
    ///
    /// # Errors
    /// If the process cannot be started, or shows nothing.
    pub async fn start(&mut self) -> Result<()> {
        std::fs::create_dir_all(&self.setup.folder)?;
        let mut child = Program::new(&self.program)
            .arg("device")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", self.program.display()))?;
        let mut input = child.stdin.take().context("its standard input")?;
        let output = child.stdout.take().context("its standard output")?;
        self.life += 1;
        let life = self.life;
        let start = self.history.entries().len();
        let history = Arc::clone(&self.history);
        let watcher = Arc::clone(&self.watcher);
        tokio::spawn(async move {
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                // A process that is killed may leave half a line.
                let Ok(Line { at, event }) = serde_json::from_str(&line) else {
                    continue;
                };
                let entry = Entry { life, at, event };
                watcher(&entry);
                history.add(entry);
            }
        });
        let mut setup = serde_json::to_vec(&self.setup)?;
        setup.push(b'\n');
        input.write_all(&setup).await.context("the setup")?;
        self.process = Some((child, tokio::sync::Mutex::new(input)));
        let first_frame = self.history.find(start, |entry| {
            matches!(entry.event, Event::Shows(_)).then_some(())
        });
        if tokio::time::timeout(ANSWER_DEADLINE, first_frame)
            .await
            .is_err()
        {
            bail!("the device shows nothing");
        }
        Ok(())
    }

    /// Kills the process with SIGKILL, as a battery that is pulled out.
    ///
    /// # Errors
    /// If it cannot be killed.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some((mut child, _input)) = self.process.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Does something with the device and waits until it is done.
    ///
    /// # Errors
    /// If the core refuses, or the device is off.
    pub async fn ask<T: DeserializeOwned>(&self, command: Command) -> Result<T, AskError> {
        let (_, input) = self.process.as_ref().ok_or(AskError::Gone("it is off"))?;
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let start = self.history.entries().len();
        let mut line = serde_json::to_vec(&Numbered { number, command })?;
        line.push(b'\n');
        input
            .lock()
            .await
            .write_all(&line)
            .await
            .map_err(|_| AskError::Gone("its process has ended"))?;
        let answer = self.history.find(start, |entry| match &entry.event {
            Event::Done { number: of, answer } if *of == number => Some(Ok(answer.clone())),
            Event::Refused {
                number: of,
                code,
                text,
            } if *of == number => Some(Err(AskError::Refused {
                code: code.clone(),
                text: text.clone(),
            })),
            _ => None,
        });
        let answer: Value = tokio::time::timeout(ANSWER_DEADLINE, answer)
            .await
            .map_err(|_| AskError::Gone("no answer in time"))??;
        Ok(serde_json::from_value(answer)?)
    }

    /// Does something that answers nothing.
    ///
    /// # Errors
    /// If the core refuses, or the device is off.
    pub async fn perform(&self, command: Command) -> Result<(), AskError> {
        self.ask::<Value>(command).await.map(drop)
    }

    /// The list of active sessions, as this device shows it.
    ///
    /// # Errors
    /// If the core refuses, or the device is off.
    pub async fn active_sessions(&self) -> Result<Vec<SessionRow>, AskError> {
        self.ask(Command::ActiveSessions).await
    }

    /// How many entries there are by now: the place from which to look for what comes.
    pub fn mark(&self) -> usize {
        self.history.entries().len()
    }

    /// What the device said from that place on.
    pub fn entries_from(&self, mark: usize) -> Vec<Entry> {
        self.history.entries().iter().skip(mark).cloned().collect()
    }

    /// What can be seen on it now.
    pub fn screen(&self) -> Screen {
        if self.process.is_none() {
            return Screen::Dark;
        }
        self.history
            .entries()
            .iter()
            .rev()
            .find_map(|entry| match &entry.event {
                Event::Shows(screen) => Some(screen.clone()),
                _ => None,
            })
            .unwrap_or(Screen::Dark)
    }

    /// The notices that the user was told of, from that place on.
    pub fn told_from(&self, mark: usize, about: &str) -> Vec<(i64, Place, String)> {
        self.entries_from(mark)
            .into_iter()
            .filter_map(|entry| match entry.event {
                Event::Told {
                    about: subject,
                    place,
                    text,
                    ..
                } if subject == about => Some((entry.at, place, text)),
                _ => None,
            })
            .collect()
    }

    /// Waits for an entry from that place on; answers `None` if it does not come in time.
    pub async fn wait_for<T>(
        &self,
        mark: usize,
        within: Duration,
        look: impl FnMut(&Entry) -> Option<T>,
    ) -> Option<T> {
        tokio::time::timeout(within, self.history.find(mark, look))
            .await
            .ok()
    }

    /// Waits until the screen is so, now or from now on; answers whether it came to that.
    pub async fn wait_for_screen(&self, within: Duration, fits: impl Fn(&Screen) -> bool) -> bool {
        let mark = self.mark();
        if fits(&self.screen()) {
            return true;
        }
        let found = self.wait_for(mark, within, |entry| match &entry.event {
            Event::Shows(screen) if fits(screen) => Some(()),
            _ => None,
        });
        found.await.is_some()
    }
}
