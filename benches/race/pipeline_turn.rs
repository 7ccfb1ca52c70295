// SPDX-License-Identifier: MPL-2.0
//! A pipeline, fed with 1080p NV12 frames from memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_video::{VideoFormat, VideoInfo};
use gstresnet50::sync::Mutex;
use rustix::time::{ClockId, clock_gettime};

use super::Result;
use super::fixtures::{frame, milliseconds};
use super::pipeline::rate;
use super::turn::{Measured, Task, since_start};
use super::usage::Usage;

/// Different frames in memory: more than a core's own caches hold.
const FRAMES: usize = 4;

/// How long it runs before the measurement begins.
const WARM_UP: Duration = Duration::from_secs(1);

/// When the frames came out, and their delays.
type Seen = Vec<(Instant, Duration)>;

/// Plays a pipeline of these elements, and measures it.
pub fn run(elements: &str, task: &Task) -> Result<Measured> {
    let info = VideoInfo::builder(VideoFormat::Nv12, 1920, 1080)
        .fps(gst::Fraction::new(30, 1))
        .build()?;
    let line = format!("appsrc name=source ! {elements} ! fakesink name=sink sync=false");
    let pipeline = gst::parse::launch(&line)?
        .downcast::<gst::Pipeline>()
        .map_err(|_| "it is a single element")?;
    let source = pipeline.by_name("source").ok_or("no source")?;
    let source = source
        .downcast::<gst_app::AppSrc>()
        .map_err(|_| "no appsrc")?;
    let entered: Arc<Mutex<Vec<Instant>>> = Arc::default();
    feed(&source, &info, task, &entered)?;

    let seen: Arc<Mutex<Seen>> = Arc::default();
    let sink = pipeline.by_name("sink").and_then(|s| s.static_pad("sink"));
    sink.ok_or("no sink")?
        .add_probe(gst::PadProbeType::BUFFER, {
            let (seen, entered) = (Arc::clone(&seen), Arc::clone(&entered));
            move |_, info| {
                let now = Instant::now();
                // The time stamp is the frame's number.
                let number = info.buffer().and_then(|b| b.pts()).map(|t| t.mseconds());
                let at = number.and_then(|n| entered.lock().get(n as usize).copied());
                seen.lock()
                    .push((now, at.map_or(Duration::ZERO, |at| now - at)));
                gst::PadProbeReturn::Ok
            }
        });
    let bus = pipeline.bus().ok_or("a pipeline has a bus")?;
    pipeline.set_state(gst::State::Playing)?;
    let check = || match bus.pop_filtered(&[gst::MessageType::Error]) {
        Some(message) => match message.view() {
            gst::MessageView::Error(error) => Err(error.error().to_string()),
            _ => Ok(()),
        },
        None => Ok(()),
    };
    while seen.lock().is_empty() {
        check()?;
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut measured = Measured {
        start: since_start()?,
        ..Measured::default()
    };
    if task.seconds > 0.0 {
        std::thread::sleep(WARM_UP);
        let cpu = || clock_gettime(ClockId::ProcessCPUTime);
        let (before, used) = (Usage::now()?, cpu());
        let (first, offered) = (seen.lock().len(), entered.lock().len());
        std::thread::sleep(Duration::from_secs_f64(task.seconds));
        while seen.lock().len() < first + 2 {
            check()?;
            std::thread::sleep(Duration::from_millis(10));
        }
        let used: Duration = (cpu() - used).try_into()?;
        let after = Usage::now()?;
        check()?;
        let (times, mut delays): (Vec<_>, Vec<_>) = seen.lock()[first..].iter().copied().unzip();
        let offered = entered.lock().len() - offered;
        delays.sort();
        let at = |q: f64| milliseconds(delays[((delays.len() - 1) as f64 * q) as usize]);
        measured.rate = rate(&times).ok_or("all frames came at once")?;
        // By the rate, because frames may come in batches.
        let seconds = after.seconds_since(&before);
        measured.cpu = milliseconds(used) / (measured.rate * seconds);
        measured.foreign = after.since(&before)?.foreign;
        measured.delay = task.live.map(|_| [at(0.5), at(0.99)]);
        measured.arrived = times.len() as f64 / offered.max(1) as f64;
    }
    // To NULL it always goes.
    let _ = pipeline.set_state(gst::State::Null);
    Ok(measured)
}

/// Lets the source push frames whose time stamps are their numbers in milliseconds.
fn feed(
    source: &gst_app::AppSrc,
    info: &VideoInfo,
    task: &Task,
    entered: &Arc<Mutex<Vec<Instant>>>,
) -> Result<()> {
    source.set_caps(Some(&info.to_caps()?));
    source.set_format(gst::Format::Time);
    source.set_is_live(task.live.is_some());
    let frames: Vec<_> = (0..FRAMES).map(|_| frame(info)).collect();
    let interval = task.live.map(|rate| Duration::from_secs(1) / rate);
    let (mut begun, mut next) = (None, 0u32);
    let entered = Arc::clone(entered);
    source.set_callbacks(
        gst_app::AppSrcCallbacks::builder()
            .need_data(move |source, _| {
                let mut frame = frames[next as usize % frames.len()].copy();
                if let Some(interval) = interval {
                    let at = interval * next;
                    let begun = *begun.get_or_insert_with(Instant::now);
                    std::thread::sleep((begun + at).saturating_duration_since(Instant::now()));
                }
                if let Some(frame) = frame.get_mut() {
                    frame.set_pts(gst::ClockTime::from_mseconds(next.into()));
                }
                entered.lock().push(Instant::now());
                // It is refused only at the end.
                let _ = source.push_buffer(frame);
                next += 1;
            })
            .build(),
    );
    Ok(())
}
