// SPDX-License-Identifier: MPL-2.0
//! Networks that take their time, fail or hang.

use super::text::Text;

/// Something that depends on the pictures, so that no inference is like the other. ONNX Runtime knows
/// only when it has seen them, and cannot compute it beforehand.
#[derive(Debug, Clone, Copy)]
pub enum Whim {
    /// An inference takes up to so many milliseconds or twice that, at the pictures' whim.
    Uneven(u16),
    /// An inference fails where a picture's last number (blue) is at least 0.5.
    Fails,
    /// An inference where a picture's last number (blue) is at least 0.5 spends minutes in a single node,
    /// and so does not end when it is told to.
    Hangs,
    /// Every inference spends minutes in a single node.
    AlwaysHangs,
    /// A node of constants takes minutes, which ONNX Runtime computes when it takes the model.
    HangsInConstants,
}

impl Whim {
    /// Adds what it does with the value `flat`, which has so many features a picture. Returns the
    /// name of a scalar that is 0 in the end, which ONNX Runtime does not know before.
    pub fn add(self, text: &mut Text, flat: &str, features: usize) -> String {
        let weights: Vec<f32> = (0..features)
            .map(|i| match self {
                Self::Uneven(_) => 40.0 + 31.0 * i as f32,
                // The scaled numbers are cut off after the point.
                _ => 2.0 * f32::from(u8::from(i + 1 == features)),
            })
            .collect();
        text.floats("whim weights", &[features as i64, 1], &weights);
        let weighed = text.then(&format!("MatMul({flat}, whim weights)"));
        let worst = text.then(&format!("ReduceMax({weighed}) keepdims=0"));
        let number = match self {
            Self::Uneven(most) => {
                let most = 1_000_000 * u64::from(most);
                let whole = text.then(&format!("Floor({worst})"));
                let part = text.then(&format!("Sub({worst}, {whole})"));
                let part = text.then(&format!("Mul({part}, #{most}.0)"));
                let length = text.then(&format!("Add({part}, #1.0)"));
                let range = text.then(&format!("Range(#0.0, {length}, #1.0)"));
                text.then(&format!("ReduceSum({range}) keepdims=0"))
            }
            Self::Fails => {
                let index = text.then(&format!("Cast({worst}) to=7"));
                text.then(&format!("Gather(#[0.0], {index})"))
            }
            Self::Hangs | Self::AlwaysHangs | Self::HangsInConstants => {
                let is_on = match self {
                    Self::HangsInConstants => "#1.0".to_owned(),
                    Self::AlwaysHangs => {
                        let nothing = text.then(&format!("Mul({worst}, #0.0)"));
                        text.then(&format!("Add({nothing}, #1.0)"))
                    }
                    _ => text.then(&format!("Floor({worst})")),
                };
                // Each number of a picture of 2000x2000 is compared with all those around it.
                let side = text.then(&format!("Mul({is_on}, #2000.0)"));
                let plane = text.then(&format!("Mul(#[0.0,0.0,1.0,1.0], {side})"));
                let shape = text.then(&format!("Add({plane}, #[1.0,1.0,1.0,1.0])"));
                let shape = text.then(&format!("Cast({shape}) to=7"));
                let picture = text.then(&format!("ConstantOfShape({shape})"));
                let pooled = text.then(&format!(
                    "MaxPool({picture}) kernel_shape=[400,400] pads=[399,399,399,399]"
                ));
                text.then(&format!("ReduceMax({pooled}) keepdims=0"))
            }
        };
        text.then(&format!("Mul({number}, #0.0)"))
    }
}
