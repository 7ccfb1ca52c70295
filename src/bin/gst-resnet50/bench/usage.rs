// SPDX-License-Identifier: MPL-2.0
//! Who has had the processor: the engine's workers, the other threads of this process, other
//! processes.

use std::time::{Duration, Instant};

use super::Result;

/// A round in which other processes had a larger share of the cores than this says nothing.
pub const MOST_FOREIGN: f64 = 0.02;

/// What has been used up to some moment.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    at: Instant,
    engine: Duration,
    others: Duration,
    /// Of the whole process, those of its threads that have ended too.
    process: Duration,
    /// Of all that runs here, and what the machine below has taken.
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
    /// Nobody.
    pub idle: f64,
    /// How many cores there are.
    pub cores: f64,
}

/// The unit of `/proc/stat` and `/proc/self/stat`: `USER_HZ` is 100 on all that this runs on.
const TICK: Duration = Duration::from_millis(10);

impl Usage {
    pub fn now() -> Result<Self> {
        let (engine, others) = busy()?;
        // user, nice, system, idle, iowait, irq, softirq, steal
        let stat = std::fs::read_to_string("/proc/stat")?;
        let all = stat
            .lines()
            .next()
            .and_then(|line| ticks(line, &[1, 2, 3, 6, 7, 8]));
        // The name, which may have blanks in it, ends with the last bracket.
        let own = std::fs::read_to_string("/proc/self/stat")?;
        let own = own
            .rsplit_once(") ")
            .and_then(|(_, rest)| ticks(rest, &[11, 12]));
        Ok(Self {
            at: Instant::now(),
            engine,
            others,
            process: own.ok_or("/proc/self/stat: no times")?,
            machine: all.ok_or("/proc/stat: no times")?,
        })
    }

    pub fn seconds_since(&self, before: &Self) -> f64 {
        (self.at - before.at).as_secs_f64()
    }

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

/// What the threads of this process have run for, by whether they are the engine's.
pub fn busy() -> Result<(Duration, Duration)> {
    let (mut engine, mut others) = (Duration::ZERO, Duration::ZERO);
    for entry in std::fs::read_dir("/proc/self/task")? {
        let task = entry?.path();
        // One that has ended meanwhile is not there any more.
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

/// Workers are called `resnet50-0` and so on, and so are elements, whose tasks have a `:src`.
fn is_worker(name: &str) -> bool {
    name.strip_prefix("resnet50-")
        .is_some_and(|number| number.parse::<u32>().is_ok())
}
