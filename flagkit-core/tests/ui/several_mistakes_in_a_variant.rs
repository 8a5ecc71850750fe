use flagkit_core::variant;

fn main() {
    let _ = variant!("");
    let _ = variant!("-theme", id = 7, plan = "free", plan = "paid");
    let _ = variant!("theme", 7, 8);
    let _ = variant!();
}
