// SPDX-License-Identifier: MPL-2.0
//! The metadata as programs write and read it: what is put on is what comes back.

use std::ops::ControlFlow;

use gst_video::VideoRegionOfInterestMeta;
use gstresnet50::meta::{
    Classification, Decision, Group, META_NAME, PARAM_NAME, Region, attach, attach_region,
    classification_by, classification_of, classifications_by, frame_classifications,
    region_classifications, regions_by, regions_of, register,
};
use support::lines::seen;

/// A result with everything that a result can have.
fn full() -> Classification {
    Classification {
        groups: vec![Group {
            label: "cat".into(),
            confidence: 0.75,
        }],
        decision: Some(Decision {
            label: Some("cat".into()),
            confidence: 0.5,
            since: Some(gst::ClockTime::SECOND),
        }),
        ..seen(1, "tabby")
    }
}

/// A result of an element of this name.
fn by(element: &str, label: &str) -> Classification {
    Classification {
        element: element.into(),
        model: format!("/models/{label}.onnx").into(),
        ..seen(1, label)
    }
}

/// The elements and best classes.
fn names(all: &[Classification]) -> Vec<(&str, &str)> {
    all.iter()
        .map(|c| (&*c.element, &*c.top().expect("a class").label))
        .collect()
}

/// A result takes the place of an earlier one of the same element, with nothing of that left.
#[test]
fn replaces() {
    support::init();
    register();
    let plain = seen(2, "pug");
    let mut buffer = gst::Buffer::new();
    let new = buffer.make_mut();
    for classification in [&full(), &plain, &full()] {
        attach(new, classification);
        assert_eq!(classification_of(new).as_ref(), Some(classification));
    }
}

/// So it is where the metadata is copied onto a buffer that has some.
#[test]
fn replaces_in_copies() {
    support::init();
    register();
    let plain = seen(2, "pug");
    let with = |classification: &Classification| {
        let mut buffer = gst::Buffer::new();
        attach(buffer.make_mut(), classification);
        buffer
    };
    let mut to = with(&full());
    remove_relations(&mut to);
    with(&plain)
        .copy_into(to.make_mut(), gst::BufferCopyFlags::META, ..)
        .expect("it can be copied");
    assert_eq!(classification_of(&to), Some(plain));
    remove_relations(&mut to);
    with(&full())
        .copy_into(to.make_mut(), gst::BufferCopyFlags::META, ..)
        .expect("it can be copied");
    assert_eq!(classification_of(&to), Some(full()));
    let metas = to.iter_meta::<gst::Meta>();
    let metas = metas.filter(|meta| {
        let custom = meta.try_as_custom_meta();
        custom.is_some_and(|custom| custom.structure().name() == META_NAME)
    });
    assert_eq!(metas.count(), 1);
}

/// Takes GStreamer's own analytics metadata off. Versions 1.24 and 1.26 warn when such metadata is
/// copied onto a buffer that has some, and do not copy it.
fn remove_relations(buffer: &mut gst::Buffer) {
    let buffer = buffer.get_mut().expect("nobody else has it");
    buffer.foreach_meta_mut(|meta| match meta.api().name() {
        "GstAnalyticsRelationMetaAPI" => {
            ControlFlow::Continue(gst::buffer::BufferMetaForeachAction::Remove)
        }
        _ => ControlFlow::Continue(gst::buffer::BufferMetaForeachAction::Keep),
    });
}

/// A class that is called "nothing" is one, and nothing is none: their confidences tell.
#[test]
fn a_class_called_nothing() {
    support::init();
    for (label, confidence) in [(Some("nothing"), 0.25), (None, 0.0), (Some("cat"), 0.5)] {
        let classification = Classification {
            decision: Some(Decision {
                label: label.map(Into::into),
                confidence,
                since: None,
            }),
            ..seen(1, "class")
        };
        let structure = classification.to_structure(META_NAME);
        assert_eq!(
            structure.get::<&str>("decision"),
            Ok(classification.decision.as_ref().map_or("", Decision::name))
        );
        assert_eq!(
            Classification::from_structure(&structure),
            Some(classification)
        );
    }
}

/// What another program wrote may have GST_CLOCK_TIME_NONE where a time is never unknown.
#[test]
fn times_that_are_none() {
    support::init();
    let mut structure = full().to_structure("classification");
    for field in ["inference-time", "age"] {
        structure.set(field, u64::MAX);
    }
    let read = Classification::from_structure(&structure).expect("a classification");
    assert_eq!(read.inference_time, gst::ClockTime::ZERO);
    assert_eq!(read.age, None);
}

/// A region whose detector gave no type has an empty one, and one whose type is a number that
/// stands for no text as well.
#[test]
fn region_without_a_type() {
    support::init();
    for kind in [0, glib::ffi::GQuark::MAX] {
        let mut buffer = gst::Buffer::new();
        let new = buffer.make_mut();
        // SAFETY: the buffer is writable, and outlives the call.
        let meta = unsafe {
            gst_video::ffi::gst_buffer_add_video_region_of_interest_meta_id(
                new.as_mut_ptr(),
                kind,
                1,
                2,
                3,
                4,
            )
        };
        assert!(!meta.is_null());
        let regions = regions_of(new);
        assert_eq!(regions.len(), 1);
        let region = &regions[0].0;
        assert_eq!(&*region.kind, "");
        assert_eq!(
            (
                region.rect.x,
                region.rect.y,
                region.rect.width,
                region.rect.height
            ),
            (1, 2, 3, 4)
        );
    }
}

/// Each element has its own result on a buffer, whatever its model is, and replaces that one only.
/// The last one's comes first, which is what a reader gets that asks for one; copies of the buffer
/// have them in the same order.
#[test]
fn several_classifiers_keep_their_answers() {
    support::init();
    register();
    let mut buffer = gst::Buffer::new();
    let steps: [(Classification, &[(&str, &str)]); 5] = [
        (by("a", "tabby"), &[("a", "tabby")]),
        (by("b", "pug"), &[("b", "pug"), ("a", "tabby")]),
        (
            by("c", "cup"),
            &[("c", "cup"), ("b", "pug"), ("a", "tabby")],
        ),
        (
            by("a", "tiger"),
            &[("a", "tiger"), ("c", "cup"), ("b", "pug")],
        ),
        (
            by("c", "mug"),
            &[("c", "mug"), ("a", "tiger"), ("b", "pug")],
        ),
    ];
    for (classification, expected) in &steps {
        attach(buffer.make_mut(), classification);
        assert_eq!(names(&frame_classifications(&buffer)), *expected);
        assert_eq!(classification_of(&buffer).as_ref(), Some(classification));
    }
    let copy = buffer.copy();
    assert_eq!(names(&frame_classifications(&copy)), steps[4].1);

    // Another buffer's metadata comes on top of what is there.
    let mut other = gst::Buffer::new();
    attach(other.make_mut(), &by("b", "boxer"));
    attach(other.make_mut(), &by("d", "dog"));
    remove_relations(&mut other);
    buffer
        .copy_into(other.make_mut(), gst::BufferCopyFlags::META, ..)
        .expect("it can be copied");
    assert_eq!(
        names(&frame_classifications(&other)),
        [("d", "dog"), ("b", "pug"), ("c", "mug"), ("a", "tiger")]
    );

    // One is asked for by its element's name, its model, or the model's file.
    for (name, element) in [
        ("a", Some("a")),
        ("/models/pug.onnx", Some("b")),
        ("mug.onnx", Some("c")),
        ("tiger", Some("a")),
        ("tabby", None),
        ("/models/pug", None),
    ] {
        let found = classification_by(&buffer, Some(name));
        assert_eq!(found.as_ref().map(|c| &*c.element), element, "{name}");
    }
}

/// So it is with regions, whose results are parameters of one name; a detector's own stay.
#[test]
fn several_classifiers_of_a_region() {
    support::init();
    let mut buffer = gst::Buffer::new();
    let mut meta = VideoRegionOfInterestMeta::add(buffer.make_mut(), "face", (1, 2, 3, 4));
    let detection = gst::Structure::builder("detection").field("confidence", 0.5f64);
    meta.add_param(detection.build());
    attach_region(&mut meta, &by("a", "tabby"));
    attach_region(&mut meta, &by("b", "pug"));
    let all = region_classifications(&meta);
    assert_eq!(names(&all), [("b", "pug"), ("a", "tabby")]);
    attach_region(&mut meta, &by("a", "tiger"));

    for buffer in [&buffer, &buffer.copy()] {
        let meta = buffer.meta::<VideoRegionOfInterestMeta>();
        let meta = meta.expect("it has one");
        let all = region_classifications(&meta);
        assert_eq!(names(&all), [("a", "tiger"), ("b", "pug")]);
        let params: Vec<_> = meta.params().map(|param| param.name().as_str()).collect();
        assert_eq!(params, ["detection", PARAM_NAME, PARAM_NAME]);
        let first = meta.param(PARAM_NAME).expect("there are two");
        assert_eq!(first.get::<&str>("element"), Ok("a"));
        let best = |regions: Vec<(Region, Option<Classification>)>| {
            let seen = regions.into_iter().next().expect("a region").1;
            seen.map(|c| c.top().expect("a class").label.to_string())
        };
        assert_eq!(best(regions_of(buffer)).as_deref(), Some("tiger"));
        assert_eq!(best(regions_by(buffer, Some("b"))).as_deref(), Some("pug"));
        assert_eq!(best(regions_by(buffer, Some("c"))), None);
        assert_eq!(classifications_by(buffer, Some("b")).len(), 1);
        assert_eq!(classifications_by(buffer, Some("c")).len(), 0);
    }
}

/// The best class and the best group stand flat beside the lists; where there is none, they are
/// absent.
#[test]
fn the_best_stand_flat() {
    support::init();
    let mut classification = full();
    classification.groups.push(Group {
        label: "animal".into(),
        confidence: 0.25,
    });
    for name in [META_NAME, PARAM_NAME, "resnet50"] {
        let structure = classification.to_structure(name);
        assert_eq!(structure.get("index"), Ok(1));
        assert_eq!(structure.get("label"), Ok("tabby"));
        assert_eq!(structure.get("confidence"), Ok(0.5f32));
        assert_eq!(structure.get("group"), Ok("cat"));
        assert_eq!(structure.get("group-confidence"), Ok(0.75f32));
        assert_eq!(structure.get("element"), Ok("classify"));
    }
    classification.results.clear();
    classification.groups.clear();
    let structure = classification.to_structure(META_NAME);
    for field in ["index", "label", "confidence", "group", "group-confidence"] {
        assert!(!structure.has_field(field), "{field}");
    }
    assert_eq!(
        Classification::from_structure(&structure),
        Some(classification)
    );
}

/// What was written before it had the elements' names is read all the same.
#[test]
fn without_an_element() {
    support::init();
    let mut structure = full().to_structure(META_NAME);
    structure.remove_field("element");
    let read = Classification::from_structure(&structure).expect("a classification");
    assert_eq!(&*read.element, "");
    assert_eq!(read.results, full().results);
}
