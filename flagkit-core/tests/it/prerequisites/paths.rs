//! Flags that require others in more ways than a read should go are refused, and never asked.

use std::cell::Cell;

use flagkit_core::{
    Condition, Flag, FlagKey, FlagSet, Flags, Id, Operator, Percent, Reason, Reference, Rule, Subject, Value,
};

/// Counts how often it is asked for an attribute.
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

/// Two flags on each level, each of which requires both of the next: twice as many ways with each level.
fn ladder(levels: usize) -> Flags {
    let key = |level: usize, side: &str| format!("flag-{level}-{side}");
    let both = |level: usize| ["left", "right"].map(|side| Reference::new(&key(level, side)));
    let beta = Rule::new().when(Condition::attribute("beta", Operator::one_of([true])));
    let flags: FlagSet = (0..=levels)
        .flat_map(|level| ["left", "right"].map(|side| (level, side)))
        .map(|(level, side)| {
            let flag = Flag::on().with_rollout(Percent::ZERO).with_rules([beta.clone()]);
            let flag = if level == levels { flag } else { flag.requiring(both(level + 1)) };
            (FlagKey::new(key(level, side)).expect("a key"), flag)
        })
        .collect();
    Flags::fixed(flags)
}

#[test]
fn too_many_paths_to_prerequisites_are_invalid() {
    let low = ladder(8);
    let subject = Counting(Cell::new(0));
    assert!(low.is_on("flag-0-left", &subject));
    assert!(subject.0.get() <= 1_001, "asked {} times", subject.0.get());
    assert!(low.status().sources[0].problems.is_empty());

    let high = ladder(32);
    let subject = Counting(Cell::new(0));
    assert_eq!(high.evaluate("flag-0-left", &subject).reason(), Reason::Refused);
    assert_eq!(subject.0.get(), 0);
    assert!(high.status().sources[0].problems.iter().any(|problem| problem.got().contains("1000 ways")));
    assert!(high.is_on("flag-25-left", &subject), "those that stay within the bounds are as they were");
}
