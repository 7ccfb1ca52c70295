// SPDX-License-Identifier: MPL-2.0
//! Which part of the picture goes where in the tensor.

/// How a picture of any shape becomes one of the model's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// The shorter side is resized to a given length, then the centre is cut out: the transform
    /// of torchvision's classification presets.
    Crop,
    /// Both sides are resized to the model's, without regard to the aspect ratio.
    Stretch,
    /// The whole picture is resized to fit and centred, with black bars beside it.
    Letterbox,
}

/// The size to which [`Fit::Crop`] resizes the picture before it cuts out the centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resize {
    /// The shorter side gets this length in pixels, the other one in proportion.
    Shorter(u32),
    /// Both sides get these lengths in pixels, without regard to the aspect ratio.
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

/// One axis of the mapping from the picture to the tensor.
///
/// The picture's `input` samples are resized to `scaled` positions. The `len` positions from
/// `first` on go to the tensor's positions from `dest` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    /// Samples of the picture along this axis.
    pub input: u32,
    /// Positions of the whole picture after the resize. (A pixel aspect ratio can make this larger
    /// than any picture.)
    pub scaled: u64,
    /// The first position that is wanted.
    pub first: u64,
    /// How many positions are wanted.
    pub len: u32,
    /// The tensor's position of the first one.
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
    /// (width over height, as a fraction), onto a tensor of `tensor.0` columns and `tensor.1` rows.
    /// [`Fit::Crop`] resizes the picture to `resize` first, or to a larger size if the tensor would
    /// not be filled otherwise.
    ///
    /// All sizes must be at least 1.
    pub fn new(
        fit: Fit,
        (width, height): (u32, u32),
        par: (u32, u32),
        tensor: (u32, u32),
        resize: Resize,
    ) -> Self {
        // The displayed shape, in a common unit. With square pixels this is the picture itself, and
        // the arithmetic below is exactly torchvision's.
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

        // Sides of 32 bits times ratios of 32 bits fit 64 bits after the division.
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

/// `n / 2`, with a half rounded to the even neighbour as by Python's `round`, which torchvision's
/// `center_crop` uses.
fn half_to_even(n: u128) -> u128 {
    let half = n / 2;
    half + (n & half & 1)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An axis that is resized without a crop.
    pub fn axis(input: u32, scaled: u32) -> Axis {
        Axis {
            input,
            scaled: scaled.into(),
            first: 0,
            len: scaled,
            dest: 0,
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

    /// Both sides are resized independently before the crop, without regard to the aspect ratio. A
    /// side that is too small for the tensor is enlarged.
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

    /// torchvision's sizes and offsets: `int(256 * long / short)`, `int(round((size - 224) /
    /// 2.0))`.
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

    /// The most extreme pictures that caps allow fill the tensor.
    #[test]
    fn crop_of_extremes() {
        for (w, h) in [(1, 1), (8192, 1), (1, 8192), (8192, 8192), (3, 2)] {
            let g = crop(w, h, 256);
            assert_eq!((g.x.len, g.y.len), (224, 224), "{w}x{h}");
            assert!(g.x.first + u64::from(g.x.len) <= g.x.scaled, "{w}x{h}");
            assert!(g.y.first + u64::from(g.y.len) <= g.y.scaled, "{w}x{h}");
        }
    }

    /// A tensor wider than the resized picture raises the scale and adds no border.
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

    /// PAL DV (720x576, pixels 16:11) is cropped as the displayed picture, which is 1047 pixels
    /// wide.
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
