//! Questions over gRPC and REST; their way is in the crate `learnflow-questions`.

mod service;

pub use service::prefer;
