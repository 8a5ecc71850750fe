//! A hash map in which each entry has an index.
//!
//! # The problem
//!
//! A call site that evaluates the same flag on each read should not hash the key each time. A `HashMap` has no handle
//! to an entry that outlives a borrow.
//!
//! # The idea
//!
//! Entries are stored in an array, and the hash table maps a key to an index of that array. A caller keeps the index
//! and reads the entry by it. An index is only a hint: in the map of the next snapshot, another key may have it. So
//! [`at_index`](IndexedMap::at_index) also compares the key. [`rebuild_with`](IndexedMap::rebuild_with) keeps the
//! indexes of the keys that stay, so that the hints remain good.
//!
//! # How it works
//!
//! Open addressing with linear probing (Knuth, "The Art of Computer Programming", volume 3, section 6.4), with at
//! most a quarter of the slots in use. A multiplication instead of a division maps the hash to a slot (Lemire, "Fast
//! Random Integer Generation in an Interval", 2019), so any number of slots works. A map is immutable once it is
//! built.
//!
//! # Why not `indexmap`
//!
//! It takes 7 to 16 instructions more to find a key, which is 2 to 6 % of a percentage read, and 56 more to find none,
//! which is 42 % of a read of an undeclared flag. A publish takes 7 % more. It would also be a new dependency of every
//! application.

use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;

use crate::model::key::FlagKey;

/// An immutable map from flag keys to values, in which each entry has an index.
///
/// Each [`Snapshot`](crate::Snapshot) owns one, built by the merge. Readers call [`find`](Self::find) with a key, or
/// [`at_index`](Self::at_index) with a key and the index from an earlier `find`.
#[derive(Debug)]
pub(crate) struct IndexedMap<V> {
    /// Seeded per map, so keys that collide in one map need not collide in the next.
    hasher: RandomState,
    /// At least one of them is empty, so that a probe ends.
    slots: Box<[Slot]>,
    /// The keys and values, without gaps. The index of an entry is its position here.
    entries: Box<[(FlagKey, V)]>,
}

/// A slot of the hash table, which refers to an entry.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The low half of the hash, which the index of the slot does not depend on. Comparing it avoids most key compares.
    tag: u32,
    /// The index of the entry, or [`NO_INDEX`] if the slot is empty.
    index: u32,
}

impl Slot {
    const EMPTY: Self = Self { tag: 0, index: NO_INDEX };
}

/// An index that no entry has.
pub(crate) const NO_INDEX: u32 = u32::MAX;

impl<V> IndexedMap<V> {
    /// Returns the index and the value of a key.
    ///
    /// Follows the slots from the one that the hash selects, up to the first empty one. A key in use is never after an
    /// empty slot, because a map is built once and nothing is removed from it.
    #[inline]
    pub(crate) fn find(&self, key: &str) -> Option<(u32, &V)> {
        let mut probe = Probe::new(&self.hasher, key, self.slots.len());
        loop {
            let slot = self.slots.get(probe.index)?;
            if slot.index == NO_INDEX {
                return None;
            }
            if slot.tag == probe.tag {
                if let Some(entry) = self.at_index(slot.index, key) {
                    return Some((slot.index, entry));
                }
            }
            probe.advance(self.slots.len());
        }
    }

    /// Returns the value of a key.
    #[inline]
    pub(crate) fn get(&self, key: &str) -> Option<&V> {
        self.find(key).map(|(_, entry)| entry)
    }

    /// Returns the map's own copy of a key.
    pub(crate) fn key(&self, key: &str) -> Option<&FlagKey> {
        let (index, _) = self.find(key)?;
        self.entries.get(index as usize).map(|(key, _)| key)
    }

    /// Returns the value at this index, if it belongs to the key.
    #[inline]
    pub(crate) fn at_index(&self, index: u32, key: &str) -> Option<&V> {
        let (known, entry) = self.entries.get(index as usize)?;
        (known.as_str() == key).then_some(entry)
    }

    /// Builds the map of these entries, in which each key that is also in this map keeps its index.
    ///
    /// New keys take the indexes of removed keys first. The entries stay without gaps: if there are fewer
    /// than before, a key with an index past the new end gets another index too.
    pub(crate) fn rebuild_with(&self, entries: impl ExactSizeIterator<Item = (FlagKey, V)>) -> Self {
        if self.entries.is_empty() {
            return entries.collect();
        }
        let mut ordered: Vec<Option<(FlagKey, V)>> = Vec::new();
        ordered.resize_with(entries.len(), || None);
        let mut others = Vec::new();
        for (key, entry) in entries {
            let same_index = self.find(key.as_str()).and_then(|(index, _)| ordered.get_mut(index as usize));
            match same_index {
                Some(free) => *free = Some((key, entry)),
                None => others.push((key, entry)),
            }
        }
        // There are as many free indexes as other entries.
        let mut others = others.into_iter();
        ordered.into_iter().filter_map(|entry| entry.or_else(|| others.next())).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the entries in the order of their indexes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&FlagKey, &V)> {
        self.entries.iter().map(|(key, entry)| (key, entry))
    }
}

impl<V> Default for IndexedMap<V> {
    fn default() -> Self {
        Self { hasher: RandomState::default(), slots: [Slot::EMPTY].into(), entries: [].into() }
    }
}

impl<V> FromIterator<(FlagKey, V)> for IndexedMap<V> {
    /// Builds a map of entries with distinct keys. Their order becomes the order of their indexes.
    fn from_iter<I: IntoIterator<Item = (FlagKey, V)>>(entries: I) -> Self {
        let hasher = RandomState::default();
        let entries: Box<[(FlagKey, V)]> = entries.into_iter().collect();
        let mut slots: Box<[Slot]> = vec![Slot::EMPTY; 4 * entries.len() + 1].into();
        for (index, (key, _)) in (0..NO_INDEX).zip(&entries) {
            let mut probe = Probe::new(&hasher, key.as_str(), slots.len());
            let tag = probe.tag;
            while slots.get(probe.index).is_some_and(|slot| slot.index != NO_INDEX) {
                probe.advance(slots.len());
            }
            if let Some(slot) = slots.get_mut(probe.index) {
                *slot = Slot { tag, index };
            }
        }
        Self { hasher, slots, entries }
    }
}

/// The position of a search among the slots. [`find`](IndexedMap::find) and the building of a map use the same walk.
struct Probe {
    index: usize,
    tag: u32,
}

impl Probe {
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the index is below the number of slots, the tag is the low half
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
    fn a_map_has_its_keys_and_no_others() {
        let key = |number: usize| FlagKey::new(format!("feature-{number}")).expect("a key");
        for len in [0, 1, 2, 3, 10, 1_000, 10_000] {
            let map: IndexedMap<usize> = (0..len).map(|number| (key(number), number)).collect();
            assert_eq!(map.len(), len);
            for number in 0..len {
                let (index, entry) = map.find(key(number).as_str()).expect("it is there");
                assert_eq!((index as usize, *entry), (number, number));
                assert_eq!(map.at_index(index, key(number).as_str()), Some(&number));
                assert_eq!(map.at_index(index, key(number + 1).as_str()), None);
            }
            for number in len..len + 1_000 {
                assert_eq!(map.get(key(number).as_str()), None);
            }
            assert_eq!(map.at_index(NO_INDEX, "feature-0"), None);
            assert!(map.iter().map(|(_, number)| *number).eq(0..len));
        }
        assert_eq!(IndexedMap::<usize>::default().get("feature-0"), None);
    }

    #[test]
    fn keys_keep_their_indexes() {
        let entries = |numbers: &[usize]| {
            numbers.iter().map(|&n| (FlagKey::new(format!("k{n}")).expect("a key"), n)).collect::<Vec<_>>()
        };
        let index =
            |map: &IndexedMap<usize>, n: usize| map.find(&format!("k{n}")).map(|(index, entry)| (index, *entry));
        let first: IndexedMap<usize> = entries(&[3, 1, 2]).into_iter().collect();
        let more = first.rebuild_with(entries(&[0, 1, 2, 3, 4]).into_iter());
        for n in [1, 2, 3] {
            assert_eq!(index(&more, n), index(&first, n));
        }
        assert_eq!((more.len(), index(&more, 0), index(&more, 4)), (5, Some((3, 0)), Some((4, 4))));
        let fewer = more.rebuild_with(entries(&[4, 2, 5]).into_iter());
        assert_eq!((fewer.len(), index(&fewer, 2)), (3, index(&first, 2)));
        assert!([4, 5].iter().all(|n| index(&fewer, *n).is_some_and(|(_, entry)| entry == *n)));
        assert_eq!(index(&fewer, 1), None);
    }

    #[test]
    fn a_map_is_never_full() {
        for len in 0..100 {
            let map: IndexedMap<()> = (0..len).map(|n| (FlagKey::new(format!("k{n}")).expect("a key"), ())).collect();
            assert!(map.slots.iter().any(|slot| slot.index == NO_INDEX), "{len}");
        }
    }
}
