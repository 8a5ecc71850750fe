//! The cost of approvals: at a load, and at a read.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;
#[cfg(not(unix))]
use std::time::Instant;

use flagkit_core::source::{Approval, ApprovalRequirement, Confirmation, Load, Provenance};
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, flag};
use flagkit_sources::approvals::{Approvers, NAMESPACE, Statement, Verifier, definition_digest, state_of};
use flagkit_sources::document::Format;
use ssh_key::private::Ed25519Keypair;
use ssh_key::{HashAlg, LineEnding, PrivateKey};

use crate::case::{Case, Work};
use crate::instructions;
use crate::rounds::quantile;
use crate::table::Table;
use crate::works::UUID;

const ENVIRONMENT: &str = "prod";
const AT: &str = "2026-11-29T10:03:11Z";

/// The people who approve.
struct People {
    keys: Vec<(String, PrivateKey)>,
}

impl People {
    fn new(count: u8) -> Self {
        let key = |index: u8| {
            let seed = [index + 1; 32];
            (format!("person-{index}@example.com"), PrivateKey::from(Ed25519Keypair::from_seed(&seed)))
        };
        Self { keys: (0..count).map(key).collect() }
    }

    fn verifier(&self) -> Verifier {
        let line = |(name, key): &(String, PrivateKey)| {
            format!("{name} {}\n", key.public_key().to_openssh().expect("a public key"))
        };
        let list: String = self.keys.iter().map(line).collect();
        Verifier::new(Approvers::parse(&list).expect("a list"), ENVIRONMENT).expect("a verifier")
    }

    /// Returns the approvals of all people for a flag, in its own state.
    fn approve(&self, key: &str, flag: &Flag) -> Vec<Approval> {
        let after = definition_digest(key, flag, |_| None, &state_of(flag)).expect("a digest");
        let digest: Box<str> = format!("sha256:{:064}", 0).into();
        let humans = u32::try_from(self.keys.len()).expect("few people");
        let approve = |(name, private): &(String, PrivateKey)| {
            let mut approval = Approval {
                by: name.as_str().into(),
                at: AT.into(),
                to: state_of(flag).into(),
                serial: 1_795_946_591,
                before: digest.clone(),
                release: None,
                checks: None,
                gate: digest.clone(),
                requirement: ApprovalRequirement { confirmation: Confirmation::Signed, humans },
                signature: Box::default(),
            };
            let text = Statement::of(ENVIRONMENT, key, &after, &approval).to_text().expect("a statement");
            let signature = private.sign(NAMESPACE, HashAlg::Sha512, text.as_bytes()).expect("a signature");
            approval.signature = signature.to_pem(LineEnding::LF).expect("PEM").into();
            approval
        };
        self.keys.iter().map(approve).collect()
    }
}

/// Measures loads of a document with this many flags: without approvals, with approvals that are not required, and with
/// required ones of one and of two people.
pub fn loading(flags: usize, rounds: usize) -> Table {
    let columns =
        ["flags", "approvals of each", "required", "kB", "ms, read", "ms, publish", "ms, load", "ms, republish"];
    let mut table = Table::new("approvals", "Loading flags with approvals", &columns);
    let plain = document(flags, None);
    for (people, required) in [(0, false), (1, false), (1, true), (2, true)] {
        let people = People::new(people);
        let text = if people.keys.is_empty() { plain.clone() } else { document(flags, Some((&people, &read(&plain)))) };
        let mut times = [const { Vec::new() }; 4];
        for _ in 0..rounds {
            let handle = Flags::new();
            if required {
                handle.require_approvals(people.verifier());
            }
            let publisher = handle.add_layer(Provenance::new("bench:"));
            let (load, reading) = timed(|| read(&text));
            let ((), publishing) = timed(|| publisher.publish(load));
            let again = read(&text);
            let ((), republishing) = timed(|| publisher.publish(again));
            let all = [reading, publishing, reading + publishing, republishing];
            times.iter_mut().zip(all).for_each(|(times, time)| times.push(time));
            assert!(handle.is_on("feature-0", &()), "{:?}", handle.explain("feature-0", &()));
            assert!(handle.status().sources.iter().all(|source| source.problems.is_empty()), "all are approved");
        }
        let [reading, publishing, total, republishing] = times.map(|times| quantile(times, 0.5));
        #[allow(clippy::cast_precision_loss)] // far below 2^52
        let [flags, approvals, kilobytes] = [flags as f64, people.keys.len() as f64, text.len() as f64 / 1e3];
        table.push([
            flags.into(),
            approvals.into(),
            (if required { "yes" } else { "no" }).into(),
            kilobytes.into(),
            reading.into(),
            publishing.into(),
            total.into(),
            republishing.into(),
        ]);
    }
    table
}

/// Returns the result, and how many milliseconds of processor time it took.
fn timed<T>(run: impl FnOnce() -> T) -> (T, f64) {
    let begin = processor_time();
    let result = run();
    (result, processor_time().saturating_sub(begin).as_secs_f64() * 1e3)
}

/// Returns the time that this thread had a processor. Other work on the machine would count too by the clock on the wall.
#[cfg(unix)]
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("it starts at 0")
}

#[cfg(not(unix))]
fn processor_time() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

fn read(text: &str) -> Load {
    Format::Toml.read(text.as_bytes()).expect("a good document")
}

/// Returns a document of flags with a salt each. With people, it has their approvals of the flags of a load.
fn document(flags: usize, approved: Option<(&People, &Load)>) -> String {
    let mut text = String::new();
    for index in 0..flags {
        let key = format!("feature-{index}");
        let _ = write!(text, "[flags.{key}]\non = true\nsalt = \"salt-{index}\"\nowner = \"team@example.com\"\n");
        let Some((people, load)) = approved else { continue };
        for approval in people.approve(&key, load.flags().get(&key).expect("declared")) {
            let Approval { by, at, to, serial, before, gate, requirement, signature, .. } = approval;
            let humans = requirement.humans;
            let _ = write!(
                text,
                "[[flags.{key}.approval]]\nby = \"{by}\"\nat = {at}\nto = \"{to}\"\nserial = {serial}\n\
                 before = \"{before}\"\ngate = \"{gate}\"\nconfirm = \"signed\"\nhumans = {humans}\n\
                 signature = \"\"\"\n{signature}\"\"\"\n"
            );
        }
    }
    text
}

/// The two works of [`instructions`], which differ only in the installed flags.
const READS: [&str; 2] = ["approvals-not-required", "approvals-required"];
/// Enough runs of each case, which takes a few nanoseconds.
const TIMES: [u64; 4] = [100_000; 4];

/// Returns the work with this name, and installs its flags. A process has one of the two.
pub fn named(name: &str) -> Option<Work> {
    static INSTALLED: OnceLock<Flags> = OnceLock::new();
    let name = READS.into_iter().find(|known| *known == name)?;
    let handle = INSTALLED.get_or_init(|| {
        let flags = flags(name == READS[1]);
        flagkit_core::install(flags.clone()).expect("no other installation");
        flags
    });
    let (handle, again) = (handle.clone(), handle.clone());
    let cases = vec![
        Case::new("`flag!`, on", || flag!("boolean")),
        Case::new("`flag!`, a percentage of UUIDs", || flag!("percentage", black_box(UUID))),
        Case::new("handle, on", move || handle.is_on(black_box("boolean"), &())),
        Case::new("handle, a percentage of UUIDs", move || again.is_on(black_box("percentage"), black_box(UUID))),
    ];
    Some(Work { name, title: "Reads of flags with approvals", cases })
}

/// Returns a hundred flags with approvals, which are required or not.
fn flags(required: bool) -> Flags {
    let (people, flags) = (People::new(1), Flags::new());
    if required {
        flags.require_approvals(people.verifier());
    }
    let half = Flag::on().with_rollout("50".parse().expect("a percentage"));
    let others = (0..98).map(|index| (format!("feature-{index}"), Flag::on()));
    let all = [("boolean".to_owned(), Flag::on()), ("percentage".to_owned(), half)].into_iter().chain(others);
    let approved = all.map(|(key, flag)| {
        let approvals = people.approve(&key, &flag);
        (FlagKey::new(&key).expect("a key"), flag.with_approvals(approvals))
    });
    flags.add_layer(Provenance::new("bench:")).publish(approved.collect::<FlagSet>());
    assert!(flags.is_on("boolean", &()), "the flags are approved");
    flags
}

/// Counts the instructions of reads, in processes of their own. Without valgrind, the table has no numbers.
pub fn reads(smoke: bool, scratch: &Path) -> Table {
    let columns = ["", "instructions, approvals not required", "instructions, approvals required"];
    let mut table = Table::new("approvals-read", "Reading flags with approvals", &columns);
    let count = |name: &str| if smoke { None } else { instructions::count(name, &TIMES, scratch) };
    let [without, with] = READS.map(count);
    let names = ["`flag!`, on", "`flag!`, a percentage of UUIDs", "handle, on", "handle, a percentage of UUIDs"];
    for (index, name) in names.into_iter().enumerate() {
        let [without, with] =
            [&without, &with].map(|counts| counts.as_ref().and_then(|counts| counts.get(index)).map(|n| n.round()));
        table.push([name.into(), without.into(), with.into()]);
    }
    table
}
