//! The layer that each part of a flag comes from.

use crate::model::{Flag, Part};

/// The index of the layer of each [`Part`] of a flag that inherits.
///
/// The merge makes one per flag that inherits, and the snapshot keeps them beside its entries: most flags come from one
/// layer, so an entry has no room for them. Only an explanation reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origins([u32; Part::ALL.len()]);

impl Origins {
    /// Returns the origins of a flag that one layer declares as a whole.
    pub(crate) fn all(layer: u32) -> Self {
        Self([layer; Part::ALL.len()])
    }

    /// Returns the origins after a flag of a higher layer has replaced the parts that it states.
    pub(crate) fn replaced_by(mut self, flag: &Flag, layer: u32) -> Self {
        for (part, origin) in Part::ALL.into_iter().zip(&mut self.0) {
            if flag.states(part) {
                *origin = layer;
            }
        }
        self
    }

    /// Returns the layer of each part.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Part, u32)> {
        Part::ALL.into_iter().zip(self.0)
    }
}
