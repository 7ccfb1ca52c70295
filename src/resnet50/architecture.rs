// SPDX-License-Identifier: MPL-2.0
//! The architecture of ResNet50: K. He, X. Zhang, S. Ren, J. Sun, *Deep Residual Learning for Image
//! Recognition* (2015), table 1, and the variant that is called v1.5.
//!
//! A 7x7 convolution of stride 2 and a 3x3 max pool of stride 2; four stages of bottlenecks; a
//! global average pool; a fully connected layer. A bottleneck is a 1x1, a 3x3 and a 1x1
//! convolution, each with a batch norm, whose sum with a shortcut goes through a ReLU; the last of
//! them has four times the channels of the first. The shortcut is the identity, or a 1x1
//! convolution where the shape changes. All names are torchvision's.

/// Where the bottlenecks that downsample have their stride of 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// In the first 1x1 convolution, as in the paper: it skips three of four pixels.
    V1,
    /// In the 3x3 convolution, which sees every pixel: about 0.5 % better top-1 for about 5 %
    /// fewer images a second. torchvision's `resnet50`, NVIDIA's and MLPerf's.
    V1_5,
}

impl Variant {
    /// `resnet50-v1` or `resnet50-v1.5`, as the contract has it.
    pub fn architecture(self) -> &'static str {
        match self {
            Self::V1 => "resnet50-v1",
            Self::V1_5 => "resnet50-v1.5",
        }
    }
}

/// A convolution without bias, and the batch norm that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conv {
    /// Name of its weight without `.weight`.
    pub name: String,
    /// Name of the batch norm's parameters without theirs.
    pub norm: String,
    /// Channels of its input.
    pub inputs: usize,
    /// Channels of its output.
    pub outputs: usize,
    /// Length of the kernel's sides; the padding is half of it, rounded down.
    pub kernel: usize,
    /// Stride along both axes.
    pub stride: usize,
}

impl Conv {
    /// Pixels of padding on each side.
    pub fn padding(&self) -> usize {
        self.kernel / 2
    }

    /// Length of the output's sides for an input's.
    pub fn side(&self, input: usize) -> usize {
        (input + 2 * self.padding() - self.kernel) / self.stride + 1
    }
}

/// One residual block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bottleneck {
    /// `layer1.0` …
    pub name: String,
    /// 1x1, 3x3, 1x1.
    pub convs: [Conv; 3],
    /// The projection of the shortcut, where it is not the identity.
    pub downsample: Option<Conv>,
}

/// A fully connected layer with bias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linear {
    /// Name of its parameters without theirs.
    pub name: String,
    /// Features of its input.
    pub inputs: usize,
    /// Features of its output.
    pub outputs: usize,
}

/// A named tensor of a state dict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// torchvision's name of it.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Whether it is learned; the statistics of batch norms are not.
    pub learned: bool,
}

/// The whole network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResNet50 {
    /// The variant.
    pub variant: Variant,
    /// The side length of its input images in pixels.
    pub side: usize,
    /// The first convolution.
    pub stem: Conv,
    /// Kernel, stride and padding of the max pool behind it.
    pub pool: (usize, usize, usize),
    /// The blocks of all stages.
    pub blocks: Vec<Bottleneck>,
    /// The last layer.
    pub classifier: Linear,
}

/// Channels of the bottlenecks' first two convolutions and the number of bottlenecks, by stage.
const STAGES: [(usize, usize); 4] = [(64, 3), (128, 4), (256, 6), (512, 3)];

/// The ratio of the output channels of a bottleneck to its inner channels.
const EXPANSION: usize = 4;

/// The side length of the images that it was trained on.
const SIDE: usize = 224;

impl ResNet50 {
    /// The network with 1000 classes, for images of 224x224.
    pub fn new(variant: Variant) -> Self {
        let conv = |prefix: &str, name: &str, norm: &str, inputs, outputs, kernel, stride| Conv {
            name: format!("{prefix}{name}"),
            norm: format!("{prefix}{norm}"),
            inputs,
            outputs,
            kernel,
            stride,
        };
        let mut inputs = 64;
        let mut blocks = Vec::new();
        for (stage, (width, count)) in STAGES.into_iter().enumerate() {
            for block in 0..count {
                let name = format!("layer{}.{block}", stage + 1);
                let prefix = format!("{name}.");
                let outputs = width * EXPANSION;
                // The first block of each stage but the first halves the picture.
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let (first, second) = match variant {
                    Variant::V1 => (stride, 1),
                    Variant::V1_5 => (1, stride),
                };
                blocks.push(Bottleneck {
                    convs: [
                        conv(&prefix, "conv1", "bn1", inputs, width, 1, first),
                        conv(&prefix, "conv2", "bn2", width, width, 3, second),
                        conv(&prefix, "conv3", "bn3", width, outputs, 1, 1),
                    ],
                    downsample: (inputs != outputs).then(|| {
                        conv(
                            &prefix,
                            "downsample.0",
                            "downsample.1",
                            inputs,
                            outputs,
                            1,
                            stride,
                        )
                    }),
                    name,
                });
                inputs = outputs;
            }
        }
        Self {
            variant,
            side: SIDE,
            stem: conv("", "conv1", "bn1", 3, 64, 7, 2),
            pool: (3, 2, 1),
            blocks,
            classifier: Linear {
                name: "fc".into(),
                inputs,
                outputs: 1000,
            },
        }
    }

    /// The network with another number of classes.
    pub fn with_classes(mut self, classes: usize) -> Self {
        self.classifier.outputs = classes;
        self
    }

    /// The network for images with another side length; its weights are the same.
    pub fn with_side(mut self, side: usize) -> Self {
        self.side = side;
        self
    }

    /// Every convolution, in the order of the computation.
    pub fn convs(&self) -> impl Iterator<Item = &Conv> {
        let blocks = self.blocks.iter();
        std::iter::once(&self.stem).chain(blocks.flat_map(|b| b.convs.iter().chain(&b.downsample)))
    }

    /// The tensors between the layers, by the names that they have in the graph, in the order of
    /// the computation: the input, the output of each ReLU, the operands of sums, and the output of the
    /// average pool. The inputs of ReLUs are not among them, because they are fused; the output of the max
    /// pool has the range of its input, `relu`.
    pub fn activations(&self) -> Vec<String> {
        let mut all = vec!["input".to_owned(), "relu".to_owned()];
        for block in &self.blocks {
            let name = &block.name;
            all.extend([format!("{name}.relu1"), format!("{name}.relu2")]);
            all.push(block.convs[2].name.clone());
            all.extend(block.downsample.iter().map(|conv| conv.name.clone()));
            all.push(format!("{name}.relu3"));
        }
        all.push("avgpool".to_owned());
        all
    }

    /// The state dict: every tensor that a file of weights must have.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut all = Vec::new();
        let mut add = |name: String, shape: &[usize], learned| {
            all.push(Parameter {
                name,
                shape: shape.to_vec(),
                learned,
            });
        };
        for conv in self.convs() {
            let Conv {
                inputs,
                outputs,
                kernel,
                ..
            } = *conv;
            add(
                format!("{}.weight", conv.name),
                &[outputs, inputs, kernel, kernel],
                true,
            );
            for (name, learned) in [
                ("weight", true),
                ("bias", true),
                ("running_mean", false),
                ("running_var", false),
            ] {
                add(format!("{}.{name}", conv.norm), &[outputs], learned);
            }
        }
        let Linear {
            name,
            inputs,
            outputs,
        } = &self.classifier;
        add(format!("{name}.weight"), &[*outputs, *inputs], true);
        add(format!("{name}.bias"), &[*outputs], true);
        all
    }

    /// The number of learned parameters.
    pub fn parameter_count(&self) -> usize {
        let learned = self.parameters().into_iter().filter(|p| p.learned);
        learned.map(|p| p.shape.iter().product::<usize>()).sum()
    }

    /// Multiply-accumulate operations for one image, in the convolutions and the last layer.
    pub fn macs(&self) -> usize {
        let mut total = 0;
        let mut run = |conv: &Conv, input: usize| {
            let side = conv.side(input);
            total += side * side * conv.outputs * conv.inputs * conv.kernel * conv.kernel;
            side
        };
        let (kernel, stride, padding) = self.pool;
        let mut side = run(&self.stem, self.side);
        side = (side + 2 * padding - kernel) / stride + 1;
        for block in &self.blocks {
            let input = side;
            for conv in &block.convs {
                side = run(conv, side);
            }
            if let Some(conv) = &block.downsample {
                run(conv, input);
            }
        }
        total + self.classifier.inputs * self.classifier.outputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// torchvision's count, and the published numbers of operations.
    #[test]
    fn published_numbers() {
        for (variant, giga) in [(Variant::V1, 3.86), (Variant::V1_5, 4.09)] {
            let network = ResNet50::new(variant);
            assert_eq!(network.parameter_count(), 25_557_032);
            assert!(
                (network.macs() as f64 / 1e9 - giga).abs() < 0.005,
                "{}",
                network.macs()
            );
            assert_eq!(network.blocks.len(), 16);
            assert_eq!(network.convs().count(), 53);
        }
    }

    /// The variants differ in the strides of three blocks, and in nothing else.
    #[test]
    fn variants() {
        let (old, new) = (ResNet50::new(Variant::V1), ResNet50::new(Variant::V1_5));
        let differing: Vec<_> = old
            .convs()
            .zip(new.convs())
            .filter(|(a, b)| a != b)
            .map(|(a, b)| (a.name.as_str(), a.stride, b.stride))
            .collect();
        assert_eq!(
            differing,
            [
                ("layer2.0.conv1", 2, 1),
                ("layer2.0.conv2", 1, 2),
                ("layer3.0.conv1", 2, 1),
                ("layer3.0.conv2", 1, 2),
                ("layer4.0.conv1", 2, 1),
                ("layer4.0.conv2", 1, 2),
            ]
        );
        assert_eq!(old.parameters(), new.parameters());
    }
}
