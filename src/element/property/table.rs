// SPDX-License-Identifier: MPL-2.0
//! The table of an element's properties.

use super::{Property, Settings};

/// The properties of an element.
#[derive(Debug)]
pub struct Table<S, E = ()> {
    properties: Vec<Property<S, E>>,
    specs: Vec<glib::ParamSpec>,
}

impl<S: Settings, E: Copy + Default> Table<S, E> {
    /// With these properties, in the order in which they are shown.
    pub fn new(properties: Vec<Property<S, E>>) -> Self {
        let specs = properties.iter().map(|p| p.spec.clone());
        Self {
            specs: specs.collect(),
            properties,
        }
    }

    /// What GObject needs to know.
    pub fn specs(&self) -> &[glib::ParamSpec] {
        &self.specs
    }

    /// Sets all fields to the properties' defaults.
    pub fn reset(&self, settings: &mut S) {
        for property in &self.properties {
            (property.reset)(property, settings);
        }
    }

    fn find(&self, name: &str) -> &Property<S, E> {
        let property = self.properties.iter().find(|p| p.spec.name() == name);
        property.unwrap_or_else(|| unreachable!("GObject knows no property {name}"))
    }

    /// Stores a value that GObject has checked. Returns its effect, and whether it is text where
    /// it has to be: otherwise it is kept as it is, without being used.
    pub fn set(&self, settings: &mut S, name: &str, value: &glib::Value) -> (E, bool) {
        let property = self.find(name);
        let name = property.spec.name();
        if !property.is_bytes && settings.not_text().take(name, value) {
            return (property.effect, false);
        }
        if let Some((_, set)) = &property.field {
            set(settings, value);
        }
        (property.effect, true)
    }

    /// Gives a property back; none for one that only the element knows.
    pub fn get(&self, settings: &mut S, name: &str) -> Option<glib::Value> {
        if let Some(not_text) = settings.not_text().get(name) {
            return Some(not_text);
        }
        let (get, _) = self.find(name).field.as_ref()?;
        Some(get(settings))
    }
}
