// SPDX-License-Identifier: MPL-2.0
//! The decision layer in the element: metadata, messages, tags, settings.

use gst::prelude::*;
use gst_check::Harness;
use gstresnet50::meta::classification_of;
use support::element::*;
use support::harness::{play, through};
use support::onnx::Net;

/// A model of the three classes red, green and blue, and its names.
fn model() -> (tempfile::TempDir, gst::Element) {
    let folder = tempfile::tempdir().expect("a folder");
    let model = Net::color().write(folder.path(), "color.onnx");
    let labels = folder.path().join("labels.txt");
    std::fs::write(&labels, "red\ngreen\nblue\n").expect("written");
    let element = element(&model);
    element.set_property("labels", text(&labels));
    (folder, element)
}

/// A frame of these parts in 255.
const DIM: [u8; 3] = [60, 40, 30];

/// What was decided for a frame, and since when in milliseconds.
fn decision(buffer: &gst::BufferRef) -> (String, Option<u64>) {
    let decision = classification(buffer)
        .decision
        .expect("there is a decision layer");
    let since = decision.since.map(gst::ClockTime::mseconds);
    (decision.name().to_owned(), since)
}

/// Without any of its properties there is no decision; each class has to be as sure as
/// `enter-confidence`, else it is "nothing"; it stays down to `leave-confidence`.
#[test]
fn enter_and_leave() {
    let (_folder, element) = model();
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    let out = through(&mut harness, timed(&info, RED, 0));
    assert_eq!(classification(&out).decision, None);

    element.set_property_from_str("messages", "change");
    element.set_property("enter-confidence", 0.6f32);
    element.set_property("leave-confidence", 0.2f32);
    let frames = [
        (DIM, "nothing", 40),
        (GREEN, "green", 80),
        // Best is red with a quarter; green is left for it is below a fifth.
        ([60, 80, 30], "green", 80),
        (DIM, "nothing", 160),
        (BLUE, "blue", 200),
    ];
    for (i, (color, expected, since)) in frames.into_iter().enumerate() {
        let time = 40 * (i as u64 + 1);
        let out = through(&mut harness, timed(&info, color, time));
        assert_eq!(decision(&out), (expected.into(), Some(since)), "{time}");
        // The raw result stays beside it.
        assert_eq!(classification(&out).results.len(), 3);
    }
    let posted = messages(&bus, &element, gst::MessageType::Element);
    let posted: Vec<String> = posted
        .iter()
        .filter_map(|m| m.structure()?.get("decision").ok())
        .collect();
    assert_eq!(posted, ["nothing", "green", "nothing", "blue"]);
}

/// Seconds of a signal at so many frames a second, and the decisions that are made of it: each
/// with the stream time in nanoseconds since which it stands.
fn decisions(rate: u64, seconds: u64, signal: impl Fn(u64) -> [u8; 3]) -> Vec<(String, u64)> {
    let (_folder, element) = model();
    element.set_property("hold-time", 1_000_000_000u64);
    element.set_property("smoothing", 300_000_000u64);
    let info = rgb(8, 6);
    let (mut harness, _bus) = play(&element, &info);
    let mut seen: Vec<(String, u64)> = Vec::new();
    for frame in 0..=seconds * rate {
        let time = gst::ClockTime::SECOND
            .mul_div_floor(frame, rate)
            .expect("no such long time");
        let mut buffer = plain(&info, signal(time.mseconds()));
        buffer.make_mut().set_pts(time);
        let out = through(&mut harness, buffer);
        let now = classification(&out)
            .decision
            .expect("there is a decision layer");
        let since = now.since.expect("it is a time").nseconds();
        let now = (now.name().to_owned(), since);
        if seen.last() != Some(&now) {
            // Each begins with the frame that has changed it.
            assert_eq!(since, time.nseconds(), "{now:?}");
            seen.push(now);
        }
    }
    seen
}

/// The same signal makes the same decisions at any frame rate, and since the same time: what is too
/// short for the running average is none, and one stays for `hold-time`.
#[test]
fn the_same_at_any_rate() {
    let signal = |milliseconds| match milliseconds {
        // Too short.
        1200..1400 => BLUE,
        2000..2600 | 5000..6000 => GREEN,
        // It has to wait until green, which has not been for a second, may go.
        2600..5000 => BLUE,
        _ => RED,
    };
    let (slow, fast) = (decisions(5, 8, signal), decisions(60, 8, signal));
    let names = |seen: &[(String, u64)]| {
        let names = seen.iter().map(|(name, _)| name.clone());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(&slow), ["red", "green", "blue", "green", "red"]);
    assert_eq!(names(&slow), names(&fast));
    // Within the time of one of the slow frames.
    for (slow, fast) in slow.iter().zip(&fast) {
        assert!(slow.1.abs_diff(fast.1) <= 200_000_000, "{slow:?} {fast:?}");
    }
    // Blue was there for long, and came when a second was over.
    let held = fast[2].1 - fast[1].1;
    assert!((1_000_000_000..1_020_000_000).contains(&held), "{fast:?}");
}

/// A stretch of a file with a time of its own: `start` of its timestamps is `time` in the stream.
fn stretch(rate: f64, applied_rate: f64) -> gst::Event {
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_start(gst::ClockTime::from_seconds(100));
    segment.set_position(gst::ClockTime::from_seconds(100));
    segment.set_time(gst::ClockTime::from_seconds(7));
    segment.set_rate(rate);
    segment.set_applied_rate(applied_rate);
    gst::event::Segment::new(&segment)
}

/// `hold-time`, `smoothing` and `since` are in stream time, whatever the timestamps are and however
/// fast they run: neither in timestamps nor in running time.
#[test]
fn in_stream_time() {
    // How fast it is played; how much faster than its timestamps the stream's time goes, for it
    // was made faster before it came here.
    for (rate, applied_rate) in [(1.0, 1.0), (4.0, 1.0), (1.0, 4.0), (1.0, 0.25)] {
        for mode in ["exact", "live"] {
            let case = format!("{rate} {applied_rate} {mode}");
            // In milliseconds of stream time, for a frame each 100 of them.
            let run = |property: &str, time: u64| {
                let (_folder, element) = model();
                element.set_property_from_str("mode", mode);
                element.set_property(property, time * 1_000_000);
                let info = rgb(8, 6);
                let (mut harness, _bus) = play(&element, &info);
                assert!(harness.push_event(stretch(rate, applied_rate)));
                let mut seen: Vec<(String, u64)> = Vec::new();
                for frame in 0..30u64 {
                    let color = if frame < 5 { RED } else { GREEN };
                    let pts = 100_000 + (100.0 * frame as f64 / applied_rate) as u64;
                    let out = answered(&mut harness, mode, &timed(&info, color, pts));
                    let (name, since) = decision(&out);
                    let now = (name, since.expect("it is a time"));
                    if seen.last() != Some(&now) {
                        seen.push(now);
                    }
                }
                seen
            };
            let changes = |at: u64| vec![("red".to_owned(), 7000), ("green".to_owned(), at)];
            // Green comes after half a second, and may not before 1.2 seconds.
            assert_eq!(run("hold-time", 1200), changes(8200), "{case}");
            // Its average is above a half after 0.7 time constants, which the fourth frame is, for
            // a frame counts from the one before.
            assert_eq!(run("smoothing", 500), changes(7800), "{case}");
        }
    }
}

/// A frame with its own result. In mode live it leaves without, so that the same frame goes in again
/// until it carries it.
fn answered(harness: &mut Harness, mode: &str, frame: &gst::Buffer) -> gst::Buffer {
    let begun = std::time::Instant::now();
    loop {
        let out = through(harness, frame.copy());
        let classification = classification_of(&out);
        let age = classification.and_then(|a| a.age);
        if mode == "exact" || age == Some(gst::ClockTime::ZERO) {
            return out;
        }
        assert!(begun.elapsed().as_secs() < 60, "{mode}");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Groups are summed up, stand beside the classes, and are decided for; lists narrow the choice.
#[test]
fn groups_and_lists() {
    let (folder, element) = model();
    let groups = folder.path().join("groups.txt");
    std::fs::write(&groups, "warm: red, green # and no blue\n").expect("written");
    element.set_property("groups", text(&groups));
    let info = rgb(8, 6);
    let (mut harness, bus) = play(&element, &info);
    // Blue is the best class, and warm the best of all.
    let out = through(&mut harness, timed(&info, [80, 90, 100], 0));
    assert_eq!(top(&out), 2);
    assert_eq!(decision(&out).0, "warm");
    let group = &classification(&out).groups[0];
    assert_eq!(&*group.label, "warm");
    assert!((group.confidence - 170.0 / 255.0).abs() < 1e-3, "{group:?}");

    element.set_property("deny", "warm");
    let out = through(&mut harness, timed(&info, RED, 40));
    assert_eq!(decision(&out).0, "blue");
    element.set_property("deny", "");
    element.set_property("allow", "green");
    let out = through(&mut harness, timed(&info, RED, 80));
    assert_eq!(decision(&out).0, "green");

    // A wrong one is told, and the one before stays.
    element.set_property("allow", "gren");
    let told = warnings(&bus, &element);
    let [warning] = &told[..] else {
        panic!("{told:?}");
    };
    let text = warning.to_string();
    assert!(text.contains("gren") && text.contains("green"), "{text}");
    let out = through(&mut harness, timed(&info, RED, 120));
    assert_eq!(decision(&out).0, "green");
}

/// What is wrong with the files and lists ends the start with one error that names it.
#[test]
fn wrong_settings() {
    let (folder, _) = model();
    let wrong = folder.path().join("wrong.txt");
    std::fs::write(&wrong, "warm: red, yellow\n").expect("written");
    for (property, value, parts) in [
        (
            "groups",
            text(&wrong),
            vec!["wrong.txt", "line 1", "yellow"],
        ),
        ("groups", "/there/is/none", vec!["/there/is/none"]),
        // What is written wrong is taken for a file.
        (
            "groups",
            "imagenet-group",
            vec!["“imagenet-group”", "imagenet-groups for the built-in ones"],
        ),
        ("groups", "imagenet-groups", vec!["1000", "3"]),
        ("deny", "yellow", vec!["deny", "yellow"]),
        ("deny", "red, green,blue", vec!["nothing to decide"]),
    ] {
        let (_folder, element) = model();
        element.set_property(property, value);
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        element
            .set_state(gst::State::Paused)
            .expect("it loads aside");
        assert!(!loaded(&bus), "{property}={value}");
        let errors = errors(&bus, &element);
        assert_eq!(errors.len(), 1, "{errors:?}");
        let text = errors[0].to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        element.set_state(gst::State::Null).expect("it stops");
    }
}

/// The keywords grow with the decisions, and the stream's own tags stay with them.
#[test]
fn tags() {
    for mode in ["exact", "live"] {
        let (_folder, element) = model();
        element.set_property_from_str("mode", mode);
        element.set_property("tags", true);
        let info = rgb(8, 6);
        let (mut harness, _bus) = play(&element, &info);
        let mut own = gst::TagList::new();
        own.make_mut()
            .add::<gst::tags::Title>(&"A title", gst::TagMergeMode::Replace);
        assert!(harness.push_event(gst::event::Tag::new(own)));
        for (i, color) in [RED, RED, BLUE, RED, BLUE, GREEN].into_iter().enumerate() {
            // In mode live the result is that of a frame before.
            let begun = std::time::Instant::now();
            let mut time = 40_000 * i as u64;
            loop {
                let out = through(&mut harness, timed(&info, color, time));
                let expected = color.iter().position(|c| *c == 255).map(|c| c as i32);
                let classification = classification_of(&out);
                if classification.and_then(|a| Some(a.top()?.index)) == expected {
                    break;
                }
                assert!(begun.elapsed().as_secs() < 60, "{mode}");
                std::thread::sleep(std::time::Duration::from_millis(5));
                time += 1;
            }
        }
        let mut seen = Vec::new();
        while let Ok(event) = harness.try_pull_event().ok_or(()) {
            if let gst::EventView::Tag(tag) = event.view() {
                let list = tag.tag();
                let words = list.iter_tag::<gst::tags::Keywords>();
                let words: Vec<String> = words.map(|w| w.get().to_owned()).collect();
                let title = list.get::<gst::tags::Title>().map(|t| t.get().to_owned());
                assert_eq!(title.as_deref(), Some("A title"), "{mode}");
                seen.push(words);
            }
        }
        let expected: Vec<Vec<&str>> = vec![
            vec![],
            vec!["red"],
            vec!["red", "blue"],
            vec!["red", "blue", "green"],
        ];
        assert_eq!(seen, expected, "{mode}");
    }
}

/// The keywords of a file, as any reader finds them without playing it.
fn keywords(file: &std::path::Path) -> Vec<String> {
    let uri = glib::filename_to_uri(file, None).expect("a URI");
    let line = format!("uridecodebin uri={uri} ! fakesink");
    let pipeline = gst::parse::launch(&line).expect(&line);
    pipeline.set_state(gst::State::Paused).expect(&line);
    let bus = pipeline.bus().expect("a bus");
    let mut found = Vec::new();
    loop {
        let message = bus.timed_pop(TIMEOUT).expect("it is prerolled");
        match message.view() {
            gst::MessageView::Tag(tag) => {
                let tags = tag.tags();
                for words in tags.iter_tag::<gst::tags::Keywords>() {
                    // The formats have them as one text.
                    found.extend(words.get().split(", ").map(str::to_owned));
                }
            }
            gst::MessageView::AsyncDone(_) => break,
            gst::MessageView::Error(error) => panic!("{error:?}"),
            _ => {}
        }
    }
    pipeline.set_state(gst::State::Null).expect("it stops");
    found.sort();
    found.dedup();
    found
}

/// With `tags=true` a recording carries what was seen in it: a clip is classified, encoded and
/// written, and the file's tags have the keywords of all its shots. Without, it has none.
/// (GStreamer 1.22's matroskamux writes no keywords at all, whoever sends them.)
#[cfg(feature = "builtin-model")]
#[test]
fn recording() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let clip = support::source("demo/clip.webm");
    let clip = glib::filename_to_uri(clip, None).expect("a URI");
    let all = vec!["Egyptian cat", "espresso", "missile", "moped"];
    for (tags, encoder, name, expected) in [
        (true, "avenc_mpeg4 ! mp4mux", "with.mp4", &all),
        (true, "jpegenc ! qtmux", "with.mov", &all),
        (false, "jpegenc ! qtmux", "without.mov", &vec![]),
    ] {
        let file = folder.path().join(name);
        // What is seen for a moment around a cut is not decided for.
        let line = format!(
            "uridecodebin uri={clip} ! resnet50 model={} interval=5 smoothing=500000000 \
             enter-confidence=0.3 tags={tags} ! {encoder} ! filesink location={}",
            gstresnet50::inference::BUILTIN,
            text(&file),
        );
        let pipeline = gst::parse::launch(&line).expect(&line);
        pipeline.set_state(gst::State::Playing).expect(&line);
        let bus = pipeline.bus().expect("a bus");
        let ends = [gst::MessageType::Eos, gst::MessageType::Error];
        let end = bus.timed_pop_filtered(TIMEOUT, &ends).expect("it ends");
        assert_eq!(end.type_(), gst::MessageType::Eos, "{end:?}");
        pipeline.set_state(gst::State::Null).expect("it stops");
        assert_eq!(&keywords(&file), expected, "{name}");
    }
}
