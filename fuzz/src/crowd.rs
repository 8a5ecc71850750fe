//! Subjects that have every attribute, under any name.

use flagkit_core::{Id, Subject, Value};

/// A subject with an attribute for every name. The name determines the type of its value.
pub struct Member {
    id: Option<&'static str>,
    turn: usize,
}

/// Returns several subjects, with and without an id, with different values for the same name.
pub fn crowd() -> [Member; 4] {
    [None, Some("u1"), Some(""), Some("17")].map(|id| Member { id, turn: id.map_or(3, |id| 5 * id.len()) })
}

const TEXTS: [&str; 10] = [
    "",
    "PT",
    "free",
    "2.3.0-beta.1",
    "10.0.0.1",
    "::ffff:10.0.0.1",
    "2027-02-01T12:00:00Z",
    "staff@example.com",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
    "é\u{0}\n",
];

/// The same strings, as a list.
static LIST: [&str; 10] = TEXTS;

impl Subject for Member {
    fn id(&self) -> Option<Id<'_>> {
        self.id.map(Id::from)
    }

    fn attribute(&self, name: &str) -> Option<Value<'_>> {
        let sum = name.bytes().fold(self.turn, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        match sum % 17 {
            0 => None,
            1 => Some(Value::Bool(true)),
            2 => Some(Value::Integer(17)),
            3 => Some(Value::Integer(i128::MIN)),
            4 => Some(Value::Float(0.1)),
            5 => Some(Value::Float(f64::NAN)),
            6 => Some(Value::List(&LIST)),
            other => TEXTS.get(other - 7).map(|text| Value::Text(text)),
        }
    }
}
