// SPDX-License-Identifier: MPL-2.0
//! ONNX Runtime and nothing else, on all cores.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use gstresnet50::inference::{Model, Runtime, Session, find_model};
use rustix::time::{ClockId, clock_gettime};

use super::Result;
use super::fixtures::session;
use super::turn::{Measured, since_start};
use super::usage::Usage;

/// Runs a model in batches, with all threads in one inference or with one thread in each.
pub fn run(model: &str, batch: usize, is_together: bool, seconds: f64) -> Result<Measured> {
    let cores = std::thread::available_parallelism()?.get();
    let mut sessions = if is_together {
        let runtime = Runtime::load(None, &[])?;
        let model = Model::read(find_model(Some(model.as_ref()))?)?;
        vec![Session::load_spinning(runtime, &model, cores)?.with_batch(batch)?]
    } else {
        let mut sessions = vec![session(model, 1)?.with_batch(batch)?];
        while sessions.len() < cores {
            let another = sessions[0].another()?;
            sessions.push(another.ok_or("the CPU runs several at a time")?);
        }
        sessions
    };
    sessions[0].run_batch(1)?;
    let start = since_start()?;
    if seconds == 0.0 {
        return Ok(Measured {
            start,
            ..Measured::default()
        });
    }
    let time = Duration::from_secs_f64(seconds);
    let warm = Barrier::new(sessions.len() + 1);
    let (rates, used) = std::thread::scope(|scope| {
        let workers: Vec<_> = sessions
            .iter_mut()
            .map(|session| {
                let warm = &warm;
                scope.spawn(move || {
                    let mut run = || session.run_batch(batch).map(drop);
                    let first = run().and_then(|()| run());
                    warm.wait();
                    first.map_err(|e| e.to_string())?;
                    let begun = Instant::now();
                    let mut pictures = 0;
                    while begun.elapsed() < time {
                        run().map_err(|e| e.to_string())?;
                        pictures += batch;
                    }
                    // The last inference ends after the turn: each has its own time.
                    Ok((pictures, pictures as f64 / begun.elapsed().as_secs_f64()))
                })
            })
            .collect();
        warm.wait();
        let before = (Usage::now(), clock_gettime(ClockId::ProcessCPUTime));
        let rates = workers
            .into_iter()
            .map(|w| w.join().unwrap_or(Err("panic".to_owned())))
            .collect::<std::result::Result<Vec<_>, String>>();
        (rates, before)
    });
    let rates = rates?;
    let (before, cpu) = used;
    let cpu: Duration = (clock_gettime(ClockId::ProcessCPUTime) - cpu).try_into()?;
    let pictures: usize = rates.iter().map(|(pictures, _)| pictures).sum();
    Ok(Measured {
        start,
        rate: rates.iter().map(|(_, rate)| rate).sum(),
        cpu: cpu.as_secs_f64() * 1e3 / pictures as f64,
        foreign: Usage::now()?.since(&before?)?.foreign,
        ..Measured::default()
    })
}
