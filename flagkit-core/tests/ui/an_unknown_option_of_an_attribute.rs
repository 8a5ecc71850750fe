use flagkit_core::Attribute;

#[derive(Attribute)]
#[attribute(anonymous)]
struct Email(String);

fn main() {}
