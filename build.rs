//! Compiles the proto without protoc: a descriptor set for reflection, and the client with its messages.

use std::error::Error;
use std::path::PathBuf;

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(["bidgate/v1/bidgate.proto"], ["proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("bidgate.v1.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_server(false)
        .bytes(".bidgate.v1.EvaluateRequest")
        .compile_fds(descriptors)?;
    Ok(())
}
