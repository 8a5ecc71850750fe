use flagkit_core::variant;

fn main() {
    let theme = variant!("my theme", 7);
    let _ = theme.map(|variant| variant.name().len());
}
