//! Every message, RPC and event of LearnFlow, generated from `proto/`.
//!
//! JSON is the protobuf mapping with `snake_case` names; unknown fields are refused by name.

// The nesting follows the packages: generated code refers to its neighbours by it.
#[allow(clippy::all, clippy::pedantic, missing_docs, rustdoc::all, unreachable_pub)]
mod learnflow {
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/learnflow.v1.rs"));
        include!(concat!(env!("OUT_DIR"), "/learnflow.v1.serde.rs"));
    }
    pub mod events {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/learnflow.events.v1.rs"));
            include!(concat!(env!("OUT_DIR"), "/learnflow.events.v1.serde.rs"));
        }
    }
}

/// Data of the events on Kafka.
pub use learnflow::events::v1 as events;
/// RPCs and the messages they share.
pub use learnflow::v1;

mod grading;
pub mod topics;

pub use pbjson_types::{Struct, Timestamp, Value, value::Kind};

/// The encoded `FileDescriptorSet`, comments included: for gRPC reflection and the `OpenAPI` document.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The time now, as a protobuf timestamp.
pub fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(since_epoch.subsec_nanos()).unwrap_or_default(),
    }
}
