//! A named thread that owns one thing and does one job at a time with it: the vault, or the key store.
//!
//! Both block (on the disk, on a system service), so neither belongs on the runtime; and both must see their jobs one after
//! the other. A job that its caller no longer waits for is still done: what was begun is finished. A job that panics fails
//! its own caller and nobody else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// Why a job has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotDone {
    /// The thread is gone, because the core was closed.
    Closed,
    /// The job panicked.
    Panicked,
}

/// A thread with one owner's worth of jobs. Dropping it lets the jobs that were already handed in finish.
pub(crate) struct Desk<T> {
    jobs: mpsc::Sender<Job<T>>,
}

impl<T> Clone for Desk<T> {
    fn clone(&self) -> Self {
        Self {
            jobs: self.jobs.clone(),
        }
    }
}

impl<T: Send + 'static> Desk<T> {
    /// Starts the thread. It ends when the last clone of the desk is dropped and the jobs are done. `recover` puts what is
    /// owned into a state that can be trusted, after a job that panicked half-way.
    pub(crate) fn start(
        name: &str,
        mut owned: T,
        recover: fn(&mut T),
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (jobs, inbox) = mpsc::channel::<Job<T>>();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                while let Ok(job) = inbox.recv() {
                    if catch_unwind(AssertUnwindSafe(|| job(&mut owned))).is_err() {
                        tracing::error!("a job panicked");
                        // Should this panic too, what is owned stays as it is, and so does the thread.
                        let _ = catch_unwind(AssertUnwindSafe(|| recover(&mut owned)));
                    }
                }
            })?;
        Ok((Self { jobs }, thread))
    }

    /// Hands in a job now, and returns what waits for its result.
    pub(crate) fn hand_in<R, J>(
        &self,
        job: J,
    ) -> impl Future<Output = Result<R, NotDone>> + Send + use<T, R, J>
    where
        R: Send + 'static,
        J: FnOnce(&mut T) -> R + Send + 'static,
    {
        let (done, result) = oneshot::channel();
        let sent = self.jobs.send(Box::new(move |owned| {
            // Nobody waiting is no reason to leave the job undone.
            let _ = done.send(job(owned));
        }));
        let sent = sent.is_ok();
        async move {
            if sent {
                // The sender is dropped unused only by the unwinding of the job itself.
                result.await.map_err(|_| NotDone::Panicked)
            } else {
                Err(NotDone::Closed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hazard C05.
    #[tokio::test]
    async fn a_job_that_nobody_waits_for_is_still_done() {
        let (desk, _thread) = Desk::start("desk", Vec::new(), |_| {}).unwrap();
        drop(desk.hand_in(|list| list.push(1)));
        assert_eq!(desk.hand_in(|list| list.clone()).await, Ok(vec![1]));
    }

    /// Hazards C01.
    #[tokio::test]
    async fn a_job_that_panics_fails_its_own_caller_and_nobody_else() {
        let (desk, _thread) = Desk::start("desk", vec![1], Vec::clear).unwrap();
        let panicked = desk.hand_in(|_| panic!("a job of this test"));
        let next = desk.hand_in(|list| list.len());
        assert_eq!(panicked.await, Err(NotDone::Panicked));
        assert_eq!(next.await, Ok(0), "recovered");
    }
}
