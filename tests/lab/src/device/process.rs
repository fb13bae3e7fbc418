//! The process of a device: reads commands line by line and has the [`Host`] carry them out, several at a time, as a user
//! does not wait either. It ends when nobody is left to command it.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};
use tracing_subscriber::filter::LevelFilter;

use super::{
    host::{Host, say},
    message::{Command, Event, Numbered, Setup},
};

/// Runs a device until its standard input ends; the hidden subcommand of whoever starts devices does only this.
///
/// # Errors
/// If the first line is no [`Setup`], or the core cannot be opened with it.
pub fn run() -> Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(serve())
}

async fn serve() -> Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let first = lines.next_line().await?.context("no setup")?;
    let setup: Setup = serde_json::from_str(&first).context("the setup")?;
    if let Some(path) = &setup.log {
        log_to(path)?;
    }
    let host = Host::open(setup)?;
    let watching = tokio::spawn(Arc::clone(&host).watch());
    obey(&host, &mut lines).await?;
    watching.abort();
    host.close().await;
    Ok(())
}

async fn obey(host: &Arc<Host>, lines: &mut Lines<BufReader<Stdin>>) -> Result<()> {
    while let Some(line) = lines.next_line().await? {
        let Numbered { number, command } = serde_json::from_str(&line).context("a command")?;
        if matches!(command, Command::Quit) {
            say(Event::Done {
                number,
                answer: serde_json::Value::Null,
            });
            break;
        }
        let host = Arc::clone(host);
        tokio::spawn(async move {
            say(match host.carry_out(command).await {
                Ok(answer) => Event::Done { number, answer },
                Err(error) => Event::Refused {
                    number,
                    code: error.code().to_owned(),
                    text: error.to_string(),
                },
            });
        });
    }
    Ok(())
}

fn log_to(path: &Path) -> Result<()> {
    let file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(path)?;
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(file)
        .init();
    Ok(())
}
