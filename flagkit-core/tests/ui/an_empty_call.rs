use flagkit_core::flag;

fn main() {
    flag!();
}
