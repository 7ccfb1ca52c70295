// SPDX-License-Identifier: MPL-2.0
//! What is shown, in words and whole percents. As long as this stays equal, so does the drawing.

use gst::ClockTime;

use super::last_classification::Shown;
use super::settings::{Settings, Show};
use crate::meta::{
    AnyClassification, Class, Classification, ForeignClass, ForeignClassification, Region,
};
use crate::rect::Rect;

/// Only ages above this one are shown.
const MIN_SHOWN_AGE: ClockTime = ClockTime::from_mseconds(500);

/// Longer labels are cut at this length. What does not fit the frame is cut later, by its width.
const MAX_CHARACTERS: usize = 200;

/// One line: a class or a decision.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row {
    /// The name.
    pub label: String,
    /// The confidence; `None` for a decision for no class.
    pub percent: Option<u32>,
}

/// What is shown for the whole frame.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Panel {
    /// The classes, best first.
    pub rows: Vec<Row>,
    /// Rate and age, or empty.
    pub footer: String,
}

/// What is shown for a region.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RegionBox {
    /// Where the detector found it, which may be outside of the frame.
    pub place: Rect,
    /// Its label.
    pub row: Row,
}

/// All that is shown on a frame.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// For the whole frame.
    pub panel: Option<Panel>,
    /// For regions.
    pub boxes: Vec<RegionBox>,
}

impl Content {
    /// What the settings want to be shown of a frame's classification and of its regions'
    /// classifications. A region with several has a label for each.
    pub fn new(
        shown: Option<&Shown<'_>>,
        regions: &[(Region, Vec<AnyClassification>)],
        settings: &Settings,
    ) -> Self {
        let boxes = regions.iter().flat_map(|(region, classifications)| {
            let rows = classifications.iter();
            let rows = rows.filter_map(|classification| label_row(classification, settings));
            rows.map(|row| RegionBox {
                place: region.rect,
                row,
            })
        });
        let boxes = match settings.show.contains(Show::REGIONS) {
            true => boxes.collect(),
            false => Vec::new(),
        };
        let panel = shown.and_then(|shown| panel(shown, settings));
        Self { panel, boxes }
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.panel.is_none() && self.boxes.is_empty()
    }
}

fn panel(shown: &Shown<'_>, settings: &Settings) -> Option<Panel> {
    let names = Show::LABEL | Show::BAR;
    let rows = match settings.show.intersects(names) {
        true => rows(shown.classification, settings),
        false => Vec::new(),
    };
    // If no class has enough confidence, no panel is drawn for rate and age alone.
    if rows.is_empty() && settings.show.intersects(names) {
        return None;
    }
    let rate = shown.rate.filter(|_| settings.show.contains(Show::RATE));
    let age = shown
        .age
        .filter(|age| *age > MIN_SHOWN_AGE && settings.show.contains(Show::AGE));
    let parts: Vec<String> = rate
        .map(rate_text)
        .into_iter()
        .chain(age.map(age_text))
        .collect();
    let footer = parts.join(" · ");
    (!rows.is_empty() || !footer.is_empty()).then_some(Panel { rows, footer })
}

fn rows(classification: &AnyClassification, settings: &Settings) -> Vec<Row> {
    let mut rows = match classification {
        AnyClassification::Own(own) => own_rows(own, settings),
        AnyClassification::Foreign(foreign) => foreign_rows(foreign, settings).collect(),
    };
    rows.truncate(settings.max_labels as usize);
    rows
}

fn own_rows(classification: &Classification, settings: &Settings) -> Vec<Row> {
    match &classification.decision {
        Some(decision) => {
            let shown = decision.label.is_none() || decision.confidence >= settings.min_confidence;
            let row = Row {
                label: single_line(decision.name()),
                percent: decision
                    .label
                    .is_some()
                    .then(|| percent(decision.confidence)),
            };
            shown.then_some(row).into_iter().collect()
        }
        None => classes(classification, settings)
            .map(|class| Row {
                label: single_line(&class.label),
                percent: Some(percent(class.confidence)),
            })
            .collect(),
    }
}

/// The classes of another element with enough confidence, or with an unknown one.
fn foreign_rows(
    classification: &ForeignClassification,
    settings: &Settings,
) -> impl Iterator<Item = Row> {
    let min = settings.min_confidence;
    let is_shown = move |class: &&ForeignClass| class.confidence.is_none_or(|c| c >= min);
    let shown = classification.classes.iter().filter(is_shown);
    shown.map(|class| Row {
        label: single_line(&class.label),
        percent: class.confidence.map(percent),
    })
}

/// The classes with enough confidence.
fn classes<'a>(
    classification: &'a Classification,
    settings: &'a Settings,
) -> impl Iterator<Item = &'a Class> {
    let min = settings.min_confidence;
    classification
        .results
        .iter()
        .filter(move |c| c.confidence >= min)
}

/// The label of a region's box; `None` if no class has enough confidence for a box. A decision for
/// no class is shown, as in the panel.
fn label_row(classification: &AnyClassification, settings: &Settings) -> Option<Row> {
    match classification {
        AnyClassification::Own(own) => own_label_row(own, settings),
        AnyClassification::Foreign(foreign) => foreign_rows(foreign, settings).next(),
    }
}

fn own_label_row(classification: &Classification, settings: &Settings) -> Option<Row> {
    let (label, confidence) = match &classification.decision {
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
            let class = classes(classification, settings).next()?;
            (&*class.label, class.confidence)
        }
    };
    (confidence >= settings.min_confidence).then(|| Row {
        label: single_line(label),
        percent: Some(percent(confidence)),
    })
}

/// A confidence as text. The space is a no-break space.
pub fn percent_text(percent: u32) -> String {
    format!("{percent}\u{a0}%")
}

fn percent(confidence: f32) -> u32 {
    // NaN becomes 0.
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

/// A label on a single line, with spaces for line ends and other control characters.
fn single_line(label: &str) -> String {
    let blank = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    label
        .chars()
        .map(|c| if blank(c) { ' ' } else { c })
        .take(MAX_CHARACTERS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meta::Decision;

    fn classification(classes: &[(&str, f32)]) -> Classification {
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

    fn held(classification: &AnyClassification) -> Shown<'_> {
        Shown {
            classification,
            age: Some(ClockTime::from_mseconds(1260)),
            rate: Some(4.84),
        }
    }

    fn shown(
        classification: &Classification,
        settings: &Settings,
    ) -> Option<(Vec<String>, String)> {
        let any = AnyClassification::Own(classification.clone());
        let panel = Content::new(Some(&held(&any)), &[], settings).panel?;
        let rows = panel.rows.into_iter().map(|r| match r.percent {
            Some(percent) => format!("{} {percent}", r.label),
            None => r.label,
        });
        Some((rows.collect(), panel.footer))
    }

    fn texts(rows: &[&str], footer: &str) -> Option<(Vec<String>, String)> {
        Some((rows.iter().map(|r| (*r).into()).collect(), footer.into()))
    }

    /// The best classes are shown in their order: at most `max-labels`, with enough confidence.
    #[test]
    fn best_classes() {
        let classification = classification(&[("a", 0.615), ("b", 0.3), ("c", 0.05)]);
        let mut settings = Settings::default();
        let footer = "4.8/s · 1.2 s old";
        assert_eq!(
            shown(&classification, &settings),
            texts(&["a 62", "b 30", "c 5"], footer)
        );
        settings.max_labels = 1;
        assert_eq!(shown(&classification, &settings), texts(&["a 62"], footer));
        settings.max_labels = 5;
        settings.min_confidence = 0.3;
        assert_eq!(
            shown(&classification, &settings),
            texts(&["a 62", "b 30"], footer)
        );
        settings.min_confidence = 0.7;
        assert_eq!(shown(&classification, &settings), None);
        settings.min_confidence = 0.0;
        settings.max_labels = 0;
        assert_eq!(shown(&classification, &settings), None);
    }

    /// Classes below one per cent are left out by default.
    #[test]
    fn below_one_per_cent() {
        let classification = classification(&[("a", 0.98), ("b", 0.01), ("c", 0.0099), ("d", 0.0)]);
        let mut settings = Settings {
            show: Show::LABEL,
            ..Settings::default()
        };
        assert_eq!(
            shown(&classification, &settings),
            texts(&["a 98", "b 1"], "")
        );
        settings.min_confidence = 0.0;
        let all = texts(&["a 98", "b 1", "c 1", "d 0"], "");
        assert_eq!(shown(&classification, &settings), all);
    }

    /// A decision replaces the classes, also if it is for no class.
    #[test]
    fn decision() {
        let mut classification = classification(&[("a", 0.6)]);
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
        classification.decision = decide(Some("dog"), 0.8);
        assert_eq!(shown(&classification, &settings), texts(&["dog 80"], ""));
        settings.min_confidence = 0.9;
        assert_eq!(shown(&classification, &settings), None);
        classification.decision = decide(None, 0.0);
        assert_eq!(shown(&classification, &settings), texts(&["nothing"], ""));
    }

    /// Rate and age are shown alone where no classes are wanted, and age only from half a second
    /// on.
    #[test]
    fn footer() {
        let classification = classification(&[("a", 0.6)]);
        let mut settings = Settings {
            show: Show::AGE,
            ..Settings::default()
        };
        assert_eq!(shown(&classification, &settings), texts(&[], "1.2 s old"));
        settings.show = Show::RATE;
        assert_eq!(shown(&classification, &settings), texts(&[], "4.8/s"));
        settings.show = Show::AGE;
        let any = AnyClassification::Own(classification.clone());
        let young = Shown {
            age: Some(MIN_SHOWN_AGE),
            ..held(&any)
        };
        assert_eq!(Content::new(Some(&young), &[], &settings).panel, None);
        settings.show = Show::empty();
        assert_eq!(shown(&classification, &settings), None);
    }

    /// Regions without a classification, or with too little confidence, have no box.
    #[test]
    fn regions() {
        let region = Region {
            id: 1,
            tracking_id: None,
            kind: "face".into(),
            rect: (1, 2, 3, 4).into(),
        };
        let own = |classes: &[_]| vec![AnyClassification::Own(classification(classes))];
        let regions = [
            (region.clone(), Vec::new()),
            (region.clone(), own(&[("weak", 0.2)])),
            (region, own(&[("s\nure", 0.8)])),
        ];
        let mut settings = Settings {
            min_confidence: 0.5,
            ..Settings::default()
        };
        let boxes = Content::new(None, &regions, &settings).boxes;
        let expected = RegionBox {
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

    /// A region's decision has a box. `min-confidence` does not suppress a decision for no class.
    #[test]
    fn decisions_of_regions() {
        let text = |label: Option<&str>, confidence, settings: &Settings| {
            let mut classification = classification(&[("a", 0.9)]);
            classification.decision = Some(Decision {
                label: label.map(Into::into),
                confidence,
                since: None,
            });
            label_row(&AnyClassification::Own(classification), settings)
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

    /// Ages and rates have two or three digits.
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

    /// The classes of another element are shown as ours are; one without a confidence has no number.
    /// A region has a label for each classification.
    #[test]
    fn of_other_elements() {
        use crate::meta::Carrier;
        let class = |(label, confidence): &(&str, Option<f32>)| ForeignClass {
            index: None,
            label: (*label).into(),
            confidence: *confidence,
        };
        let foreign = |classes: &[(&str, Option<f32>)]| {
            AnyClassification::Foreign(ForeignClassification {
                carrier: Carrier::Analytics,
                element: None,
                model: None,
                attribute: None,
                classes: classes.iter().map(class).collect(),
            })
        };
        let settings = Settings {
            show: Show::LABEL | Show::REGIONS,
            min_confidence: 0.3,
            ..Settings::default()
        };
        let frame = foreign(&[("a\tb", Some(0.9)), ("weak", Some(0.1)), ("c", None)]);
        let region = Region {
            id: 0,
            tracking_id: None,
            kind: "car".into(),
            rect: (1, 2, 3, 4).into(),
        };
        let attributes = vec![foreign(&[("white", Some(0.7))]), foreign(&[("van", None)])];
        let content = Content::new(Some(&held(&frame)), &[(region, attributes)], &settings);
        let row = |label: &str, percent| Row {
            label: label.into(),
            percent,
        };
        let panel = content.panel.expect("classes");
        assert_eq!(panel.rows, [row("a b", Some(90)), row("c", None)]);
        let boxes: Vec<_> = content.boxes.into_iter().map(|b| b.row).collect();
        assert_eq!(boxes, [row("white", Some(70)), row("van", None)]);
    }
}
