use flagkit_core::Subject;

#[derive(Subject)]
#[subject(rename_all = "kebab-case")]
struct User {
    #[subject(id)]
    number: u64,
}

fn main() {}
