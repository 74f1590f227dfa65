//! Checks topics: `cargo run --release -p learnflow-curriculum --example check -- curriculum/basics/variables.toml`.
//!
//! Reads the files, runs every program in them and tries every exercise in several variations. Without files it checks
//! the whole folder. Ends with 1 if something is wrong; what a complete topic still lacks is only listed.
#![allow(clippy::print_stdout, reason = "a command for the terminal")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use clap::Parser;
use learnflow_curriculum::{Curriculum, Topic};

use support::{Subject, try_all};

#[derive(Parser)]
#[command(about = "Checks topics of the curriculum by running everything in them")]
struct Arguments {
    /// The topics' files; the whole folder if none is given.
    files: Vec<PathBuf>,
    /// The folder with the modules.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../curriculum"))]
    curriculum: PathBuf,
    /// How many variations of each exercise to try.
    #[arg(long, default_value_t = 4)]
    seeds: u64,
}

fn main() -> ExitCode {
    let start = Instant::now();
    let arguments = Arguments::parse();
    let mut mistakes: Vec<String> = Vec::new();
    let folder = arguments.curriculum.canonicalize().unwrap_or(arguments.curriculum);
    let all = topic_files(&folder);
    let files = if arguments.files.is_empty() {
        // What only shows when all files are seen together; what is wrong inside one of them is found again below.
        if let Err(error) = Curriculum::load(&folder) {
            mistakes.extend(error.problems.iter().map(ToString::to_string));
        }
        all.clone()
    } else {
        arguments.files
    };
    let ids: HashSet<&str> = all.iter().filter_map(|file| file.file_stem()?.to_str()).collect();
    let mut subjects = Vec::new();
    for file in &files {
        match Topic::read(file) {
            Ok(topic) => subjects.push(Subject::new(file, topic)),
            Err(error) => mistakes.extend(error.problems.iter().map(ToString::to_string)),
        }
    }
    for subject in &subjects {
        for id in subject.topic.prerequisites.iter().filter(|id| !ids.contains(id.as_str())) {
            mistakes.push(subject.finding("prerequisites", format!("the prerequisite {id:?} is no topic")).to_string());
        }
    }
    mistakes.extend(try_all(&subjects, arguments.seeds).iter().map(ToString::to_string));
    let mut seen = HashSet::new();
    mistakes.retain(|mistake| seen.insert(mistake.clone()));
    let missing: Vec<String> = subjects.iter().flat_map(Subject::missing).map(|finding| finding.to_string()).collect();

    for mistake in &mistakes {
        println!("{mistake}");
    }
    for missing in &missing {
        println!("not complete: {missing}");
    }
    let counts = format!("{} mistakes, {} things missing", mistakes.len(), missing.len());
    println!("{} files, {counts}, {:.1} s", files.len(), start.elapsed().as_secs_f32());
    if mistakes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every topic's file of the folder, sorted.
fn topic_files(curriculum: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let listed = fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.path()).collect());
        let mut paths: Vec<PathBuf> = listed.unwrap_or_default();
        paths.sort();
        paths
    };
    let files = entries(curriculum).into_iter().filter(|path| path.is_dir()).flat_map(|folder| entries(&folder));
    files
        .filter(|file| file.extension().is_some_and(|extension| extension == "toml"))
        .filter(|file| file.file_name().is_some_and(|name| name != "module.toml"))
        .collect()
}
