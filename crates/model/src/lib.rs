//! Answers written by a language model, for the agents: [`ModelTutor`] asks the cache, then the model, then an older
//! cached answer, then the built-in tutor, and every answer says which of them wrote it.
//!
//! The model is any endpoint that speaks `OpenAI`'s chat completions ([`ModelConfig::base_url`]). Its key comes from the
//! secret store; without one the built-in tutor answers everything. What a student wrote reaches the model as data
//! between marks it cannot close ([`Prompt::call`]), and what the model wrote is checked before anyone sees it
//! ([`Guard`]).

mod backoff;
mod breaker;
mod cache;
mod call;
mod client;
mod config;
mod flights;
mod guard;
mod key;
mod leak;
mod model;
mod parts;
mod prompt;
mod reply;
mod store;
mod tutor;

pub use backoff::{Backoff, retry_after};
pub use breaker::{Breaker, BreakerConfig, Permit, State};
pub use cache::{CacheKey, Cached};
pub use call::{Call, Failure, Schema, Shape, Tier, Usage};
pub use config::{ModelConfig, Price};
pub use guard::Guard;
pub use key::{ApiKey, KeySource};
pub use leak::leaks_solution;
pub use model::Model;
pub use parts::Parts;
pub use prompt::{Material, Prompt, StudentData};
pub use reply::{Reply, ReplyError};
pub use store::Store;
pub use tutor::{ModelTutor, Task};
