//! Flags by key, in numbered places.
//!
//! A hash map would do, but for one thing: whoever has found a flag once wants to find it again without hashing its key.
//! So entries lie in a row, and what is hashed leads to a place in it. A place is a hint: in the next table it may be
//! another flag's, so the key is compared all the same.
//!
//! Open addressing with linear probing (Knuth, "The Art of Computer Programming", volume 3, section 6.4) at a load of a
//! quarter; a slot is found by multiplying instead of dividing (Lemire, "Fast Random Integer Generation in an Interval",
//! 2019), so that any number of slots will do. A table never changes once it is made.

use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;

use crate::model::key::FlagKey;

#[derive(Debug)]
pub(crate) struct Table<V> {
    hasher: RandomState,
    /// At least one of them is empty.
    slots: Box<[Slot]>,
    entries: Box<[(FlagKey, V)]>,
}

/// Leads to an entry.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The part of the hash that does not say which slot it is.
    tag: u32,
    place: u32,
}

impl Slot {
    const EMPTY: Self = Self { tag: 0, place: NOWHERE };
}

/// The place of what has none.
pub(crate) const NOWHERE: u32 = u32::MAX;

impl<V> Table<V> {
    /// Finds a key's place and entry.
    #[inline]
    pub(crate) fn find(&self, key: &str) -> Option<(u32, &V)> {
        let mut probe = Probe::new(&self.hasher, key, self.slots.len());
        loop {
            let slot = self.slots.get(probe.index)?;
            if slot.place == NOWHERE {
                return None;
            }
            if slot.tag == probe.tag {
                if let Some(entry) = self.at(slot.place, key) {
                    return Some((slot.place, entry));
                }
            }
            probe.advance(self.slots.len());
        }
    }

    #[inline]
    pub(crate) fn get(&self, key: &str) -> Option<&V> {
        self.find(key).map(|(_, entry)| entry)
    }

    /// A key as it is kept here.
    pub(crate) fn key(&self, key: &str) -> Option<&FlagKey> {
        let (place, _) = self.find(key)?;
        self.entries.get(place as usize).map(|(key, _)| key)
    }

    /// The entry at this place, if it is the key's.
    #[inline]
    pub(crate) fn at(&self, place: u32, key: &str) -> Option<&V> {
        let (known, entry) = self.entries.get(place as usize)?;
        (known.as_str() == key).then_some(entry)
    }

    /// The table of these entries, in which each key that is here too has the place that it has here. Places that are
    /// left over, of keys that are gone, go to others.
    pub(crate) fn followed_by(&self, entries: impl ExactSizeIterator<Item = (FlagKey, V)>) -> Self {
        if self.entries.is_empty() {
            return entries.collect();
        }
        let mut places: Vec<Option<(FlagKey, V)>> = Vec::new();
        places.resize_with(entries.len(), || None);
        let mut others = Vec::new();
        for (key, entry) in entries {
            let place = self.find(key.as_str()).and_then(|(place, _)| places.get_mut(place as usize));
            match place {
                Some(place) => *place = Some((key, entry)),
                None => others.push((key, entry)),
            }
        }
        // As many are left over as there are others.
        let mut others = others.into_iter();
        places.into_iter().filter_map(|place| place.or_else(|| others.next())).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&FlagKey, &V)> {
        self.entries.iter().map(|(key, entry)| (key, entry))
    }
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self { hasher: RandomState::default(), slots: [Slot::EMPTY].into(), entries: [].into() }
    }
}

impl<V> FromIterator<(FlagKey, V)> for Table<V> {
    /// No key comes twice.
    fn from_iter<I: IntoIterator<Item = (FlagKey, V)>>(entries: I) -> Self {
        let hasher = RandomState::default();
        let entries: Box<[(FlagKey, V)]> = entries.into_iter().collect();
        let mut slots: Box<[Slot]> = vec![Slot::EMPTY; 4 * entries.len() + 1].into();
        for (place, (key, _)) in (0..NOWHERE).zip(&entries) {
            let mut probe = Probe::new(&hasher, key.as_str(), slots.len());
            let tag = probe.tag;
            while slots.get(probe.index).is_some_and(|slot| slot.place != NOWHERE) {
                probe.advance(slots.len());
            }
            if let Some(slot) = slots.get_mut(probe.index) {
                *slot = Slot { tag, place };
            }
        }
        Self { hasher, slots, entries }
    }
}

/// Where a key is looked for.
struct Probe {
    index: usize,
    tag: u32,
}

impl Probe {
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the index is below the number of slots, the tag the low half
    fn new(hasher: &RandomState, key: &str, slots: usize) -> Self {
        let hash = hasher.hash_one(key);
        Self { index: ((u128::from(hash) * slots as u128) >> 64) as usize, tag: hash as u32 }
    }

    #[inline]
    fn advance(&mut self, slots: usize) {
        self.index += 1;
        if self.index == slots {
            self.index = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_keys_and_no_others() {
        let key = |number: usize| FlagKey::new(format!("feature-{number}")).expect("a key");
        for len in [0, 1, 2, 3, 10, 1_000, 10_000] {
            let table: Table<usize> = (0..len).map(|number| (key(number), number)).collect();
            assert_eq!(table.len(), len);
            for number in 0..len {
                let (place, entry) = table.find(key(number).as_str()).expect("it is there");
                assert_eq!((place as usize, *entry), (number, number));
                assert_eq!(table.at(place, key(number).as_str()), Some(&number));
                assert_eq!(table.at(place, key(number + 1).as_str()), None);
            }
            for number in len..len + 1_000 {
                assert_eq!(table.get(key(number).as_str()), None);
            }
            assert_eq!(table.at(NOWHERE, "feature-0"), None);
            assert!(table.iter().map(|(_, number)| *number).eq(0..len));
        }
        assert_eq!(Table::<usize>::default().get("feature-0"), None);
    }

    #[test]
    fn keys_keep_their_places() {
        let entries = |numbers: &[usize]| {
            numbers.iter().map(|&n| (FlagKey::new(format!("k{n}")).expect("a key"), n)).collect::<Vec<_>>()
        };
        let place = |table: &Table<usize>, n: usize| table.find(&format!("k{n}")).map(|(place, entry)| (place, *entry));
        let first: Table<usize> = entries(&[3, 1, 2]).into_iter().collect();
        let more = first.followed_by(entries(&[0, 1, 2, 3, 4]).into_iter());
        for n in [1, 2, 3] {
            assert_eq!(place(&more, n), place(&first, n));
        }
        assert_eq!((more.len(), place(&more, 0), place(&more, 4)), (5, Some((3, 0)), Some((4, 4))));
        let fewer = more.followed_by(entries(&[4, 2, 5]).into_iter());
        assert_eq!((fewer.len(), place(&fewer, 2)), (3, place(&first, 2)));
        assert!([4, 5].iter().all(|n| place(&fewer, *n).is_some_and(|(_, entry)| entry == *n)));
        assert_eq!(place(&fewer, 1), None);
    }

    #[test]
    fn a_table_is_never_full() {
        for len in 0..100 {
            let table: Table<()> = (0..len).map(|n| (FlagKey::new(format!("k{n}")).expect("a key"), ())).collect();
            assert!(table.slots.iter().any(|slot| slot.place == NOWHERE), "{len}");
        }
    }
}
