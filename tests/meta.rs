// SPDX-License-Identifier: MPL-2.0
//! The metadata as programs write and read it: what is put on is what comes back.

mod support;

use gstresnet50::meta::{
    Classification, Decision, Group, META_NAME, attach, classification_of, regions_of, register,
};
use support::lines::seen;

/// An answer with everything that an answer can have.
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

/// An answer takes the place of an earlier element's, with nothing of that left.
#[test]
fn replaces() {
    support::init();
    register();
    let plain = seen(2, "pug");
    let mut buffer = gst::Buffer::new();
    let new = buffer.make_mut();
    for answer in [&full(), &plain, &full()] {
        attach(new, answer);
        assert_eq!(classification_of(new).as_ref(), Some(answer));
    }
}

/// So it is where the metadata is copied onto a buffer that has some.
#[test]
fn replaces_in_copies() {
    support::init();
    register();
    let plain = seen(2, "pug");
    let with = |answer: &Classification| {
        let mut buffer = gst::Buffer::new();
        attach(buffer.make_mut(), answer);
        buffer
    };
    let mut to = with(&full());
    with(&plain)
        .copy_into(to.make_mut(), gst::BufferCopyFlags::META, ..)
        .expect("it can be copied");
    assert_eq!(classification_of(&to), Some(plain));
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

/// A class that is called "nothing" is one, and nothing is none: their confidences tell.
#[test]
fn a_class_called_nothing() {
    support::init();
    for (label, confidence) in [(Some("nothing"), 0.25), (None, 0.0), (Some("cat"), 0.5)] {
        let answer = Classification {
            decision: Some(Decision {
                label: label.map(Into::into),
                confidence,
                since: None,
            }),
            ..seen(1, "class")
        };
        let structure = answer.to_structure(META_NAME);
        assert_eq!(
            structure.get::<&str>("decision"),
            Ok(answer.decision.as_ref().map_or("", Decision::name))
        );
        assert_eq!(Classification::from_structure(&structure), Some(answer));
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
            (region.x, region.y, region.width, region.height),
            (1, 2, 3, 4)
        );
    }
}
