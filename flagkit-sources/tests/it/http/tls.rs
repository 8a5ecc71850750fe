//! The client accepts a server only with a trusted certificate.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::support::nginx::{Nginx, run};
use crate::support::program::program;
use crate::support::stub::{eager, start};
use crate::support::{child, is_child, is_on, last_error, status, variable, wait_until};
use flagkit_core::tooling::SourceState;
use flagkit_sources::{Guard, Http, Retry};
use tempfile::TempDir;

const GOOD: &str = "[flags]\na = true\n";
/// This text is in every setting that must not be shown.
const CANARY: &str = "canary";

/// A certificate authority that no system trusts, and the certificates it has signed.
struct Certificates {
    openssl: PathBuf,
    dir: TempDir,
}

impl Certificates {
    /// Returns `None` if OpenSSL is not installed.
    fn new() -> Option<Self> {
        let certificates =
            Self { openssl: program("openssl")?, dir: tempfile::tempdir().expect("a temporary directory") };
        certificates.self_signed("ca", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n");
        Some(certificates)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn openssl(&self, arguments: &str) -> Result<(), String> {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        run(&self.openssl, self.dir.path(), &arguments)
    }

    fn ca(&self) -> Vec<u8> {
        fs::read(self.path("ca.pem")).expect("it was made")
    }

    fn request(&self, name: &str, extensions: &str) {
        let text = format!("[req]\ndistinguished_name=name\nprompt=no\n[name]\nCN=flagkit {name}\n[ext]\n{extensions}");
        fs::write(self.path(&format!("{name}.cnf")), text).expect("the file can be written");
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        let request = format!("req -new -config {name}.cnf {key} -keyout {name}.key -out {name}.csr");
        self.openssl(&request).expect("a request");
    }

    fn self_signed(&self, name: &str, extensions: &str) {
        self.request(name, extensions);
        let signed = format!("x509 -req -in {name}.csr -signkey {name}.key -extfile {name}.cnf -extensions ext");
        self.openssl(&format!("{signed} -set_serial 1 -days 2 -out {name}.pem")).expect("a certificate");
    }

    /// Signs a certificate for these names. OpenSSL versions differ in how they accept the validity.
    fn signed(&self, name: &str, names: &str, days: &[&str]) {
        self.request(name, &format!("subjectAltName={names}\nextendedKeyUsage=serverAuth\n"));
        let signed = format!("x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -extfile {name}.cnf -extensions ext");
        let mut tries = days.iter().map(|days| self.openssl(&format!("{signed} -set_serial 2 {days} -out {name}.pem")));
        assert!(tries.any(|tried| tried.is_ok()), "no certificate for {name}");
    }

    /// nginx with the certificate of this name.
    fn nginx(&self, name: &str) -> Option<Nginx> {
        let certificate = self.path(&format!("{name}.pem"));
        let key = self.path(&format!("{name}.key"));
        let server = format!("ssl_certificate {};\nssl_certificate_key {};", certificate.display(), key.display());
        let nginx = Nginx::start("ssl", &server)?;
        nginx.write("flags.toml", GOOD);
        Some(nginx)
    }

    /// A server with a valid certificate for this machine.
    fn good(&self) -> Option<Nginx> {
        self.signed("good", HERE, &["-days 2"]);
        self.nginx("good")
    }

    /// Servers with invalid certificates, each with its defect.
    fn bad(&self) -> Option<Vec<(&'static str, Nginx)>> {
        self.signed("elsewhere", "DNS:flags.example.com,IP:127.0.0.2", &["-days 2"]);
        // OpenSSL 3.4 introduced the first option; some later version removed the second.
        let past = ["-not_before 20200101000000Z -not_after 20200102000000Z", "-days -1"];
        self.signed("expired", HERE, &past);
        self.self_signed("self-signed", &format!("subjectAltName={HERE}\n"));
        ["elsewhere", "expired", "self-signed"].into_iter().map(|name| Some((name, self.nginx(name)?))).collect()
    }
}

const HERE: &str = "IP:127.0.0.1,DNS:localhost";

/// A source with secrets in every setting. Its waits reveal the failures that it treats as permanent.
fn secretive(nginx: &Nginx) -> Http {
    let url = format!("https://{CANARY}:{CANARY}@127.0.0.1:{}/flags.toml?token={CANARY}", nginx.port());
    let mut retry = Retry::default();
    let (soon, hour) = (Duration::from_millis(20), Duration::from_secs(3600));
    (retry.transient, retry.permanent) = ((soon, 2 * soon), (hour, hour));
    eager(&url).retry(retry).bearer_token(CANARY).expect("a token")
}

fn assert_not_trusted(name: &str, guard: &Guard) {
    wait_until("it waits for the next try", || status(guard).next_try.is_some());
    let status = status(guard);
    assert_eq!((status.state, status.loads, status.failures), (SourceState::Waiting, 0, 1), "{name}");
    assert!(!is_on(guard, "a"));
    let error = status.last_error.as_ref().expect("an error").to_string();
    assert!(error.starts_with("TLS: "), "{name}: {error}");
    let next_try = status.next_try.expect("a time");
    assert!(next_try > SystemTime::now() + Duration::from_secs(1200), "{name}: tried again as if it would pass");
    let shown = format!("{error} {status:?} {guard:?}");
    assert!(!shown.contains(CANARY), "{name}: {shown}");
}

#[test]
fn an_unknown_authority_is_never_trusted() {
    let Some(certificates) = Certificates::new() else { return };
    let Some(good) = certificates.good() else { return };
    let Some(bad) = certificates.bad() else { return };
    for (name, nginx) in bad.iter().map(|(name, nginx)| (*name, nginx)).chain([("good", &good)]) {
        assert_not_trusted(name, &start(secretive(nginx)));
        // The body was shorter than the declared length.
        assert!(nginx.log().is_empty(), "{name}");
    }
}

#[test]
fn a_known_authority_is_trusted_for_the_host_and_the_time_it_names() {
    let Some(certificates) = Certificates::new() else { return };
    let Some(good) = certificates.good() else { return };
    let Some(bad) = certificates.bad() else { return };
    let trusting = |http: Http| http.root_certificates(&certificates.ca()).expect("a certificate");

    let guard = start(trusting(secretive(&good)));
    wait_until("by address", || is_on(&guard, "a"));
    good.replace("flags.toml", "[flags]\na = false\n");
    wait_until("a flip", || !is_on(&guard, "a"));
    good.replace("flags.toml", GOOD);
    let guard = start(trusting(eager(&format!("https://localhost:{}/flags.toml", good.port()))));
    wait_until("by name", || is_on(&guard, "a"));

    for (name, nginx) in &bad {
        let guard = start(trusting(secretive(nginx)));
        assert_not_trusted(name, &guard);
        let expected = match *name {
            "elsewhere" => "not valid for name",
            "expired" => "expired",
            _ => "invalid peer certificate",
        };
        let error = last_error(&guard).expect("an error");
        assert!(error.to_lowercase().contains(expected), "{name}: {error}");
    }
}

#[test]
fn a_server_that_loses_its_certificate_is_no_longer_trusted_and_its_flags_stay() {
    let Some(certificates) = Certificates::new() else { return };
    let Some(mut nginx) = certificates.good() else { return };
    certificates.signed("elsewhere", "DNS:flags.example.com", &["-days 2"]);
    let url = format!("https://127.0.0.1:{}/flags.toml", nginx.port());
    let guard = start(eager(&url).root_certificates(&certificates.ca()).expect("a certificate"));
    wait_until("the flags", || is_on(&guard, "a"));
    for kind in ["pem", "key"] {
        let (of_another, good) = (certificates.path(&format!("elsewhere.{kind}")), format!("good.{kind}"));
        fs::copy(of_another, certificates.path(&good)).expect("the file can be copied");
    }
    nginx.stop();
    nginx.replace("flags.toml", "[flags]\na = false\n");
    nginx.start_again();
    wait_until("TLS", || last_error(&guard).is_some_and(|error| error.starts_with("TLS: ")));
    assert!(is_on(&guard, "a"));
    assert_eq!(status(&guard).state, SourceState::Stale);
}

#[test]
fn a_text_without_a_certificate_is_refused_at_once() {
    let http = || Http::new("https://127.0.0.1/flags.toml").expect("a URL");
    let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\
               -----END PRIVATE KEY-----\n";
    let cut = "-----BEGIN CERTIFICATE-----\nMIIB";
    let no_base64 = "-----BEGIN CERTIFICATE-----\n!!!!canary\n-----END CERTIFICATE-----\n";
    for pem in ["", "\n\n", "garbage", "canary\0\u{fffd}", key, cut, no_base64] {
        let error = http().root_certificates(pem.as_bytes()).map(drop).expect_err(pem);
        assert!(!format!("{error} {error:?}").contains(CANARY));
    }
    assert!(http().root_certificates(b"\xff\xfe\x00").is_err());
}

#[test]
fn a_frame_without_a_certificate_is_refused_at_once() {
    let http = || Http::new("https://127.0.0.1/flags.toml").expect("a URL");
    let words = "-----BEGIN CERTIFICATE-----\naGVsbG8sIHdvcmxk\n-----END CERTIFICATE-----\n";
    assert!(http().root_certificates(words.as_bytes()).is_err());
}

#[test]
fn a_machine_without_certificates_uses_the_built_in_ones() {
    if !is_child() {
        if program("nginx").is_none() || program("openssl").is_none() {
            return;
        }
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (file, empty) = (dir.path().join("none.pem"), dir.path().join("none"));
        fs::write(&file, "").expect("the file can be written");
        fs::create_dir(&empty).expect("a directory");
        return child(
            module_path!(),
            "a_machine_without_certificates_uses_the_built_in_ones",
            dir.path(),
            &[("SSL_CERT_FILE", file.as_os_str()), ("SSL_CERT_DIR", empty.as_os_str())],
        );
    }
    let Some(certificates) = Certificates::new() else { return };
    let Some(nginx) = certificates.good() else { return };
    let guard = start(secretive(&nginx));
    assert_not_trusted("without certificates", &guard);
    let error = last_error(&guard).expect("an error");
    assert!(!error.contains("No CA certificates") && error.contains("UnknownIssuer"), "{error}");
    drop(guard);
    // Certificates that the program adds still count.
    let guard = start(secretive(&nginx).root_certificates(&certificates.ca()).expect("a certificate"));
    wait_until("the flags", || is_on(&guard, "a"));
}

#[test]
#[cfg(target_os = "linux")] // the variable is of OpenSSL's world; other systems have a store of their own
fn the_certificates_of_the_platform_count() {
    if is_child() {
        let url = variable("FLAGKIT_TEST_URL");
        let guard = start(eager(&url));
        wait_until("the flags", || is_on(&guard, "a"));
        return;
    }
    let Some(certificates) = Certificates::new() else { return };
    let Some(nginx) = certificates.good() else { return };
    let url = format!("https://127.0.0.1:{}/flags.toml", nginx.port());
    let ca = certificates.path("ca.pem");
    child(
        module_path!(),
        "the_certificates_of_the_platform_count",
        certificates.dir.path(),
        &[("SSL_CERT_FILE", ca.as_os_str()), ("FLAGKIT_TEST_URL", url.as_ref())],
    );
}
