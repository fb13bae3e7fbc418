//! What the libraries and the core log, at every level, through either of the two interfaces for logs.
// Each test binary compiles its own copy.
#![allow(unreachable_pub)]

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

static LINES: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();

fn kept() -> &'static Arc<Mutex<Vec<u8>>> {
    LINES.get_or_init(Arc::default)
}

struct Collector;

impl log::Log for Collector {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut lines = kept().lock().unwrap();
        let _ = writeln!(lines, "{} {}", record.target(), record.args());
    }

    fn flush(&self) {}
}

struct Writer;

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        kept().lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Begins to listen, once in a process.
pub fn listen() {
    log::set_logger(&Collector).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(|| Writer)
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    log::debug!("the collector works");
    tracing::trace!("the subscriber works");
}

/// All that was logged so far; both interfaces were heard.
pub fn heard() -> String {
    let lines = String::from_utf8_lossy(&kept().lock().unwrap()).into_owned();
    assert!(lines.contains("the collector works") && lines.contains("the subscriber works"));
    lines
}
