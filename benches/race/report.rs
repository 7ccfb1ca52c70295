// SPDX-License-Identifier: MPL-2.0
//! The rounds, the table and the chart.

use std::fmt::Write as _;
use std::path::Path;

use super::contestant::{Contestant, Group};
use super::fixtures::median;
use super::turn::Measured;
use super::usage::MAX_FOREIGN;
use super::{Args, Result, sections};

/// The models, and what the element is to make of the best of GStreamer's own settings.
const MODELS: [(&str, f64); 2] = [("int8", 1.5), ("fp32", 1.2)];

/// What the element is to make of the bare loop.
const BARE_GOAL: f64 = 0.97;

/// The chart's file, beside the document.
const CHART: &str = "race.svg";

/// All turns of a contestant.
struct Results {
    contestant: Contestant,
    turns: Vec<Measured>,
    starts: Vec<Measured>,
    live: Option<Measured>,
}

impl Results {
    fn of(&self, value: impl Fn(&Measured) -> f64) -> f64 {
        median(&mut self.turns.iter().map(value).collect::<Vec<_>>())
    }

    fn rate(&self) -> f64 {
        self.of(|m| m.rate)
    }

    fn start(&self) -> f64 {
        median(&mut self.starts.iter().map(|m| m.start).collect::<Vec<_>>())
    }
}

/// Runs the race, prints its section and writes it.
pub fn race(args: &Args) -> Result<()> {
    let mut text = head(args)?;
    let (mut bars, mut leads) = (Vec::new(), Vec::new());
    for (model, goal) in MODELS {
        let (results, repeated) = rounds(args, model)?;
        let lead = table(&mut text, model, goal, &results, repeated)?;
        leads.push(format!("{lead:.2} times as many in {model}"));
        bars.extend(chart_rows(model, &results));
    }
    writeln!(text, "![frames a second of the contestants]({CHART})")?;
    println!("{text}");
    if let Some(output) = &args.write {
        let old = std::fs::read_to_string(output).unwrap_or_default();
        std::fs::write(output, sections::replace(&old, sections::RACE, &text))?;
        std::fs::write(output.with_file_name(CHART), chart(&bars))?;
        println!("wrote {}", output.display());
    }
    if let Some(readme) = &args.readme {
        let old = std::fs::read_to_string(readme)?;
        let new = sections::replace(&old, sections::RACE, &short(&leads));
        std::fs::write(readme, new)?;
        println!("wrote {}", readme.display());
    }
    Ok(())
}

/// The result in a sentence.
fn short(leads: &[String]) -> String {
    format!(
        "Frames a second beside GStreamer's own `onnxinference ! classifiertensordecoder` at its best, with the same model, frames and library: {} ([the race](docs/PERFORMANCE.md#beside-others)).",
        leads.join(", ")
    )
}

fn head(args: &Args) -> Result<String> {
    let mut text = String::from("## Beside others\n\n");
    let (major, minor, micro, _) = gst::version();
    writeln!(
        text,
        "Written by `cargo xtask race`, on {} cores, with GStreamer {major}.{minor}.{micro} in Debian sid. Goals: frames a second at least 1.5 times (int8) and 1.2 times (fp32) those of GStreamer's own elements at their best, with the same library; {BARE_GOAL} of the bare loop; start-up and memory no worse than theirs.\n\nThe same ResNet50 v1.5 and the same kind of 1080p NV12 frames from memory. Each turn is a process of its own: it measures for {} s after a second of warm-up, {} rounds, every contestant once in each, each round with another one first. Rounds in which other processes had more than {:.0} % of the cores were repeated (at most {} times). Rates, CPU times, memory and start-up are medians. CPU time is that of the whole process for each frame; memory is the largest resident memory of the process; start-up is the time from the process's start to the first result. The delay is that from the source to the sink, of a live source of 30 frames a second in one turn; before GStreamer's own elements stands a leaky `queue` of one frame, without which a camera would have to wait, and “arrived” is the share of the camera's frames that came out.\n\n- *GStreamer's own*: `videoconvertscale ! onnxinference ! classifiertensordecoder`, with `optimization-level=enable-all` unless it says “defaults” (which is no optimization); `onnxinference` uses all cores. It stretches the picture, where the others crop it.\n- *Python*: OpenCV and onnxruntime from PyPI in a loop (`benches/race/loop.py`).\n- *bare*: ONNX Runtime and nothing else, not even pictures.\n",
        std::thread::available_parallelism()?,
        args.seconds,
        args.rounds,
        MAX_FOREIGN * 100.0,
        args.rounds,
    )?;
    Ok(text)
}

fn rounds(args: &Args, model: &str) -> Result<(Vec<Results>, u32)> {
    let mut results: Vec<_> = Contestant::all(args, model)
        .into_iter()
        .map(|contestant| Results {
            contestant,
            turns: Vec::new(),
            starts: Vec::new(),
            live: None,
        })
        .collect();
    let (mut done, mut repeated) = (0, 0);
    while done < args.rounds {
        eprintln!("measuring: {model}, round {} of {}", done + 1, args.rounds);
        let mut round = Vec::new();
        for place in 0..results.len() {
            let index = (place + (done + repeated) as usize) % results.len();
            let contestant = &results[index].contestant;
            round.push((index, contestant.turn(args.seconds)?, contestant.turn(0.0)?));
        }
        // Whether a round counts is not to depend on what it says; and there is an end to it.
        let foreign = round.iter().map(|(_, m, _)| m.foreign).fold(0.0, f64::max);
        if foreign > MAX_FOREIGN && repeated < args.rounds {
            repeated += 1;
            continue;
        }
        done += 1;
        for (index, turn, start) in round {
            results[index].turns.push(turn);
            results[index].starts.push(start);
        }
    }
    eprintln!("measuring: {model}, live");
    for result in &mut results {
        result.live = result.contestant.live_turn(args.seconds)?;
    }
    Ok((results, repeated))
}

fn name(group: Group) -> &'static str {
    match group {
        Group::TheirsByDefault | Group::Theirs => "GStreamer's own",
        Group::Python => "Python",
        Group::Bare => "bare",
        Group::OursByDefault | Group::Ours => "`resnet50`",
    }
}

/// The version in the library's file name, as far as it is there.
fn version(library: &Path) -> String {
    let file = library
        .canonicalize()
        .unwrap_or_else(|_| library.to_owned());
    let name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    name.trim_start_matches("libonnxruntime.so.").to_owned()
}

fn best(results: &[Results], is_one: impl Fn(&Contestant) -> bool) -> Option<&Results> {
    let all = results.iter().filter(|r| is_one(&r.contestant));
    all.max_by(|a, b| a.rate().total_cmp(&b.rate()))
}

fn table(
    text: &mut String,
    model: &str,
    goal: f64,
    results: &[Results],
    repeated: u32,
) -> Result<f64> {
    writeln!(
        text,
        "### {model}\n\nRepeated rounds: {repeated}.\n\n| contestant | setting | ONNX Runtime | frames a second | CPU ms a frame | memory MB | start-up ms | delay p50, p99 ms | arrived |\n|---|---|---|---|---|---|---|---|---|"
    )?;
    for result in results {
        let live = result.live.as_ref();
        let delay = live.and_then(|m| m.delay);
        let delay = delay.map_or("–".into(), |[p50, p99]| format!("{p50:.1}, {p99:.1}"));
        let arrived = live.map_or("–".into(), |m| {
            format!("{:.0} %", m.arrived.min(1.0) * 100.0)
        });
        writeln!(
            text,
            "| {} | {} | {} | {:.1} | {:.1} | {:.0} | {:.0} | {delay} | {arrived} |",
            name(result.contestant.group),
            result.contestant.setting,
            version(&result.contestant.runtime),
            result.rate(),
            result.of(|m| m.cpu),
            result.of(|m| m.memory),
            result.start(),
        )?;
    }
    writeln!(text)?;
    let theirs = best(results, |c| c.group == Group::Theirs).ok_or("nobody took part")?;
    let library = theirs.contestant.runtime.clone();
    let of = |group| best(results, |c| c.group == group && c.runtime == library);
    let (Some(ours), Some(default), Some(bare)) =
        (of(Group::Ours), of(Group::OursByDefault), of(Group::Bare))
    else {
        return Err("somebody is missing".into());
    };
    let fastest = if default.rate() > ours.rate() {
        default
    } else {
        ours
    };
    let ratios = |a: &Results, b: &Results| {
        let pairs = a.turns.iter().zip(&b.turns);
        median(&mut pairs.map(|(a, b)| a.rate / b.rate).collect::<Vec<_>>())
    };
    writeln!(
        text,
        "With one and the same library:\n\n| `resnet50` against | setting | ratio | goal | |\n|---|---|---|---|---|"
    )?;
    let mut row = |what: &str, setting: &str, ratio: f64, goal: f64, is_reached: bool| {
        let reached = if is_reached { "reached" } else { "missed" };
        writeln!(
            text,
            "| {what} | {setting} | {ratio:.3} | {goal} | {reached} |"
        )
    };
    let setting = |r: &Results| r.contestant.setting.clone();
    let lead = ratios(fastest, theirs);
    row(
        "GStreamer's own, frames a second",
        &setting(theirs),
        lead,
        goal,
        lead >= goal,
    )?;
    let against = ratios(fastest, bare);
    row(
        "bare, frames a second",
        &setting(bare),
        against,
        BARE_GOAL,
        against >= BARE_GOAL,
    )?;
    let start = default.start() / theirs.start();
    row(
        "GStreamer's own, start-up",
        "defaults",
        start,
        1.0,
        start <= 1.0,
    )?;
    let memory = |r: &Results| r.of(|m| m.memory);
    let memory = memory(default) / memory(theirs);
    row(
        "GStreamer's own, memory",
        "defaults",
        memory,
        1.0,
        memory <= 1.0,
    )?;
    writeln!(text)?;
    Ok(lead)
}

/// A label and a rate for each group.
fn chart_rows(model: &str, results: &[Results]) -> Vec<(String, f64, bool)> {
    let groups = [
        (Group::TheirsByDefault, "GStreamer's own, defaults"),
        (Group::Theirs, "GStreamer's own, at its best"),
        (Group::Python, "Python and OpenCV"),
        (Group::OursByDefault, "resnet50, defaults"),
        (Group::Ours, "resnet50, batch-size=4"),
        (Group::Bare, "bare ONNX Runtime"),
    ];
    let rows = groups.into_iter().filter_map(|(group, label)| {
        let best = best(results, |c| c.group == group)?;
        let is_ours = matches!(group, Group::Ours | Group::OursByDefault);
        Some((format!("{model}: {label}"), best.rate(), is_ours))
    });
    rows.collect()
}

/// Horizontal bars, as SVG.
fn chart(rows: &[(String, f64, bool)]) -> String {
    const LEFT: f64 = 240.0;
    const WIDTH: f64 = 640.0;
    const ROW: f64 = 24.0;
    let height = 50.0 + ROW * rows.len() as f64;
    let most = rows.iter().fold(1.0, |m: f64, (_, rate, _)| m.max(*rate));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"{:.0}\" y=\"20\" text-anchor=\"middle\">Frames a second from 1080p NV12</text>\n",
        WIDTH / 2.0
    );
    for (i, (label, rate, is_ours)) in rows.iter().enumerate() {
        let top = 35.0 + ROW * i as f64;
        let width = rate / most * (WIDTH - LEFT - 60.0);
        let color = if *is_ours { "#0b62a4" } else { "#999999" };
        // To a string nothing fails.
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{label}</text>\n<rect x=\"{LEFT}\" y=\"{top:.0}\" width=\"{width:.0}\" height=\"{:.0}\" fill=\"{color}\"/>\n<text x=\"{:.0}\" y=\"{:.0}\">{rate:.1}</text>",
            LEFT - 8.0,
            top + 14.0,
            ROW - 6.0,
            LEFT + width + 6.0,
            top + 14.0,
        );
    }
    svg.push_str("</svg>\n");
    svg
}
