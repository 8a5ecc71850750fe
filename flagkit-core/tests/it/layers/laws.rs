//! Properties of layers, checked with random layers.

use std::collections::BTreeMap;

use flagkit_core::source::{Provenance, Publisher};
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Percent, Reason, Snapshot};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

const KEYS: [&str; 5] = ["a", "b", "c-d", "c.d", "e"];

/// The flags of a layer by key. `None` is an invalid declaration.
type Layer = BTreeMap<&'static str, Option<Flag>>;

fn flag() -> impl Strategy<Value = Flag> {
    (any::<bool>(), prop_oneof![Just(100_000_000), 0..=100_000_000_u32], proptest::option::of("[a-c]")).prop_map(
        |(on, millionths, salt)| {
            let flag = if on { Flag::on() } else { Flag::off() };
            let flag = flag.with_rollout(Percent::from_millionths(millionths).expect("a percentage"));
            match salt {
                Some(salt) => flag.with_salt(&salt),
                None => flag,
            }
        },
    )
}

fn layer() -> impl Strategy<Value = Layer> {
    btree_map(prop::sample::select(&KEYS[..]), proptest::option::weighted(0.9, flag()), 0..=KEYS.len())
}

fn set(layer: &Layer) -> FlagSet {
    let mut set = FlagSet::new();
    for (key, flag) in layer {
        let key = FlagKey::new(key).expect("a key");
        match flag {
            Some(flag) => set.insert(key, flag.clone()),
            None => set.insert_invalid(key),
        }
    }
    set
}

fn stack(layers: &[Layer]) -> (Flags, Vec<Publisher>) {
    let flags = Flags::new();
    let publishers = layers.iter().enumerate().map(|(index, layer)| {
        let publisher = flags.add_layer(Provenance::new(format!("layer:{index}")));
        publisher.publish(set(layer));
        publisher
    });
    let publishers = publishers.collect();
    (flags, publishers)
}

/// Two layers merged into one: the flags of the upper layer, with the salts of the lower one.
fn merged(upper: &Layer, lower: &Layer) -> Layer {
    let mut both = lower.clone();
    for (key, flag) in upper {
        let salt = flag.as_ref().and_then(Flag::salt).or(lower.get(key).and_then(|flag| flag.as_ref()?.salt()));
        let flag = flag.clone().map(|flag| match salt {
            Some(salt) => flag.with_salt(salt),
            None => flag,
        });
        both.insert(key, flag);
    }
    both
}

type Evaluations = (Option<Flag>, Vec<(bool, Reason)>);

/// Every evaluation of the keys, without the names of layers and the revision.
fn evaluations(snapshot: &Snapshot) -> Vec<Evaluations> {
    let by_id = |key| {
        (0..20).map(move |id| {
            let evaluation = snapshot.evaluate(key, &id);
            (evaluation.is_on(), evaluation.reason())
        })
    };
    KEYS.iter().map(|key| (snapshot.flag(key).cloned(), by_id(key).collect())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn an_empty_layer_anywhere_changes_nothing(layers in vec(layer(), 0..4), at in any::<prop::sample::Index>()) {
        let mut with_empty = layers.clone();
        with_empty.insert(at.index(layers.len() + 1), Layer::new());
        prop_assert_eq!(evaluations(&stack(&layers).0.snapshot()), evaluations(&stack(&with_empty).0.snapshot()));
    }

    #[test]
    fn the_last_layer_that_declares_a_flag_decides(layers in vec(layer(), 1..5)) {
        let (flags, _) = stack(&layers);
        let snapshot = flags.snapshot();
        for key in KEYS {
            let evaluation = snapshot.evaluate(key, "user-1");
            let last = layers.iter().enumerate().rev().find_map(|(index, layer)| Some((index, layer.get(key)?)));
            let name = last.map(|(index, _)| format!("layer:{index}"));
            prop_assert_eq!(evaluation.layer().map(ToString::to_string), name);
            match last {
                None => prop_assert_eq!(evaluation.reason(), Reason::NotFound),
                Some((_, None)) => prop_assert_eq!(evaluation.reason(), Reason::Invalid),
                Some((_, Some(flag))) => {
                    let effective = snapshot.flag(key).expect("it is declared");
                    prop_assert_eq!(effective.is_enabled(), flag.is_enabled());
                    prop_assert_eq!(effective.rollout(), flag.rollout());
                    let mut salts = layers.iter().filter_map(|layer| layer.get(key)?.as_ref()?.salt());
                    prop_assert_eq!(effective.salt(), salts.next_back());
                }
            }
        }
    }

    #[test]
    fn layers_may_be_merged_from_either_end(mut layers in vec(layer(), 3)) {
        // An invalid flag hides the salts below it. One merged layer cannot express that.
        for layer in &mut layers {
            layer.retain(|_, flag| flag.is_some());
        }
        let [a, b, c] = &layers[..] else { unreachable!("three layers") };
        let one_by_one = evaluations(&stack(&layers).0.snapshot());
        prop_assert_eq!(&evaluations(&stack(&[merged(b, a), c.clone()]).0.snapshot()), &one_by_one);
        prop_assert_eq!(&evaluations(&stack(&[a.clone(), merged(c, b)]).0.snapshot()), &one_by_one);
        prop_assert_eq!(&evaluations(&stack(&[merged(c, &merged(b, a))]).0.snapshot()), &one_by_one);
        prop_assert_eq!(&evaluations(&stack(&[merged(&merged(c, b), a)]).0.snapshot()), &one_by_one);
    }

    #[test]
    fn the_order_of_the_loads_does_not_matter(
        order in Just(vec![0, 1, 2, 3]).prop_shuffle(),
        layers in vec(layer(), 4),
    ) {
        let flags = Flags::new();
        let publishers: Vec<_> =
            (0..4).map(|index| flags.add_layer(Provenance::new(format!("layer:{index}")))).collect();
        for index in order {
            publishers[index].publish(set(&layers[index]));
        }
        prop_assert_eq!(evaluations(&flags.snapshot()), evaluations(&stack(&layers).0.snapshot()));
    }

    #[test]
    fn publishing_the_same_again_changes_no_revision(layers in vec(layer(), 1..4)) {
        let (flags, publishers) = stack(&layers);
        let before = flags.snapshot();
        for (publisher, layer) in publishers.iter().zip(&layers) {
            publisher.publish(set(layer));
            publisher.unchanged();
        }
        prop_assert_eq!(flags.snapshot().revision(), before.revision());
        prop_assert_eq!(evaluations(&flags.snapshot()), evaluations(&before));
    }

    #[test]
    fn a_revision_rises_by_one_exactly_when_an_evaluation_may_differ(loads in vec(layer(), 1..6)) {
        let flags = Flags::new();
        let publisher = flags.add_layer(Provenance::new("layer:"));
        for load in loads {
            let before = flags.snapshot();
            publisher.publish(set(&load));
            let after = flags.snapshot();
            prop_assert!(after.revision() - before.revision() <= 1);
            let differs = evaluations(&before) != evaluations(&after);
            prop_assert_eq!(after.revision() > before.revision(), differs);
        }
    }
}
