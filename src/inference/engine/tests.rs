// SPDX-License-Identifier: MPL-2.0
//! The engine with a backend that needs no ONNX Runtime.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::job::{InferenceTimes, Job};
use super::pool::{Engine, Loaded};
use crate::inference::backend::{Backend, CancelInference};
use crate::inference::error::InferenceError;
use crate::inference::model::{Evidence, Model, ModelSource, OutputKind, TrialReport};
use crate::inference::provider::Provider;
use crate::preprocess::{Layout, Slot};

/// How long a test waits for what must come.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A backend that returns each image's only value. It hangs on a negative one until it is cancelled.
#[derive(Debug)]
struct Echo {
    input: [f32; 2],
    output: Vec<f32>,
    is_cancelled: Arc<Flag>,
}

#[derive(Debug, Default)]
struct Flag(AtomicBool);

impl CancelInference for Flag {
    fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn reset(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Backend for Echo {
    fn max_batch(&self) -> usize {
        2
    }

    fn classes(&self) -> usize {
        1
    }

    fn slot_of(&mut self, image: usize) -> Slot<'_> {
        Slot::F32(&mut self.input[image..image + 1])
    }

    fn infer(&mut self, images: usize) -> Result<&[f32], InferenceError> {
        while self.input[..images].iter().any(|v| *v < 0.0) {
            if self.is_cancelled.0.load(Ordering::SeqCst) {
                return Err(InferenceError::Failed("cancelled".into()));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        if self.input[..images].iter().any(|v| v.is_nan()) {
            return Err(InferenceError::Failed("not a number".into()));
        }
        self.output = self.input[..images].to_vec();
        Ok(&self.output)
    }

    fn infer_alone(&mut self, image: usize) -> Result<&[f32], InferenceError> {
        self.input[0] = self.input[image];
        self.infer(1)
    }

    fn canceler(&self) -> Arc<dyn CancelInference> {
        Arc::clone(&self.is_cancelled) as Arc<dyn CancelInference>
    }
}

struct Value(f32, mpsc::Sender<Result<f32, InferenceError>>);

impl Job for Value {
    fn fill(&mut self, slot: &mut Slot<'_>) -> bool {
        let Slot::F32(slot) = slot else {
            panic!("the backend takes floats");
        };
        slot[0] = self.0;
        true
    }

    fn done(self: Box<Self>, outcome: Result<&[f32], InferenceError>, _: InferenceTimes) {
        let _ = self.1.send(outcome.map(|scores| scores[0]));
    }
}

fn engine(inference_timeout: Duration) -> Arc<Engine> {
    let loaded = Loaded {
        provider: Provider::Cpu,
        threads: 1,
        model: Model::read(ModelSource::Builtin).expect("the built-in model"),
        report: TrialReport {
            layout: Layout::Nchw,
            output: "y".into(),
            values: 1,
            best: None,
            kind: OutputKind::Logits,
            evidence: Evidence::None,
            range: (0.0, 0.0),
            others: Vec::new(),
            fixed_batch: None,
        },
        skipped_providers: Vec::new(),
        batch_refusal: None,
    };
    let backend = Echo {
        input: [0.0; 2],
        output: Vec::new(),
        is_cancelled: Arc::default(),
    };
    Arc::new(Engine::start(
        vec![Box::new(backend)],
        loaded,
        inference_timeout,
    ))
}

/// Submits a batch of two and returns both results.
fn infer(engine: &Arc<Engine>, values: [f32; 2]) -> [Result<f32, InferenceError>; 2] {
    let stream = engine.open_stream();
    let (jobs, results): (Vec<_>, Vec<_>) = values
        .map(|value| {
            let (sender, result) = mpsc::channel();
            (Box::new(Value(value, sender)) as Box<dyn Job>, result)
        })
        .into_iter()
        .unzip();
    stream.submit(jobs, Duration::ZERO);
    let mut results = results.into_iter().map(|result| {
        loop {
            engine.check().expect("it can be cancelled");
            match result.recv_timeout(Duration::from_millis(5)) {
                Ok(result) => return result,
                Err(error) => assert_eq!(error, mpsc::RecvTimeoutError::Timeout),
            }
        }
    });
    std::array::from_fn(|_| results.next().expect("two results"))
}

/// Each job gets its own result. If a batch fails, its images are inferred one by one.
#[test]
fn results() {
    let engine = engine(TEST_TIMEOUT);
    assert_eq!(
        (engine.sessions(), engine.batch(), engine.classes()),
        (1, 2, 1)
    );
    assert!(matches!(infer(&engine, [1.0, 2.0]), [Ok(1.0), Ok(2.0)]));
    let [good, bad] = infer(&engine, [3.0, f32::NAN]);
    assert!(matches!(good, Ok(3.0)), "{good:?}");
    assert!(matches!(bad, Err(InferenceError::Failed(_))), "{bad:?}");
}

/// An inference that takes too long is cancelled, and the next one is not.
#[test]
fn timeouts() {
    let engine = engine(Duration::from_millis(20));
    for _ in 0..2 {
        for result in infer(&engine, [-1.0, 1.0]) {
            assert!(
                matches!(result, Err(InferenceError::TimedOut(_))),
                "{result:?}"
            );
        }
        assert!(matches!(infer(&engine, [1.0, 2.0]), [Ok(1.0), Ok(2.0)]));
    }
}
