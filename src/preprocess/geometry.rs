// SPDX-License-Identifier: MPL-2.0
//! Which part of the picture goes where in the tensor.

/// How a picture of any shape becomes one of the model's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// The shorter side is resized to a given length, then the centre is cut out: the transform
    /// of torchvision's classification presets.
    Crop,
    /// Both sides are resized to the model's, whatever that does to the aspect ratio.
    Stretch,
    /// The whole picture is resized to fit, centred, with black beside it.
    Letterbox,
}

/// What [`Fit::Crop`] makes of the picture before it cuts out the centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resize {
    /// Its shorter side gets this length in pixels, the other one in proportion.
    Shorter(u32),
    /// Both sides get these lengths in pixels, whatever that does to the aspect ratio.
    Both {
        /// Of the width.
        width: u32,
        /// Of the height.
        height: u32,
    },
}

impl Resize {
    /// The length in pixels of the shorter side.
    pub fn shorter(self) -> u32 {
        match self {
            Self::Shorter(side) => side,
            Self::Both { width, height } => width.min(height),
        }
    }
}

/// A part of a picture, in its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rect {
    /// Left edge.
    pub x: u32,
    /// Upper edge.
    pub y: u32,
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

impl Rect {
    /// All of a picture.
    pub fn whole(width: u32, height: u32) -> Self {
        Self {
            x: 0,
            y: 0,
            width,
            height,
        }
    }

    /// What of it lies within a picture of this size; nothing if not a single sample does.
    pub fn clip(&self, width: u32, height: u32) -> Option<Self> {
        let width = self.x.saturating_add(self.width).min(width);
        let height = self.y.saturating_add(self.height).min(height);
        Some(Self {
            width: width.checked_sub(self.x).filter(|w| *w > 0)?,
            height: height.checked_sub(self.y).filter(|h| *h > 0)?,
            ..*self
        })
    }
}

/// One axis of the way from the picture to the tensor.
///
/// The picture's `input` samples are resized to `scaled` positions; of these the `len` positions
/// from `first` on are wanted, and they stand in the tensor from `dest` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    /// Samples of the picture along this axis.
    pub input: u32,
    /// Positions that all of the picture would take after the resize. (A pixel aspect ratio can
    /// make this larger than any picture.)
    pub scaled: u64,
    /// The first position that is wanted.
    pub first: u64,
    /// How many positions are wanted.
    pub len: u32,
    /// Where the first of them stands in the tensor.
    pub dest: u32,
}

/// Both axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Columns.
    pub x: Axis,
    /// Rows.
    pub y: Axis,
}

impl Geometry {
    /// Maps a picture of `width` x `height` samples, whose pixels have the aspect ratio `par`
    /// (width over height, as a fraction), onto a tensor of `tensor.0` columns and `tensor.1`
    /// rows. `resize` is what [`Fit::Crop`] makes of the picture first; it is raised where the
    /// tensor would otherwise not be filled.
    ///
    /// All sizes must be at least 1.
    pub fn new(
        fit: Fit,
        (width, height): (u32, u32),
        par: (u32, u32),
        tensor: (u32, u32),
        resize: Resize,
    ) -> Self {
        // The displayed shape, in a common unit. With square pixels this is the picture itself,
        // and the arithmetic below is torchvision's to the last digit.
        let (shown_w, shown_h) = (
            u128::from(width) * u128::from(par.0.max(1)),
            u128::from(height) * u128::from(par.1.max(1)),
        );
        let (out_w, out_h) = (u128::from(tensor.0), u128::from(tensor.1));

        let (scaled_w, scaled_h) = match fit {
            Fit::Stretch => (out_w, out_h),
            Fit::Letterbox => {
                if out_w * shown_h <= out_h * shown_w {
                    (out_w, div_round(out_w * shown_h, shown_w).clamp(1, out_h))
                } else {
                    (div_round(out_h * shown_w, shown_h).clamp(1, out_w), out_h)
                }
            }
            Fit::Crop => match resize {
                Resize::Both { width, height } => {
                    (out_w.max(width.into()), out_h.max(height.into()))
                }
                Resize::Shorter(short) => {
                    let short = u128::from(short);
                    let (w, h) = if shown_w <= shown_h {
                        (short, short * shown_h / shown_w)
                    } else {
                        (short * shown_w / shown_h, short)
                    };
                    if w < out_w || h < out_h {
                        (
                            out_w.max(out_h * shown_w / shown_h),
                            out_h.max(out_w * shown_h / shown_w),
                        )
                    } else {
                        (w, h)
                    }
                }
            },
        };

        // Sides of 32 bits times ratios of 32 bits: far below what 64 bits hold after the division.
        let axis = |input: u32, scaled: u128, out: u128| {
            let len = scaled.min(out);
            Axis {
                input,
                scaled: scaled as u64,
                first: half_to_even(scaled - len) as u64,
                len: len as u32,
                dest: ((out - len) / 2) as u32,
            }
        };
        Self {
            x: axis(width, scaled_w, out_w),
            y: axis(height, scaled_h, out_h),
        }
    }
}

/// `n / d`, rounded to the nearest integer.
fn div_round(n: u128, d: u128) -> u128 {
    (n + d / 2) / d
}

/// `n / 2`, a half rounded to the even neighbour: Python's `round`, which torchvision's
/// `center_crop` uses.
fn half_to_even(n: u128) -> u128 {
    let half = n / 2;
    half + (n & half & 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips() {
        let rect = |x, y, width, height| Rect {
            x,
            y,
            width,
            height,
        };
        let clip = |r: Rect| r.clip(100, 50);
        assert_eq!(clip(rect(10, 20, 30, 30)), Some(rect(10, 20, 30, 30)));
        assert_eq!(clip(rect(90, 40, 30, 30)), Some(rect(90, 40, 10, 10)));
        let most = u32::MAX;
        assert_eq!(clip(rect(99, 49, most, most)), Some(rect(99, 49, 1, 1)));
        for outside in [
            rect(100, 0, 5, 5),
            rect(0, 50, 5, 5),
            rect(most, most, most, most),
            rect(5, 5, 0, 5),
            rect(5, 5, 5, 0),
        ] {
            assert_eq!(clip(outside), None);
        }
    }

    fn crop(width: u32, height: u32, resize: u32) -> Geometry {
        Geometry::new(
            Fit::Crop,
            (width, height),
            (1, 1),
            (224, 224),
            Resize::Shorter(resize),
        )
    }

    /// Both sides to a size of their own, then the centre: the aspect ratio does not count. What is
    /// too small for the tensor is raised, each side by itself.
    #[test]
    fn crop_of_both_sides() {
        let both = |width, height| {
            let resize = Resize::Both { width, height };
            Geometry::new(Fit::Crop, (640, 480), (1, 1), (192, 48), resize)
        };
        let g = both(256, 64);
        assert_eq!((g.x.scaled, g.y.scaled), (256, 64));
        assert_eq!((g.x.first, g.x.len), (32, 192));
        assert_eq!((g.y.first, g.y.len), (8, 48));
        let g = both(100, 64);
        assert_eq!((g.x.scaled, g.x.first, g.x.dest), (192, 0, 0));
        assert_eq!((g.y.scaled, g.y.first), (64, 8));
    }

    /// torchvision's sizes and offsets: `int(256 * long / short)`, `int(round((size - 224) / 2.0))`.
    #[test]
    fn crop_is_torchvisions() {
        let g = crop(451, 300, 256);
        assert_eq!((g.x.scaled, g.y.scaled), (384, 256));
        assert_eq!((g.x.first, g.y.first), (80, 16));
        // 341 - 224 = 117, and 58.5 goes to the even 58; 343 - 224 = 119, and 59.5 goes to 60.
        assert_eq!(crop(640, 480, 256).x.scaled, 341);
        assert_eq!(crop(640, 480, 256).x.first, 58);
        assert_eq!(crop(343, 256, 256).x.first, 60);
        assert_eq!((g.x.len, g.y.len, g.x.dest, g.y.dest), (224, 224, 0, 0));
    }

    /// A picture as extreme as the caps allow still fills the tensor.
    #[test]
    fn crop_of_extremes() {
        for (w, h) in [(1, 1), (8192, 1), (1, 8192), (8192, 8192), (3, 2)] {
            let g = crop(w, h, 256);
            assert_eq!((g.x.len, g.y.len), (224, 224), "{w}x{h}");
            assert!(g.x.first + u64::from(g.x.len) <= g.x.scaled, "{w}x{h}");
            assert!(g.y.first + u64::from(g.y.len) <= g.y.scaled, "{w}x{h}");
        }
    }

    /// A tensor that is wider than the resize rule would fill raises the scale, never the border.
    #[test]
    fn crop_covers_a_wide_tensor() {
        let g = Geometry::new(
            Fit::Crop,
            (640, 480),
            (1, 1),
            (448, 224),
            Resize::Shorter(256),
        );
        assert_eq!((g.x.len, g.y.len), (448, 224));
        assert_eq!((g.x.scaled, g.y.scaled), (448, 336));
    }

    #[test]
    fn letterbox_centres() {
        let g = Geometry::new(
            Fit::Letterbox,
            (400, 200),
            (1, 1),
            (224, 224),
            Resize::Shorter(1),
        );
        assert_eq!((g.x.scaled, g.y.scaled), (224, 112));
        assert_eq!((g.x.dest, g.y.dest), (0, 56));
        assert_eq!((g.x.first, g.y.first), (0, 0));
        let g = Geometry::new(
            Fit::Letterbox,
            (1, 8192),
            (1, 1),
            (224, 224),
            Resize::Shorter(1),
        );
        assert_eq!((g.x.len, g.x.dest, g.y.len), (1, 111, 224));
    }

    /// PAL DV (720x576, pixels 16:11) is cropped as the 1047 pixels wide picture that is seen.
    #[test]
    fn pixel_aspect_ratio_counts() {
        let g = Geometry::new(
            Fit::Crop,
            (720, 576),
            (16, 11),
            (224, 224),
            Resize::Shorter(256),
        );
        assert_eq!((g.x.scaled, g.y.scaled), (465, 256));
        assert_eq!(g.x.input, 720);
    }
}
