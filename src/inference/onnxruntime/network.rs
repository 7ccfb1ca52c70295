// SPDX-License-Identifier: MPL-2.0
//! A loaded model.

use std::ffi::CString;
use std::mem::ManuallyDrop;

use ort::session::RunOptions;
use ort::value::{TensorRef, TensorRefMut};
use ort::{AsPointer as _, ortsys};

use super::input::{InputTensor, bytes_of};
use super::output_buffer::{IndicesBuffer, OutputBuffer};
use super::output_layout::OutputLayout;
use super::trial::{Sample, TrialResult};
use crate::inference::error::InferenceError;
use crate::inference::memory_limit::TensorMemory;
use crate::inference::model::{Model, TrialReport};
use crate::inference::process::ProcessId;
use crate::inference::provider::Provider;
use crate::preprocess::ElementType;

/// A loaded model, which several sessions may share.
pub(super) struct Network {
    /// A child of `fork()` must not drop it, because it has none of its threads.
    session: ManuallyDrop<ort::session::Session>,
    process: ProcessId,
    pub input_name: CString,
    /// The output with the values, and the one with their classes if the graph ends in `TopK`.
    output_names: Vec<CString>,
    /// The input's shape; the first dimension is the batch.
    shape: [usize; 4],
    /// The batch size of every inference, if the model fixes it.
    pub fixed_batch: Option<usize>,
    /// Elements of the input for one image.
    pub elements: usize,
    pub element: ElementType,
    /// How the outputs are read.
    pub layout: OutputLayout,
    pub report: TrialReport,
    /// The trial image and its values, by itself or as the first of a batch.
    pub sample: Sample,
    pub provider: Provider,
    pub threads: usize,
}

impl Network {
    /// The network of a session after its trial.
    ///
    /// # Errors
    /// [`InferenceError::Failed`] for names that ONNX Runtime cannot take.
    pub fn new(
        session: ort::session::Session,
        trial: TrialResult,
        model: &Model,
        provider: Provider,
        threads: usize,
    ) -> Result<Self, InferenceError> {
        let TrialResult {
            report,
            layout,
            sample,
            shape,
        } = trial;
        let name =
            |name: &str| CString::new(name).map_err(|e| InferenceError::Failed(e.to_string()));
        let mut output_names = vec![name(&layout.output)?];
        if let Some(indices) = &layout.indices {
            output_names.push(name(&indices.output)?);
        }
        let is_fixed = model.signature.batch.is_some() || report.fixed_batch.is_some();
        Ok(Self {
            input_name: name(&model.signature.input)?,
            output_names,
            session: ManuallyDrop::new(session),
            process: ProcessId::current(),
            shape,
            fixed_batch: is_fixed.then_some(shape[0]),
            elements: shape[1..].iter().product(),
            element: model.signature.element,
            layout,
            report,
            sample,
            provider,
            threads,
        })
    }

    /// The batch size of the trial.
    pub fn tried_batch(&self) -> usize {
        self.shape[0]
    }

    /// The input's shape for a batch.
    pub fn input_shape(&self, batch: usize) -> [i64; 4] {
        let mut shape = self.shape.map(|d| d as i64);
        shape[0] = batch as i64;
        shape
    }

    /// The memory that the tensors of one image take.
    pub fn tensor_memory(&self) -> TensorMemory {
        let class = if self.layout.is_half { 2 } else { 4 };
        let class = if self.layout.indices.is_some() {
            class + 8
        } else {
            class
        };
        TensorMemory::new(
            self.elements,
            bytes_of(self.element),
            self.layout.values,
            class,
        )
    }

    /// Whether the calling process can use it.
    ///
    /// # Errors
    /// [`InferenceError::Forked`] in a child of the process that has loaded it.
    pub fn check_process(&self) -> Result<(), InferenceError> {
        match self.process.is_current() {
            true => Ok(()),
            false => Err(InferenceError::Forked),
        }
    }

    /// Infers a batch. Several threads may do so at the same time with a provider that allows it, as
    /// `Session::another` tells.
    ///
    /// # Errors
    /// ONNX Runtime's.
    pub fn infer(
        &self,
        input: &InputTensor,
        output: &mut OutputBuffer,
        indices: Option<&mut IndicesBuffer>,
        batch: usize,
        options: &RunOptions,
    ) -> ort::Result<()> {
        let mut shape = self.shape;
        shape[0] = batch;
        let elements = batch * self.elements;
        let output_shape = self.layout.shape.of(batch);
        let values = output_shape.iter().product::<usize>();

        // Views of the part of each buffer that the batch takes.
        let floats;
        let halves;
        let bytes;
        let input = match input {
            InputTensor::F32(t) => {
                floats = TensorRef::from_array_view((shape, &t.extract_tensor().1[..elements]))?;
                floats.ptr()
            }
            InputTensor::F16(t) => {
                halves = TensorRef::from_array_view((shape, &t.extract_tensor().1[..elements]))?;
                halves.ptr()
            }
            InputTensor::U8(t) => {
                bytes = TensorRef::from_array_view((shape, &t.extract_tensor().1[..elements]))?;
                bytes.ptr()
            }
        };
        let floats_out;
        let halves_out;
        let output = match output {
            OutputBuffer::F32(v) => {
                let part = &mut v[..values];
                floats_out = TensorRefMut::from_array_view_mut((output_shape, part))?;
                floats_out.ptr().cast_mut()
            }
            OutputBuffer::F16(v) => {
                let part = &mut v[..values];
                halves_out = TensorRefMut::from_array_view_mut((output_shape, part))?;
                halves_out.ptr().cast_mut()
            }
        };
        let wide;
        let narrow;
        let indices = match (indices, &self.layout.indices) {
            (Some(IndicesBuffer::I64(v)), Some(layout)) => {
                let part = &mut v[..values];
                wide = TensorRefMut::from_array_view_mut((layout.shape.of(batch), part))?;
                Some(wide.ptr().cast_mut())
            }
            (Some(IndicesBuffer::I32(v)), Some(layout)) => {
                let part = &mut v[..values];
                narrow = TensorRefMut::from_array_view_mut((layout.shape.of(batch), part))?;
                Some(narrow.ptr().cast_mut())
            }
            _ => None,
        };
        let names: Vec<_> = self.output_names.iter().map(|n| n.as_ptr()).collect();
        let mut outputs: Vec<_> = [output].into_iter().chain(indices).collect();
        let session = self.session.inner();
        // SAFETY: all pointers are to values that live until the end of this function; it borrows the
        // views' memory, the outputs' exclusively. ort takes a session mutably because not every
        // provider allows several inferences at a time: see `Session::another`.
        ortsys![unsafe Run(
            session.ptr().cast_mut(),
            options.ptr(),
            &self.input_name.as_ptr(),
            &input,
            1,
            names.as_ptr(),
            outputs.len(),
            outputs.as_mut_ptr(),
        )?];
        Ok(())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if self.process.is_current() {
            // SAFETY: it is dropped once, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.session) };
        }
    }
}
