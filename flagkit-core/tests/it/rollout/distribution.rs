//! Ids of every shape spread evenly over the points. No range has more ids than chance explains.

use flagkit_core::bucket::{Point, Seed};
use flagkit_core::{Flag, FlagKey, FlagSet, Flags};

const CELLS: usize = 1_000;
const IDS: u32 = 1_000_000;

/// The distance of the chi-square of the cells from its expected value, in standard deviations.
fn deviation(points: impl Iterator<Item = Point>) -> f64 {
    let mut cells = [0_u32; CELLS];
    let mut count = 0_u32;
    for point in points {
        let cell = (u64::from(point.to_bits()) * CELLS as u64) >> 31;
        cells[usize::try_from(cell).expect("a cell")] += 1;
        count += 1;
    }
    assert_eq!(count, IDS);
    let expected = f64::from(IDS) / 1_000.0;
    let chi_square: f64 = cells.iter().map(|&cell| (f64::from(cell) - expected).powi(2) / expected).sum();
    let freedom = 999.0_f64;
    (chi_square - freedom) / (2.0 * freedom).sqrt()
}

fn assert_even(name: &str, points: impl Iterator<Item = Point>) {
    let deviation = deviation(points);
    assert!(deviation.abs() <= 4.0, "{name}: z = {deviation}");
}

/// Maps each number to another one that looks random (the finaliser of `SplitMix64`).
fn scrambled(number: u32) -> u64 {
    let mut bits = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[test]
fn sequential_integers_spread_evenly() {
    for salt in ["search-v2", "new-checkout", "", "a", "🚩"] {
        let seed = Seed::from_salt(salt);
        assert_even(salt, (0..IDS).map(|id| Point::of(id, seed)));
    }
}

#[test]
fn ids_in_the_shape_of_a_uuid_spread_evenly() {
    let seed = Seed::from_salt("search-v2");
    let uuids = (0..IDS).map(|number| {
        let (high, low) = (scrambled(number), scrambled(!number));
        let (time, version) = (high >> 32, high & 0x0fff);
        format!(
            "{time:08x}-{:04x}-4{version:03x}-{:04x}-{:012x}",
            high >> 16 & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    });
    assert_even("UUIDs", uuids.map(|id| Point::of(id.as_str(), seed)));
}

#[test]
fn long_ids_that_differ_only_at_the_end_spread_evenly() {
    let seed = Seed::from_salt("new-checkout");
    assert_even("addresses", (0..IDS).map(|number| Point::of(format!("user-{number:024}").as_str(), seed)));
}

#[test]
fn repeated_ids_do_not_spread_evenly() {
    let seed = Seed::from_salt("search-v2");
    let deviation = deviation((0..IDS).map(|number| Point::of(number % 5_000, seed)));
    assert!(deviation > 100.0, "the measure finds no deviation: z = {deviation}");
}

#[test]
fn a_percentage_includes_that_share_of_subjects() {
    let flag = |text: &str| {
        let key = FlagKey::new("search-v2").expect("a key");
        Flags::fixed(FlagSet::from_iter([(key, Flag::on().with_rollout(text.parse().expect("a percentage")))]))
            .snapshot()
    };
    for (text, share) in [("0.1", 0.001), ("1", 0.01), ("12.5", 0.125), ("50", 0.5), ("99", 0.99)] {
        let (flags, subjects) = (flag(text), 200_000_u32);
        let included = (0..subjects).filter(|id| flags.is_on("search-v2", id)).count();
        let expected = f64::from(subjects) * share;
        let deviation =
            (f64::from(u32::try_from(included).expect("a count")) - expected) / (expected * (1.0 - share)).sqrt();
        assert!(deviation.abs() <= 4.0, "{text} %: {included} of {subjects}, z = {deviation}");
    }
}
