// SPDX-License-Identifier: MPL-2.0
//! The engine without an element: batches, turns, and inferences and jobs that go wrong.

mod batches;
mod failures;
mod fork;
mod loading;

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use gstresnet50::inference::{
    Engine, EngineOptions, INFERENCE_TIMEOUT, InferenceError, InferenceTimes, Job, Model,
    ModelSource, Provider, Runtime, SessionOptions,
};
use gstresnet50::preprocess::Slot;

use support::onnx::Net;

/// How long a test waits for what must come.
const TIMEOUT: Duration = Duration::from_secs(60);

fn options() -> EngineOptions {
    EngineOptions {
        session: SessionOptions {
            providers: vec![Provider::Cpu],
            provider_options: Vec::new(),
            device: 0,
            threads: 1,
        },
        sessions: 1,
        batch: 1,
        single: false,
        inference_timeout: INFERENCE_TIMEOUT,
    }
}

fn engine(net: &Net, options: &EngineOptions) -> Arc<Engine> {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let model = net.write(folder.path(), "net.onnx");
    Arc::new(load(&model, options))
}

fn load(model: &Path, options: &EngineOptions) -> Engine {
    let runtime = Runtime::load(None, &[]).expect("ONNX Runtime");
    let model = Model::read(ModelSource::File(model.into())).expect("a model");
    Engine::load(runtime, &model, options).expect("an engine")
}

/// What becomes of a job: its scores, or why there are none; nothing if it was dropped.
type Outcome = Option<Result<(Vec<f32>, InferenceTimes), InferenceError>>;

/// A picture of one pixel.
struct Pixel {
    color: [f32; 3],
    /// What `fill` does instead of filling.
    instead: Option<fn() -> bool>,
    out: mpsc::Sender<Outcome>,
    is_done: bool,
}

impl Job for Pixel {
    fn fill(&mut self, slot: &mut Slot<'_>) -> bool {
        if let Some(instead) = self.instead {
            return instead();
        }
        let Slot::F32(slot) = slot else {
            panic!("the model takes floats");
        };
        slot.copy_from_slice(&self.color);
        true
    }

    fn done(mut self: Box<Self>, outcome: Result<&[f32], InferenceError>, run: InferenceTimes) {
        self.is_done = true;
        let _ = self.out.send(Some(outcome.map(|s| (s.to_vec(), run))));
    }
}

impl Drop for Pixel {
    fn drop(&mut self) {
        if !self.is_done {
            let _ = self.out.send(None);
        }
    }
}

fn pixel(color: [f32; 3]) -> (Box<Pixel>, mpsc::Receiver<Outcome>) {
    let (out, outcome) = mpsc::channel();
    let job = Pixel {
        color,
        instead: None,
        out,
        is_done: false,
    };
    (Box::new(job), outcome)
}

fn scores(outcome: &mpsc::Receiver<Outcome>) -> (Vec<f32>, InferenceTimes) {
    let outcome = outcome.recv_timeout(TIMEOUT).expect("an outcome");
    outcome.expect("not dropped").expect("scores")
}

/// The model in a file.
fn read(path: &Path) -> Model {
    Model::read(ModelSource::File(path.into())).expect("a model")
}
