// SPDX-License-Identifier: MPL-2.0
//! Who takes part.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::turn::{Kind, Measured, Task, output};
use super::{Args, Result};

/// Which of the lines of the table it belongs to; of each group the best one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// GStreamer's own elements as they are by default.
    TheirsByDefault,
    /// GStreamer's own elements, all optimizations.
    Theirs,
    /// A loop in Python.
    Python,
    /// ONNX Runtime and nothing else.
    Bare,
    /// The element as it is by default.
    OursByDefault,
    /// The element in batches.
    Ours,
}

/// One setting of one contestant.
#[derive(Debug, Clone)]
pub struct Contestant {
    pub group: Group,
    /// What it is set to.
    pub setting: String,
    /// Its ONNX Runtime.
    pub runtime: PathBuf,
    how: How,
}

#[derive(Debug, Clone)]
enum How {
    Process(Kind),
    Python(PathBuf, PathBuf),
}

/// The program of the loop in Python.
const LOOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/race/loop.py");

/// Settings of the bare loop: pictures of an inference, and whether all threads work on one.
const BARES: [(usize, bool); 3] = [(1, false), (4, false), (8, true)];

impl Contestant {
    /// All contestants with a model.
    pub fn all(args: &Args, model: &str) -> Vec<Self> {
        let file = args.models.join(format!("{model}.onnx"));
        let file = file.display().to_string();
        let labels = args.models.join("labels.txt").display().to_string();
        let theirs = |level: &str, queue: &str, threads: &str| {
            Kind::Pipeline(format!(
                "videoconvertscale{threads} ! video/x-raw,format=RGB,width=224,height=224{queue} ! \
                 onnxinference model-file={file} optimization-level={level}{queue} ! \
                 classifiertensordecoder labels-file={labels}"
            ))
        };
        let queue = " ! queue max-size-buffers=4";
        let all = "enable-all";
        let mut contestants = Vec::new();
        let mut add = |group, setting: &str, runtime: &Path, how| {
            contestants.push(Self {
                group,
                setting: setting.to_owned(),
                runtime: runtime.to_owned(),
                how,
            });
        };
        let system = &*args.system_runtime;
        let default = theirs("disable-all", "", "");
        add(
            Group::TheirsByDefault,
            "defaults",
            system,
            How::Process(default),
        );
        for (setting, queue, threads) in [
            ("without queue", "", ""),
            ("with queues", queue, ""),
            ("with queues, n-threads=0", queue, " n-threads=0"),
        ] {
            let kind = theirs(all, queue, threads);
            add(Group::Theirs, setting, system, How::Process(kind));
        }
        for runtime in [Some(system), args.own_runtime.as_deref()]
            .into_iter()
            .flatten()
        {
            for (batch, is_together) in BARES {
                let setting = match is_together {
                    true => format!("all threads in an inference, batch {batch}"),
                    false => format!("one thread an inference, batch {batch}"),
                };
                let kind = Kind::Bare(file.clone(), batch, is_together);
                add(Group::Bare, &setting, runtime, How::Process(kind));
            }
            let ours = |more: &str| Kind::Pipeline(format!("resnet50 model={file}{more}"));
            let default = How::Process(ours(""));
            add(Group::OursByDefault, "defaults", runtime, default);
            let batches = How::Process(ours(" batch-size=4"));
            add(Group::Ours, "batch-size=4", runtime, batches);
        }
        if let (Some(python), Some(runtime)) = (&args.python, &args.own_runtime) {
            let how = How::Python(python.clone(), file.clone().into());
            add(Group::Python, "as written", runtime, how);
        }
        contestants
    }

    /// Takes a turn of so many seconds (0: up to the first result).
    pub fn turn(&self, seconds: f64) -> Result<Measured> {
        match &self.how {
            How::Process(kind) => self.apart(kind.clone(), seconds, None),
            How::Python(python, model) => {
                let mut command = Command::new(python);
                output(command.arg(LOOP).arg(model).arg(seconds.to_string()))
            }
        }
    }

    /// Takes a turn behind a live source; `None` if it has none.
    pub fn live_turn(&self, seconds: f64) -> Result<Option<Measured>> {
        let How::Process(Kind::Pipeline(elements)) = &self.how else {
            return Ok(None);
        };
        let elements = match self.group {
            // As one keeps a camera going.
            Group::Theirs | Group::TheirsByDefault => {
                format!("queue leaky=downstream max-size-buffers=1 ! {elements}")
            }
            _ => elements.clone(),
        };
        let kind = Kind::Pipeline(elements);
        self.apart(kind, seconds, Some(30)).map(Some)
    }

    fn apart(&self, kind: Kind, seconds: f64, live: Option<u32>) -> Result<Measured> {
        let task = Task {
            kind,
            seconds,
            live,
        };
        task.run_apart(&self.runtime)
    }
}
