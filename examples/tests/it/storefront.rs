//! A running web application follows one line of a file, without a restart.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::support::{DEADLINE, program};

/// The storefront as a separate process.
struct Storefront {
    child: Child,
    address: String,
}

impl Storefront {
    fn start(flags: &Path, vars: &[(&str, &str)]) -> Self {
        Self::start_with(flags, &[], vars)
    }

    fn start_with(flags: &Path, arguments: &[&str], vars: &[(&str, &str)]) -> Self {
        let mut child = Command::new(program())
            .args(["--port", "0", "--flags"])
            .arg(flags)
            .args(arguments)
            .env_remove("FLAG_NEW_CHECKOUT")
            .env_remove("STOREFRONT_RELEASE")
            .envs(vars.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let stdout = child.stdout.take().expect("a pipe");
        let mut lines = BufReader::new(stdout);
        let mut line = String::new();
        lines.read_line(&mut line).expect("the storefront prints its address");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
        let address = address.to_owned();
        // Reads the rest, so that the storefront never blocks on a full pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self { child, address }
    }

    /// Requests a page and returns the whole response, head and body.
    fn get(&self, path: &str) -> String {
        let response = self.request("GET", path);
        assert!(response.starts_with("HTTP/1.1 200"), "{response}");
        response
    }

    fn request(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("the example listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time-out can be set");
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address)
            .expect("sent");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("an response in UTF-8");
        response
    }

    fn flags(&self) -> Value {
        let response = self.get("/flags");
        let body = response.split("\r\n\r\n").nth(1).expect("a body");
        serde_json::from_str(body).expect("JSON")
    }

    /// Returns the entry of one flag on the page for operators.
    fn flag(&self, key: &str) -> Value {
        let report = self.flags();
        let flags = report["flags"].as_array().expect("a list").iter();
        flags.clone().find(|flag| flag["key"] == key).expect(key).clone()
    }

    /// Returns the head and the JSON of the status of this instance.
    fn status(&self) -> (String, Value) {
        let response = self.get("/status");
        let (head, body) = response.split_once("\r\n\r\n").expect("a body");
        (head.to_owned(), serde_json::from_str(body).expect("JSON"))
    }

    fn price(&self) -> String {
        let page = self.get("/");
        let price = page.split("id=\"price\">").nth(1).and_then(|rest| rest.split('<').next());
        price.expect("a price").to_owned()
    }

    fn has_new_checkout(&self) -> bool {
        self.get("/").contains("Pay now")
    }

    fn has_new_search(&self, user: &str) -> bool {
        self.get(&format!("/?user={user}")).contains("Search by meaning")
    }
}

impl Drop for Storefront {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
    }
}

#[test]
fn a_line_of_the_file_turns_the_new_checkout_on_and_off() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("flags.toml");
    let shipped = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/storefront/flags.toml")).expect("a file");
    let live = shipped.replace("new-checkout = false", "new-checkout = true");
    assert_ne!(shipped, live, "the shipped file has the line that the documentation edits");
    fs::write(&file, &shipped).expect("written");

    let shop = Storefront::start(&file, &[]);
    assert!(!shop.has_new_checkout(), "merged, and dark");
    fs::write(&file, &live).expect("written");
    wait_until("the new checkout is live", || shop.has_new_checkout());
    fs::write(&file, &shipped).expect("written");
    wait_until("the new checkout is dark again", || !shop.has_new_checkout());
}

#[test]
fn a_visitor_keeps_the_search_and_a_raised_percentage_adds_visitors() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("flags.toml");
    let document = |percent: u32| format!("[flags.search-v2]\non = true\nrollout = {percent}\n");
    fs::write(&file, document(25)).expect("written");

    let shop = Storefront::start(&file, &[]);
    let users: Vec<String> = (0..40).map(|n| format!("user-{n}")).collect();
    let results = || users.iter().map(|user| shop.has_new_search(user)).collect::<Vec<bool>>();
    let first = results();
    assert_eq!(results(), first, "sticky");
    assert!(first.contains(&true) && first.contains(&false));

    fs::write(&file, document(60)).expect("written");
    wait_until("the new percentage", || shop.flag("search-v2")["answer"] == "60%");
    let second = results();
    assert!(first.iter().zip(&second).all(|(before, after)| !before || *after), "no visitor loses the search");
    assert!(second.iter().filter(|on| **on).count() > first.iter().filter(|on| **on).count());

    let response = shop.get("/");
    let cookie = response.split("visitor=").nth(1).and_then(|rest| rest.split(';').next()).expect("a cookie");
    assert!(response.contains(&format!("<b id=\"visitor\">{cookie}</b>")));
}

#[test]
fn an_invalid_file_changes_nothing_and_the_operator_sees_why() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("flags.toml");
    fs::write(&file, "[flags]\nnew-checkout = true\n").expect("written");
    let shop = Storefront::start(&file, &[]);
    assert!(shop.has_new_checkout());

    fs::write(&file, "[flags]\nnew-checkout = = false\n").expect("written");
    // The file is empty for a moment while it is written, which may be reported before.
    let reports = |location: &str| {
        let report = shop.flags();
        report["sources"][0]["last_error"].as_str().is_some_and(|error| error.contains(location))
    };
    wait_until("the error is reported with its location", || reports("2:16"));
    assert_eq!(shop.flags()["sources"][0]["state"], "stale");
    assert!(shop.has_new_checkout(), "the last good flags stay");

    fs::write(&file, "[flags]\nnew-checkout = 1\n").expect("written");
    wait_until("the problem is reported", || shop.flags()["sources"][0]["problems"][0].is_string());
    let report = shop.flags();
    assert!(report["sources"][0]["problems"][0].as_str().expect("a text").starts_with("2:16: flags.new-checkout: got"));
    assert!(shop.has_new_checkout(), "the last good definition stays");

    fs::write(&file, "[flags]\nnew-checkout = false\n").expect("written");
    wait_until("the fixed file", || !shop.has_new_checkout());
    assert_eq!(shop.flags()["sources"][0]["state"], "fresh");
}

#[test]
fn a_variable_turns_a_flag_on_without_any_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let shop = Storefront::start(&dir.path().join("none.toml"), &[("FLAG_NEW_CHECKOUT", "on")]);
    assert!(shop.has_new_checkout());
    assert_eq!(shop.flag("new-checkout")["layer"], "env:FLAG_");
    assert_eq!(shop.flags()["sources"][0]["state"], "waiting");
}

#[test]
fn a_name_from_the_url_is_shown_as_text() {
    let dir = tempfile::tempdir().expect("a directory");
    let shop = Storefront::start(&dir.path().join("none.toml"), &[]);
    let response = shop.get("/?user=%3Cscript%3Ealert(1)%3C/script%3E");
    assert!(response.contains("&lt;script&gt;") && !response.contains("<script>"));
}

#[test]
fn an_explanation_is_a_page_that_everyone_can_use() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("flags.toml");
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/storefront/flags.toml"), &file).expect("copied");
    let shop = Storefront::start(&file, &[]);

    let page = shop.get("/explain/beta-ui?user=tester-1&plan=free");
    let (head, body) = page.split_once("\r\n\r\n").expect("a body");
    assert!(head.to_ascii_lowercase().contains("content-type: text/html; charset=utf-8"), "{head}");
    for part in [
        "<html lang=\"en\">",
        "<title>beta-ui is on for tester-1</title>",
        "<h1>Why is <code>beta-ui</code> on?</h1>",
        "<main>",
        "name=\"viewport\"",
        "<li>rule 0 \"testers\": yes<ol><li>id is one of 2 listed: yes</li></ol></li>",
        "<label>User <input name=\"user\" value=\"tester-1\"></label>",
        "<label>Plan <input name=\"plan\" value=\"free\"></label>",
        "aria-current=\"page\">beta-ui</a>",
        "href=\"/explain/theme?user=tester-1&amp;plan=free\"",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
    assert_eq!(body.matches("<input").count(), body.matches("<label>").count(), "each field has a label");
    assert!(!body.contains("<script"), "it needs no script");
    for element in ["html", "head", "body", "main", "header", "nav", "form", "ol", "ul", "li", "h1", "h2", "p", "label"]
    {
        let opened = body.matches(&format!("<{element}>")).count() + body.matches(&format!("<{element} ")).count();
        assert_eq!(opened, body.matches(&format!("</{element}>")).count(), "{element} in {body}");
    }
    // The links and the form lead to other explanations.
    assert!(shop.get("/explain/theme?user=tester-1&plan=free").contains("variant "));
    assert!(shop.get("/explain/beta-ui?user=tester-1&plan=&format=json").contains("\"steps\":["));
    assert!(shop.get("/explain/new-checkout").contains("the answer is the same for everyone"));
}

#[test]
fn an_explanation_shows_values_from_outside_as_text() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("flags.toml");
    let rule = "if = { plan = \"<b onclick='1'>\" }\nname = \"<img src=x>\"\n";
    fs::write(&file, format!("[flags.beta-ui]\non = true\n[[flags.beta-ui.rules]]\n{rule}")).expect("written");
    let shop = Storefront::start(&file, &[]);
    let evil = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    let fields = shop.get(&format!("/explain/beta-ui?user={evil}&plan={evil}"));
    assert_eq!(fields.matches("value=\"&quot;&gt;&lt;script").count(), 2, "no text ends its attribute: {fields}");
    for page in [fields, shop.get(&format!("/explain/{}?user=u1", evil.replace('/', "%2F")))] {
        assert!(page.contains("&lt;script&gt;"), "{page}");
        for element in ["<script", "<img", "<b onclick"] {
            assert!(!page.contains(element), "{element} in {page}");
        }
    }
}

#[test]
fn the_shipped_file_targets_a_beta_and_assigns_three_themes() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("flags.toml");
    let shipped = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/storefront/flags.toml")).expect("a file");
    fs::write(&file, shipped.replace("rollout = 25 ", "rollout = 100 ")).expect("written");
    let shop = Storefront::start(&file, &[]);
    assert_eq!(shop.flags()["sources"][0]["problems"], serde_json::json!([]));

    let has_gifts = |query: &str| shop.get(&format!("/?{query}")).contains("Gift finder");
    // The examples in the comments of the shipped file work with the shipped percentages.
    fs::write(&file, &shipped).expect("written");
    wait_until("the shipped file", || shop.flag("search-v2")["answer"] == "25%");
    assert!(has_gifts("user=tester-1") && has_gifts("user=visitor-3&plan=beta"));
    fs::write(&file, shipped.replace("rollout = 25 ", "rollout = 100 ")).expect("written");
    wait_until("the search is live", || shop.flag("search-v2")["answer"] == true);

    assert!(has_gifts("user=tester-1"), "a tester");
    assert!(!has_gifts("user=visitor-0&plan=beta"), "excluded from the segment");
    let beta = (0..40).filter(|n| has_gifts(&format!("user=user-{n}&plan=beta"))).count();
    assert!((5..35).contains(&beta), "about half of 40, not {beta}");
    assert!((0..40).all(|n| !has_gifts(&format!("user=user-{n}&plan=free"))));

    let colours = ["#444444", "#0066cc", "#1b7a3d"];
    let pages: Vec<String> = (0..40).map(|n| shop.get(&format!("/?user=user-{n}"))).collect();
    for colour in colours {
        assert!(pages.iter().any(|page| page.contains(colour)), "a visitor sees {colour}");
    }

    for format in ["", "&format=text"] {
        let trace = shop.get(&format!("/explain/beta-ui?user=visitor-3&plan=beta{format}"));
        for line in
            ["requires search-v2: on", "rule 0 \"testers\": no", "rule 1 \"beta customers\": yes", "plan is one of"]
        {
            assert!(trace.contains(line), "{line} in {trace}");
        }
    }
    let json = shop.get("/explain/beta-ui?user=tester-1&format=json");
    let json: Value = serde_json::from_str(json.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON");
    assert_eq!((&json["on"], &json["rule"]), (&serde_json::json!(true), &serde_json::json!(0)));
}

#[test]
fn the_price_stays_the_same_at_each_stage_forward_and_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("flags.toml");
    let shipped = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/storefront/flags.toml")).expect("a file");
    fs::write(&file, &shipped).expect("written");
    let shop = Storefront::start(&file, &[]);
    assert_eq!((shop.price().as_str(), &shop.flag("price-in-cents")["stage"]), ("12.50", &Value::from("off")));

    let set_stage = |stage: &str| {
        let text = shipped.replace("stage = \"off\"", &format!("stage = \"{stage}\""));
        fs::write(&file, text).expect("written");
        wait_until(stage, || shop.status().1["migrations"][0]["stage"] == stage);
        let entry = shop.flag("price-in-cents");
        assert_eq!((&entry["stage"], &entry["answer"]), (&Value::from(stage), &Value::from(stage)));
    };
    let mut expected = 1250;
    let mut change_price = || {
        let text = |cents: u32| format!("{}.{:02}", cents / 100, cents % 100);
        assert_eq!(shop.price(), text(expected), "a price of the stage before");
        expected += 1;
        let response = shop.request("POST", &format!("/price?cents={expected}"));
        assert!(response.starts_with("HTTP/1.1 200"), "{response}");
        assert_eq!(shop.price(), text(expected));
    };
    // The example has no backfill: the first write at the stage dual-write fills the new column.
    for stage in ["dual-write", "shadow", "live", "ramp-down", "live", "shadow", "dual-write", "shadow", "live"] {
        set_stage(stage);
        change_price();
    }
    for stage in ["ramp-down", "complete"] {
        set_stage(stage);
        change_price();
    }
    let counters = || shop.status().1["migrations"][0]["counters"].clone();
    wait_until("the comparisons", || counters()["compared"].as_u64() > Some(0));
    // The number of mismatches varies: a write may come between the two reads of a comparison.
    assert_eq!(counters()["unrepaired"], 0);

    set_stage("contracted");
    // This build has no code for the stage. A page may come a moment before the stage takes effect.
    wait_until("no price", || shop.price() == "unavailable");
    assert!(shop.request("POST", "/price?cents=1").starts_with("HTTP/1.1 503"));
    set_stage("complete");
    wait_until("a price", || shop.price() != "unavailable");
    change_price();
}

#[test]
fn the_status_has_the_release_and_the_stage() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("flags.toml");
    fs::write(&file, "[flags.price-in-cents]\nkind = \"migration\"\nstage = \"shadow\"\n").expect("written");
    let shop = Storefront::start(&file, &[("STOREFRONT_RELEASE", "2026.11.3")]);
    let (head, status) = shop.status();
    let head = head.to_ascii_lowercase();
    assert!(head.contains("cache-control: no-store") && head.contains("content-type: application/json"), "{head}");
    let migration = &status["migrations"][0];
    let members = [&status["release"], &migration["key"], &migration["stage"], &migration["range"]];
    assert_eq!(members, ["2026.11.3", "price-in-cents", "shadow", "full"]);
    // Without a declaration, the stage is the one that the code states.
    let other = Storefront::start(&dir.path().join("none.toml"), &[]);
    let status = other.status().1;
    assert_eq!([&status["release"], &status["migrations"][0]["stage"]], [env!("CARGO_PKG_VERSION"), "off"]);
}

/// The public key of no one: the tests of the command have people with keys.
const APPROVERS: &str = "alice@example.com namespaces=\"flagkit-approval\" \
                         ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti\n";

#[test]
fn without_approvals_a_flag_stays_dark_and_the_operator_sees_why() {
    let dir = tempfile::tempdir().expect("a directory");
    let [file, approvers] = ["flags.toml", "approvers"].map(|name| dir.path().join(name));
    fs::write(&file, "[flags]\nnew-checkout = true\nsearch-v2 = false\n").expect("written");
    fs::write(&approvers, APPROVERS).expect("written");
    let arguments = ["--approvers", approvers.to_str().expect("UTF-8"), "--env", "prod"];
    let shop = Storefront::start_with(&file, &arguments, &[("FLAG_SEARCH_V2", "on")]);
    assert!(!shop.has_new_checkout() && !shop.has_new_search("user-1"), "a variable cannot widen");

    let flag = shop.flag("new-checkout");
    assert_eq!((&flag["answer"], &flag["reason"]), (&Value::from(false), &Value::from("no approval covers it")));
    assert!(flag["refusal"].as_str().is_some_and(|reason| reason.contains("no approval")), "{flag}");
    assert!(shop.get("/explain/new-checkout").contains("<p>Not approved: no approval"));
    assert!(shop.get("/explain/new-checkout?format=text").contains("not approved: no approval"));
    assert!(shop.get("/explain/new-checkout?format=json").contains("\"refusal\":\"no approval"));
    let problems = shop.flags()["sources"].to_string();
    assert!(problems.contains("until enough people have approved its definition"), "{problems}");

    // The file of the environment is the highest file. Turning a flag off needs no approval.
    fs::write(dir.path().join("flags.prod.toml"), "[flags]\nnew-checkout = false\n").expect("written");
    wait_until("it is off", || shop.flag("new-checkout")["reason"] == "the flag is off");
    assert_eq!(shop.flag("new-checkout")["refusal"], Value::Null);
}

#[test]
fn a_list_without_a_valid_approver_is_an_error_of_the_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let approvers = dir.path().join("approvers");
    for list in [None, Some(""), Some("* ssh-ed25519 AAAA\n")] {
        if let Some(list) = list {
            fs::write(&approvers, list).expect("written");
        }
        let output = Command::new(program()).args(["--port", "0", "--approvers"]).arg(&approvers).output();
        let output = output.expect("it starts");
        assert!(!output.status.success() && output.stdout.is_empty(), "{list:?}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("storefront: "), "{output:?}");
    }
}
