use flagkit_core::Attribute;

#[derive(Attribute)]
enum Plan {
    Free,
    #[attribute(skip)]
    Paid,
}

fn main() {
    let _ = [Plan::Free, Plan::Paid].map(|plan| plan.value().is_some());
}
