//! Cases and the runner that gives each a world of its own.

use std::{future::Future, pin::Pin, process::ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::{canary, world::World};

/// More than processors: cases spend their time waiting for the product's own intervals.
const AT_A_TIME: usize = 24;

type Played<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A test with its name.
pub struct Case {
    name: &'static str,
    play: for<'a> fn(&'a World) -> Played<'a>,
}

impl Case {
    /// A case; [`cases!`](crate::cases) writes this.
    pub const fn new(name: &'static str, play: for<'a> fn(&'a World) -> Played<'a>) -> Self {
        Self { name, play }
    }

    fn trial(self, file: &'static str) -> Trial {
        let name = format!("{file}::{}", self.name);
        Trial::test(name, move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .map_err(Failed::from)?;
            runtime.block_on(async {
                let world = World::start().await;
                (self.play)(&world).await;
                world.finish().await;
            });
            Ok(())
        })
    }
}

/// Lists the cases of a file: async functions of `&World`.
#[macro_export]
macro_rules! cases {
    ($($name:ident),+ $(,)?) => {
        /// The cases of this file.
        pub(crate) const CASES: &[$crate::Case] = &[
            $($crate::Case::new(stringify!($name), |world| Box::pin($name(world)))),+
        ];
    };
}

/// Runs the cases of all files, then looks through the log of the whole run.
pub fn run(files: &[(&'static str, &'static [Case])]) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_A_TIME);
    canary::listen();
    let trials = files
        .iter()
        .flat_map(|(file, cases)| {
            cases
                .iter()
                .map(|case| Case::new(case.name, case.play).trial(file))
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let leaks = canary::leaks_in_the_log(conclusion.has_failed());
    for leak in &leaks {
        eprintln!("the log holds {leak}");
    }
    if conclusion.has_failed() || !leaks.is_empty() {
        ExitCode::from(101)
    } else {
        ExitCode::SUCCESS
    }
}
