//! Keys of other tools and formats, and what they are called here.
//!
//! # The problem
//!
//! Authors bring `enabled`, `percentage` and `regex` from other flag systems. No such word is near ours in spelling, so
//! [`nearest`](super::suggest::nearest) finds nothing. A list of sixteen keys is little help to a new user.
//!
//! # The idea
//!
//! A table has the words of other flag systems and of home-grown formats. A word counts only
//! where its meaning is a key: `version` means `semver` in a condition, and nothing at the top of a document.
//!
//! # Limits
//!
//! A word that means the opposite, such as `disabled`, is not in the table: its value would have to change too.

/// Our key, and other words for it: in lower case, without separators between words.
///
/// The order of rows has no meaning, and a word may be in several rows for keys of different tables.
const SYNONYMS: [(&str, &str); 35] = [
    ("on", "enabled enable active activated state status value default defaultvalue live"),
    ("rollout", "percent percentage rolloutpercentage rolloutpercent weight traffic trafficallocation"),
    ("by", "bucketby stickiness sticky hashby hashattribute"),
    ("salt", "seed"),
    ("requires", "dependencies dependson prerequisite prerequisites requirements needs"),
    ("rules", "strategies targeting targets conditions rule"),
    ("variants", "variations variant options multivariate"),
    ("values", "payload payloads"),
    ("kind", "type category"),
    ("owner", "team maintainer author contact"),
    ("description", "title summary comment notes about"),
    ("created", "createdat createdon"),
    ("expires", "expiry expiration expiresat expireson expirydate expirationdate removeby sunset deadline"),
    ("inherit", "inherits extends"),
    ("if", "when match matches condition where"),
    ("any", "anyof or"),
    ("subjects", "users ids user userids"),
    ("segment", "segments groups group cohort audience"),
    ("variant", "serve variation"),
    ("included", "include members ids users"),
    ("excluded", "exclude"),
    ("in", "equals equal eq is anyof oneof"),
    ("not", "neq notequal notequals ne isnot"),
    ("not_in", "noneof nin"),
    ("matches", "regex regexp match pattern like"),
    ("lt", "lessthan below under"),
    ("lte", "max maximum atmost le lessthanorequal"),
    ("gt", "greaterthan above over"),
    ("gte", "min minimum atleast ge greaterthanorequal"),
    ("semver", "version"),
    ("cidr", "ip network subnet"),
    ("exists", "present isset defined"),
    ("contains", "includes has"),
    ("starts_with", "prefix beginswith"),
    ("flags", "features toggles featureflags"),
];

/// Returns the key among `known` that is meant by a word of another tool.
///
/// `known` are the keys of the table in which the word occurs. Case and separators do not matter.
pub(super) fn synonym<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-' | '.' | ' ')).take(24);
    let joined: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    let is_meant = |key: &str| {
        let words = SYNONYMS.iter().find(|(ours, _)| *ours == key).map(|(_, words)| *words);
        words.is_some_and(|words| words.split(' ').any(|word| word == joined))
    };
    known.iter().copied().find(|key| is_meant(key))
}
