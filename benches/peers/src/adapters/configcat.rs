//! `configcat`: its client, with a cached configuration instead of a fetched one, as in its own benchmark. Its futures
//! never wait, and are polled once, without a runtime.

use std::sync::Arc;

use benches::works::{COUNTRIES, SUFFIX, targeting::User};
use configcat::{Client, ConfigCache, PollingMode, User as Context};
use futures_util::FutureExt as _;
use serde_json::{Map, Value, json};

use crate::peer::Peer;

#[derive(Clone)]
pub(crate) struct ConfigCat(Arc<Client>);

struct Cached(String);

impl ConfigCache for Cached {
    fn read(&self, _: &str) -> Option<String> {
        Some(self.0.clone())
    }

    fn write(&self, _: &str, _: &str) {}
}

fn text(value: &str) -> Value {
    json!({ "s": value })
}

fn boolean(value: bool) -> Value {
    json!({ "b": value })
}

fn options(shares: &[(Value, u32)]) -> Value {
    let options: Vec<Value> = shares.iter().map(|(value, percent)| json!({ "p": percent, "v": value })).collect();
    json!(options)
}

impl Peer for ConfigCat {
    const NAME: &'static str = "configcat 0.1";
    type Context = Context;

    fn document(others: usize) -> String {
        let part = |percent| options(&[(boolean(true), percent), (boolean(false), 100 - percent)]);
        let only = |attribute: &str, comparator: u8, values: &[&str]| {
            let condition = json!({ "u": { "a": attribute, "c": comparator, "l": values } });
            json!({ "c": [condition], "s": { "v": boolean(true) } })
        };
        // "Is one of" and "ends with any of".
        let targeting = json!([only("Country", 0, &COUNTRIES), only("Email", 32, &[SUFFIX])]);
        let quarters = options(&["a", "b", "c", "d"].map(|name| (text(name), 25)));
        let plain = |on: bool| json!({ "t": 0, "v": boolean(on) });
        let asked = [
            ("boolean", plain(true)),
            ("dark", plain(false)),
            ("percentage", json!({ "t": 0, "v": boolean(false), "p": part(50) })),
            ("targeting", json!({ "t": 0, "v": boolean(false), "r": targeting, "p": part(20) })),
            ("variant", json!({ "t": 1, "v": text("none"), "p": quarters })),
        ];
        let asked = asked.into_iter().map(|(name, setting)| (name.to_owned(), setting));
        let others = (0..others).map(|index| (format!("feature-{index}"), plain(index % 2 == 0)));
        let settings: Map<String, Value> = asked.chain(others).collect();
        json!({ "p": { "s": "salt" }, "f": settings, "s": [] }).to_string()
    }

    fn load(document: &str) -> Self {
        // The format of its cache: a time, a tag, the document.
        let cache = Box::new(Cached(format!("1764547200000\ntag\n{document}")));
        let key = "configcat-sdk-1/0123456789012345678901/0123456789012345678901";
        let client = Client::builder(key).polling_mode(PollingMode::Manual).offline(true).cache(cache).build();
        let peer = Self(Arc::new(client.expect("a client")));
        // The cache is read at the first evaluation.
        assert!(peer.is_on("boolean", &Context::new("anybody")));
        peer
    }

    fn context(&self, user: &User) -> Context {
        Context::new(&user.id).country(&user.country).email(&user.email)
    }

    fn is_on(&self, flag: &str, context: &Context) -> bool {
        // The client takes the user by value.
        self.0.get_value(flag, false, Some(context.clone())).now_or_never().expect("nothing to wait for")
    }

    fn variant(&self, context: &Context) -> String {
        self.0.get_value("variant", String::new(), Some(context.clone())).now_or_never().expect("nothing to wait for")
    }
}
