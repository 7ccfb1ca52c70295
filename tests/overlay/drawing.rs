// SPDX-License-Identifier: MPL-2.0
//! `resnet50overlay`: what it draws, and where.
//!
//! What is drawn is looked at in the form in which a sink gets it that blends by itself: as ARGB
//! pixels. Those are compared with words that Pango draws here.
use gst::prelude::*;
use gstresnet50::element::overlay::{Position, Show};
use gstresnet50::meta::Decision;
use support::element::bytes;
use support::harness::{between, through};
use support::overlay::*;

/// With `scale=0.1` and a height of 240.
const EM: f64 = 24.0;

/// Where the first text begins then, from the left and from above: half an em to the panel, and
/// half an em in it.
const START: u32 = 24;

/// The element with nothing but names, on nothing.
fn bare() -> gst::Element {
    let element = overlay();
    element.set_property("show", Show::LABEL);
    element.set_property("background-color", 0u32);
    element
}

/// A line of text as Pango draws it at the upper left corner of a picture, as the alpha of its
/// pixels.
fn words(text: &str, size: f64, room: Option<u32>, (width, height): (u32, u32)) -> Vec<u8> {
    let format = cairo::Format::ARgb32;
    let mut surface =
        cairo::ImageSurface::create(format, width as i32, height as i32).expect("a surface");
    let context = cairo::Context::new(&surface).expect("a context");
    let layout = pangocairo::functions::create_layout(&context);
    let mut options = cairo::FontOptions::new().expect("options");
    options.set_antialias(cairo::Antialias::Gray);
    options.set_hint_style(cairo::HintStyle::None);
    options.set_hint_metrics(cairo::HintMetrics::Off);
    pangocairo::functions::context_set_font_options(&layout.context(), Some(&options));
    let mut font = pango::FontDescription::from_string("DejaVu Sans");
    font.set_absolute_size(size * f64::from(pango::SCALE));
    layout.set_font_description(Some(&font));
    layout.set_text(text);
    if let Some(room) = room {
        layout.set_width(room as i32 * pango::SCALE);
        layout.set_ellipsize(pango::EllipsizeMode::End);
    }
    context.set_source_rgb(1.0, 1.0, 1.0);
    // The element puts all lines of a font on one baseline, so that those with other fonts' glyphs
    // in them stand there too.
    let plain = layout.copy();
    plain.set_text("Ag");
    let scale = f64::from(pango::SCALE);
    let lift = f64::from(plain.baseline() - layout.baseline()) / scale;
    context.move_to(0.0, lift);
    pangocairo::functions::show_layout(&context, &layout);
    drop((context, layout, plain));
    surface.flush();
    let data = surface.data().expect("pixels");
    data.chunks_exact(4)
        .map(|p| u32::from_ne_bytes([p[0], p[1], p[2], p[3]]).to_be_bytes()[0])
        .collect()
}

/// Whether a piece shows this text at the place for the first text, with its own font and colours.
fn shows(
    piece: &Piece,
    text: &str,
    size: f64,
    room: Option<u32>,
    opacity: f64,
) -> Result<(), String> {
    let inside = START - piece.x;
    let (width, height) = (piece.width - inside, piece.height - inside);
    let expected = words(text, size, room, (width, height));
    let ink = expected.iter().filter(|a| **a > 200).count();
    if ink < 5 {
        return Err(format!("{text}: the reference is empty"));
    }
    for y in 0..height {
        for x in 0..width {
            let found = f64::from(piece.at(inside + x, inside + y)[0]);
            let wanted = f64::from(expected[(y * width + x) as usize]) * opacity;
            if (found - wanted).abs() > 2.0 {
                return Err(format!("{text}: at {x}, {y} {found}, not {wanted}"));
            }
        }
    }
    Ok(())
}

/// Names come out as Pango draws them, each character for itself: markup, line ends, emoji and
/// names without an end included.
#[test]
fn draws_what_pango_draws() {
    let element = bare();
    let room = WIDTH - 2 * START;
    let long = "a name that does not end ".repeat(40);
    let cases: [(&str, &str, Option<u32>); 7] = [
        ("tabby", "tabby", None),
        ("<b>&", "<b>&", None),
        ("</span>&amp;", "</span>&amp;", None),
        ("two\nlines\r\there\u{2028}", "two lines  here ", None),
        ("Grüße 你好 😀", "Grüße 你好 😀", None),
        (&long, &long[..200], Some(room)),
        ("i", "i", None),
    ];
    for (label, text, room) in cases {
        let pieces = drawn(&element, &rgb(), |b| {
            with(b, &classification(&[(label, 0.5)]))
        });
        assert_eq!(pieces.len(), 1, "{label:?}");
        if let Err(error) = shows(&pieces[0], text, EM, room, 1.0) {
            panic!("{label:?}: {error}");
        }
    }
    let pieces = drawn(&element, &rgb(), |b| {
        with(b, &classification(&[("tabby", 0.5)]))
    });
    let wrong = shows(&pieces[0], "tubby", EM, None, 1.0);
    assert!(wrong.is_err(), "the comparison tells words apart");
}

/// The footer says how old a result is and how often there is one.
#[test]
fn footer() {
    let element = bare();
    element.set_property("show", Show::AGE | Show::RATE);
    let mut harness = attaching(&element, &rgb());
    let mut last = Vec::new();
    // Live results, five a second, each of a frame 1.2 s before.
    for frame in 0..40u64 {
        let mut classification = classification(&[("a", 0.5)]);
        classification.fresh = false;
        classification.age = Some(gst::ClockTime::from_mseconds(1200 + frame % 5 * 40));
        let buffer = with(noise(&rgb(), 2000 + frame * 40), &classification);
        last = pieces(&through(&mut harness, buffer));
    }
    assert_eq!(last.len(), 1);
    // 70 hundredths of 24 pixels.
    shows(&last[0], "5.0/s · 1.3 s old", 16.0, None, 0.75).expect("the footer");

    element.set_property("show", Show::AGE);
    let young = with(noise(&rgb(), 4000), &classification(&[("a", 0.5)]));
    assert!(pieces(&through(&mut harness, young)).is_empty());
}

/// A classified region has a box of the accent colour along its edge and a label; what is in it is
/// not touched, and a region without a result has nothing.
#[test]
fn regions() {
    let element = overlay();
    element.set_property("accent-color", 0xffff_0000u32);
    let found = classification(&[("pug", 0.9)]);
    let (x, y, width, height) = (100, 80, 120, 90);
    let info = rgb();
    let mut harness = between(&element, &info);
    let frame = with_region(noise(&info, 0), (x, y, width, height), Some(&found));
    let frame = with_region(frame, (10, 200, 30, 30), None);
    let before = bytes(&frame);
    let after = bytes(&through(&mut harness, frame));
    let at = |x: u32, y: u32| {
        let at = y as usize * info.stride()[0] as usize + x as usize * 3;
        (
            [after[at], after[at + 1], after[at + 2]],
            after[at..at + 3] == before[at..at + 3],
        )
    };
    let red = [255, 0, 0];
    for i in 0..width {
        assert_eq!(at(x + i, y).0, red);
        assert_eq!(at(x + i, y + height - 1).0, red);
    }
    for i in 0..height {
        assert_eq!(at(x, y + i).0, red);
        assert_eq!(at(x + width - 1, y + i).0, red);
    }
    for i in 0..WIDTH {
        for j in 0..HEIGHT {
            let inside =
                (x + 2..x + width - 2).contains(&i) && (y + 2..y + height - 2).contains(&j);
            let outside = !(x..x + width).contains(&i) || j >= y + height || j + 40 < y;
            if inside || outside {
                assert!(at(i, j).1, "{i}, {j}");
            }
        }
    }
    // The label begins above the box's corner, and has something in it besides red.
    assert_eq!(at(x, y - 1).0, red);
    let ink = (x..x + 40).filter(|i| at(*i, y - 12).0[1] > 150).count();
    assert!(ink > 0);
}

/// Regions beyond the frame's edge, and results on them, do no harm and stay inside.
#[test]
fn regions_beyond_the_edge() {
    let element = overlay();
    let found = classification(&[("pug", 0.9)]);
    for rect in [
        (300, 220, 500, 500),
        (0, 0, u32::MAX, u32::MAX),
        (u32::MAX, 5, 10, 10),
        (5, 5, 0, 10),
        (319, 239, 1, 1),
    ] {
        for piece in drawn(&element, &rgb(), |b| with_region(b, rect, Some(&found))) {
            assert!(piece.x + piece.width <= WIDTH, "{:?}", piece.place());
            assert!(piece.y + piece.height <= HEIGHT, "{:?}", piece.place());
        }
    }
}

/// Every property that is set while frames flow counts from the next frame on.
#[test]
fn changes_while_playing() {
    let element = overlay();
    element.set_property("show", Show::LABEL | Show::BAR);
    let mut harness = attaching(&element, &rgb());
    let found = classification(&[("tabby", 0.6), ("tiger cat", 0.3)]);
    let mut look = || {
        let pieces = pieces(&through(&mut harness, with(noise(&rgb(), 0), &found)));
        pieces.into_iter().next()
    };
    let first = look().expect("drawn");
    assert_eq!((first.x, first.y), (12, 12));

    element.set_property("position", Position::BottomRight);
    let moved = look().expect("drawn");
    assert_eq!(
        (moved.x + moved.width, moved.y + moved.height),
        (WIDTH - 12, HEIGHT - 12)
    );
    assert!(moved.pixels == first.pixels, "the same at another place");
    element.set_property("position", Position::TopLeft);

    let least = |name: &str| -> Piece {
        let piece = look().unwrap_or_else(|| panic!("{name}: nothing is drawn"));
        assert!(piece.pixels != first.pixels, "{name} changes nothing");
        piece
    };
    let mut least = least;
    element.set_property("max-labels", 1u32);
    assert!(least("max-labels").height < first.height);
    element.set_property("max-labels", 5u32);
    element.set_property("min-confidence", 0.5f32);
    assert!(least("min-confidence").height < first.height);
    element.set_property("min-confidence", 0.01f32);
    element.set_property("show", Show::LABEL);
    assert!(least("show").width < first.width);
    element.set_property("show", Show::LABEL | Show::BAR);
    element.set_property("background-color", 0xff00_00ffu32);
    let blue = least("background-color");
    assert_eq!(blue.at(blue.width / 2, 2), [255, 0, 0, 255]);
    element.set_property("background-color", 0xb010_1418u32);
    element.set_property("color", 0xff00_ff00u32);
    least("color");
    element.set_property("color", 0xffff_ffffu32);
    element.set_property("accent-color", 0xffff_0000u32);
    least("accent-color");
    element.set_property("accent-color", 0xff3d_dc97u32);
    element.set_property("font-desc", "DejaVu Serif Bold 99");
    least("font-desc");
    element.set_property("font-desc", "DejaVu Sans");
    element.set_property("scale", 0.05f64);
    assert!(least("scale").height < first.height);
    element.set_property("scale", 0.1f64);
    assert!(look().is_some_and(|piece| piece.pixels == first.pixels));
    element.set_property("show", Show::empty());
    assert!(look().is_none());
}

/// Bars are as long as the confidences.
#[test]
fn bars() {
    let element = overlay();
    element.set_property("show", Show::BAR);
    element.set_property("min-confidence", 0.0f32);
    element.set_property("accent-color", 0xffff_0000u32);
    let red = |confidence| {
        let pieces = drawn(&element, &rgb(), |b| {
            with(b, &classification(&[("a", confidence)]))
        });
        let is_red = |p: &&[u8; 4]| p[1] > 200 && p[2] < 60 && p[3] < 60;
        let row = |y| (0..pieces[0].width).map(move |x| (x, y));
        let count = |y| {
            row(y)
                .filter(|(x, y)| is_red(&&pieces[0].at(*x, *y)))
                .count()
        };
        (0..pieces[0].height).map(count).max().unwrap_or(0)
    };
    assert_eq!(red(0.0), 0);
    // Four ems are 96 pixels; the ends are round.
    for percent in [25, 50, 100] {
        let (found, wanted) = (red(percent as f32 / 100.0), 96 * percent / 100);
        assert!(
            found.abs_diff(wanted) <= 2,
            "{percent}%: {found}, not {wanted}"
        );
    }
}

/// A decision is drawn in the place of the classes.
#[test]
fn decision() {
    let element = bare();
    let mut found = classification(&[("tabby", 0.6)]);
    for (label, text) in [(Some("cat"), "cat"), (None, "nothing")] {
        found.decision = Some(Decision {
            label: label.map(Into::into),
            confidence: 0.9,
            since: None,
        });
        let pieces = drawn(&element, &rgb(), |b| with(b, &found));
        shows(&pieces[0], text, EM, None, 1.0).expect("the decision");
    }
}

/// Every property may be set while playing, has a text with its unit, and begins with its default.
#[test]
fn properties() {
    support::init();
    let element = gst::ElementFactory::make("resnet50overlay")
        .build()
        .expect("the element");
    let mut names = Vec::new();
    for pspec in element.list_properties() {
        if pspec.owner_type() != element.type_() {
            continue;
        }
        let name = pspec.name();
        let playing = glib::ParamFlags::from_bits_retain(gst::PARAM_FLAG_MUTABLE_PLAYING.bits());
        assert!(pspec.flags().contains(playing), "{name}");
        assert!(
            pspec.flags().contains(glib::ParamFlags::READWRITE),
            "{name}"
        );
        assert!(pspec.blurb().is_some_and(|b| b.len() > 10), "{name}");
        let (value, default) = (element.property_value(name), pspec.default_value());
        assert_eq!(format!("{value:?}"), format!("{default:?}"), "{name}");
        names.push(name.to_owned());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "accent-color",
            "background-color",
            "color",
            "font-desc",
            "hold",
            "max-labels",
            "min-confidence",
            "model-name",
            "position",
            "scale",
            "show",
        ]
    );
    element.set_property_from_str("show", "label+age");
    assert_eq!(element.property::<Show>("show"), Show::LABEL | Show::AGE);
    element.set_property_from_str("position", "bottom-left");
    assert_eq!(
        element.property::<Position>("position"),
        Position::BottomLeft
    );
    element.set_property("hold", u64::MAX);
    assert!(element.property::<u64>("hold") >= u64::MAX - 1);
    element.set_property("font-desc", None::<&str>);
    assert_eq!(element.property::<String>("font-desc"), "Sans");
}

/// A frame that stands upright has the text of one that lies: the font follows the shorter side,
/// and names of a usual length are whole.
#[test]
fn font_follows_the_shorter_side() {
    let element = overlay();
    element.set_property("scale", 0.04f64);
    let names = [
        ("Staffordshire bullterrier", 0.5),
        ("Mexican hairless", 0.25),
    ];
    let look = |width, height| {
        let info = support::element::info(gst_video::VideoFormat::Rgb, width, height);
        let mut pieces = drawn(&element, &info, |b| with(b, &classification(&names)));
        assert_eq!(pieces.len(), 1);
        pieces.remove(0)
    };
    for (long, short) in [(1280, 720), (1920, 1080), (640, 480)] {
        let (lying, upright) = (look(long, short), look(short, long));
        assert_eq!(lying.place(), upright.place(), "{long}x{short}");
        assert!(lying.pixels == upright.pixels, "{long}x{short}");
    }
    element.set_property("show", Show::LABEL);
    let width = |names: &[(&str, f32)]| {
        let info = support::element::info(gst_video::VideoFormat::Rgb, 720, 1280);
        let pieces = drawn(&element, &info, |b| with(b, &classification(names)));
        pieces[0].width
    };
    let twice = format!("{0} {0} {0}", names[0].0);
    assert!(width(&names) < width(&[(&twice, 0.5)]), "it is whole");
}

/// As many rows are drawn as have room, in frames of all sizes, and always the best ones.
#[test]
fn as_many_rows_as_fit() {
    let element = overlay();
    element.set_property("scale", 0.04f64);
    element.set_property("show", Show::LABEL);
    element.set_property("max-labels", 100u32);
    let names: Vec<_> = (0..100).map(|i| format!("class {i}")).collect();
    let classes: Vec<_> = names.iter().map(|name| (&**name, 0.5)).collect();
    for (width, height) in [(64, 48), (320, 240), (720, 1280), (1920, 1080), (1280, 90)] {
        let info = support::element::info(gst_video::VideoFormat::Rgb, width, height);
        let look = |count: usize| {
            let classification = classification(&classes[..count]);
            let mut pieces = drawn(&element, &info, |b| with(b, &classification));
            pieces.remove(0)
        };
        let (all, one, two) = (look(100), look(1), look(2));
        assert!(all.y + all.height < height, "{width}x{height}");
        assert!(all.height > height / 2, "{width}x{height}: there is room");
        let pitch = two.height - one.height;
        let rows = 1 + (all.height - one.height) / pitch;
        assert!(rows >= 2, "{width}x{height}");
        assert!(
            all.y + all.height + pitch + all.y >= height,
            "one more has room"
        );
    }
}

/// Classes below one per cent are left out, unless they are asked for.
#[test]
fn leaves_out_what_is_below_one_per_cent() {
    let element = overlay();
    let look = |classes: &[(&str, f32)]| {
        let mut pieces = drawn(&element, &rgb(), |b| with(b, &classification(classes)));
        pieces.remove(0)
    };
    let (few, all) = (
        [("tabby", 0.9), ("pug", 0.01)],
        [("tabby", 0.9), ("pug", 0.01), ("cup", 0.0099), ("mug", 0.0)],
    );
    assert!(look(&all).pixels == look(&few).pixels);
    element.set_property("min-confidence", 0.0f32);
    assert!(look(&all).height > look(&few).height);
}
