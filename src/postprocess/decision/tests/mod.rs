// SPDX-License-Identifier: MPL-2.0

mod random;

use super::*;
use crate::postprocess::{Groups, Labels};

const MS: u64 = 1_000_000;

/// The slow sampling's period; the fast one takes [`FAST`] samples in it.
const PERIOD: u64 = 200 * MS;
const FAST: u64 = 12;

/// A decider between as many classes, called a, b, c and so on.
fn decider(classes: u8) -> DecisionFilter {
    let names: Vec<_> = (b'a'..b'a' + classes)
        .map(|c| char::from(c).to_string())
        .collect();
    let labels = Labels::from_names(names, classes.into()).expect("a name each");
    let categories = Categories::new(&labels, None, "", "").expect("categories");
    DecisionFilter::new(Arc::new(categories))
}

/// The name of what is decided.
fn shown(decider: &DecisionFilter) -> String {
    let decision = decider.decision().expect("there was a sample");
    decision
        .label
        .map_or("nothing".into(), |label| label.to_string())
}

/// A sample: its time in milliseconds, the confidences, then what is expected: the decision and
/// whether it is another than before.
type Step = (u64, [f32; 3], &'static str, bool);

fn follow(policy: &DecisionSettings, steps: &[Step]) {
    let mut decider = decider(3);
    for (time, confidences, expected, changed) in steps {
        let found = decider.update(confidences, Some(time * MS), policy);
        assert_eq!(
            (&*shown(&decider), found),
            (*expected, *changed),
            "at {time} ms"
        );
    }
}

const STEADY: DecisionSettings = DecisionSettings {
    smoothing: 0,
    enter: 0.6,
    leave: 0.3,
    hold: 0,
};

/// It takes `enter` to come in and less than `leave` to go out; both limits are inclusive.
#[test]
fn hysteresis() {
    follow(
        &STEADY,
        &[
            (0, [0.59, 0.1, 0.1], "nothing", true),
            (100, [0.6, 0.1, 0.1], "a", true),
            (200, [0.4, 0.1, 0.1], "a", false),
            (300, [0.3, 0.1, 0.1], "a", false),
            (400, [0.29, 0.1, 0.1], "nothing", true),
            (500, [0.59, 0.1, 0.1], "nothing", false),
        ],
    );
}

/// A rival needs `enter` and more than the one that is decided for.
#[test]
fn rivals() {
    follow(
        &STEADY,
        &[
            (0, [0.7, 0.6, 0.0], "a", true),
            (100, [0.7, 0.7, 0.0], "a", false),
            (200, [0.7, 0.71, 0.72], "c", true),
            (300, [0.59, 0.0, 0.3], "c", false),
            (400, [0.6, 0.0, 0.3], "a", true),
            // From one to the best of the others without nothing between.
            (500, [0.2, 0.8, 0.7], "b", true),
            (600, [0.5, 0.2, 0.5], "nothing", true),
            // Of equals the first.
            (700, [0.1, 0.9, 0.9], "b", true),
        ],
    );
}

/// The first decision is made at once; each that follows waits.
#[test]
fn hold() {
    let policy = DecisionSettings {
        hold: 250 * MS,
        ..STEADY
    };
    follow(
        &policy,
        &[
            (1000, [0.9, 0.0, 0.0], "a", true),
            (1100, [0.0, 0.9, 0.0], "a", false),
            (1249, [0.0, 0.9, 0.0], "a", false),
            (1250, [0.0, 0.0, 0.9], "c", true),
            (1499, [0.0, 0.0, 0.0], "c", false),
            (1500, [0.0, 0.0, 0.0], "nothing", true),
            (1600, [0.9, 0.0, 0.0], "nothing", false),
            (1700, [0.0, 0.0, 0.0], "nothing", false),
            (9000, [0.0, 0.9, 0.0], "b", true),
        ],
    );
}

/// Without limits the best is decided for, whatever its value.
#[test]
fn no_limits() {
    follow(
        &DecisionSettings::default(),
        &[
            (0, [0.0, 0.0, 0.0], "a", true),
            (100, [0.0, 0.1, 0.2], "c", true),
            (200, [0.3, 0.1, 0.2], "a", true),
            (300, [-3.0, -2.0, -4.0], "b", true),
        ],
    );
}

/// A limit for leaving above that for entering does not end what has just begun.
#[test]
fn leave_above_enter() {
    let policy = DecisionSettings {
        enter: 0.5,
        leave: 0.9,
        ..STEADY
    };
    follow(
        &policy,
        &[
            (0, [0.6, 0.0, 0.0], "a", true),
            (100, [0.5, 0.0, 0.0], "a", false),
            (200, [0.49, 0.0, 0.0], "nothing", true),
        ],
    );
}

/// A step is followed by the exponential, however it is sampled, and a sample at the same time
/// as the one before changes nothing.
#[test]
fn step_response() {
    let policy = DecisionSettings {
        smoothing: 500 * MS,
        ..STEADY
    };
    for times in [&[500][..], &[1, 77, 77, 250, 499, 500]] {
        let mut decider = decider(2);
        decider.update(&[1.0, 0.0], Some(7_000 * MS), &policy);
        for time in times {
            decider.update(&[0.0, 0.5], Some((7_000 + time) * MS), &policy);
        }
        let rest = (-1f64).exp();
        let expected = [rest, 0.5 * (1.0 - rest)];
        for (found, expected) in decider.averages.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }
}

/// What has decayed for long is 0, not subnormal.
#[test]
fn decay_ends() {
    let policy = DecisionSettings {
        smoothing: 10 * MS,
        ..STEADY
    };
    let mut decider = decider(1);
    for time in 0..100 {
        decider.update(
            &[if time == 0 { 1.0 } else { 0.0 }],
            Some(time * 5 * MS),
            &policy,
        );
    }
    assert_eq!(decider.averages, [0.0]);
}

/// Smoothing delays a change until the average has come to the limit.
#[test]
fn smoothing_delays() {
    let policy = DecisionSettings {
        smoothing: 1000 * MS,
        ..STEADY
    };
    // 1 - exp(-t) is 0.6 at 916 ms, exp(-t) is 0.3 at 1204 ms.
    follow(
        &policy,
        &[
            (0, [0.0, 0.0, 0.0], "nothing", true),
            (900, [1.0, 0.0, 0.0], "nothing", false),
            (920, [1.0, 0.0, 0.0], "a", true),
            (99_000, [1.0, 0.0, 0.0], "a", false),
            (100_200, [0.0, 0.0, 0.0], "a", false),
            (100_210, [0.0, 0.0, 0.0], "nothing", true),
        ],
    );
}

/// A decision keeps the time that it began at and shows the average as it is now.
#[test]
fn what_is_decided() {
    let mut decider = decider(2);
    assert_eq!(decider.decision(), None);
    let decided = |label: Option<&str>, confidence, since| {
        let label = label.map(Into::into);
        Some(FilteredDecision {
            label,
            confidence,
            since,
        })
    };
    decider.update(&[0.75, 0.0], Some(5), &STEADY);
    assert_eq!(decider.decision(), decided(Some("a"), 0.75, Some(5)));
    decider.update(&[0.5, 0.0], Some(6), &STEADY);
    assert_eq!(decider.decision(), decided(Some("a"), 0.5, Some(5)));
    decider.update(&[0.25, 0.25], Some(7), &STEADY);
    assert_eq!(decider.decision(), decided(None, 0.0, Some(7)));
    decider.update(&[0.25, 1.0], None, &STEADY);
    assert_eq!(decider.decision(), decided(Some("b"), 1.0, None));
    decider.reset();
    assert_eq!(decider.decision(), None);
    assert!(
        decider.update(&[0.25, 1.0], Some(8), &STEADY),
        "the first again"
    );
    // Classes that an answer does not have count as 0.
    assert!(decider.update(&[0.75], Some(9), &STEADY));
    assert_eq!(decider.decision(), decided(Some("a"), 0.75, Some(9)));
}

/// A time that jumps back, as after a seek or in a loop, begins anew: nothing is averaged with
/// or held against what was.
#[test]
fn back_in_time() {
    let policy = DecisionSettings {
        smoothing: 1000 * MS,
        hold: 1000 * MS,
        ..STEADY
    };
    let mut decider = decider(2);
    assert!(decider.update(&[1.0, 0.0], Some(5000 * MS), &policy));
    assert!(decider.update(&[0.0, 1.0], Some(4999 * MS), &policy));
    let expected = Some(FilteredDecision {
        label: Some("b".into()),
        confidence: 1.0,
        since: Some(4999 * MS),
    });
    assert_eq!(decider.decision(), expected);
}

/// A sample without a time counts alone, at once, and does not shorten the hold.
#[test]
fn without_times() {
    let policy = DecisionSettings {
        smoothing: 1000 * MS,
        hold: 100 * MS,
        ..STEADY
    };
    let mut decider = decider(2);
    assert!(decider.update(&[1.0, 0.0], None, &policy));
    // Nothing is known of the time between.
    assert!(decider.update(&[0.0, 1.0], None, &policy));
    assert!(decider.update(&[1.0, 0.0], Some(500 * MS), &policy));
    assert!(
        !decider.update(&[0.0, 1.0], None, &policy),
        "held from 500 ms on"
    );
    assert_eq!(decider.averages, [0.0, 1.0]);
    assert!(decider.update(&[0.0, 1.0], Some(600 * MS), &policy));
    assert!(
        !decider.update(&[1.0, 0.0], None, &policy),
        "held from 600 ms on"
    );
    assert_eq!(shown(&decider), "b");
}

/// The policy may be another for each sample.
#[test]
fn another_policy() {
    let mut decider = decider(2);
    let policy = |enter, leave, hold| DecisionSettings {
        smoothing: 0,
        enter,
        leave,
        hold,
    };
    assert!(decider.update(&[0.5, 0.4], Some(0), &policy(0.6, 0.6, 0)));
    assert_eq!(shown(&decider), "nothing");
    assert!(decider.update(&[0.5, 0.4], Some(1), &policy(0.5, 0.1, 0)));
    assert!(!decider.update(&[0.4, 0.9], Some(2), &policy(0.5, 0.1, 9)));
    assert!(decider.update(&[0.4, 0.9], Some(3), &policy(0.5, 0.1, 2)));
    assert_eq!(shown(&decider), "b");
}

/// A group is decided for where none of its classes would be, with at most 1.
#[test]
fn groups() {
    let labels = ["pug", "beagle", "cat"].map(String::from).to_vec();
    let labels = Labels::from_names(labels, 3).expect("a name each");
    let groups = Groups::parse("dog: pug, beagle", "test", &labels).expect("a group");
    let categories = Categories::new(&labels, Some(&groups), "", "").expect("categories");
    let mut decider = DecisionFilter::new(Arc::new(categories));
    decider.update(&[0.25, 0.375, 0.375], Some(0), &STEADY);
    let found = decider.decision().expect("a decision");
    assert_eq!(
        (found.label.as_deref(), found.confidence),
        (Some("dog"), 0.625)
    );
    decider.update(&[0.9, 0.8, 0.95], Some(1), &STEADY);
    let found = decider.decision().expect("a decision");
    assert_eq!(
        (found.label.as_deref(), found.confidence),
        (Some("dog"), 1.0)
    );
}
