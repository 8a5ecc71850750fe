use flagkit_core::{Subject, flag};

#[derive(Subject)]
struct User<T> {
    #[subject(id)]
    number: u64,
    plan: T,
}

fn main() {
    let user = User { number: 7, plan: std::time::Duration::ZERO };
    let _ = flag!("beta-ui", user);
}
