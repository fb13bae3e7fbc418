//! Transfers: a task each, that moves a file in chunks, tells how far it is, and ends when it is told to.

use crate::api::{Download, Method, Progress, Request, Response, Upload};
use crate::engine::account::Account;
use crate::engine::requests::{allowed, parts, texts};
use crate::engine::{Engine, lock, problems};
use crate::error::Error;
use crate::policy;
use crate::secret::Token;
use crate::server::transfer::FileBody;
use crate::server::{Incoming, RequestParts, Rest};
use crate::session::{AccountId, HostState};
use bytes::Bytes;
use http::header::{CONTENT_RANGE, ETAG, HeaderMap, LAST_MODIFIED};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

type Finished = Option<Result<Response, Error>>;

/// A transfer that is under way, as its callers hold it.
#[derive(Clone)]
pub(crate) struct Running {
    progress: watch::Receiver<Progress>,
    finished: watch::Receiver<Finished>,
    cancel: Arc<watch::Sender<bool>>,
}

impl Running {
    pub(crate) fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    pub(crate) async fn progress_after(&self, seen: Progress) -> Progress {
        let mut progress = self.progress.clone();
        // At the end of the transfer the sender is gone, which ends the wait.
        let _ = progress.wait_for(|now| *now != seen).await;
        self.progress()
    }

    pub(crate) fn cancel(&self) {
        self.cancel.send_replace(true);
    }

    pub(crate) async fn finished(&self) -> Result<Response, Error> {
        let mut finished = self.finished.clone();
        let result = match finished.wait_for(Option::is_some).await {
            Ok(result) => result.clone(),
            Err(_) => None,
        };
        result.unwrap_or(Err(Error::Closed))
    }
}

/// Files that are being fetched. Two that are to come to the same place come one after the other.
#[derive(Default)]
pub(crate) struct Targets(Mutex<BTreeMap<PathBuf, Weak<Turn>>>);

type Turn = tokio::sync::Mutex<()>;

impl Targets {
    fn turn(&self, file: &Path) -> Arc<Turn> {
        let mut targets = lock(&self.0);
        targets.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = targets.get(file).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        targets.insert(file.to_owned(), Arc::downgrade(&turn));
        turn
    }
}

/// What a transfer's task works with.
struct Work {
    engine: Arc<Engine>,
    account: Arc<Account>,
    token: Token,
    path: String,
    progress: watch::Sender<Progress>,
    /// Held by whoever works on the disk, which cannot be interrupted.
    busy: mpsc::Sender<()>,
}

fn file_error(error: &std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::DiskFull,
        kind => Error::File {
            reason: kind.to_string(),
        },
    }
}

fn signed(length: u64) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

impl Engine {
    pub(crate) async fn upload(
        self: &Arc<Self>,
        id: AccountId,
        upload: Upload,
    ) -> Result<Running, Error> {
        if !matches!(upload.method, Method::Post | Method::Put) {
            return Err(Error::InvalidArgument { argument: "method" });
        }
        let request = parts(Request {
            method: upload.method,
            path: upload.path.clone(),
            query: upload.query,
            headers: upload.headers,
            body: None,
        })
        .content_type(&upload.content_type);
        let begun = self.begin(id, upload.path, &request).await?;
        let file = on_disk(move || File::open(upload.file)).await?;
        let length = file.metadata().map_err(|error| file_error(&error))?.len();
        begun.0.progress.send_replace(Progress {
            done: 0,
            total: Some(signed(length)),
        });
        Ok(self.run_transfer(begun, None, move |work| async move {
            work.send_file(request, file, length).await
        }))
    }

    pub(crate) async fn download(
        self: &Arc<Self>,
        id: AccountId,
        download: Download,
    ) -> Result<Running, Error> {
        let valid = download
            .range
            .is_none_or(|(first, last)| first >= 0 && last >= first);
        if !valid {
            return Err(Error::InvalidArgument { argument: "range" });
        }
        let names_range = |name: &str| {
            name.eq_ignore_ascii_case("range") || name.eq_ignore_ascii_case("if-range")
        };
        if download.headers.iter().any(|(name, _)| names_range(name)) {
            return Err(Error::InvalidArgument {
                argument: "headers",
            });
        }
        let request = parts(Request {
            query: download.query,
            headers: download.headers,
            ..Request::new(crate::api::Method::Get, download.path.clone())
        });
        let begun = self.begin(id, download.path, &request).await?;
        let target = Target::new(download.file, download.range);
        let part = target.part.clone();
        Ok(
            self.run_transfer(begun, Some(part), move |work| async move {
                work.fetch_file(request, target).await
            }),
        )
    }

    async fn begin(
        self: &Arc<Self>,
        id: AccountId,
        path: String,
        request: &RequestParts,
    ) -> Result<(Work, mpsc::Receiver<()>), Error> {
        let account = self.account(id)?;
        allowed(request, &account)?;
        let (account, _, token) = self.signed_in(id).await?;
        let (busy, idle) = mpsc::channel(1);
        let work = Work {
            engine: self.clone(),
            account,
            token,
            path,
            progress: watch::Sender::new(Progress::default()),
            busy,
        };
        Ok((work, idle))
    }

    /// Runs a transfer until it ends, is cancelled, the app is suspended, its session is over, or nothing moved for too long.
    /// `part` is what one leaves behind that nobody goes on with.
    fn run_transfer<F>(
        self: &Arc<Self>,
        (work, mut idle): (Work, mpsc::Receiver<()>),
        part: Option<PathBuf>,
        transfer: impl FnOnce(Work) -> F + Send + 'static,
    ) -> Running
    where
        F: Future<Output = Result<Response, Error>> + Send + 'static,
    {
        let (finish, finished) = watch::channel(None);
        let (cancel, mut cancelled) = watch::channel(false);
        let running = Running {
            progress: work.progress.subscribe(),
            finished,
            cancel: Arc::new(cancel),
        };
        let progress = work.progress.subscribe();
        let turn = part
            .as_deref()
            .map_or_else(Arc::default, |part| self.targets.turn(part));
        let (engine, id) = (self.clone(), work.account.id);
        self.spawn(async move {
            let mut host = engine.host.subscribe();
            let stopped = async {
                tokio::select! {
                    biased;
                    // Nobody is left who could cancel it: then nobody does.
                    Ok(_) = cancelled.wait_for(|cancelled| *cancelled) => Error::Cancelled,
                    Ok(_) = host.wait_for(|host| *host == HostState::Suspended) => Error::Suspended,
                    over = engine.session_over(id) => over,
                }
            };
            tokio::pin!(stopped);
            let begun = tokio::select! {
                biased;
                error = &mut stopped => Err(error),
                alone = turn.lock() => Ok(alone),
            };
            let result = match &begun {
                Ok(_) => tokio::select! {
                    biased;
                    error = stopped => Err(error),
                    () = stalled(progress) => Err(Error::Timeout),
                    result = transfer(work) => result,
                },
                Err(error) => {
                    drop(work);
                    Err(error.clone())
                }
            };
            // Nothing is ever sent: it ends when nobody is at the disk any more.
            let _ = idle.recv().await;
            let unwanted = matches!(
                result,
                Err(Error::Cancelled
                    | Error::SessionEnded
                    | Error::NotSignedIn
                    | Error::NoSuchAccount)
            );
            if let Some(part) = part
                && begun.is_ok()
                && unwanted
            {
                forget_part(&part);
            }
            finish.send_replace(Some(result));
        });
        running
    }

    /// Ends when nobody is signed in to the account any more: what goes on must not come after the app has erased what it
    /// stored of that user.
    async fn session_over(&self, id: AccountId) -> Error {
        let mut revisions = self.hub.subscribe();
        loop {
            if let Err(error) = self.standing_allows(id) {
                return error;
            }
            if revisions.changed().await.is_err() {
                return Error::Closed;
            }
        }
    }
}

/// Ends when nothing has moved for [`policy::TRANSFER_IDLE`].
async fn stalled(mut progress: watch::Receiver<Progress>) {
    let mut deadline = Instant::now() + policy::TRANSFER_IDLE;
    loop {
        match tokio::time::timeout_at(deadline, progress.changed()).await {
            Ok(Ok(())) => deadline = Instant::now() + policy::TRANSFER_IDLE,
            // The transfer is over, and its own branch says how.
            Ok(Err(_)) => std::future::pending().await,
            Err(_) => return,
        }
    }
}

/// Runs something that blocks on the disk, away from the sockets.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::Closed)?
        .map_err(|error| file_error(&error))
}

impl Work {
    async fn send_file(
        self,
        request: RequestParts,
        file: File,
        length: u64,
    ) -> Result<Response, Error> {
        let (chunks, body) = mpsc::channel(policy::TRANSFER_CHUNKS);
        let busy = self.busy.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let _busy = busy;
            let mut file = file.take(length);
            loop {
                let mut chunk = vec![0; policy::TRANSFER_CHUNK];
                let read = match file.read(&mut chunk) {
                    Ok(0) if file.limit() == 0 => return None,
                    // It became shorter.
                    Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
                    read => read,
                };
                let read = match read {
                    Ok(read) => read,
                    Err(error) => {
                        let told = file_error(&error);
                        let _ = chunks.blocking_send(Err(error));
                        return Some(told);
                    }
                };
                chunk.truncate(read);
                if chunks.blocking_send(Ok(Bytes::from(chunk))).is_err() {
                    return None;
                }
            }
        });
        let progress = self.progress.clone();
        let body = FileBody::new(body, length, move |sent| {
            progress.send_modify(|progress| {
                progress.done += i64::try_from(sent).unwrap_or(0);
            });
        });
        let opened = self
            .account
            .rest
            .open(request.token(&self.token), Some(body))
            .await;
        match opened {
            Ok(incoming) => self.read_answer(incoming).await,
            Err(error) => {
                // A file that could not be read ends the request; then that is what went wrong.
                let file = reading.await.ok().flatten();
                Err(file.unwrap_or_else(|| problems::transport(error)))
            }
        }
    }

    async fn fetch_file(self, request: RequestParts, target: Target) -> Result<Response, Error> {
        let begun = match target.range {
            Some(_) => None,
            None => target.begun(),
        };
        let mut incoming = self.ask(&request, &target, begun.as_ref()).await?;
        let mut gone_on = begun
            .as_ref()
            .filter(|begun| incoming.status() == 206 && goes_on_from(&incoming, begun.length));
        if begun.is_some() && gone_on.is_none() && matches!(incoming.status(), 206 | 416) {
            // What is there does not fit any more: the whole file, then.
            forget_part(&target.part);
            incoming = self.ask(&request, &target, None).await?;
            gone_on = None;
        }
        if !matches!(incoming.status(), 200 | 206) {
            return self.read_answer(incoming).await;
        }
        if incoming.renewed() {
            self.engine.start_refreshing_expiry(&self.account);
        }
        let from = gone_on.map_or(0, |begun| begun.length);
        let total = incoming.length().map(|length| signed(from + length));
        self.progress.send_replace(Progress {
            done: signed(from),
            total,
        });
        let response = Response {
            status: if gone_on.is_some() {
                200
            } else {
                incoming.status()
            },
            headers: texts(&incoming.headers()),
            body: Vec::new(),
        };
        let tag = tag(&incoming.headers()).filter(|_| target.range.is_none());
        self.store(incoming, &target, from, tag).await?;
        Ok(response)
    }

    async fn ask(
        &self,
        request: &RequestParts,
        target: &Target,
        begun: Option<&Begun>,
    ) -> Result<Incoming, Error> {
        let mut request = request.clone().token(&self.token);
        if let Some((first, last)) = target.range {
            request = request.header("range", &format!("bytes={first}-{last}"));
        } else if let Some(begun) = begun {
            request = request
                .header("range", &format!("bytes={}-", begun.length))
                .header("if-range", &begun.tag);
        }
        let rest: &Rest = &self.account.rest;
        rest.open(request, None).await.map_err(problems::transport)
    }

    /// Writes the body to the part file, and gives that its name when it is whole.
    async fn store(
        &self,
        mut incoming: Incoming,
        target: &Target,
        from: u64,
        tag: Option<String>,
    ) -> Result<(), Error> {
        let (chunks, mut written) = mpsc::channel::<Bytes>(policy::TRANSFER_CHUNKS);
        let (part, tag_file) = (target.part.clone(), target.tag.clone());
        let busy = self.busy.clone();
        let writing = on_disk(move || {
            let _busy = busy;
            let mut file = if from > 0 {
                File::options().append(true).open(&part)?
            } else {
                // Emptied first: a kill in between must not leave bytes of one version under the tag of another.
                let file = File::create(&part)?;
                match tag {
                    Some(tag) => std::fs::write(&tag_file, tag)?,
                    None => drop(std::fs::remove_file(&tag_file)),
                }
                file
            };
            while let Some(chunk) = written.blocking_recv() {
                file.write_all(&chunk)?;
            }
            file.sync_data()
        });
        let reading = async move {
            while let Some(chunk) = incoming.chunk().await.map_err(problems::transport)? {
                let length = i64::try_from(chunk.len()).unwrap_or(0);
                if chunks.send(chunk).await.is_err() {
                    // The disk's own error says more.
                    return Ok::<(), Error>(());
                }
                self.progress
                    .send_modify(|progress| progress.done += length);
            }
            Ok(())
        };
        let (read, wrote) = tokio::join!(reading, writing);
        wrote?;
        read?;
        // In place: whoever cancels comes before this or after it, and never finds a file where nothing was to be left.
        std::fs::rename(&target.part, &target.file).map_err(|error| file_error(&error))?;
        let _ = std::fs::remove_file(&target.tag);
        Ok(())
    }

    /// The server's answer to an upload, or one that brings no file.
    async fn read_answer(&self, incoming: Incoming) -> Result<Response, Error> {
        let reply = incoming.whole(policy::REQUEST_BODY_LIMIT).await;
        let reply = reply.map_err(problems::transport)?;
        self.engine
            .answered(&self.account, self.path.clone(), reply)
            .await
    }
}

/// Where a download goes.
#[derive(Clone)]
struct Target {
    file: PathBuf,
    part: PathBuf,
    /// Which version of the server's file the part is of.
    tag: PathBuf,
    range: Option<(i64, i64)>,
}

/// What an earlier try left.
struct Begun {
    length: u64,
    tag: String,
}

impl Target {
    fn new(file: PathBuf, range: Option<(i64, i64)>) -> Self {
        let part = beside(&file, ".part");
        Self {
            tag: beside(&part, ".tag"),
            part,
            file,
            range,
        }
    }

    fn begun(&self) -> Option<Begun> {
        let length = std::fs::metadata(&self.part).ok()?.len();
        let tag = std::fs::read_to_string(&self.tag).ok()?;
        (length > 0 && !tag.is_empty()).then_some(Begun { length, tag })
    }
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn forget_part(part: &Path) {
    // What cannot be removed is written over by the next try.
    let _ = std::fs::remove_file(beside(part, ".tag"));
    let _ = std::fs::remove_file(part);
}

/// By which the server can tell whether a file is still the same. A weak tag is none: it promises no byte.
fn tag(headers: &HeaderMap) -> Option<String> {
    let text = |name| {
        let value = headers.get(name)?.to_str().ok()?;
        Some(value.to_owned()).filter(|value: &String| !value.starts_with("W/"))
    };
    text(ETAG).or_else(|| text(LAST_MODIFIED))
}

/// Whether the answer continues a file at this byte.
fn goes_on_from(incoming: &Incoming, length: u64) -> bool {
    let headers = incoming.headers();
    let range = headers
        .get(CONTENT_RANGE)
        .and_then(|range| range.to_str().ok());
    range.is_some_and(|range| range.starts_with(&format!("bytes {length}-")))
}
