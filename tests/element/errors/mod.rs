// SPDX-License-Identifier: MPL-2.0
//! What goes wrong is said once, with a name and a remedy, and can be mended: the same element then
//! goes from NULL to PLAYING and classifies.

mod frames;
mod model;
mod settings;

use std::fs;
use std::path::{Path, PathBuf};

use glib::error::ErrorDomain;
use gst::prelude::*;

use support::element::{RED, Rig, TIMEOUT, element, plain, rgb, text, top};
use support::onnx::Net;

/// A folder with a model that works, and what to do with it.
struct Case {
    folder: tempfile::TempDir,
    good: PathBuf,
    element: gst::Element,
}

impl Case {
    fn new() -> Self {
        support::init();
        let folder = tempfile::tempdir().expect("a folder");
        let good = Net::color().write(folder.path(), "good.onnx");
        Self {
            element: element(&good),
            folder,
            good,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, contents).expect("a file");
        path
    }

    fn set_model(&self, path: &Path) {
        self.element.set_property("model", text(path));
    }

    /// The element does not start, says so once, with these words in the message; after `mend` it
    /// works.
    fn does_not_start<E: ErrorDomain + std::fmt::Debug>(
        &self,
        code: E,
        words: &[&str],
        mend: impl FnOnce(&gst::Element),
    ) {
        let rig = Rig::new(&self.element, &rgb(4, 4));
        assert!(rig.play().is_err(), "it must not start");
        check_one(&rig, code, words);
        rig.stop();
        mend(&self.element);
        works(&rig);
    }

    /// The same where the element starts, and a frame is what goes wrong.
    fn fails_at<E: ErrorDomain + std::fmt::Debug>(
        &self,
        frame: gst::Buffer,
        code: E,
        words: &[&str],
        mend: impl FnOnce(&gst::Element),
    ) {
        let rig = Rig::new(&self.element, &rgb(4, 4));
        rig.play().expect("it starts");
        rig.src.push_buffer(frame).expect("appsrc takes it");
        let error = rig
            .bus
            .timed_pop_filtered(TIMEOUT, &[gst::MessageType::Error])
            .expect("an error");
        assert_eq!(error.src(), Some(self.element.upcast_ref()));
        // The source reports that its stream was stopped, which is its right; nothing comes after.
        rig.stop();
        rig.bus.post(error).expect("the bus takes it back");
        check_one(&rig, code, words);
        mend(&self.element);
        works(&rig);
    }
}

/// One error of the element is on the bus, with this code and these words.
fn check_one<E: ErrorDomain + std::fmt::Debug>(rig: &Rig, code: E, words: &[&str]) {
    let errors = rig.errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let error = &errors[0];
    assert!(error.matches(code), "{code:?}, not {error:?}");
    for word in words {
        assert!(error.message().contains(word), "no “{word}” in: {error}");
    }
}

/// The element plays and classifies, without a word.
fn works(rig: &Rig) {
    rig.play().expect("it starts now");
    let buffer = rig.classify(plain(&rgb(4, 4), RED));
    assert_eq!(top(&buffer), 0);
    assert!(rig.errors().is_empty());
    rig.stop();
}
