//! What the figures were taken on.

use serde::Serialize;

/// The machine and the build.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Processors this process may use.
    pub cores: usize,
    /// Name of the processor, where the system tells.
    pub processor: Option<String>,
    /// Load of the last minute when the figures began, where the system tells.
    pub load: Option<f64>,
    /// Target triple of the build.
    pub target: &'static str,
    /// Compiler of the build.
    pub rustc: &'static str,
    /// `opt-level` of the build.
    pub opt_level: &'static str,
}

impl Machine {
    /// Looks at the machine as it is now.
    pub fn look() -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: processor(),
            load: load(),
            target: env!("BENCH_TARGET"),
            rustc: env!("BENCH_RUSTC"),
            opt_level: env!("BENCH_OPT_LEVEL"),
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} cores", self.cores)?;
        if let Some(processor) = &self.processor {
            write!(formatter, " ({processor})")?;
        }
        if let Some(load) = self.load {
            write!(formatter, ", load {load:.2} at the start")?;
        }
        write!(
            formatter,
            ", {}, {}, opt-level {}",
            self.target, self.rustc, self.opt_level
        )
    }
}

fn processor() -> Option<String> {
    let facts = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = facts.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn load() -> Option<f64> {
    let averages = std::fs::read_to_string("/proc/loadavg").ok()?;
    averages.split(' ').next()?.parse().ok()
}
