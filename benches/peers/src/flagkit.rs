//! Ours: the subject is the user, by reference.

use std::hint::black_box;

use benches::case::Case;
use benches::works::{flags, targeting::User};
use flagkit_core::{Flags, flag, variant};

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
