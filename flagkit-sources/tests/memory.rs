//! The memory that a document occupies at once is bounded, however much it packs into a byte.

use std::fmt::Write;

use allocation_counter::measure;
use flagkit_sources::document::Format;

const MIB: usize = 1 << 20;

/// A document of one MiB: a head, numbered lines of one kind, and a tail.
fn document(head: &str, line: impl Fn(usize) -> String, tail: &str) -> String {
    let mut text = head.to_owned();
    for number in 0.. {
        let line = line(number);
        if text.len() + line.len() + tail.len() > MIB {
            break;
        }
        text += &line;
    }
    text + tail
}

/// Reads a document. Returns its peak memory in bytes, and whether it was accepted.
fn read(format: Format, text: &str) -> (u64, bool) {
    let mut is_accepted = false;
    let took = measure(|| is_accepted = format.read(text.as_bytes()).is_ok());
    (took.bytes_max, is_accepted)
}

/// A short name, different for each number.
fn name(mut number: usize) -> String {
    let mut name = String::new();
    loop {
        name.push(char::from(b"abcdefghijklmnopqrstuvwxyz0123456789"[number % 36]));
        number /= 36;
        if number == 0 {
            return name;
        }
    }
}

/// Documents of one MiB by the kind of their lines.
fn toml_documents() -> Vec<(&'static str, String)> {
    let deep = ".a".repeat(29);
    let letters = |names: usize| {
        let names = (b'a'..).take(names).map(|name| format!("{}=1", char::from(name)));
        names.collect::<Vec<_>>()
    };
    let any = |names: usize| {
        let alternative = format!("{{{}}},", letters(names).join(","));
        document("[flags.a]\non=true\nrules=[{any=[", |_| alternative.clone(), "]}]\n")
    };
    let values = |names: usize| {
        let value = format!("{{{}}},", letters(names).join(","));
        document("[flags.f]\non=true\nvariants={a=1}\nvalues.a=[", |_| value.clone(), "]\n")
    };
    vec![
        ("names", document("", |n| format!("{}=1\n", name(n)), "")),
        ("short forms", document("[flags]\n", |n| format!("k{n}=true\n"), "")),
        ("headers", document("", |n| format!("[{}]\n", name(n)), "")),
        ("headers within one", document("", |n| format!("[a.{}]\n", name(n)), "")),
        ("long headers", document("", |n| format!("[{}{deep}]\n", name(n)), "")),
        ("arrays of tables", document("", |_| "[[a]]\n".to_owned(), "")),
        ("dotted keys", document("", |n| format!("{}.a=1\n", name(n)), "")),
        ("long dotted keys", document("", |n| format!("{}{deep}=1\n", name(n)), "")),
        ("a dotted key without end", document("a", |_| ".a".to_owned(), "=1\n")),
        ("numbers", document("a=[", |_| "1,".to_owned(), "]\n")),
        ("arrays in an array", document("a=[", |_| "[],".to_owned(), "]\n")),
        ("tables in an array", document("a=[", |_| "{},".to_owned(), "]\n")),
        ("dotted keys in an array", document("a=[", |_| format!("{{a{deep}=1}},"), "]\n")),
        ("rules", document("[flags.a]\non=true\nrules=[", |_| "{if={a=1}},".to_owned(), "]\n")),
        ("payloads", document("[flags.a.variants.b]\nv=[", |_| "{a=1},".to_owned(), "]\n")),
        ("alternatives of one", any(1)),
        ("alternatives of two", any(2)),
        ("alternatives of three", any(3)),
        ("values of nine", values(9)),
        ("values of many", values(26)),
        ("tables of nine", document("", |n| format!("[{}]\n{}\n", name(n), letters(9).join("\n")), "")),
        ("conditions", document("[flags.a]\non=true\nrules=[{if={", |n| format!("k{}=1,", name(n)), "}}]\n")),
        ("literals", document("[flags.a]\non=true\nrules=[{if={a={in=[", |_| "1,".to_owned(), "]}}}]\n")),
        ("subjects", document("[flags.a]\non=true\nrules=[{subjects=[", |_| "1,".to_owned(), "]}]\n")),
        ("errors", document("", |_| "=\n".to_owned(), "")),
        ("braces that close nothing", document("a=[", |_| "}".to_owned(), "]\n")),
        ("commas behind nothing", document("a=[", |_| ",".to_owned(), "]\n")),
        ("arrays of commas", document("a=[", |_| format!("[{}],", ",".repeat(200)), "]\n")),
    ]
}

fn json_documents() -> Vec<(&'static str, String)> {
    vec![
        ("names", document("{", |n| format!("\"{}\":1,", name(n)), "\"\":1}")),
        ("short forms", document("{\"flags\":{", |n| format!("\"k{n}\":true,"), "\"k\":true}}")),
        ("numbers", document("{\"a\":[", |_| "1,".to_owned(), "1]}")),
        ("objects in an array", document("{\"a\":[", |_| "{},".to_owned(), "{}]}")),
        ("objects in objects", document("{", |n| format!("\"{}\":{{\"a\":{{\"a\":{{}}}}}},", name(n)), "\"\":1}")),
        (
            "rules",
            document("{\"flags\":{\"a\":{\"on\":true,\"rules\":[", |_| "{\"if\":{\"a\":1}},".to_owned(), "{}]}}}"),
        ),
    ]
}

#[test]
fn in_toml_and_in_json() {
    let mut table = String::new();
    let mut most = 0;
    for (format, documents) in [(Format::Toml, toml_documents()), (Format::Json, json_documents())] {
        for (of, text) in documents {
            let (bytes, is_accepted) = read(format, &text);
            let mib = bytes.div_ceil(MIB as u64);
            most = most.max(mib);
            writeln!(table, "{format:?}, {of}: {mib} MiB, {}", if is_accepted { "accepted" } else { "rejected" })
                .expect("memory");
        }
    }
    println!("{table}");
    assert!(most <= 64, "{table}");
}

#[test]
fn and_gives_all_of_it_back() {
    let good = document("", |n| format!("[flags.k{n}]\non = true\nowner = \"a\\u0062\"\n"), "");
    let good = good.get(..32 << 10).expect("it is longer");
    let texts = [
        good.to_owned(),
        good[..good.len() / 2].to_owned(),
        format!("{good}\n[flags.k1]\nx = = 1\n"),
        "{ a [b]\n".repeat(1_000),
        "a = [{".repeat(1_000),
    ];
    let read_all = || {
        for text in &texts {
            drop(Format::Toml.read(text.as_bytes()));
            drop(Format::Json.read(text.as_bytes()));
        }
    };
    // Some values are created once and kept.
    read_all();
    let took = measure(|| (0..20).for_each(|_| read_all()));
    assert_eq!((took.bytes_current, took.count_current), (0, 0));
}
