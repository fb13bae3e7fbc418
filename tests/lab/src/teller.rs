//! Tells the story as it happens: who, what, and when since the start.

use std::{io::Write, time::Instant};

use steadfast_lab::device::{
    Entry,
    message::{Event, Place, Screen},
};

/// Writes the story to the standard output, line by line, so that progress can be seen.
pub(crate) struct Teller {
    started: Instant,
}

impl Teller {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// Begins a chapter.
    pub(crate) fn heading(&self, text: &str) {
        print(&format!("\n{text}\n"));
    }

    /// Tells one thing that happened.
    pub(crate) fn tell(&self, who: &str, text: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        print(&format!("{seconds:7.1} s  {who:<16} {text}\n"));
    }

    /// Tells what a device said, unless it is of no interest to a reader.
    pub(crate) fn overhear(&self, who: &str, entry: &Entry) {
        match &entry.event {
            Event::Shows(Screen::Dark) | Event::Acknowledged { .. } | Event::Done { .. } => {}
            Event::Shows(screen) => self.tell(who, &format!("> {screen}")),
            Event::Told {
                place: Place::Tray,
                text,
                ..
            } => self.tell(who, &format!("> notification: \"{text}\"")),
            Event::Told {
                place: Place::Page, ..
            } => {}
            Event::Suspended => self.tell(who, "> is suspended by its system"),
            Event::Refused { text, code, .. } => {
                self.tell(who, &format!("> refused: {text} ({code})"));
            }
        }
    }
}

fn print(text: &str) {
    // A reader who went away is no reason to stop playing.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}
