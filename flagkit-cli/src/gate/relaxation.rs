//! The relaxation of gates: the requirements that a change of the flag file makes weaker.

use super::{Gates, OnFailure, Step};

impl Gates {
    /// Describes each requirement that is weaker here than in `before`.
    pub(crate) fn weaker_than(&self, before: &Self) -> Vec<String> {
        let mut weaker = Vec::new();
        for key in self.flags.keys().filter(|key| before.flags.contains_key(*key)) {
            match (before.of(key), self.of(key)) {
                (Some((name, _)), None) => weaker.push(format!("{key} no longer has gate {name}")),
                (Some((old, _)), Some((new, _))) if old != new => {
                    weaker.push(format!("{key} has gate {new} instead of {old}"));
                }
                _ => {}
            }
        }
        for (name, old) in &before.gate {
            let Some(new) = self.gate.get(name) else {
                weaker.push(format!("gate {name} was removed"));
                continue;
            };
            let mut check = |is_weaker: bool, what: &str| {
                if is_weaker {
                    weaker.push(format!("gate {name}: {what}"));
                }
            };
            check(old.checks.iter().any(|check| !new.checks.contains(check)), "fewer checks");
            check(old.build.is_some() && new.build != old.build, "a different build check, or none");
            let has_more_steps = new.ramp.is_empty() || new.ramp.iter().any(|step| !old.ramp.contains(step));
            check(
                !old.ramp.is_empty() && new.ramp != old.ramp && (has_more_steps || skips(&old.ramp, &new.ramp)),
                "a different ramp",
            );
            check(new.soak < old.soak, "a shorter soak");
            check(old.look.iter().any(|look| !new.look.contains(look)), "fewer pages to review");
            check(
                old.on_failure == OnFailure::Revert && new.on_failure == OnFailure::Report,
                "a failed check is only reported",
            );
            let is_gone = |url| !new.instances.iter().flatten().any(|new| new == url);
            check(old.instances.iter().flatten().any(is_gone), "fewer instances to observe");
            check(new.fewest_compared() < old.fewest_compared(), "fewer compared reads");
            check(new.drain() < old.drain(), "a shorter drain");
            let [was, is] = [old.requirement(), new.requirement()];
            check(is.confirmation < was.confirmation, "a weaker confirmation");
            check(is.humans < was.humans, "fewer people");
            check(new.fresh() > old.fresh(), "older approvals");
            check(new.most_mismatched() > old.most_mismatched(), "more mismatches among the compared reads");
        }
        for (name, old) in &before.check {
            if self.check.get(name).is_some_and(|new| new != old) {
                weaker.push(format!("check {name} has other requirements"));
            }
        }
        weaker
    }
}

/// Whether the new ramp skips a step of the old one.
fn skips(old: &[Step], new: &[Step]) -> bool {
    old.iter().any(|step| !new.contains(step))
}

#[cfg(test)]
mod tests {
    use crate::gate::tests::gates;

    #[test]
    fn a_weaker_confirmation_is_a_weaker_gate() {
        let signed = "confirm = \"signed\"";
        let two = "confirm = \"signed\"\nhumans = 2";
        for (before, after, expected) in [
            (signed, "", Some("a weaker confirmation")),
            (signed, "confirm = \"terminal\"", Some("a weaker confirmation")),
            ("confirm = \"touch+pin\"", "confirm = \"touch\"", Some("a weaker confirmation")),
            (signed, "confirm = \"touch\"", None),
            ("", signed, None),
            (two, signed, Some("fewer people")),
            (signed, two, None),
            ("", "fresh = \"25h\"", Some("older approvals")),
            ("fresh = \"1h\"", "", Some("older approvals")),
            ("", "fresh = \"1h\"", None),
        ] {
            let weaker = gates(after).weaker_than(&gates(before));
            assert_eq!(weaker, expected.map(|what| format!("gate g: {what}")).into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn less_evidence_for_a_migration_is_a_weaker_gate() {
        let two = "instances = [\"http://a/\", \"http://b/\"]";
        for (before, after, expected) in [
            (two, "instances = [\"http://a/\"]", Some("fewer instances to observe")),
            (two, "instances = []", Some("fewer instances to observe")),
            (two, "", Some("fewer instances to observe")),
            ("", two, None),
            ("compared = 2000", "", Some("fewer compared reads")),
            ("", "compared = 999", Some("fewer compared reads")),
            ("", "compared = 1000", None),
            ("", "mismatched = \"0.1%\"", Some("more mismatches among the compared reads")),
            ("mismatched = 1", "mismatched = \"0.1%\"", None),
            ("", "drain = \"59s\"", Some("a shorter drain")),
            ("", "drain = \"1m\"", None),
            ("drain = \"1h\"", "", Some("a shorter drain")),
        ] {
            let weaker = gates(after).weaker_than(&gates(before));
            assert_eq!(weaker, expected.map(|what| format!("gate g: {what}")).into_iter().collect::<Vec<_>>());
        }
    }
}
