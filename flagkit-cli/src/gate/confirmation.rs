//! How people confirm a change, and how many of them.

use flagkit_core::source::Confirmation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a person confirms a change, by its word in flag files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Confirm(pub(super) Confirmation);

impl<'de> Deserialize<'de> for Confirm {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let named = |confirmation: &Confirmation| value.as_str() == Some(confirmation.as_str());
        Confirmation::ALL.into_iter().find(named).map(Self).ok_or_else(|| {
            let words = Confirmation::ALL.map(|confirmation| format!("{:?}", confirmation.as_str())).join(", ");
            serde::de::Error::custom(format!("got {value}, expected one of {words}"))
        })
    }
}

impl Serialize for Confirm {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

/// A number of people who confirm a change.
#[derive(Clone, Copy, Debug, Serialize, PartialEq, Eq)]
pub(super) struct Humans(pub(super) u32);

/// The greatest number of people that a gate can require.
const MAX_HUMANS: u32 = 10;

impl<'de> Deserialize<'de> for Humans {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        number.filter(|number| (1..=MAX_HUMANS).contains(number)).map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!("got {value}, expected a number of people from 1 to {MAX_HUMANS}"))
        })
    }
}
