//! CRLF and LF make no difference to the meaning of a document.

use flagkit_sources::document::Format;

const TOML: &str = "\
[flags.theme]
on = true
description = \"\"\"
First line,
second line \\
  of several.\\r
\"\"\"
salt = '''
a
b'''
variants = { plain = 1, blue = 1 }
values.blue = { css = \"\"\"
a {
}\"\"\" }
[[flags.theme.rules]]
if = { note = '''x
y''' }
";

#[test]
fn a_document_means_the_same_with_either_line_end() {
    let lf = Format::Toml.read(TOML.as_bytes()).expect("loads");
    let crlf = Format::Toml.read(TOML.replace('\n', "\r\n").as_bytes()).expect("loads");
    assert!(lf.problems().is_empty(), "{:?}", lf.problems());
    assert!(lf.flags() == crlf.flags(), "{:?}\n{:?}", lf.flags(), crlf.flags());
    let flag = crlf.flags().get("theme").expect("a flag");
    assert_eq!(flag.salt(), Some("a\nb"));
    let description = flag.metadata().and_then(|metadata| metadata.description.as_deref());
    assert_eq!(description, Some("First line,\nsecond line of several.\r\n"), "an escape stays");
    let json = "{\n\"flags\": {\"a\": {\"salt\": \"x\\r\\ny\"}}\n}";
    let [lf, crlf] =
        [json.to_owned(), json.replace('\n', "\r\n")].map(|text| Format::Json.read(text.as_bytes()).expect("loads"));
    assert!(lf.flags() == crlf.flags());
}

#[test]
fn a_problem_has_the_same_location_with_either_line_end() {
    for text in [
        "[flags]\nx = true\ny = 1\n",
        "[flags.x]\non = true\nrollout = \n",
        "[flags.x]\nowner = \"\"\"\na\n\"\"\"\nrollout = 200\n",
    ] {
        let locations = |text: &str| match Format::Toml.read(text.as_bytes()) {
            Ok(load) => load.problems().iter().map(ToString::to_string).collect::<Vec<_>>(),
            Err(error) => error.problems().iter().map(ToString::to_string).collect(),
        };
        let lf = locations(text);
        assert!(!lf.is_empty());
        assert_eq!(lf, locations(&text.replace('\n', "\r\n")), "{text:?}");
    }
}
