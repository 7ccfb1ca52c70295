// SPDX-License-Identifier: MPL-2.0
//! CPU time and memory: of the engine's workers, of the other threads of this process, of other
//! processes. `benches/performance` includes this file, too.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::Result;

/// A round in which other processes had a larger share of the cores than this is not reliable.
pub const MAX_FOREIGN: f64 = 0.02;

/// The CPU time used up to some moment.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    at: Instant,
    engine: Duration,
    others: Duration,
    /// Of the whole process, with its threads that have ended.
    process: Duration,
    /// Of all processes, and the time that the hypervisor has taken.
    machine: Duration,
}

/// Shares of the time of all cores, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Shares {
    /// The engine's workers.
    pub engine: f64,
    /// The other threads of this process that live.
    pub others: f64,
    /// Other processes.
    pub foreign: f64,
    /// Not used.
    pub idle: f64,
    /// How many cores there are.
    pub cores: f64,
}

/// The unit of `/proc/stat`: `USER_HZ` is 100 on all systems that this runs on.
const TICK: Duration = Duration::from_millis(10);

impl Usage {
    /// Up to now.
    pub fn now() -> Result<Self> {
        let (engine, others) = busy()?;
        // user, nice, system, idle, iowait, irq, softirq, steal
        let stat = std::fs::read_to_string("/proc/stat")?;
        let all = stat
            .lines()
            .next()
            .and_then(|line| ticks(line, &[1, 2, 3, 6, 7, 8]));
        let process = clock_gettime(ClockId::ProcessCPUTime);
        Ok(Self {
            at: Instant::now(),
            engine,
            others,
            process: process.try_into()?,
            machine: all.ok_or("/proc/stat: no times")?,
        })
    }

    /// The time since then, in seconds.
    pub fn seconds_since(&self, before: &Self) -> f64 {
        (self.at - before.at).as_secs_f64()
    }

    /// Who has used the cores since then.
    pub fn since(&self, before: &Self) -> Result<Shares> {
        let cores = std::thread::available_parallelism()?.get() as f64;
        let seconds = self.seconds_since(before) * cores;
        let share =
            |now: Duration, then: Duration| now.saturating_sub(then).as_secs_f64() / seconds;
        let machine = share(self.machine, before.machine);
        Ok(Shares {
            engine: share(self.engine, before.engine),
            others: share(self.others, before.others),
            foreign: (machine - share(self.process, before.process)).max(0.0),
            idle: (1.0 - machine).max(0.0),
            cores,
        })
    }
}

/// The sum of these fields.
fn ticks(line: &str, fields: &[usize]) -> Option<Duration> {
    let values: Vec<_> = line.split_whitespace().collect();
    let numbers = fields.iter().map(|i| values.get(*i)?.parse::<u32>().ok());
    Some(TICK * numbers.sum::<Option<u32>>()?)
}

/// The CPU time of this process's threads: the engine's, and the others'.
pub fn busy() -> Result<(Duration, Duration)> {
    let (mut engine, mut others) = (Duration::ZERO, Duration::ZERO);
    for entry in std::fs::read_dir("/proc/self/task")? {
        let task = entry?.path();
        // A thread that has ended meanwhile has no file any more.
        let Ok(text) = std::fs::read_to_string(task.join("schedstat")) else {
            continue;
        };
        let name = std::fs::read_to_string(task.join("comm")).unwrap_or_default();
        let nanoseconds = text.split(' ').next().and_then(|n| n.parse().ok());
        let time = Duration::from_nanos(nanoseconds.unwrap_or_default());
        if is_worker(name.trim()) {
            engine += time;
        } else {
            others += time;
        }
    }
    Ok((engine, others))
}

/// Workers are called `resnet50-0` and so on. Elements have such names, too, but the threads of
/// their pads end in `:src`.
fn is_worker(name: &str) -> bool {
    name.strip_prefix("resnet50-")
        .is_some_and(|number| number.parse::<u32>().is_ok())
}

/// The resident memory of this process, in bytes.
pub fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|l| l.trim().strip_suffix(" kB"));
    let kilobytes: u64 = kilobytes
        .ok_or("the system does not tell")?
        .trim()
        .parse()?;
    Ok(kilobytes * 1024)
}
