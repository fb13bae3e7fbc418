//! Child processes that `strace` kills, or fails the calls of, at the N-th call of one kind, for every N until a run comes
//! through.
//!
//! A child is a test of the same binary that does its work only in a folder it is told of, and says on standard output how
//! it went. strace counts the calls of each thread for itself.

// Each test binary compiles its own copy and uses a part of it.
#![allow(dead_code, unreachable_pub)]

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::files::copy_of;

const FOLDER: &str = "STEADFAST_STOPPED_FOLDER";
const TASK: &str = "STEADFAST_STOPPED_TASK";

/// A question mark lets strace pass over a call that the processor's Linux does not have.
pub const WRITES: &str = "?pwrite64";
pub const SYNCS: &str = "?fsync,?fdatasync";

/// What is done to a call.
#[derive(Debug, Clone, Copy)]
pub enum Stop {
    /// The process is killed at it.
    Kill,
    /// It alone fails, with this error.
    Once(&'static str),
    /// It and all that follow fail.
    FromThenOn(&'static str),
}

impl Stop {
    fn injection(self, number: usize) -> String {
        match self {
            Self::Kill => format!("signal=SIGKILL:when={number}"),
            Self::Once(error) => format!("error={error}:when={number}"),
            Self::FromThenOn(error) => format!("error={error}:when={number}+"),
        }
    }
}

/// Folder and task of this process, if it is a child.
pub fn task() -> Option<(PathBuf, String)> {
    let folder = std::env::var_os(FOLDER)?;
    Some((folder.into(), std::env::var(TASK).unwrap_or_default()))
}

/// The test that is the child's body, by its full name, and what it is told to do.
#[derive(Debug, Clone, Copy)]
pub struct Child<'a> {
    pub test: &'static str,
    pub task: &'a str,
}

impl<'a> Child<'a> {
    /// Runs in copies of the folder, stopped at the first of these calls, at the second, and so on. The last run is the one
    /// in which nothing was stopped. Nothing where strace is missing.
    pub fn stopped(self, before: &'a Path, calls: &'a str, stop: Stop) -> Runs<'a> {
        Runs {
            child: self,
            before,
            calls,
            stop,
            number: 0,
            is_over: !has_strace(),
        }
    }
}

/// The runs of a child.
pub struct Runs<'a> {
    child: Child<'a>,
    before: &'a Path,
    calls: &'a str,
    stop: Stop,
    number: usize,
    is_over: bool,
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        if self.is_over {
            return None;
        }
        self.number += 1;
        let folder = copy_of(self.before);
        let log = tempfile::NamedTempFile::new().unwrap();
        let calls = self.calls;
        let injection = self.stop.injection(self.number);
        let output = Command::new("strace")
            .args(["-f", "-qq", "-o"])
            .arg(log.path())
            .args(["-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={calls}:{injection}")])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", self.child.test, "--nocapture"])
            .arg("--test-threads=1")
            .env(FOLDER, folder.path())
            .env(TASK, self.child.task)
            .output()
            .unwrap();
        let log = std::fs::read_to_string(log.path()).unwrap();
        let run = Run {
            number: self.number,
            folder,
            was_killed: output.status.signal() == Some(9),
            was_failed: log.contains("(INJECTED)"),
            output,
        };
        assert!(run.was_killed || run.output.status.success(), "{run:?}");
        self.is_over = run.came_through();
        Some(run)
    }
}

/// How one child went.
#[derive(Debug)]
pub struct Run {
    pub number: usize,
    /// What it left.
    pub folder: TempDir,
    pub was_killed: bool,
    was_failed: bool,
    output: Output,
}

impl Run {
    /// Nothing was stopped.
    pub fn came_through(&self) -> bool {
        !self.was_killed && !self.was_failed
    }

    /// What follows this word and a colon on the child's standard output; empty if it did not get there.
    pub fn said(&self, word: &str) -> String {
        let text = String::from_utf8_lossy(&self.output.stdout);
        let after = text.split(&format!("{word}: ")).nth(1);
        let line = after.and_then(|rest| rest.lines().next());
        line.unwrap_or_default().to_owned()
    }
}

fn has_strace() -> bool {
    let found = Command::new("strace")
        .arg("-V")
        .output()
        .is_ok_and(|output| output.status.success());
    if !found {
        not_run("strace is not installed, so no process was stopped at its writes");
    }
    found
}

/// Says loudly that a part did not run; under `CI=true` that is a failure.
pub fn not_run(reason: &str) {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "NOT RUN: {reason}"
    );
    // Past the test runner's capture, so that it is seen when the test passes.
    let line = format!("NOT RUN: {reason}\n");
    std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
}
