//! flagkit: the subject is the user, by reference.

use std::any::Any;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use benches::case::Case;
use benches::works::{flags, targeting::User};
use flagkit_core::source::Provenance;
use flagkit_core::{Flags, flag, variant};
use flagkit_sources::document::Format;

use crate::peer::{Load, Make};

pub(crate) fn cases(work: &str) -> Vec<Case> {
    let (user, again, handle) = (User::outside(), User::outside(), Flags::fixed(flags(100)));
    match work {
        "boolean" => vec![
            Case::new("flagkit, `flag!`", || flag!("boolean")),
            Case::new("flagkit, handle", move || handle.is_on(black_box("boolean"), &())),
        ],
        "percentage" => vec![
            Case::new("flagkit, `flag!`", move || flag!("percentage", black_box(&user))),
            Case::new("flagkit, handle", move || handle.is_on(black_box("percentage"), black_box(&again))),
        ],
        "targeting" => vec![
            Case::new("flagkit, `flag!`", move || flag!("targeting", black_box(&user))),
            Case::new("flagkit, handle", move || handle.is_on(black_box("targeting"), black_box(&again))),
        ],
        _ => vec![
            Case::new("flagkit, `variant!`", move || variant!("variant", black_box(&user))),
            Case::new("flagkit, handle", move || handle.variant(black_box("variant"), black_box(&again))),
        ],
    }
}

/// Returns the first case. Call it on the thread that runs the case.
pub(crate) fn on_threads(work: &'static str) -> Make {
    Arc::new(move || cases(work).swap_remove(0))
}

/// Returns a document with this many flags in each format, and its loader.
pub(crate) fn documents(flags: usize) -> [(&'static str, String, Load); 2] {
    let mut toml = String::from("[flags]\n");
    let mut json = String::from("{\"flags\":{");
    for index in 0..flags {
        let on = index % 2 == 0;
        let comma = if index == 0 { "" } else { "," };
        let _ = writeln!(toml, "feature-{index} = {on}");
        let _ = write!(json, "{comma}\"feature-{index}\":{on}");
    }
    json.push_str("}}");
    [
        ("flagkit, JSON", json, |document| load(Format::Json, document)),
        ("flagkit, TOML", toml, |document| load(Format::Toml, document)),
    ]
}

fn load(format: Format, document: &str) -> Box<dyn Any> {
    let flags = Flags::new();
    let load = format.read(document.as_bytes()).expect("a good document");
    flags.add_layer(Provenance::new("bench:")).publish(load);
    Box::new(flags)
}
