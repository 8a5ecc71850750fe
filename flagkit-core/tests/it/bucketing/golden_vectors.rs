//! Seeds, points, thresholds and evaluations equal those in `spec/bucketing.json`, the output of another
//! implementation.

use flagkit_core::bucket::{Point, Seed, Threshold};
use flagkit_core::source::Provenance;
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Id, Percent};
use serde_json::Value;

struct Vector {
    salt: String,
    id: String,
    integer: Option<String>,
    percent: Percent,
    seed: u64,
    point: u64,
    threshold: u64,
    on: bool,
}

fn vectors() -> Vec<Vector> {
    let document: Value =
        serde_json::from_str(include_str!("../../../../spec/bucketing.json")).expect("the vectors are JSON");
    assert_eq!(document["format"], 1);
    document["vectors"].as_array().expect("a list of vectors").iter().map(Vector::read).collect()
}

impl Vector {
    fn read(json: &Value) -> Self {
        let text = |name: &str| json[name].as_str().unwrap_or_else(|| panic!("`{name}` is a text in {json}"));
        let number = |name: &str| json[name].as_u64().unwrap_or_else(|| panic!("`{name}` is a number in {json}"));
        let repeat = json.get("repeat").map_or(1, |_| number("repeat"));
        Self {
            salt: text("salt").to_owned(),
            id: text("id").repeat(usize::try_from(repeat).expect("a small number")),
            integer: json.get("id_integer").map(|_| text("id_integer").to_owned()),
            percent: text("percent").parse().expect("a percentage"),
            seed: number("seed"),
            point: number("point"),
            threshold: number("threshold"),
            on: json["on"].as_bool().expect("`on` is true or false"),
        }
    }
}

/// Asserts that an integer has the point `point` in every integer type that can hold it. Returns the number of types.
macro_rules! agreeing_types {
    ($text:expr, $seed:expr, $point:expr; $($integer:ty)+) => {
        [$($text.parse::<$integer>().ok().map(|number| {
            assert_eq!(Point::of(number, $seed), $point, "{number} as {}", stringify!($integer));
            assert_eq!(Id::from(number).as_bytes(), $text.as_bytes());
        })),+].into_iter().flatten().count()
    };
}

#[test]
fn the_formulas_give_the_numbers_of_the_vectors() {
    let vectors = vectors();
    assert!(vectors.len() >= 2_500, "{} vectors", vectors.len());
    for Vector { salt, id, percent, seed, point, threshold, on, .. } in &vectors {
        let its_seed = Seed::from_salt(salt);
        let its_point = Point::of(id.as_str(), its_seed);
        let its_threshold = Threshold::from(*percent);
        assert_eq!(u64::from(its_seed.to_bits()), *seed, "seed of {salt:?}");
        assert_eq!(u64::from(its_point.to_bits()), *point, "point of {id:?} with {salt:?}");
        assert_eq!(u64::from(its_threshold.to_bits()), *threshold, "threshold of {percent}");
        assert_eq!(its_point.is_below(its_threshold), *on, "{id:?} with {salt:?} at {percent}");
    }
}

#[test]
fn an_integer_has_the_point_of_its_decimal_text() {
    let (mut integers, mut types) = (0, 0);
    for vector in vectors() {
        let Some(text) = vector.integer else { continue };
        let seed = Seed::from_salt(&vector.salt);
        let point = Point::of(vector.id.as_str(), seed);
        let agreeing = agreeing_types!(text, seed, point; u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);
        assert!(agreeing > 0, "{text} is no integer");
        integers += 1;
        types += agreeing;
    }
    assert!(integers >= 300 && types > integers, "{integers} integers, {types} types");
}

#[test]
fn flags_evaluate_like_the_vectors() {
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("golden:"));
    // The empty id is no id, whatever its point. A 64 KiB id is one.
    for vector in vectors().into_iter().filter(|vector| !vector.id.is_empty()) {
        let flag = Flag::on().with_rollout(vector.percent).with_salt(&vector.salt);
        publisher.publish(FlagSet::from_iter([(FlagKey::new("golden").expect("a key"), flag)]));
        assert_eq!(
            flags.is_on("golden", &vector.id),
            vector.on,
            "{:?} with {:?} at {}",
            vector.id,
            vector.salt,
            vector.percent
        );
    }
}
