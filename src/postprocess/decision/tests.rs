// SPDX-License-Identifier: MPL-2.0

use proptest::prelude::*;

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

fn policies() -> impl Strategy<Value = DecisionSettings> {
    let smoothing = prop_oneof![Just(0), 1..2000 * MS];
    let limit = || prop_oneof![Just(0f32), 0f32..1.0];
    let hold = prop_oneof![Just(0), 1..1000 * MS];
    (smoothing, limit(), limit(), hold).prop_map(|(smoothing, enter, leave, hold)| {
        DecisionSettings {
            smoothing,
            enter,
            leave,
            hold,
        }
    })
}

/// Values of which many are equal or far apart.
fn confidence() -> impl Strategy<Value = f32> {
    prop_oneof![0f32..1.0, (0u8..=4).prop_map(|n| f32::from(n) / 4.0)]
}

/// Samples: the time since the one before, none for one without a time, and the confidences.
fn samples() -> impl Strategy<Value = Vec<(Option<u64>, [f32; 4])>> {
    let step = prop::option::weighted(0.9, prop_oneof![Just(0), 0..300 * MS]);
    let confidences = prop::array::uniform4(confidence());
    prop::collection::vec((step, confidences), 1..80)
}

/// A signal that is constant for each of the slow sampling's periods, seen by the slow sampling
/// and by the fast one. `check` is called where they meet.
fn at_both_rates<const N: usize>(
    signal: &[[f32; N]],
    policy: &DecisionSettings,
    mut check: impl FnMut(&DecisionFilter, &DecisionFilter) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let (mut slow, mut fast) = (decider(N as u8), decider(N as u8));
    for (period, confidences) in (0..).zip(signal) {
        let begin = period * PERIOD;
        for sample in 1..=FAST {
            let time = begin + PERIOD * sample / FAST;
            fast.update(confidences, Some(time), policy);
        }
        slow.update(confidences, Some(begin + PERIOD), policy);
        for (slow, fast) in slow.averages.iter().zip(&fast.averages) {
            prop_assert!((slow - fast).abs() < 1e-9);
        }
        check(&slow, &fast)?;
    }
    Ok(())
}

fn same_decision(slow: &DecisionFilter, fast: &DecisionFilter) -> Result<(), TestCaseError> {
    prop_assert_eq!(shown(slow), shown(fast));
    Ok(())
}

/// Whether rounding cannot matter: no average is at a limit or at another average.
fn is_clear(decider: &DecisionFilter, policy: &DecisionSettings) -> bool {
    let limits = [policy.enter, policy.leave].map(f64::from);
    let averages = &decider.averages;
    let apart = |a: f64, b: f64| (a - b).abs() > 1e-9;
    averages.iter().enumerate().all(|(index, average)| {
        let mut others = limits.iter().chain(&averages[..index]);
        others.all(|other| apart(*average, *other))
    })
}

proptest! {
    /// No change comes sooner than `hold` after the one before, and each is reported.
    #[test]
    fn changes_are_apart(policy in policies(), samples in samples()) {
        let mut decider = decider(4);
        let (mut now, mut known): (u64, Option<u64>) = (0, None);
        let mut last: Option<Option<u64>> = None;
        let mut before = None;
        for (step, confidences) in samples {
            now += step.unwrap_or(0);
            known = step.map(|_| now).or(known);
            let changed = decider.update(&confidences, step.map(|_| now), &policy);
            let decided = decider.decision().expect("there was a sample");
            let label = Some(decided.label);
            prop_assert_eq!(changed, label != before);
            before = label;
            if !changed {
                continue;
            }
            prop_assert_eq!(decided.since, step.map(|_| now));
            if let (Some(Some(last)), Some(known)) = (last, known) {
                prop_assert!(known - last >= policy.hold);
            }
            last = Some(known);
        }
    }

    /// After each sample the rules hold: what begins is not below `enter`; what goes on is not
    /// below `leave` and has no better rival that may enter; there is nothing where no one may
    /// enter. A decision that is held is excepted.
    #[test]
    fn rules(policy in policies(), samples in samples()) {
        let mut decider = decider(4);
        let (mut now, mut changed_at) = (0, 0);
        let (enter, leave) = (f64::from(policy.enter), f64::from(policy.leave.min(policy.enter)));
        for (step, confidences) in samples {
            now += step.unwrap_or(0);
            let changed = decider.update(&confidences, Some(now), &policy);
            if changed {
                changed_at = now;
            } else if now - changed_at < policy.hold {
                continue;
            }
            let averages = &decider.averages;
            let best = averages.iter().copied().fold(0.0, f64::max);
            match decider.current.expect("there was a sample").category {
                Some(c) if changed => {
                    prop_assert!(averages[c] >= enter);
                    prop_assert_eq!(Some(c), averages.iter().position(|a| *a == best));
                }
                Some(c) => {
                    prop_assert!(averages[c] >= leave);
                    prop_assert!(averages[c] == best || best < enter);
                }
                None => prop_assert!(best < enter),
            }
        }
    }

    /// With everything 0 the decision is for the class with the highest confidence.
    #[test]
    fn argmax(samples in samples()) {
        let mut decider = decider(4);
        for (now, (_, confidences)) in (0..).zip(samples) {
            decider.update(&confidences, Some(now), &DecisionSettings::default());
            let found = decider.current.and_then(|s| s.category).expect("always one");
            prop_assert!(confidences.iter().all(|c| *c <= confidences[found]));
        }
    }

    /// The averages agree at any policy, and with one limit for entering and leaving and no hold
    /// the decision is the same at both rates, whatever the signal.
    #[test]
    fn rate_does_not_matter_with_one_limit(
        signal in prop::collection::vec(prop::array::uniform4(0f32..1.0), 1..40),
        policy in policies(),
    ) {
        at_both_rates(&signal, &policy, |_, _| Ok(()))?;
        let policy = DecisionSettings { leave: policy.enter, hold: 0, ..policy };
        let mut distinct = true;
        at_both_rates(&signal, &policy, |slow, fast| {
            // Of equals that which came first stays, and the slow one may not have seen it.
            distinct &= is_clear(slow, &policy);
            if distinct { same_decision(slow, fast) } else { Ok(()) }
        })?;
    }

    /// With hysteresis the decision whether one class is there is the same at both rates.
    #[test]
    fn rate_does_not_matter_with_one_class(
        signal in prop::collection::vec(prop::array::uniform1(0f32..1.0), 1..80),
        policy in policies(),
    ) {
        let policy = DecisionSettings { leave: policy.leave.min(policy.enter), hold: 0, ..policy };
        let mut distinct = true;
        at_both_rates(&signal, &policy, |slow, fast| {
            distinct &= is_clear(slow, &policy);
            if distinct { same_decision(slow, fast) } else { Ok(()) }
        })?;
    }

    /// Without smoothing the decision is the same at both rates, with any hysteresis, and with a
    /// hold of full periods.
    #[test]
    fn rate_does_not_matter_without_smoothing(
        signal in prop::collection::vec(prop::array::uniform4(confidence()), 1..80),
        policy in policies(),
        periods in 0u64..6,
    ) {
        let policy = DecisionSettings { smoothing: 0, hold: periods * PERIOD, ..policy };
        at_both_rates(&signal, &policy, same_decision)?;
    }

    /// A film of clear scenes is decided alike at both rates with everything on: each scene, and
    /// each without anything in it, is what is decided when it ends.
    #[test]
    fn rate_does_not_matter_for_scenes(
        scenes in prop::collection::vec(
            (prop::option::of(0usize..4), 12usize..20, 0.8f32..1.0, 0f32..0.15),
            1..6,
        ),
        smoothing in 0..400 * MS,
        enter in 0.4f32..0.6,
        leave in 0.2f32..0.4,
        hold in 0..600 * MS,
    ) {
        let policy = DecisionSettings { smoothing, enter, leave, hold };
        let mut signal = Vec::new();
        let mut ends = Vec::new();
        for (class, periods, high, low) in scenes {
            let mut confidences = [low; 4];
            if let Some(class) = class {
                confidences[class] = high;
            }
            signal.extend(std::iter::repeat_n(confidences, periods));
            ends.push((signal.len(), class));
        }
        let mut period = 0;
        at_both_rates(&signal, &policy, |slow, fast| {
            period += 1;
            if let Some((_, class)) = ends.iter().find(|(end, _)| *end == period) {
                for decider in [slow, fast] {
                    prop_assert_eq!(decider.current.and_then(|s| s.category), *class);
                }
            }
            Ok(())
        })?;
    }

    /// What is decided for is among what is allowed and never among what is denied, nor does
    /// anything that is denied move it.
    #[test]
    fn allowed_and_not_denied(
        allow in prop::sample::subsequence(&NAMES[..], 0..=NAMES.len()),
        deny in prop::sample::subsequence(&NAMES[..], 0..=NAMES.len()),
        with_groups: bool,
        confidences in prop::collection::vec(prop::array::uniform5(confidence()), 1..20),
        policy in policies(),
    ) {
        let labels = NAMES[..5].iter().map(ToString::to_string).collect();
        let labels = Labels::from_names(labels, 5).expect("a name each");
        let groups = Groups::parse("dog: 0-1\npet: 1-2", "test", &labels).expect("groups");
        let groups = with_groups.then_some(&groups);
        let known = |name: &&str| with_groups || NAMES[..5].contains(name);
        let allow: Vec<_> = allow.into_iter().filter(known).collect();
        let deny: Vec<_> = deny.into_iter().filter(known).collect();
        let categories = Categories::new(&labels, groups, &allow.join(","), &deny.join(", "));
        let Ok(categories) = categories else {
            return Ok(());
        };
        let categories = Arc::new(categories);

        let is_denied = |class: usize| deny.iter().any(|name| match *name {
            "dog" => class <= 1,
            "pet" => class == 1 || class == 2,
            name => name == NAMES[class],
        });
        let mut decider = DecisionFilter::new(Arc::clone(&categories));
        let mut undisturbed = DecisionFilter::new(categories);
        for (now, sample) in (0..).map(|n| n * 50 * MS).zip(&confidences) {
            decider.update(sample, Some(now), &policy);
            let mut without = *sample;
            for (class, value) in without.iter_mut().enumerate() {
                *value = if is_denied(class) { 1.0 - *value } else { *value };
            }
            undisturbed.update(&without, Some(now), &policy);
            prop_assert_eq!(decider.decision(), undisturbed.decision());
            if let Some(label) = decider.decision().and_then(|d| d.label) {
                prop_assert!(allow.is_empty() || allow.contains(&&*label));
                prop_assert!(!deny.contains(&&*label));
            }
        }
    }
}

/// Five labels and two groups.
const NAMES: [&str; 7] = ["pug", "beagle", "tabby", "boat", "car", "dog", "pet"];
