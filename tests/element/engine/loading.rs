// SPDX-License-Identifier: MPL-2.0
//! Sessions as they are loaded.

use std::sync::Arc;
use std::time::Duration;

use gstresnet50::inference::{
    CancelToken, Engine, EngineOptions, Job, Model, ModelSource, Provider, Runtime, Session,
    SessionError,
};
use gstresnet50::preprocess::Slot;

use super::{load, options, pixel, scores};
use support::onnx::{self, FREE, Net};

/// A load that was cancelled gives no engine. One that has come to its end is out of reach: the
/// engine may serve other streams by then.
#[test]
fn cancelled_loads() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let path = Net::color().batch(FREE).write(folder.path(), "net.onnx");
    let runtime = Runtime::load(None, &[]).expect("ONNX Runtime");
    let model = Model::read(ModelSource::File(path)).expect("a model");
    let cancel = CancelToken::default();
    let load = || Engine::load_cancellable(runtime, &model, &options(), &cancel);
    let engine = Arc::new(load().expect("an engine"));
    cancel.cancel();
    let again = load();
    assert!(matches!(again, Err(SessionError::Cancelled)), "{again:?}");
    let port = engine.open_stream();
    for _ in 0..3 {
        let (job, outcome) = pixel([1.0, 0.0, 0.0]);
        port.submit([job as Box<dyn Job>], Duration::ZERO);
        assert_eq!(scores(&outcome).0, [1.0, 0.0, 0.0]);
    }
}

/// A session that spins as ONNX Runtime's own do says what every other says, in batches as well,
/// and refuses what they refuse.
#[test]
fn spinning_session() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = Runtime::load(None, &[]).expect("ONNX Runtime");
    let read = |path| Model::read(ModelSource::File(path)).expect("a model");
    let model = read(Net::color().batch(FREE).write(folder.path(), "net.onnx"));
    let scores = |mut session: Session| {
        for picture in 0..2 {
            let Slot::F32(slot) = session.slot_of(picture) else {
                panic!("the model takes floats");
            };
            for (i, value) in slot.iter_mut().enumerate() {
                *value = (i + picture) as f32 / 100.0;
            }
        }
        session.run_batch(2).expect("an inference").to_vec()
    };
    let spinning = Session::load_spinning(runtime, &model, 2).expect("a session");
    assert_eq!(
        (spinning.provider(), spinning.threads()),
        (Provider::Cpu, 2)
    );
    let spinning = spinning.with_batch(2).expect("memory");
    let (calm, _) = Session::load(runtime, &model, &options().session).expect("a session");
    let calm = scores(calm.with_batch(2).expect("memory"));
    assert_eq!(scores(spinning), calm);
    let (first, second) = calm.split_at(calm.len() / 2);
    assert_ne!(first, second, "the pictures differ");

    let path = onnx::write(&onnx::unknown_operation(), folder.path(), "odd.onnx");
    let refused = Session::load_spinning(runtime, &read(path), 2);
    assert!(matches!(refused, Err(SessionError::Refused { .. })));
}

/// Where the processor takes a device's place, it runs as many at a time as it would by itself.
#[test]
fn fallback_has_the_layout_of_the_processor() {
    support::init();
    let folder = tempfile::tempdir().expect("a folder");
    let path = Net::color().batch(FREE).write(folder.path(), "net.onnx");
    let layout = |providers: &[Provider], single| {
        let mut options = EngineOptions {
            sessions: 0,
            single,
            ..options()
        };
        options.session.threads = 0;
        options.session.providers = providers.to_vec();
        let engine = load(&path, &options);
        assert_eq!(engine.provider(), Provider::Cpu);
        (engine.sessions(), engine.threads())
    };
    let cores = std::thread::available_parallelism().expect("cores").get();
    for (single, expected) in [(false, (cores, 1)), (true, (1, cores))] {
        for providers in [&[Provider::Cpu][..], &[Provider::Rocm, Provider::Cpu]] {
            assert_eq!(layout(providers, single), expected, "{providers:?}");
        }
    }
}
