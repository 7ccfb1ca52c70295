// SPDX-License-Identifier: MPL-2.0
//! How an engine divides the cores between inferences and their threads.

use super::options::EngineOptions;
use crate::inference::provider::Provider;

/// The number of sessions and the threads of each, on a machine with so many cores.
///
/// On the CPU, sessions of one thread at the same time have the best throughput and need no spinning;
/// one session of several threads takes the shortest time for a frame. A device runs one inference at
/// a time.
pub(super) fn plan_threads(
    options: &EngineOptions,
    provider: Provider,
    cores: usize,
) -> (usize, usize) {
    let (sessions, threads) = (options.sessions, options.session.threads);
    match (sessions, threads) {
        (0, 0) if provider != Provider::Cpu || options.single => (1, cores),
        (0, 0) => (cores, 1),
        (0, threads) if provider == Provider::Cpu && !options.single => {
            ((cores / threads).max(1), threads)
        }
        (0, threads) => (1, threads),
        (sessions, 0) => (sessions, (cores / sessions).max(1)),
        both => both,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::onnxruntime::SessionOptions;
    use crate::inference::timeout::INFERENCE_TIMEOUT;

    /// The plan for these options (0: not set) on the CPU.
    fn choose(cores: usize, sessions: usize, threads: usize, single: bool) -> (usize, usize) {
        plan_threads(&options(sessions, threads, single), Provider::Cpu, cores)
    }

    fn options(sessions: usize, threads: usize, single: bool) -> EngineOptions {
        EngineOptions {
            session: SessionOptions {
                providers: vec![Provider::Cpu],
                provider_options: Vec::new(),
                device: 0,
                threads,
            },
            sessions,
            batch: 1,
            single,
            inference_timeout: INFERENCE_TIMEOUT,
        }
    }

    const CORES: [usize; 5] = [1, 2, 4, 8, 16];

    /// A session on each core; or all cores for one frame at a time.
    #[test]
    fn chosen_by_itself() {
        for cores in CORES {
            assert_eq!(choose(cores, 0, 0, false), (cores, 1));
            assert_eq!(choose(cores, 0, 0, true), (1, cores));
        }
    }

    /// If only the threads are set: as many sessions as there are cores for, for each of `CORES`.
    #[test]
    fn threads_given() {
        for (threads, sessions) in [
            (1, [1, 2, 4, 8, 16]),
            (2, [1, 1, 2, 4, 8]),
            (3, [1, 1, 1, 2, 5]),
            (4, [1, 1, 1, 2, 4]),
            (32, [1; 5]),
        ] {
            for (cores, sessions) in CORES.into_iter().zip(sessions) {
                assert_eq!(choose(cores, 0, threads, false), (sessions, threads));
                assert_eq!(
                    choose(cores, 0, threads, true),
                    (1, threads),
                    "one at a time"
                );
            }
        }
    }

    /// If only the sessions are set: the cores are divided between them, for each of `CORES`.
    #[test]
    fn sessions_given() {
        for (sessions, threads) in [
            (1, [1, 2, 4, 8, 16]),
            (2, [1, 1, 2, 4, 8]),
            (3, [1, 1, 1, 2, 5]),
            (32, [1; 5]),
        ] {
            for (cores, threads) in CORES.into_iter().zip(threads) {
                for single in [false, true] {
                    assert_eq!(choose(cores, sessions, 0, single), (sessions, threads));
                }
            }
        }
    }

    /// If both are set, they are used as they are.
    #[test]
    fn both_given() {
        for cores in CORES {
            for (sessions, threads) in [(1, 1), (1, 16), (16, 1), (3, 5)] {
                for single in [false, true] {
                    let plan = choose(cores, sessions, threads, single);
                    assert_eq!(plan, (sessions, threads));
                }
            }
        }
    }

    /// A device runs one inference at a time, unless the sessions are set.
    #[test]
    fn on_a_device() {
        for cores in CORES {
            for single in [false, true] {
                let on_device = |sessions, threads| {
                    plan_threads(&options(sessions, threads, single), Provider::Cuda, cores)
                };
                assert_eq!(on_device(0, 0), (1, cores));
                assert_eq!(on_device(0, 2), (1, 2));
                assert_eq!(on_device(2, 1), (2, 1));
            }
        }
    }
}
