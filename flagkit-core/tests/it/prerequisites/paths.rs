//! A flag with too many paths to its prerequisites is invalid, and a read evaluates none of them.

use std::cell::Cell;

use flagkit_core::source::{Condition, Operator, Reference, Rule};
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Id, Percent, Reason, Subject, Value};

/// Counts the reads of its attributes.
struct Counting(Cell<u64>);

impl Subject for Counting {
    fn id(&self) -> Option<Id<'_>> {
        Some(Id::from("u1"))
    }

    fn attribute(&self, _: &str) -> Option<Value<'_>> {
        self.0.set(self.0.get() + 1);
        Some(Value::Bool(true))
    }
}

/// Two flags on each level, each of which requires both flags of the next. Each level doubles the number of paths.
fn ladder(levels: usize) -> Flags {
    let key = |level: usize, side: &str| format!("flag-{level}-{side}");
    let both = |level: usize| ["left", "right"].map(|side| Reference::new(&key(level, side)));
    let beta = Rule::new().when(Condition::attribute("beta", Operator::one_of([true])));
    let flags: FlagSet = (0..=levels)
        .flat_map(|level| ["left", "right"].map(|side| (level, side)))
        .map(|(level, side)| {
            let flag = Flag::on().with_rollout(Percent::ZERO).with_rules([beta.clone()]);
            let flag = if level == levels { flag } else { flag.with_prerequisites(both(level + 1)) };
            (FlagKey::new(key(level, side)).expect("a key"), flag)
        })
        .collect();
    Flags::fixed(flags)
}

#[test]
fn too_many_paths_to_prerequisites_are_invalid() {
    let short = ladder(8);
    let subject = Counting(Cell::new(0));
    assert!(short.is_on("flag-0-left", &subject));
    assert!(subject.0.get() <= 1_001, "{} reads of attributes", subject.0.get());
    assert!(short.status().sources[0].problems.is_empty());

    let tall = ladder(32);
    let subject = Counting(Cell::new(0));
    assert_eq!(tall.evaluate("flag-0-left", &subject).reason(), Reason::Invalid);
    assert_eq!(subject.0.get(), 0);
    assert!(tall.status().sources[0].problems.iter().any(|problem| problem.got().contains("1000 paths")));
    assert!(tall.is_on("flag-25-left", &subject), "flags within the limit are valid");
}
