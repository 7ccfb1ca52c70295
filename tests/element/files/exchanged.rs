// SPDX-License-Identifier: MPL-2.0
//! Files that are set one after the other, by several threads too.

use std::path::PathBuf;
use std::sync::Barrier;
use std::time::Instant;

use gst::prelude::*;
use support::element::*;
use support::onnx::Net;

use super::{BOUND, label};
use crate::color;

/// Labels that are set one after the other, by several threads too: the last ones win.
#[test]
fn the_last_labels_win() {
    let (element, folder) = color();
    let files = [0, 1, 2, 3].map(|number| {
        let path = folder.path().join(format!("{number}.txt"));
        std::fs::write(&path, format!("a{number}\nb{number}\nc{number}\n")).expect("written");
        path
    });
    let rig = Rig::new(&element, &rgb(8, 6));
    rig.play().expect("it plays");
    for round in 0..20 {
        for file in &files {
            element.set_property("labels", text(file));
        }
        assert_eq!(label(&rig), "b3");
        let last = round % 4;
        std::thread::scope(|scope| {
            for file in &files {
                let element = &element;
                scope.spawn(move || element.set_property("labels", text(file)));
            }
        });
        let set: String = element.property("labels");
        let number = files
            .iter()
            .position(|file| text(file) == set)
            .expect("one of them");
        assert_eq!(label(&rig), format!("b{number}"));
        element.set_property("labels", text(&files[last]));
        assert_eq!(label(&rig), format!("b{last}"));
    }
    assert!(rig.errors().is_empty());
    assert!(warnings(&rig.bus, &element).is_empty());
}

/// Many threads set the model of a playing element at once: there is no error, and in the end the
/// one runs that the property names.
#[test]
fn many_threads_set_the_model() {
    const THREADS: usize = 8;
    let (element, folder) = color();
    let models: Vec<PathBuf> = (0..THREADS)
        .map(|best| {
            let mut logits = vec![0.0; THREADS];
            logits[best] = 9.0;
            Net::constant(logits).write(folder.path(), &format!("{best}.onnx"))
        })
        .collect();
    let rig = Rig::new(&element, &rgb(8, 6));
    rig.play().expect("it plays");
    for round in 0..30 {
        let barrier = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for model in &models {
                scope.spawn(|| {
                    barrier.wait();
                    element.set_property("model", text(model));
                });
            }
        });
        let set: String = element.property("model");
        let begun = Instant::now();
        loop {
            let out = rig.classify(plain(&rgb(8, 6), RED));
            if *classification(&out).model == *set {
                let best = models.iter().position(|model| text(model) == set);
                assert_eq!(top(&out) as usize, best.expect("one of them"));
                break;
            }
            assert!(begun.elapsed() < BOUND, "{round}: {set} never runs");
        }
        assert!(rig.errors().is_empty(), "{round}");
    }
    // While it starts, too, where there is nothing yet that could stay.
    for _ in 0..30 {
        rig.stop();
        rig.pipeline
            .set_state(gst::State::Playing)
            .expect("it starts to load");
        let barrier = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for model in &models {
                scope.spawn(|| {
                    barrier.wait();
                    element.set_property("model", text(model));
                });
            }
        });
        rig.classify(plain(&rgb(8, 6), RED));
        assert!(rig.errors().is_empty());
    }
    assert!(warnings(&rig.bus, &element).is_empty());
}
