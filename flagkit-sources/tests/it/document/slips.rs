//! The most usual slips of syntax are explained: what was written, where, and what to write instead.

use std::fmt::Write as _;

use flagkit_sources::document::Format;

/// A document with a slip, the location of its only problem, and words of the message.
type Slip<'a> = (&'a str, (usize, usize), &'a [&'a str]);

fn check(format: Format, slips: &[Slip<'_>]) {
    let mut message = String::new();
    for (text, (line, column), words) in slips {
        let problems = match format.read(text.as_bytes()) {
            Ok(load) => load.problems().to_vec(),
            Err(error) => error.problems().to_vec(),
        };
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let is_as_expected = match &problems[..] {
            [problem] => {
                let location = problem.location().map(|location| (location.line, location.column));
                let whole = shown.concat();
                location == Some((*line, *column))
                    && problem.help().is_some()
                    && words.iter().all(|word| whole.contains(word))
            }
            _ => false,
        };
        if !is_as_expected {
            writeln!(message, "{text:?}: expected one at {line}:{column} with {words:?}, got").expect("memory");
            for problem in shown {
                writeln!(message, "    {problem}").expect("memory");
            }
        }
    }
    assert!(message.is_empty(), "\n{message}");
}

#[test]
fn a_value_that_is_missing_or_lacks_quotes() {
    check(
        Format::Toml,
        &[
            ("[flags]\nx =\n", (2, 4), &["got no value", "such as true"]),
            ("[flags]\nx = \ny = true\n", (2, 4), &["got no value"]),
            ("[flags]\nx = # later\n", (2, 4), &["got no value"]),
            ("[flags]\nx = on\n", (2, 5), &["`on` without quotes", "write true"]),
            ("[flags]\nx = off\n", (2, 5), &["`off`", "write false"]),
            ("[flags.x]\non = yes # now\n", (2, 6), &["`yes`", "write true"]),
            ("[flags.x]\non = True\n", (2, 6), &["`True`", "write true, in lower case"]),
            ("[flags.x]\non = FALSE\n", (2, 6), &["`FALSE`", "write false, in lower case"]),
            ("[flags.x]\nsalt = null\n", (2, 8), &["TOML has no null"]),
            ("[flags]\nx = tru\n", (2, 5), &["did you mean true?"]),
            ("[flags]\nx = flase\n", (2, 5), &["did you mean false?"]),
            ("[flags.x]\nrollout = 25 %\n", (2, 14), &["`%` after the value", "in quotes"]),
            ("[flags.x]\nkind = release\n", (2, 8), &["`release` without quotes", "write \"release\", in quotes"]),
            ("[flags]\nx = 25%\n", (2, 5), &["`25%`", "write \"25%\", in quotes"]),
            ("[flags.x]\nowner = ada@example.com\n", (2, 9), &["write \"ada@example.com\", in quotes"]),
            ("[gate.a]\nsoak = 1h\n[flags]\n", (2, 8), &["`1h`", "write \"1h\", in quotes"]),
            ("[flags.x]\nexpires = 2027-2-1\n", (2, 11), &["`2027-2-1`", "such as 2027-02-01"]),
            ("[flags.x]\nexpires = 01/02/2027\n", (2, 11), &["such as 2027-02-01"]),
            ("[flags.x]\nrollout = .5\n", (2, 11), &["write 0.5"]),
            ("[flags.x]\nrollout = 5.\n", (2, 11), &["write 5.0"]),
            ("[flags.x]\nrollout = 007\n", (2, 11), &["write 7"]),
            ("[flags.x]\nrollout = 12,5\n", (2, 11), &["write 12.5"]),
            ("[flags.x]\nrules = [{ if = { country = PT } }]\n", (2, 29), &["`PT`", "write \"PT\", in quotes"]),
            ("[flags.x]\nrules = [{ if = { country = [PT, ES] } }]\n", (2, 30), &["`PT`", "write \"PT\", in quotes"]),
            ("[flags.x]\nrequires = [\n  \"a\",\n  b\n]\n", (4, 3), &["`b`", "write \"b\", in quotes"]),
        ],
    );
}

#[test]
fn a_sign_other_than_equals() {
    check(
        Format::Toml,
        &[
            ("[flags]\nx: true\n", (2, 2), &["`:` after a name", "write `x = true`"]),
            ("[flags.x]\non : true\n", (2, 4), &["`:`", "write `on = true`"]),
            ("[flags]\nx == true\n", (2, 3), &["`==`", "write `x = …`"]),
            ("[flags]\nx => true\n", (2, 3), &["`=>`"]),
            ("[flags]\nx := true\n", (2, 3), &["`:=`"]),
            ("[flags]\nx = = true\n", (2, 5), &["`=` after `=`"]),
            ("[flags]\nx true\n", (2, 3), &["`true` after the name `x`", "write `x = true`"]),
            ("[flags]\nx\n", (2, 1), &["`x` without a value", "write `x = true`"]),
            ("[flags]\nx # on\n", (2, 1), &["`x` without a value"]),
            ("[flags]\n= true\n", (2, 1), &["`=` without a name"]),
            ("[flags]\nx = {\"on\": true}\n", (2, 10), &["`:` after a name", "`=`"]),
            ("[flags]\nx = {on: true}\n", (2, 8), &["`:` after a name", "`=`"]),
            ("[flags]\nnew checkout = true\n", (2, 4), &["a space in a name", "write `-`"]),
            ("[flags]\nnew/checkout = true\n", (2, 4), &["`/` in a name", "in quotes"]),
            ("[flags]\ncafé = true\n", (2, 4), &["`é` in a name", "in quotes"]),
        ],
    );
}

#[test]
fn a_quote_or_a_bracket_that_is_missing() {
    check(
        Format::Toml,
        &[
            (
                "[flags.x]\nowner = \"ada\nkind = \"ops\"\n",
                (2, 9),
                &["a text without its closing `\"`", "close the text"],
            ),
            ("[flags.x]\nowner = 'ada\n", (2, 9), &["a text without its closing `'`"]),
            ("[flags.x]\nowner = \"ada'\n", (2, 9), &["a text without its closing `\"`"]),
            ("[flags.x]\nowner = \"C:\\\\dir\\\"\n", (2, 9), &["is a quote within the text"]),
            ("[flags.x]\nowner = 'it's me'\n", (2, 13), &["after the closing `'`", "double quotes"]),
            (
                "[flags.x]\nowner = \"the \"best\" team\"\n",
                (2, 15),
                &["after the closing `\"`", "quote within the text"],
            ),
            ("[flags.x # why\non = true\n", (1, 1), &["a header without its closing `]`"]),
            ("[flags.x\non = true\n", (1, 1), &["a header without its closing `]`"]),
            ("[[flags.x.rules]\nrollout = 5\n[flags.y]\n", (1, 1), &["`[[` and `]`"]),
            ("[flags.x]]\non = true\n", (1, 1), &["`[` and `]]`"]),
            ("[flags..x]\n", (1, 1), &["an empty name"]),
            ("[]\n", (1, 1), &["an empty name"]),
            ("[flags.new checkout]\n", (1, 11), &["a space in a name"]),
            ("[flags.x] on = true\n", (1, 11), &["after a header", "next line"]),
            ("[flags.x]\nrequires = [\"a\", \"b\"\n", (2, 12), &["`[` without its closing `]`"]),
            ("[flags.x]\nrequires = [\"a\", \"b\"\non = true\n", (2, 12), &["`[` without its closing `]`"]),
            ("[flags.x]\nrequires = [\"a\",\n\n[flags.y]\non = true\n", (2, 12), &["`[` without its closing `]`"]),
            ("[flags]\nx = { on = true\ny = true\n", (2, 5), &["`{` without its closing `}`"]),
            ("[flags]\nx = { on = true\n\n[segments]\n", (2, 5), &["`{` without its closing `}`"]),
            ("[flags.x]\non = true]\n", (2, 10), &["after the value", "nothing opened it"]),
            ("[flags.x]\non = true\n}\n", (3, 1), &["nothing opened"]),
            ("[flags.x]\ndescription = \'\'\'abc\non = true", (2, 15), &["without its closing `\'\'\'`"]),
            ("[flags.x]\ndescription = \"\"\"\nabc\non = true\n", (2, 15), &["without its closing `\"\"\"`"]),
        ],
    );
}

#[test]
fn something_after_a_value() {
    check(
        Format::Toml,
        &[
            ("[flags]\nx = true,\ny = false\n", (2, 9), &["`,` after the value", "delete it"]),
            ("[flags.x]\nowner = \"ada\",\n", (2, 14), &["`,` after the value"]),
            ("[flags.x]\nrequires = [\n  \"a\",\n],\n", (4, 2), &["`,` after the value"]),
            ("[flags.x]\nrequires = [\"a\" \"b\"]\n", (2, 16), &["no comma between two values"]),
            ("[flags.x]\nrequires = [\n  \"a\"\n  \"b\"\n]\n", (3, 6), &["no comma between two values"]),
            ("[flags]\nx = { on = true; rollout = 5 }\n", (2, 16), &["`;` after a value", "write `,`"]),
            ("[flags]\nx = { on = true rollout = 5 }\n", (2, 16), &["no comma between two values"]),
            ("[flags.x]\nrequires = [\"a\"],\n", (2, 17), &["`,` after the value"]),
            ("[flags]\nx = true;\n", (2, 9), &["`;` after the value"]),
            ("[flags]\nx = true // for now\n", (2, 10), &["`//`", "begins with `#`"]),
            ("[flags]\n// for now\nx = true\n", (2, 1), &["`//`", "begins with `#`"]),
            ("[flags]\n-- for now\n", (2, 1), &["`--`", "begins with `#`"]),
            ("[flags]\n; for now\n", (2, 1), &["`;`", "begins with `#`"]),
            ("[flags.x]\non = true rollout = 5\n", (2, 11), &["after the value", "a line of its own"]),
            ("[flags.x]\nowner = \"ada\" \"bob\"\n", (2, 15), &["after the value"]),
        ],
    );
}

#[test]
fn escapes_and_characters() {
    check(
        Format::Toml,
        &[
            ("[flags.x]\nowner = \"C:\\dir\"\n", (2, 12), &["the escape `\\d`", "single quotes"]),
            (
                "[flags.x]\nrules = [{ if = { v.matches = \"\\d+\" } }]\n",
                (2, 32),
                &["the escape `\\d`", "single quotes"],
            ),
            ("[flags]\nx\u{A0}= true\n", (2, 2), &["no-break space (U+00A0)", "delete it"]),
            ("[flags]\nx =\u{A0}true\n", (2, 4), &["U+00A0"]),
            ("[flags]\n\u{200B}x = true\n", (2, 1), &["U+200B"]),
            ("[flags]\n\u{FEFF}x = true\n", (2, 1), &["U+FEFF"]),
            ("[flags]\nx = true\u{2028}\n", (2, 9), &["U+2028"]),
            ("[flags]\nx = “25%”\n", (2, 5), &["the quotation mark `“`", "straight quotes"]),
            ("[flags]\nx = ‘25%’\n", (2, 5), &["U+2018", "straight quotes"]),
            ("[flags]\nx = \"25%”\n", (2, 5), &["without its closing `\"`", "straight quote"]),
            ("[flags.new–checkout]\n", (1, 11), &["the dash `–` (U+2013)", "hyphen"]),
            ("[flags]\nx ＝ true\n", (2, 3), &["write `=`"]),
            ("[flags]\nx = \u{7}true\n", (2, 5), &["a control character (U+0007)"]),
        ],
    );
}

#[test]
fn a_merge_conflict_is_reported_once() {
    let toml = "[flags]\n<<<<<<< HEAD\nx = true\n=======\nx = false\n>>>>>>> branch\ny = true\n";
    check(
        Format::Toml,
        &[
            (toml, (2, 1), &["the mark of a merge conflict, `<<<<<<<`", "keep one of the two"]),
            (&toml.replace('\n', "\r\n"), (2, 1), &["merge conflict"]),
            ("[flags]\nx = true\n>>>>>>> branch\n", (3, 1), &["`>>>>>>>`"]),
        ],
    );
    let json = "{\"flags\": {\n<<<<<<< HEAD\n\"x\": true\n=======\n\"x\": false\n>>>>>>> branch\n}}";
    check(Format::Json, &[(json, (2, 1), &["the mark of a merge conflict", "keep one of the two"])]);
}

#[test]
fn a_document_in_another_format() {
    check(
        Format::Toml,
        &[
            ("{\"flags\": {\"x\": true}}", (1, 1), &["a document in JSON", "`.json`"]),
            ("\n{\n  \"flags\": {\n    \"x\": true\n  }\n}\n", (2, 1), &["a document in JSON"]),
            ("flags:\n  x: true\n  y: false\n", (1, 1), &["a document in YAML", "[flags]"]),
            ("---\nflags:\n  x: true\n", (1, 1), &["a document in YAML"]),
        ],
    );
    check(
        Format::Json,
        &[
            ("[flags]\nx = true\n", (1, 1), &["a document in TOML", "`.toml`"]),
            ("# flags\n[flags.x]\non = true\n", (1, 1), &["a document in TOML"]),
            ("flags:\n  x: true\n", (1, 1), &["a document in YAML"]),
        ],
    );
}

#[test]
fn a_second_table_or_key_says_where_the_first_is() {
    check(
        Format::Toml,
        &[
            (
                "[flags]\nx = true\ny = true\nx = false\n",
                (4, 1),
                &["the name \"x\" a second time", "the first is on line 2"],
            ),
            (
                "[flags.x]\non = true\n[flags.y]\n[flags.x]\n",
                (4, 8),
                &["\"x\" a second time", "the first is on line 1"],
            ),
            ("[flags]\nx = true\n[flags.x]\non = true\n", (3, 8), &["\"x\" a second time", "the first is on line 2"]),
            (
                "[flags.x]\non = true\n[flags]\nx.on = false\n",
                (4, 1),
                &["\"x\" a second time", "the first is on line 1"],
            ),
            ("flags = { x = true }\n[flags.y]\n", (2, 2), &["an addition to \"flags\"", "within the braces"]),
        ],
    );
    check(
        Format::Json,
        &[("{\"flags\": {\n\"x\": true,\n\"x\": false}}", (3, 1), &["\"x\" a second time", "the first is on line 2"])],
    );
}

#[test]
fn slips_of_json() {
    let flags = |inner: &str| format!("{{\"flags\": {{\n{inner}\n}}}}");
    let json: Vec<(String, (usize, usize), &[&str])> = vec![
        (flags("\"x\": true,"), (2, 10), &["a comma before `}`", "delete the comma"]),
        (flags("\"x\": {\"requires\": [\"a\",]}"), (2, 23), &["a comma before `]`"]),
        (flags("'x': true"), (2, 1), &["a single quote", "double quotes"]),
        (flags("\"x\": true // now"), (2, 11), &["a comment", "no comments"]),
        (flags("# now\n\"x\": true"), (2, 1), &["a comment"]),
        (flags("x: true"), (2, 1), &["the name `x` without quotes"]),
        (flags("\"x\" = true"), (2, 5), &["`=`", "write `:`"]),
        (flags("\"x\": True"), (2, 6), &["`True`", "write true, in lower case"]),
        (flags("\"x\": on"), (2, 6), &["`on`", "write true"]),
        (flags("\"x\": 25%"), (2, 6), &["`25%`", "write \"25%\", in quotes"]),
        (flags("\"x\": {\"rollout\": .5}"), (2, 18), &["write 0.5"]),
        (flags("\"x\": {\"rollout\": +5}"), (2, 18), &["write 5"]),
        (flags("\"x\": {\"rollout\": 05}"), (2, 18), &["write 5"]),
        (flags("\"x\": {\"expires\": 2027-02-01}"), (2, 18), &["a day in quotes"]),
        (flags("\"x\": true\n\"y\": true"), (2, 10), &["no comma between two values"]),
        (flags("\"x\": {\"requires\": [1 2]}"), (2, 21), &["no comma between two values"]),
        (flags("\"x\" true"), (2, 4), &["no `:` after a name"]),
        (flags("\"x\": tru"), (2, 6), &["did you mean true?"]),
        (flags("\"x\": {\"on\": true]"), (2, 17), &["got `]`, expected `}`", "close the `{`"]),
        (flags("\"x\": {\"rollout\": 1,5}"), (2, 18), &["write 1.5, with a point"]),
        ("{\"flags\": {\"x\": true}}}".to_owned(), (1, 23), &["`}` after the end of the document", "delete it"]),
        ("\"flags\": {\"x\": true}".to_owned(), (1, 8), &["without braces", "write `{`"]),
        (flags("\"x\": ,\n\"y\": true"), (2, 6), &["no value"]),
        (flags("\"x\": {\"owner\": \"ada}"), (2, 16), &["a text without its closing"]),
        (flags("\"x\": {\"owner\": \"a\\d\"}"), (2, 18), &["the escape `\\d`", "write `\\\\`"]),
        (flags("\"x\": {\"owner\": \"a\tb\"}"), (2, 18), &["a tab in a text", "write `\\t`"]),
        (flags("\"x\": “on”"), (2, 6), &["the quotation mark `“`"]),
        (flags("\u{A0}\"x\": true"), (2, 1), &["U+00A0"]),
        ("{\"flags\": {\n\"x\": true\n}\n".to_owned(), (1, 1), &["`{` without its closing `}`"]),
    ];
    let json: Vec<Slip<'_>> = json.iter().map(|(text, location, words)| (text.as_str(), *location, *words)).collect();
    check(Format::Json, &json);
}

#[test]
fn keys_of_other_tools() {
    check(
        Format::Toml,
        &[
            ("[flags.x]\nenabled = true\n", (2, 1), &["the unknown key `enabled`", "did you mean `on`?"]),
            ("[flags.x]\nactive = true\n", (2, 1), &["did you mean `on`?"]),
            ("[flags.x]\ndisabled = true\n", (2, 1), &["did you mean `on`, with the opposite value?"]),
            ("[flags]\nx = { enabled = true }\n", (2, 7), &["did you mean `on`?"]),
            ("[flags]\nx.enabled = true\n", (2, 3), &["did you mean `on`?"]),
            ("[flags.x]\npercentage = 5\n", (2, 1), &["did you mean `rollout`?"]),
            ("[flags.x]\nrules = [{ when = { a = 1 } }]\n", (2, 12), &["did you mean `if`?"]),
            ("[flags.x]\nrules = [{ if = { a.regex = 'b' } }]\n", (2, 21), &["did you mean `matches`?"]),
            ("[features]\nx = true\n[flags]\n", (1, 2), &["did you mean `flags`?"]),
            ("[flags]\nteam.search = true\n", (2, 6), &["put a key with a dot in quotes"]),
            ("[flags.team.search]\non = true\n", (1, 13), &["put a key with a dot in quotes"]),
        ],
    );
    let load = Format::Toml.read(b"[flags.x]\nbeta = true\n").expect("loads");
    assert_eq!(load.problems()[0].help(), None, "no advice is better than a wrong one");
}
