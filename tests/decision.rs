// SPDX-License-Identifier: MPL-2.0
//! The decision layer in the element: metadata, messages, tags, settings.

mod support;

use gst::prelude::*;
use support::element::*;
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
    let decision = answer(buffer).decision.expect("there is a decision layer");
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
    assert_eq!(answer(&out).decision, None);

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
        // The raw answer stays beside it.
        assert_eq!(answer(&out).results.len(), 3);
    }
    let posted = messages(&bus, &element, gst::MessageType::Element);
    let posted: Vec<String> = posted
        .iter()
        .filter_map(|m| m.structure()?.get("decision").ok())
        .collect();
    assert_eq!(posted, ["nothing", "green", "nothing", "blue"]);
}

/// A decision stays for `hold-time` of stream time, at any frame rate; smoothing needs its time.
#[test]
fn the_same_at_any_rate() {
    let seen: Vec<Vec<(String, Option<u64>)>> = [200, 40]
        .into_iter()
        .map(|step| {
            let (_folder, element) = model();
            element.set_property("hold-time", 1_000_000_000u64);
            element.set_property("smoothing", 300_000_000u64);
            let info = rgb(8, 6);
            let (mut harness, _bus) = play(&element, &info);
            let mut seen = Vec::new();
            for time in (0..=3000).step_by(step) {
                let color = match time {
                    0 => RED,
                    // Too short for the running average.
                    1201..=1400 => BLUE,
                    2001.. => GREEN,
                    _ => RED,
                };
                let out = through(&mut harness, timed(&info, color, time));
                let now = decision(&out);
                if time % 200 == 0 {
                    seen.push((now.0, None));
                }
            }
            seen
        })
        .collect();
    assert_eq!(seen[0], seen[1]);
    let names: Vec<&str> = seen[0].iter().map(|(name, _)| name.as_str()).collect();
    assert!(names[..11].iter().all(|name| *name == "red"), "{names:?}");
    assert_eq!(names.last(), Some(&"green"));
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
    let group = &answer(&out).groups[0];
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
            // In mode live the answer is that of a frame before.
            let begun = std::time::Instant::now();
            let mut time = 40_000 * i as u64;
            loop {
                let out = through(&mut harness, timed(&info, color, time));
                let expected = color.iter().position(|c| *c == 255).map(|c| c as i32);
                let answer = gstresnet50::meta::classification_of(&out);
                if answer.and_then(|a| Some(a.top()?.index)) == expected {
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
