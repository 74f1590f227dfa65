//! CPU time and memory of processes, from `/proc`.

use std::{collections::BTreeMap, fs};

/// A part of the system and its processes.
pub type Roles = BTreeMap<String, Vec<i32>>;

/// CPU seconds by role, those of ended children included.
pub fn seconds(roles: &Roles) -> BTreeMap<String, f64> {
    roles.iter().map(|(role, pids)| (role.clone(), pids.iter().map(|pid| of(*pid)).sum())).collect()
}

/// Resident memory by role, in MB.
pub fn resident(roles: &Roles) -> BTreeMap<String, f64> {
    roles.iter().map(|(role, pids)| (role.clone(), pids.iter().map(|pid| memory(*pid)).sum())).collect()
}

/// Seconds the whole machine was busy.
pub fn machine() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<f64> = numbers(stat.lines().next().unwrap_or_default().split_ascii_whitespace().skip(1));
    [0, 1, 2, 5, 6].iter().filter_map(|field| fields.get(*field)).sum::<f64>() / ticks()
}

fn of(pid: i32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The command may hold spaces and brackets; the fields begin behind its last bracket.
    let fields: Vec<f64> = numbers(stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().skip(1));
    // utime, stime, cutime, cstime
    (10..14).filter_map(|field| fields.get(field)).sum::<f64>() / ticks()
}

fn memory(pid: i32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    numbers(line.split_ascii_whitespace().skip(1)).first().copied().unwrap_or_default() / 1024.0
}

fn numbers<'a>(words: impl Iterator<Item = &'a str>) -> Vec<f64> {
    words.map(|word| word.parse().unwrap_or_default()).collect()
}

#[allow(clippy::cast_precision_loss, reason = "100 on every Linux")]
fn ticks() -> f64 {
    nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100) as f64
}
