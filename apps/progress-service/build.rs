//! A new file in `migrations/` must be embedded too: the macro alone only watches the files it has seen.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
