//! Takes the figures and prints them. With `RUST_LOG` set, such as `RUST_LOG=steadfast=debug`, the core says on standard
//! error what it does meanwhile.
#![allow(
    clippy::expect_used,
    reason = "test support that never ships; a figure that cannot be taken should stop the run"
)]

use clap::Parser;
use steadfast_bench::{Machine, Report, figures};
use tracing_subscriber::EnvFilter;

/// Times what a user of the core waits for, beside the same work done by hand.
#[derive(Parser)]
struct Arguments {
    /// Takes this figure alone; may be repeated.
    #[arg(long, value_enum)]
    only: Vec<figures::Name>,
    /// How often each thing is timed; without it each figure has its own number.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: Option<u32>,
    /// Prints the report once more as a last line of JSON.
    #[arg(long)]
    json: bool,
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if runtime.block_on(steadfast_bench::memory::is_child()) {
        return;
    }
    let arguments = Arguments::parse();
    if std::env::var_os("RUST_LOG").is_some() {
        tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::from_default_env())
            .with_writer(std::io::stderr)
            .init();
    }
    let machine = Machine::look();
    let wanted = if arguments.only.is_empty() {
        figures::Name::ALL.to_vec()
    } else {
        arguments.only
    };
    let figures = runtime.block_on(async {
        let mut taken = Vec::new();
        for name in wanted {
            taken.push(name.take(arguments.runs).await);
        }
        taken
    });
    let report = Report::new(machine, figures);
    print!("{report}");
    if arguments.json {
        println!("{}", report.json());
    }
}
