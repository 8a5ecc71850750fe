use flagkit_core::Attribute;

#[derive(Attribute)]
enum Plan {
    Free,
    Paid { seats: u32 },
}

fn main() {
    let _ = [Plan::Free, Plan::Paid { seats: 1 }].map(|plan| plan.value().is_some());
}
