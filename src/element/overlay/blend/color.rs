// SPDX-License-Identifier: MPL-2.0
//! Colours in the values of a frame's components.

use gst_video::{VideoColorMatrix, VideoInfo};

use super::format::ALPHA;

/// The weights that make a component's value out of red, green and blue, each from 0 to 255, and
/// the weight of an alpha from 0 to 255 that stands for the value of black or grey.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Of red, green and blue.
    pub rgb: [f64; 3],
    /// Of the alpha: the component's offset. For the alpha itself, its scale.
    pub alpha: f64,
}

impl Weights {
    /// For a component, in the frame's matrix and range.
    pub fn new(info: &VideoInfo, component: usize) -> Self {
        let format = info.format_info();
        let colorimetry = info.colorimetry();
        let (offsets, scales) = format.range_offsets(colorimetry.range());
        let scale = f64::from(scales[component]) / 255.0;
        if component == ALPHA {
            return Self {
                rgb: [0.0; 3],
                alpha: scale,
            };
        }
        let rgb = match (format.is_rgb(), component) {
            (true, own) => {
                let mut weights = [0.0; 3];
                weights[own] = 1.0;
                weights
            }
            (false, 0) => luma(colorimetry.matrix()),
            (false, 1) => difference(luma(colorimetry.matrix()), 2),
            (false, _) => difference(luma(colorimetry.matrix()), 0),
        };
        Self {
            rgb: rgb.map(|w| w * scale),
            alpha: f64::from(offsets[component]) / 255.0,
        }
    }

    /// The component's value for a premultiplied colour, premultiplied as well.
    pub fn of(&self, [alpha, r, g, b]: [f64; 4]) -> f64 {
        let [red, green, blue] = self.rgb;
        red * r + green * g + blue * b + self.alpha * alpha
    }
}

/// The weights of luma. Video whose matrix is unknown is taken as BT.601.
fn luma(matrix: VideoColorMatrix) -> [f64; 3] {
    let (kr, kb) = matrix.kr_kb().unwrap_or((0.299, 0.114));
    [kr, 1.0 - kr - kb, kb]
}

/// The weights of a colour difference: colour number `own` minus luma, scaled to reach from -0.5 to
/// 0.5.
fn difference(luma: [f64; 3], own: usize) -> [f64; 3] {
    let size = 2.0 * (1.0 - luma[own]);
    let mut weights = luma.map(|w| -w / size);
    weights[own] = 0.5;
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use gst_video::{VideoColorimetry, VideoFormat};

    fn values(format: VideoFormat, colorimetry: &str, rgb: [f64; 3]) -> [f64; 3] {
        gst::init().expect("GStreamer");
        let colorimetry: VideoColorimetry = colorimetry.parse().expect("a colorimetry");
        let info = VideoInfo::builder(format, 320, 240)
            .colorimetry(&colorimetry)
            .build()
            .expect("video info");
        let [r, g, b] = rgb;
        [0, 1, 2].map(|c| Weights::new(&info, c).of([255.0, r, g, b]).round())
    }

    const WHITE: [f64; 3] = [255.0; 3];
    const RED: [f64; 3] = [255.0, 0.0, 0.0];

    /// Plain colours in the values of several formats, matrices and ranges.
    #[test]
    fn numbers() {
        use VideoFormat::{Bgrx, Gray8, I420, I42010le, P012Le, Y44416le};
        assert_eq!(values(I420, "bt601", WHITE), [235.0, 128.0, 128.0]);
        assert_eq!(values(I420, "bt601", RED), [81.0, 90.0, 240.0]);
        assert_eq!(values(I420, "bt709", RED), [63.0, 102.0, 240.0]);
        assert_eq!(values(I420, "1:4:0:0", RED), [76.0, 85.0, 256.0]);
        assert_eq!(values(I42010le, "bt709", WHITE), [940.0, 512.0, 512.0]);
        assert_eq!(values(I42010le, "bt709", RED), [250.0, 409.0, 960.0]);
        assert_eq!(values(P012Le, "bt2020", WHITE), [3760.0, 2048.0, 2048.0]);
        assert_eq!(values(Y44416le, "1:3:0:0", WHITE)[0], 65535.0);
        assert_eq!(values(Bgrx, "sRGB", RED), RED);
        assert_eq!(values(Bgrx, "2:1:0:0", RED), [235.0, 16.0, 16.0]);
        assert_eq!(values(Gray8, "1:4:0:0", WHITE)[0], 255.0);
    }
}
