// SPDX-License-Identifier: MPL-2.0
//! Access to the parts of a model.

use std::collections::HashSet;

#[cfg(doc)]
use super::schema::data_type;
use super::schema::{Attribute, DimensionValue, Graph, Node, Tensor, ValueInfo};

impl Graph {
    /// The inputs that a caller has to supply, which are those that are not initializers.
    pub fn inputs(&self) -> impl Iterator<Item = &ValueInfo> {
        // Both lists may be very long.
        let initializers: HashSet<&str> =
            self.initializer.iter().map(|t| t.name.as_str()).collect();
        let given = self.input.iter();
        given.filter(move |i| !initializers.contains(i.name.as_str()))
    }
}

impl Node {
    /// The parameter `name`.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attribute.iter().find(|a| a.name == name)
    }
}

impl Tensor {
    /// The elements of a tensor of 64-bit integers.
    pub fn integers(&self) -> Vec<i64> {
        if !self.int64_data.is_empty() {
            return self.int64_data.clone();
        }
        let (values, _) = self.raw_data.as_chunks::<8>();
        values.iter().map(|b| i64::from_le_bytes(*b)).collect()
    }
}

impl ValueInfo {
    /// A tensor's element type ([`data_type`]).
    pub fn element(&self) -> Option<i32> {
        Some(self.r#type.as_ref()?.tensor_type.as_ref()?.elem_type)
    }

    /// A tensor's element type ([`data_type`]) and dimensions, `None` for an open one. `None` if the
    /// value is not a tensor or its rank is unknown.
    pub fn tensor(&self) -> Option<(i32, Vec<Option<u64>>)> {
        let tensor = self.r#type.as_ref()?.tensor_type.as_ref()?;
        let dims = tensor.shape.as_ref()?.dim.iter().map(|d| match d.value {
            Some(DimensionValue::Value(v)) => u64::try_from(v).ok().filter(|v| *v > 0),
            _ => None,
        });
        Some((tensor.elem_type, dims.collect()))
    }
}
