//! Asks the built-in tutor from the command line, to see how a new topic is found and reads:
//! `cargo run --release -p learnflow-tutor --example ask -- "how do I add to a list?" [level]`
#![allow(clippy::print_stdout, reason = "the answer is for the terminal")]

use std::{env, error::Error, path::Path, sync::Arc};

use learnflow_curriculum::{Curriculum, Level};
use learnflow_tutor::{Query, Tutor};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let text = arguments.next().ok_or("give a question as the first argument")?;
    let level: Level = arguments.next().map_or(Ok(Level::default()), |level| level.parse())?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../curriculum");
    let tutor = Tutor::new(Arc::new(Curriculum::load(folder)?));

    let query = Query { text: &text, ..Query::default() };
    let found = tutor.find_topic(&query);
    let others: Vec<_> = found.alternatives.iter().map(|topic| topic.id.as_str()).collect();
    let best = found.topic.map_or("nothing", |topic| topic.id.as_str());
    println!("{best} ({:?}, about Python: {}), then {others:?}\n", found.confidence, found.about_python);
    if tutor.diagnose(&query).is_some() {
        println!("{}\n", tutor.explain_error(&query, level).markdown);
    }
    println!("{}", tutor.explain(&query, level).markdown);
    Ok(())
}
