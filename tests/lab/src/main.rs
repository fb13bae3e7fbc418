//! The device lab: starts a server, five simulated devices and an administrator, and plays the acceptance cases.
//!
//! The exit code is 0 only if every case that was asked for passed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support that never ships"
)]

mod arguments;
mod people;
mod report;
mod server;
mod story;
mod teller;

use std::{process::ExitCode, sync::Arc};

use anyhow::Result;
use clap::Parser;

use crate::{
    arguments::{Arguments, Command},
    people::Stage,
    report::Report,
    server::Server,
    teller::Teller,
};

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(Command::Device) = arguments.command {
        steadfast_lab::device::run()?;
        return Ok(ExitCode::SUCCESS);
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(play(arguments))
}

async fn play(arguments: Arguments) -> Result<ExitCode> {
    let teller = Arc::new(Teller::new());
    let server = Server::start(&arguments).await?;
    teller.heading(&format!("The device lab, against {}", server.name()));
    let mut report = Report::new(server.name());
    let mut stage = Stage::build(&server, Arc::clone(&teller)).await?;
    for case in story::Case::ALL {
        if arguments.wants(case.key()) {
            report.add(case.play(&mut stage).await);
        }
    }
    stage.clear().await;
    server.stop().await;
    println!("\n{}", report.table());
    if arguments.json {
        println!("{}", report.json());
    }
    Ok(if report.all_passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
