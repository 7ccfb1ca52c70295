// SPDX-License-Identifier: MPL-2.0
//! What is to be shown, in words and whole percents: as long as this stays equal, so does what is
//! drawn.

use gst::ClockTime;

use super::layout::Rect;
use super::memory::Known;
use super::settings::{Settings, Show};
use crate::meta::{Class, Classification, Region};

/// From this age on an answer is old.
const OLD: ClockTime = ClockTime::from_mseconds(500);

/// Longer names are cut here; what does not fit is cut by its width.
const MOST_CHARACTERS: usize = 200;

/// A class.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row {
    pub label: String,
    /// Confidence, none where there is no class.
    pub percent: Option<u32>,
}

/// What is shown for the whole frame.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Panel {
    pub rows: Vec<Row>,
    /// Rate and age; may be empty.
    pub footer: String,
}

/// What is shown for a region.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Boxed {
    /// As the detector has it: it need not lie in the frame.
    pub place: Rect,
    pub row: Row,
}

/// All that is shown on a frame.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    pub panel: Option<Panel>,
    pub boxes: Vec<Boxed>,
}

impl Content {
    pub fn new(
        known: Option<&Known<'_>>,
        regions: &[(Region, Option<Classification>)],
        settings: &Settings,
    ) -> Self {
        let boxes = regions.iter().filter_map(|(region, answer)| {
            let place = Rect {
                x: region.x,
                y: region.y,
                width: region.width,
                height: region.height,
            };
            let row = tag(answer.as_ref()?, settings)?;
            Some(Boxed { place, row })
        });
        let boxes = match settings.show.contains(Show::REGIONS) {
            true => boxes.collect(),
            false => Vec::new(),
        };
        let panel = known.and_then(|known| panel(known, settings));
        Self { panel, boxes }
    }

    pub fn is_empty(&self) -> bool {
        self.panel.is_none() && self.boxes.is_empty()
    }
}

fn panel(known: &Known<'_>, settings: &Settings) -> Option<Panel> {
    let names = Show::LABEL | Show::BAR;
    let rows = match settings.show.intersects(names) {
        true => rows(known.answer, settings),
        false => Vec::new(),
    };
    // Below classes that are all too weak it would be a box with nothing in it.
    if rows.is_empty() && settings.show.intersects(names) {
        return None;
    }
    let rate = known.rate.filter(|_| settings.show.contains(Show::RATE));
    let age = known
        .age
        .filter(|age| *age > OLD && settings.show.contains(Show::AGE));
    let parts: Vec<String> = rate
        .map(rate_text)
        .into_iter()
        .chain(age.map(age_text))
        .collect();
    let footer = parts.join(" · ");
    (!rows.is_empty() || !footer.is_empty()).then_some(Panel { rows, footer })
}

fn rows(answer: &Classification, settings: &Settings) -> Vec<Row> {
    let rows: Vec<Row> = match &answer.decision {
        Some(decision) => {
            let shown = decision.label.is_none() || decision.confidence >= settings.min_confidence;
            let row = Row {
                label: tidy(decision.name()),
                percent: decision
                    .label
                    .is_some()
                    .then(|| percent(decision.confidence)),
            };
            shown.then_some(row).into_iter().collect()
        }
        None => classes(answer, settings)
            .map(|class| Row {
                label: tidy(&class.label),
                percent: Some(percent(class.confidence)),
            })
            .take(settings.max_labels as usize)
            .collect(),
    };
    match settings.max_labels {
        0 => Vec::new(),
        _ => rows,
    }
}

/// The classes that are sure enough.
fn classes<'a>(
    answer: &'a Classification,
    settings: &'a Settings,
) -> impl Iterator<Item = &'a Class> {
    let least = settings.min_confidence;
    answer.results.iter().filter(move |c| c.confidence >= least)
}

/// What stands at a region's box; none if nothing is sure enough for a box. A decision for nothing
/// is one to be shown, as in the panel.
fn tag(answer: &Classification, settings: &Settings) -> Option<Row> {
    let (label, confidence) = match &answer.decision {
        Some(decision) => match &decision.label {
            Some(label) => (&**label, decision.confidence),
            None => {
                return Some(Row {
                    label: decision.name().into(),
                    percent: None,
                });
            }
        },
        None => {
            let class = classes(answer, settings).next()?;
            (&*class.label, class.confidence)
        }
    };
    (confidence >= settings.min_confidence).then(|| Row {
        label: tidy(label),
        percent: Some(percent(confidence)),
    })
}

/// A confidence as it is written. The space stays with the number.
pub fn percent_text(percent: u32) -> String {
    format!("{percent}\u{a0}%")
}

fn percent(confidence: f32) -> u32 {
    // A NaN becomes 0.
    (confidence * 100.0).round().clamp(0.0, 100.0) as u32
}

fn rate_text(rate: f64) -> String {
    match rate {
        r if r < 9.95 => format!("{r:.1}/s"),
        r => format!("{r:.0}/s"),
    }
}

fn age_text(age: ClockTime) -> String {
    let tenths = age.mseconds() / 100;
    match tenths {
        0..100 => format!("{}.{} s old", tenths / 10, tenths % 10),
        100..1200 => format!("{} s old", tenths / 10),
        _ => format!("{} min old", tenths / 600),
    }
}

/// A name on one line: line ends and other control characters have no place in a picture.
fn tidy(label: &str) -> String {
    let blank = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    label
        .chars()
        .map(|c| if blank(c) { ' ' } else { c })
        .take(MOST_CHARACTERS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meta::Decision;

    fn answer(classes: &[(&str, f32)]) -> Classification {
        let class = |(index, (label, confidence)): (usize, &(&str, f32))| Class {
            index: index as i32,
            label: (*label).into(),
            confidence: *confidence,
        };
        Classification {
            element: "classify".into(),
            model: "m".into(),
            provider: "cpu".into(),
            fresh: true,
            age: Some(ClockTime::ZERO),
            inference_time: ClockTime::ZERO,
            results: classes.iter().enumerate().map(class).collect(),
            groups: Vec::new(),
            decision: None,
        }
    }

    fn known(answer: &Classification) -> Known<'_> {
        Known {
            answer,
            age: Some(ClockTime::from_mseconds(1260)),
            rate: Some(4.84),
        }
    }

    fn shown(answer: &Classification, settings: &Settings) -> Option<(Vec<String>, String)> {
        let panel = Content::new(Some(&known(answer)), &[], settings).panel?;
        let rows = panel.rows.into_iter().map(|r| match r.percent {
            Some(percent) => format!("{} {percent}", r.label),
            None => r.label,
        });
        Some((rows.collect(), panel.footer))
    }

    fn texts(rows: &[&str], footer: &str) -> Option<(Vec<String>, String)> {
        Some((rows.iter().map(|r| (*r).into()).collect(), footer.into()))
    }

    /// The best classes come in their order, as many as are wanted and sure enough.
    #[test]
    fn best_classes() {
        let answer = answer(&[("a", 0.615), ("b", 0.3), ("c", 0.05)]);
        let mut settings = Settings::default();
        let footer = "4.8/s · 1.2 s old";
        assert_eq!(
            shown(&answer, &settings),
            texts(&["a 62", "b 30", "c 5"], footer)
        );
        settings.max_labels = 1;
        assert_eq!(shown(&answer, &settings), texts(&["a 62"], footer));
        settings.max_labels = 5;
        settings.min_confidence = 0.3;
        assert_eq!(shown(&answer, &settings), texts(&["a 62", "b 30"], footer));
        settings.min_confidence = 0.7;
        assert_eq!(shown(&answer, &settings), None);
        settings.min_confidence = 0.0;
        settings.max_labels = 0;
        assert_eq!(shown(&answer, &settings), None);
    }

    /// What is below one per cent is left out, unless it is asked for.
    #[test]
    fn below_one_per_cent() {
        let answer = answer(&[("a", 0.98), ("b", 0.01), ("c", 0.0099), ("d", 0.0)]);
        let mut settings = Settings {
            show: Show::LABEL,
            ..Settings::default()
        };
        assert_eq!(shown(&answer, &settings), texts(&["a 98", "b 1"], ""));
        settings.min_confidence = 0.0;
        let all = texts(&["a 98", "b 1", "c 1", "d 0"], "");
        assert_eq!(shown(&answer, &settings), all);
    }

    /// A decision stands in the place of the classes, and says so if it is for nothing.
    #[test]
    fn decision() {
        let mut answer = answer(&[("a", 0.6)]);
        let decide = |label: Option<&str>, confidence| {
            Some(Decision {
                label: label.map(Into::into),
                confidence,
                since: None,
            })
        };
        let mut settings = Settings {
            show: Show::LABEL,
            ..Settings::default()
        };
        answer.decision = decide(Some("dog"), 0.8);
        assert_eq!(shown(&answer, &settings), texts(&["dog 80"], ""));
        settings.min_confidence = 0.9;
        assert_eq!(shown(&answer, &settings), None);
        answer.decision = decide(None, 0.0);
        assert_eq!(shown(&answer, &settings), texts(&["nothing"], ""));
    }

    /// Rate and age stand alone where no classes are wanted; age only where it is old.
    #[test]
    fn footer() {
        let answer = answer(&[("a", 0.6)]);
        let mut settings = Settings {
            show: Show::AGE,
            ..Settings::default()
        };
        assert_eq!(shown(&answer, &settings), texts(&[], "1.2 s old"));
        settings.show = Show::RATE;
        assert_eq!(shown(&answer, &settings), texts(&[], "4.8/s"));
        settings.show = Show::AGE;
        let young = Known {
            age: Some(OLD),
            ..known(&answer)
        };
        assert_eq!(Content::new(Some(&young), &[], &settings).panel, None);
        settings.show = Show::empty();
        assert_eq!(shown(&answer, &settings), None);
    }

    /// Regions without an answer, or with one that is too weak, have no box.
    #[test]
    fn regions() {
        let region = Region {
            id: 1,
            tracking_id: None,
            kind: "face".into(),
            x: 1,
            y: 2,
            width: 3,
            height: 4,
        };
        let regions = [
            (region.clone(), None),
            (region.clone(), Some(answer(&[("weak", 0.2)]))),
            (region, Some(answer(&[("s\nure", 0.8)]))),
        ];
        let mut settings = Settings {
            min_confidence: 0.5,
            ..Settings::default()
        };
        let boxes = Content::new(None, &regions, &settings).boxes;
        let expected = Boxed {
            place: Rect {
                x: 1,
                y: 2,
                width: 3,
                height: 4,
            },
            row: Row {
                label: "s ure".into(),
                percent: Some(80),
            },
        };
        assert_eq!(boxes, [expected]);
        settings.show = Show::LABEL;
        assert!(Content::new(None, &regions, &settings).is_empty());
    }

    /// A region's decision has a box, also one for nothing, which no least confidence keeps away.
    #[test]
    fn decisions_of_regions() {
        let text = |label: Option<&str>, confidence, settings: &Settings| {
            let mut answer = answer(&[("a", 0.9)]);
            answer.decision = Some(Decision {
                label: label.map(Into::into),
                confidence,
                since: None,
            });
            tag(&answer, settings)
        };
        let settings = Settings {
            min_confidence: 0.5,
            ..Settings::default()
        };
        let shown = |label: &str, percent| {
            let label = label.to_owned();
            Some(Row { label, percent })
        };
        assert_eq!(text(Some("dog"), 0.8, &settings), shown("dog", Some(80)));
        assert_eq!(text(Some("dog"), 0.4, &settings), None);
        assert_eq!(text(None, 0.0, &settings), shown("nothing", None));
        let class = shown("nothing", Some(70));
        assert_eq!(text(Some("nothing"), 0.7, &settings), class);
    }

    /// Times and rates are as long as can be read.
    #[test]
    fn numbers() {
        let age = |ms| age_text(ClockTime::from_mseconds(ms));
        assert_eq!(age(9999), "9.9 s old");
        assert_eq!(age(10_000), "10 s old");
        assert_eq!(age(600_000), "10 min old");
        assert_eq!(rate_text(9.94), "9.9/s");
        assert_eq!(rate_text(29.97), "30/s");
        assert_eq!(percent(f32::NAN), 0);
        assert_eq!(percent(7.0), 100);
        assert_eq!(percent_text(62), "62\u{a0}%");
    }
}
