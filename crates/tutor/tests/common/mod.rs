use std::{path::Path, sync::Arc};

use learnflow_curriculum::Curriculum;
use learnflow_tutor::Tutor;

pub(crate) fn tutor() -> Tutor {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../curriculum");
    Tutor::new(Arc::new(Curriculum::load(folder).unwrap_or_else(|error| panic!("{error}"))))
}
