//! Classes: a teacher's students, who join by a code, and how they all fare.
//!
//! - `membership`: making, joining and leaving; `code`: join codes;
//! - `glance`: every student of a class on one page;
//! - `service`: the RPCs, those of `assignments` included.

mod code;
pub mod glance;
pub mod membership;
mod service;

use learnflow_sidecar::Sidecar;

use crate::{
    access::Access,
    database::Database,
    record::{outbox::Bell, read::Reader},
};

/// The class service.
#[derive(Clone)]
pub struct Classes {
    pub(crate) database: Database,
    pub(crate) sidecar: Sidecar,
    pub(crate) access: Access,
    pub(crate) bell: Bell,
    reader: Reader,
}

impl Classes {
    /// Serves the classes in a database; `bell` calls the relay of the events about assignments.
    pub fn new(database: Database, sidecar: Sidecar, access: Access, reader: Reader, bell: Bell) -> Self {
        Self { database, sidecar, access, bell, reader }
    }
}
