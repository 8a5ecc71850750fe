use flagkit_core::Subject;

#[derive(Subject)]
enum Visitor {
    Known { number: u64 },
    Unknown,
}

fn main() {
    let _ = [Visitor::Known { number: 1 }, Visitor::Unknown].map(|visitor| visitor.id().is_some());
}
