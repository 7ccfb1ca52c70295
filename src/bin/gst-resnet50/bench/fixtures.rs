// SPDX-License-Identifier: MPL-2.0
//! What a measurement needs, whatever is measured. `benches/performance` includes this file, too.

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gstresnet50::inference::{Model, Provider, Runtime, Session, SessionOptions, find_model};

use super::Result;

/// The machine and the versions of what runs on it, as a Markdown list.
pub fn machine() -> Result<String> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = |key: &str| {
        cpu.lines()
            .find(|l| l.starts_with(key))
            .and_then(|l| l.split_once(": "))
            .map_or("unknown", |(_, value)| value)
    };
    let flags: Vec<_> = ["avx2", "avx512f", "avx512_vnni", "amx_int8"]
        .into_iter()
        .filter(|f| line("flags").split(' ').any(|flag| flag == *f))
        .collect();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism()?;
    let runtime = Runtime::load(None, &[])?;
    let (major, minor, micro, _) = gst::version();
    let mut text = String::new();
    writeln!(
        text,
        "- CPU: {}, {cores} cores, {}",
        line("model name"),
        flags.join(" ")
    )?;
    writeln!(
        text,
        "- Load average before the run: {}",
        load.split(' ').next().unwrap_or("unknown")
    )?;
    writeln!(
        text,
        "- ONNX Runtime {}, GStreamer {major}.{minor}.{micro}, gst-plugin-resnet50 {}",
        runtime.version(),
        env!("CARGO_PKG_VERSION")
    )?;
    Ok(text)
}

/// A temporary folder that is removed with this value.
pub struct Scratch {
    folder: PathBuf,
    /// Locked as long as this lives.
    _lock: File,
}

/// What the names of those folders begin with.
const SCRATCH: &str = "gst-resnet50-bench-";

impl Scratch {
    /// A new, empty folder.
    pub fn new() -> Result<Self> {
        let parent = std::env::temp_dir();
        Self::sweep(&parent);
        let folder = parent.join(format!("{SCRATCH}{}", std::process::id()));
        let make = || {
            std::fs::create_dir_all(&folder)?;
            let lock = File::open(&folder)?;
            // The lock tells the next run that the folder is in use. Where locks do not work, the
            // folder of an interrupted run stays.
            let _ = lock.lock();
            Ok(lock)
        };
        let lock = make().map_err(|e: std::io::Error| format!("{}: {e}", folder.display()))?;
        Ok(Self {
            folder,
            _lock: lock,
        })
    }

    /// Removes the folders that interrupted runs have left.
    fn sweep(parent: &Path) {
        for entry in parent.read_dir().into_iter().flatten().flatten() {
            let is_ours = entry.file_name().to_string_lossy().starts_with(SCRATCH);
            let is_folder = entry.file_type().is_ok_and(|t| t.is_dir());
            if is_ours
                && is_folder
                && File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok())
            {
                // Another user's stays.
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing can be done about a folder that cannot be removed.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A session on the CPU provider.
pub fn session(file: &str, threads: usize) -> Result<Session> {
    let runtime = Runtime::load(None, &[])?;
    let model = Model::read(find_model(Some(file.as_ref()))?)?;
    let options = SessionOptions {
        providers: vec![Provider::Cpu],
        provider_options: Vec::new(),
        device: 0,
        threads,
    };
    Ok(Session::load(runtime, &model, &options)?.0)
}

/// A frame of a format that is no single colour: a gradient with some texture.
pub fn frame(info: &gst_video::VideoInfo) -> gst::Buffer {
    let bytes = (0..info.size()).map(|i| ((i * 7 + i / 1000 * 13) % 224 + 16) as u8);
    let mut buffer = gst::Buffer::from_mut_slice(bytes.collect::<Vec<_>>());
    if let Some(buffer) = buffer.get_mut() {
        buffer.set_duration(gst::ClockTime::from_mseconds(33));
    }
    buffer
}

/// The median; sorts the values. Of an even number it is the greater one in the middle.
pub fn median<T: PartialOrd + Copy>(values: &mut [T]) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    values[values.len() / 2]
}

/// A time in milliseconds.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
