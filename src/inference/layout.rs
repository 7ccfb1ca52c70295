// SPDX-License-Identifier: MPL-2.0
//! How an engine divides the cores between Runs and the threads of one.

use super::engine::EngineOptions;
use super::provider::Provider;

/// How many Runs side by side and how many threads each, on a machine with so many cores.
///
/// On the processor, Runs of one thread side by side are the best throughput and need no spinning;
/// several threads in one Run are the shortest time for one frame. A device runs one at a time.
pub(super) fn layout(options: &EngineOptions, provider: Provider, cores: usize) -> (usize, usize) {
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
    use super::super::engine::RUN_LIMIT;
    use super::super::session::SessionOptions;
    use super::*;

    /// What comes of these wishes (0: none) on the processor.
    fn choose(cores: usize, sessions: usize, threads: usize, single: bool) -> (usize, usize) {
        layout(&options(sessions, threads, single), Provider::Cpu, cores)
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
            run_limit: RUN_LIMIT,
        }
    }

    const CORES: [usize; 5] = [1, 2, 4, 8, 16];

    /// A Run on each core; or all of them for one frame at a time.
    #[test]
    fn chosen_by_itself() {
        for cores in CORES {
            assert_eq!(choose(cores, 0, 0, false), (cores, 1));
            assert_eq!(choose(cores, 0, 0, true), (1, cores));
        }
    }

    /// Threads that are given: as many Runs as leave each its cores, for each of `CORES`.
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

    /// Sessions that are given: the cores are divided between them, for each of `CORES`.
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

    /// What is given in full is taken as it is.
    #[test]
    fn both_given() {
        for cores in CORES {
            for (sessions, threads) in [(1, 1), (1, 16), (16, 1), (3, 5)] {
                for single in [false, true] {
                    let layout = choose(cores, sessions, threads, single);
                    assert_eq!(layout, (sessions, threads));
                }
            }
        }
    }

    /// A device runs one at a time, unless it is told otherwise.
    #[test]
    fn on_a_device() {
        for cores in CORES {
            for single in [false, true] {
                let on_device = |sessions, threads| {
                    layout(&options(sessions, threads, single), Provider::Cuda, cores)
                };
                assert_eq!(on_device(0, 0), (1, cores));
                assert_eq!(on_device(0, 2), (1, 2));
                assert_eq!(on_device(2, 1), (2, 1));
            }
        }
    }
}
