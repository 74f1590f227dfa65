//! Compiles `proto/` without `protoc`: messages and services by prost and tonic, the protobuf JSON mapping by pbjson.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    for package in ["learnflow/v1", "learnflow/events/v1"] {
        for entry in fs::read_dir(root.join(package))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "proto") {
                println!("cargo:rerun-if-changed={}", path.display());
                files.push(path);
            }
        }
    }
    files.sort();

    let descriptors = protox::compile(&files, [&root])?;
    let encoded = descriptors.encode_to_vec();
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin"), &encoded)?;

    let mut config = prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure()
        .compile_well_known_types(true)
        .extern_path(".google.protobuf", "::pbjson_types")
        .compile_fds_with_config(descriptors, config)?;

    // Field names stay in snake_case, and fields at their default are written: clients need not know defaults.
    pbjson_build::Builder::new()
        .register_descriptors(&encoded)?
        .preserve_proto_field_names()
        .emit_fields()
        .build(&[".learnflow"])?;
    Ok(())
}
