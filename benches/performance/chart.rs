// SPDX-License-Identifier: MPL-2.0
//! A chart of two curves, as SVG.

use std::fmt::Write as _;

/// Points of a curve, x and y.
type Points = Vec<(f64, f64)>;

/// Two curves over one axis, each with a scale of its own.
pub struct Chart {
    pub title: String,
    pub x: String,
    /// Name and points of the curve with the scale on the left.
    pub left: (String, Points),
    /// Of the one with the scale on the right.
    pub right: (String, Points),
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const MARGIN: f64 = 60.0;
const STEPS: usize = 5;

impl Chart {
    /// The SVG document.
    pub fn to_svg(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        let mut text = |x: f64, y: f64, anchor: &str, color: &str, text: &str| {
            // To a string nothing fails.
            let _ = writeln!(
                svg,
                "<text x=\"{x:.0}\" y=\"{y:.0}\" text-anchor=\"{anchor}\" fill=\"{color}\">{text}</text>"
            );
        };
        let (bottom, right) = (HEIGHT - MARGIN, WIDTH - MARGIN);
        text(WIDTH / 2.0, 20.0, "middle", "black", &self.title);
        text(WIDTH / 2.0, HEIGHT - 15.0, "middle", "black", &self.x);
        let x_of = |x: f64| {
            let most = self.left.1.iter().fold(1.0, |m: f64, (x, _)| m.max(*x));
            MARGIN + x / most * (WIDTH - 2.0 * MARGIN)
        };
        for (x, _) in &self.left.1 {
            text(x_of(*x), bottom + 18.0, "middle", "black", &format!("{x}"));
        }
        let mut lines = String::new();
        let curves = [
            (&self.left, "#0b62a4", MARGIN - 6.0, "end", MARGIN),
            (&self.right, "#b33c00", right + 6.0, "start", right),
        ];
        for ((name, points), color, scale, anchor, title) in curves {
            let most = points
                .iter()
                .fold(0.0, |m: f64, (_, y)| m.max(*y))
                .max(1e-9)
                * 1.1;
            let y_of = |y: f64| bottom - y / most * (bottom - MARGIN);
            for step in 0..=STEPS {
                let y = most * step as f64 / STEPS as f64;
                let digits = if most < 10.0 { 2 } else { 0 };
                text(
                    scale,
                    y_of(y) + 4.0,
                    anchor,
                    color,
                    &format!("{y:.digits$}"),
                );
            }
            text(title, MARGIN - 14.0, "middle", color, name);
            let path: Vec<String> = points
                .iter()
                .map(|(x, y)| format!("{:.1},{:.1}", x_of(*x), y_of(*y)))
                .collect();
            // To a string nothing fails.
            let _ = writeln!(
                lines,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>",
                path.join(" ")
            );
            for point in &path {
                let (x, y) = point.split_once(',').unwrap_or_default();
                let _ = writeln!(
                    lines,
                    "<circle cx=\"{x}\" cy=\"{y}\" r=\"3\" fill=\"{color}\"/>"
                );
            }
        }
        let _ = writeln!(
            svg,
            "<path d=\"M{MARGIN} {MARGIN}V{bottom}H{right}V{MARGIN}\" fill=\"none\" stroke=\"#888\"/>"
        );
        svg + &lines + "</svg>\n"
    }
}
