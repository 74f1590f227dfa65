//! The way of a question: recorded, published, waited for.

mod ask;
mod hub;
mod service;
mod stream;

pub use hub::Hub;
pub use service::prefer;
