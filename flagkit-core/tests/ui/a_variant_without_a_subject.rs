use flagkit_core::{Flags, variant};

fn main() {
    let flags = Flags::new();
    let theme = variant!("theme");
    let other = variant!(in flags, "theme");
    let _ = (theme.map(|variant| variant.name().len()), other.is_some());
}
