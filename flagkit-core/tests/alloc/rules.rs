//! Rules, segments, prerequisites and variants are evaluated without an allocation, at call sites and through a handle.

use std::hint::black_box;

use flagkit_core::source::{Condition, Operator, Provenance, Reference, Rule, Segment};
use flagkit_core::{
    Attribute, Context, Flag, FlagKey, FlagSet, Flags, Percent, Subject, Variant, Variants, flag, variant,
};

use crate::allocations;

#[derive(Attribute)]
enum Plan {
    Free,
    FreeTrial,
}

#[derive(Subject)]
#[subject(anonymous)]
struct Account {
    country: String,
    seats: u32,
}

#[derive(Subject)]
struct User {
    #[subject(id)]
    number: u64,
    plan: Plan,
    email: Option<String>,
    version: String,
    address: &'static str,
    since: String,
    tags: Vec<String>,
    scores: [f64; 3],
    #[subject(nested)]
    account: Account,
}

fn user(number: u64) -> User {
    User {
        number,
        plan: if number % 2 == 0 { Plan::Free } else { Plan::FreeTrial },
        email: (number % 3 > 0).then(|| format!("user-{number}@example.com")),
        version: format!("2.{number}.1-beta.{number}"),
        address: ["10.1.2.3", "2001:db8::1", "no address"][usize::try_from(number % 3).expect("small")],
        since: "2026-11-20T12:00:00.25+01:00".to_owned(),
        tags: (0..number % 5).map(|tag| format!("tag-{tag}")).collect(),
        scores: [0.5, f64::NAN, 3.0],
        account: Account { country: "PT".to_owned(), seats: 12 },
    }
}

fn is(name: &str, operator: Operator) -> Condition {
    Condition::attribute(name, operator)
}

fn thousand(prefix: &str) -> Vec<String> {
    (0..1_000).map(|index| format!("{prefix}-{index}")).collect()
}

/// Nine rules with every operator, none of which matches, and `last`.
fn ten_rules(last: Rule) -> [Rule; 10] {
    let emails = thousand("none");
    let many = || emails.iter().map(String::as_str);
    let expect = "an operator";
    let nested = (0..12).fold(is("nothing", Operator::exists()), |inner, _| {
        Condition::all([Condition::any([inner]).expect("not too deep")]).unwrap_or_else(|_| is("x", Operator::exists()))
    });
    [
        Rule::new().when(is("email", Operator::matches(r"^(a|b|root)\d*@(.+\.)?example\.org$").expect(expect))),
        Rule::new().when(is("version", Operator::semver(">=3, <4, ~3.2").expect(expect))),
        Rule::new().when(is("address", Operator::cidr(["192.0.2.0/24", "fe80::/10"]).expect(expect))),
        Rule::new().when(
            Condition::any([
                is("since", Operator::before("2020-01-01T00:00:00Z").expect(expect)),
                is("since", Operator::after("2030-01-01T00:00:00+02:00").expect(expect)),
            ])
            .expect("not too deep"),
        ),
        Rule::new().with_subjects(many()).when(is("plan", Operator::exists())),
        Rule::new().when(
            Condition::all([is("email", Operator::one_of(many())), is("email", Operator::none_of(many()))])
                .expect("not too deep"),
        ),
        Rule::new().with_segments([Reference::new("large"), Reference::new("empty")]),
        Rule::new().when(
            Condition::all([
                is("tags", Operator::contains(["tag-9", "x"])),
                is("tags", Operator::starts_with(["tag-"])),
                is("tags", Operator::ends_with(["-9"])),
            ])
            .expect("not too deep"),
        ),
        Rule::new().when(
            Condition::all([
                is("account.country", Operator::none_of(["ES"])),
                is("account.seats", Operator::at_least(&1_000.into()).expect(expect)),
                is("scores", Operator::less_than(&0.into()).expect(expect)),
                nested,
            ])
            .expect("not too deep"),
        ),
        last,
    ]
}

fn declared() -> FlagSet {
    let key = |text| FlagKey::new(text).expect("a key");
    let half = Percent::new(50).expect("a percentage");
    let ids = thousand("id");
    let ids = || ids.iter().map(String::as_str);
    let variants = || {
        Variants::new([(Variant::new("blue"), 1), (Variant::new("green"), 1), (Variant::new("red"), 2)])
            .expect("variants")
    };
    let iberia = || is("account.country", Operator::one_of(["PT", "ES"]));
    let large = Condition::all([iberia(), is("email", Operator::ends_with(["@example.org"]))]).expect("not too deep");
    let mut set = FlagSet::from_iter([
        (key("base"), Flag::on().with_rules(ten_rules(Rule::new()))),
        (key("middle"), Flag::on().with_prerequisites([Reference::new("base")])),
        (
            key("rules"),
            Flag::on()
                .with_prerequisites([Reference::new("middle"), Reference::new("base")])
                .with_rules(ten_rules(Rule::new().when(iberia()).with_rollout(half))),
        ),
        (
            key("by-account"),
            Flag::on()
                .with_bucket_by("account.country")
                .with_rules(ten_rules(Rule::new().with_rollout(half).with_bucket_by("plan"))),
        ),
        (
            key("theme"),
            Flag::on()
                .with_rollout(half)
                .with_variants(variants())
                .with_rules(ten_rules(Rule::new().when(is("tags", Operator::one_of(["tag-1"]))).with_variant("red"))),
        ),
        (key("undeclared-first"), Flag::on().with_prerequisites([Reference::new("undeclared")])),
        (key("invalid"), Flag::on().with_rules([Rule::new().with_segments([Reference::new("nowhere")])])),
    ]);
    set.insert_segment("large", Segment::new().with_included(ids()).with_excluded(ids()).when(large));
    set.insert_segment("empty", Segment::new());
    set
}

/// Reads each of these three times, because the first hit registers the site.
macro_rules! thrice {
    ($($read:expr),+ $(,)?) => {
        [$({
            let mut count = 0;
            for _ in 0..3 {
                count += allocations(|| _ = black_box($read));
            }
            count
        }),+]
    };
}

/// Every way to read one key.
macro_rules! forms {
    ($flags:ident, $user:ident, $context:ident, $key:literal) => {{
        let snapshot = $flags.snapshot();
        let counts = thrice![
            flag!($key),
            flag!($key, $user.number),
            flag!($key, $user),
            flag!($key, &$context),
            flag!(
                $key,
                id = $user.number,
                plan = $user.plan,
                email = $user.email,
                version = $user.version,
                since = $user.since,
                tags = $user.tags,
                scores = $user.scores,
                address = "10.1.2.3"
            ),
            flag!(in $flags, $key, $user),
            flag!(in snapshot, $key, id = $user.number, tags = $user.tags, email = "user@example.com"),
            variant!($key, $user.number),
            variant!($key, $user),
            variant!($key, $user).as_ref().map(Variant::name).map(str::len),
            variant!($key, id = $user.number, email = $user.email, tags = $user.tags),
            variant!(in $flags, $key, $user),
            variant!(in snapshot, $key, $context).map(|variant| variant.name().len()),
            $flags.is_on($key, &$user),
            $flags.variant($key, &$user),
            $flags.evaluate($key, &$user),
            $flags.evaluate($key, &$user as &dyn Subject).is_on(),
            snapshot.evaluate($key, &$context),
            snapshot.variant($key, &$user),
        ];
        assert_eq!(counts, [0; 19], "{} for {}", $key, $user.number);
    }};
}

fn every_key(flags: &Flags) {
    for number in 0..30 {
        let user = user(number);
        let context = Context::new(number).with("tags", &user.tags).with("version", &user.version);
        forms!(flags, user, context, "base");
        forms!(flags, user, context, "middle");
        forms!(flags, user, context, "rules");
        forms!(flags, user, context, "by-account");
        forms!(flags, user, context, "theme");
        forms!(flags, user, context, "undeclared-first");
        forms!(flags, user, context, "invalid");
        forms!(flags, user, context, "undeclared");
    }
}

#[test]
fn no_form_allocates() {
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1, "the counter counts");
    let flags = Flags::new();
    // The first read of a thread allocates in arc-swap, which is not measured here.
    black_box(flags.is_on("warm", &()));
    every_key(&flags);

    flagkit_core::install(flags.clone()).expect("this process installs nothing else");
    flags.add_layer(Provenance::new("file:")).publish(declared());
    every_key(&flags);

    let status = flags.status();
    assert_eq!(status.sources[0].problems.len(), 2, "{:?}", status.sources[0].problems);
    let on = |key: &str| (0..30).filter(|number| flags.is_on(key, &user(*number))).count();
    assert_eq!([on("base"), on("middle"), on("invalid"), on("undeclared-first")], [30, 30, 0, 0]);
    assert!([on("rules"), on("theme")].iter().all(|count| (5..30).contains(count)), "some and not all");
    assert!(
        (0..30).all(|number| flags.evaluate("rules", &user(number)).rule() == Some(9)),
        "all ten rules are evaluated"
    );
    let red = (0..30).filter(|number| flags.evaluate("theme", &user(*number)).rule() == Some(9)).count();
    assert!((1..30).contains(&red));
}

#[test]
fn a_borrowed_value_is_read_without_an_allocation() {
    let flags = Flags::fixed(declared());
    black_box(flags.is_on("warm", &()));
    let user = user(1);
    let count = allocations(|| {
        let variant = variant!(in flags, "theme", user);
        black_box(variant.as_ref().and_then(Variant::payload).is_some());
        let other = variant.clone();
        black_box(other == variant);
    });
    assert_eq!(count, 0);
}
