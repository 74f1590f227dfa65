//! Compiles the jail's first process (`src/init`) into a small static executable, which the library
//! embeds.

#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

use std::error::Error;
use std::path::Path;
use std::process::Command;

const SOURCE: &str = "src/init/main.rs";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=src/init");
    let output = Path::new(&std::env::var("OUT_DIR")?).join("init");
    println!("cargo::rustc-env=LEARNFLOW_SANDBOX_INIT={}", output.display());
    let status = Command::new(std::env::var("RUSTC")?)
        .args(["--edition", "2024", "--crate-name", "init", "--target", "x86_64-unknown-linux-gnu", "-O"])
        .args(["-C", "target-feature=+crt-static", "-C", "panic=abort", "-C", "strip=symbols"])
        .args(["-D", "warnings", "-o"])
        .arg(&output)
        .arg(SOURCE)
        .status()?;
    if status.success() { Ok(()) } else { Err(format!("compiling {SOURCE} failed: {status}").into()) }
}
