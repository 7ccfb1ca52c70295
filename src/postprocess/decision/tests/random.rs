// SPDX-License-Identifier: MPL-2.0
//! Random signals: the rules hold, and the sampling rate does not matter.

use proptest::prelude::*;

use super::*;

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
