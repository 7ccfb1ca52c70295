// SPDX-License-Identifier: MPL-2.0
//! Pipelines that look at what an example has made or shows.

use gst::prelude::*;

use support::element::TIMEOUT;
use support::init;

/// A pipeline that is stopped when the test has ended, whichever way.
pub struct Stopped(pub gst::Pipeline);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.set_state(gst::State::Null);
    }
}

/// Plays a line that ends in an appsink called `out`, and gives what comes there to the
/// function until that has had enough or the stream ends.
pub fn look(line: &str, mut enough: impl FnMut(&gst::Sample) -> bool) {
    init();
    let pipeline = gst::parse::launch(line).expect(line);
    let pipeline = Stopped(pipeline.downcast().expect("a pipeline"));
    let out = pipeline.0.by_name("out").expect("it is named");
    let out = out.downcast::<gst_app::AppSink>().expect("an appsink");
    pipeline.0.set_state(gst::State::Playing).expect(line);
    while let Some(sample) = out.try_pull_sample(TIMEOUT) {
        if enough(&sample) {
            return;
        }
    }
    let bus = pipeline.0.bus().expect("a bus");
    let error = bus.pop_filtered(&[gst::MessageType::Error]);
    assert!(error.is_none() && out.is_eos(), "{line}: {error:?}");
}
