use flagkit_core::Attribute;

#[derive(Attribute)]
struct Name {
    first: String,
    last: String,
}

fn main() {}
