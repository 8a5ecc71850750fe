//! People with SSH keys, the statements that they sign, and documents with their approvals.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use flagkit_core::Flags;
use flagkit_core::source::{Approvable, ApprovalRequirement, ApprovalVerifier, Confirmation, Provenance};
use flagkit_sources::approvals::{NAMESPACE, Statement, definition_digest};
use flagkit_sources::document::Format;
use flagkit_sources::{Builder, File, Guard};
use sha2::{Digest as _, Sha256};
use ssh_key::private::Ed25519Keypair;
use ssh_key::{HashAlg, PrivateKey, SigningKey, SshSig};

use super::{TestDir, builder};

pub const ENV: &str = "prod";
pub const KEY: &str = "new-checkout";
/// A definition with more than a state.
pub const DEFINITION: &str = "on = true\nrollout = \"10%\"\nsalt = \"checkout\"\n";

/// The flags of a FIDO signature: the key was touched, and it verified its person.
pub const TOUCHED: u8 = 0x01;
pub const WITH_PIN: u8 = 0x04;

/// A person with a key.
pub struct Person {
    pub name: String,
    key: PrivateKey,
    /// The flags in the signatures of a FIDO key, which is imitated by a key in software.
    fido: Option<u8>,
}

impl Person {
    /// A person with an Ed25519 key. The same seed gives the same key.
    pub fn new(name: &str, seed: u8) -> Self {
        Self { name: name.into(), key: Ed25519Keypair::from_seed(&[seed; 32]).into(), fido: None }
    }

    /// A person with an `sk-ssh-ed25519` key, which signs with these flags.
    pub fn with_fido(name: &str, seed: u8, flags: u8) -> Self {
        Self { fido: Some(flags), ..Self::new(name, seed) }
    }

    /// A person with an `sk-ecdsa-sha2-nistp256` key. Its private key is the number one.
    pub fn with_fido_ecdsa(name: &str, flags: u8) -> Self {
        Self { name: name.into(), key: private_key_one(), fido: Some(flags) }
    }

    /// Returns the type of the key, and its data in base64.
    pub fn public_key(&self) -> String {
        let (key_type, blob) = self.public_blob();
        format!("{key_type} {}", base64(&blob))
    }

    /// Returns the line of the list of approvers.
    pub fn line(&self) -> String {
        format!("{} {}\n", self.name, self.public_key())
    }

    fn public_blob(&self) -> (String, Vec<u8>) {
        let public = self.key.public_key();
        let Some(_) = self.fido else { return (public.algorithm().to_string(), public.to_bytes().expect("a key")) };
        if let Some(key) = public.key_data().ed25519() {
            let key_type = "sk-ssh-ed25519@openssh.com";
            return (key_type.into(), strings(&[key_type.as_bytes(), &key.0, b"ssh:"]));
        }
        let key_type = "sk-ecdsa-sha2-nistp256@openssh.com";
        (key_type.into(), strings(&[key_type.as_bytes(), b"nistp256", &generator(), b"ssh:"]))
    }

    /// Signs a text as an approval.
    pub fn sign(&self, text: &str) -> String {
        self.sign_in(NAMESPACE, text)
    }

    /// Signs a text, as `ssh-keygen -Y sign -n NAMESPACE` does.
    pub fn sign_in(&self, namespace: &str, text: &str) -> String {
        self.sign_claiming(self.fido.unwrap_or_default(), namespace, text)
    }

    /// Signs a text. The signature of a FIDO key claims these flags, which are not the signed ones.
    pub fn sign_claiming(&self, claimed: u8, namespace: &str, text: &str) -> String {
        let signed = SshSig::signed_data(namespace, HashAlg::Sha512, text.as_bytes()).expect("a namespace");
        let (key_type, public) = self.public_blob();
        let signature = match self.fido {
            None => strings(&[key_type.as_bytes(), raw_signature(&self.key, &signed).as_bytes()]),
            Some(flags) => {
                let trailer = [flags, 0, 0, 0, 9];
                let message = [&Sha256::digest("ssh:")[..], &trailer, &Sha256::digest(&signed)[..]].concat();
                let raw = raw_signature(&self.key, &message);
                [&strings(&[key_type.as_bytes(), raw.as_bytes()])[..], &[claimed, 0, 0, 0, 9]].concat()
            }
        };
        let parts = strings(&[&public, namespace.as_bytes(), b"", b"sha512", &signature]);
        let data = base64(&[b"SSHSIG\0\0\0\x01", &parts[..]].concat());
        let lines: Vec<_> = data.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).expect("base64")).collect();
        format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
    }
}

fn raw_signature(key: &PrivateKey, message: &[u8]) -> ssh_key::Signature {
    fn sign(key: &impl SigningKey, message: &[u8]) -> ssh_key::Signature {
        key.try_sign(message).expect("the key signs")
    }
    sign(key, message)
}

/// Encodes texts as SSH does: each with its length.
fn strings(parts: &[&[u8]]) -> Vec<u8> {
    parts
        .iter()
        .flat_map(|part| [&u32::try_from(part.len()).expect("short").to_be_bytes()[..], part].concat())
        .collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let of_chunk = |chunk: &[u8]| {
        let bits = (0..3).fold(0_u32, |bits, i| bits << 8 | u32::from(*chunk.get(i).unwrap_or(&0)));
        let digit = move |i: usize| char::from(DIGITS[(bits >> (18 - 6 * i) & 63) as usize]);
        let used = chunk.len() + 1;
        (0..4).map(move |i| if i < used { digit(i) } else { '=' }).collect::<String>()
    };
    bytes.chunks(3).map(of_chunk).collect()
}

/// The generator of the curve P-256: the public key of the private key one.
fn generator() -> Vec<u8> {
    let hex = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
               4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hexadecimal")).collect()
}

fn private_key_one() -> PrivateKey {
    let (key_type, curve, point) = (b"ecdsa-sha2-nistp256", b"nistp256", generator());
    let mut one = [0; 32];
    one[31] = 1;
    let mut private = [&[0; 8][..], &strings(&[key_type, curve, &point, &one, b""])].concat();
    private.extend((1..).take((8 - private.len() % 8) % 8));
    let public = strings(&[key_type, curve, &point]);
    let head = [&b"openssh-key-v1\0"[..], &strings(&[b"none", b"none", b""]), &[0, 0, 0, 1]].concat();
    PrivateKey::from_bytes(&[head, strings(&[&public, &private])].concat()).expect("a key")
}

/// Returns the statement that approves a state of the flag [`KEY`] with this definition.
pub fn statement(definition: &str, to: &str) -> Statement {
    Statement {
        env: ENV.into(),
        flag: KEY.into(),
        before: format!("sha256:{:064}", 1),
        after: digest(&document(definition, &[]), KEY, to),
        to: to.into(),
        serial: 1_769_853_791,
        release: Some("3f2c9d1".into()),
        checks: Some(format!("sha256:{:064}", 2)),
        gate: format!("sha256:{:064}", 3),
        requirement: ApprovalRequirement { confirmation: Confirmation::Signed, humans: 1 },
        by: String::new(),
        at: "2026-01-31T10:03:11Z".into(),
    }
}

/// An approval as a flag file has it.
#[derive(Clone)]
pub struct Signed {
    pub statement: Statement,
    pub signature: String,
}

impl Signed {
    pub fn new(statement: &Statement, by: &Person) -> Self {
        let statement = Statement { by: by.name.clone(), ..statement.clone() };
        let signature = by.sign(&statement.to_text().expect("a valid statement"));
        Self { statement, signature }
    }

    fn to_toml(&self, key: &str) -> String {
        let Statement { before, to, serial, release, checks, gate, requirement, by, at, .. } = &self.statement;
        let (confirm, humans) = (requirement.confirmation.as_str(), requirement.humans);
        let mut text = format!("[[flags.{key}.approval]]\nby = {by:?}\nat = {at}\nto = {to:?}\nserial = {serial}\n");
        for (name, value) in [("release", release), ("checks", checks)] {
            if let Some(value) = value {
                let _ = writeln!(text, "{name} = {value:?}");
            }
        }
        let _ = writeln!(text, "before = {before:?}\ngate = {gate:?}\nconfirm = {confirm:?}\nhumans = {humans}");
        let _ = writeln!(text, "signature = \"\"\"\n{}\"\"\"", self.signature);
        text
    }
}

/// Returns a document with the flag [`KEY`].
pub fn document(definition: &str, approvals: &[Signed]) -> String {
    document_of(KEY, definition, approvals)
}

pub fn document_of(key: &str, definition: &str, approvals: &[Signed]) -> String {
    let approvals: String = approvals.iter().map(|approval| approval.to_toml(key)).collect();
    format!("[flags.{key}]\n{definition}{approvals}")
}

/// Returns the digest of a definition of a document, with this state.
pub fn digest(document: &str, key: &str, to: &str) -> String {
    /// Accepts all flags, and computes the digest of one.
    struct Digester {
        key: String,
        to: String,
        digest: Arc<Mutex<Option<String>>>,
    }

    impl ApprovalVerifier for Digester {
        fn verify(&self, flag: &Approvable<'_>) -> Result<(), Box<str>> {
            if flag.key().as_str() == self.key {
                let digest = definition_digest(&self.key, flag.flag(), |name| flag.segment(name), &self.to);
                *self.digest.lock().expect("no panic") = Some(digest.expect("a digest"));
            }
            Ok(())
        }
    }

    let (flags, digest) = (Flags::new(), Arc::default());
    flags.require_approvals(Digester { key: key.into(), to: to.into(), digest: Arc::clone(&digest) });
    let load = Format::Toml.read(document.as_bytes()).expect("a document");
    assert!(load.problems().is_empty(), "{:?}", load.problems());
    flags.add_layer(Provenance::new("file:")).publish(load);
    let digest = digest.lock().expect("no panic").clone();
    digest.expect("the document declares the flag")
}

/// Returns the list of approvers with these people.
pub fn list(people: &[&Person]) -> String {
    people.iter().map(|person| person.line()).collect()
}

/// Starts a program that requires approvals by this list, with this document as its only file.
pub fn start(list: &str, document: &str) -> (TestDir, Guard) {
    let dir = TestDir::new();
    dir.write(document);
    let guard = follow(&dir.flags(), list, None);
    (dir, guard)
}

/// Follows a file in a program that requires approvals.
pub fn follow(path: &Path, list: &str, state_folder: Option<&Path>) -> Guard {
    let builder = builder().required(File::new(path)).require_approvals(list, ENV);
    let builder = state_folder.into_iter().fold(builder, Builder::state_folder);
    builder.start().expect("starts")
}

/// Returns why the flag [`KEY`] is dark. `None` if it is not.
pub fn refusal(guard: &Guard) -> Option<String> {
    refusal_of(guard, KEY)
}

pub fn refusal_of(guard: &Guard, key: &str) -> Option<String> {
    let refusal = guard.flags().explain(key, "user-1").refusal().map(str::to_owned);
    if let Some(refusal) = &refusal {
        assert!(!guard.flags().is_on(key, "user-1"));
        let status = guard.flags().status();
        let mut problems = status.sources.iter().flat_map(|source| &source.problems);
        assert!(problems.any(|problem| problem.got() == refusal), "the status has {refusal:?}: {status:?}");
    }
    refusal
}
