//! Keys of other tools and formats, and what they are called here.
//!
//! Authors bring `enabled`, `percentage` and `regex` from other flag systems. No such word is near ours in spelling, so a
//! look-up complements [`nearest`](super::suggest::nearest).

/// Our key, and other words for it: in lower case, without separators between words.
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
pub(super) fn synonym<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-' | '.' | ' ')).take(24);
    let joined: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    let is_meant = |key: &str| {
        let words = SYNONYMS.iter().find(|(ours, _)| *ours == key).map(|(_, words)| *words);
        words.is_some_and(|words| words.split(' ').any(|word| word == joined))
    };
    known.iter().copied().find(|key| is_meant(key))
}
