//! The processes of a stack by role, and what work costs them.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    time::{Duration, Instant},
};

use learnflow_stack::Stack;
use learnflow_tests::cpu::{self, Roles};
use tokio::time::sleep;

use crate::report::median;

/// The processes of a running stack.
pub fn of(stack: &Stack) -> Roles {
    let mut roles = Roles::new();
    for name in stack.names() {
        let role = match name.as_str() {
            "kafka" | "redis" => name.clone(),
            "postgres" | "postgresql" => "postgresql".to_owned(),
            name if name.ends_with("-daprd") => "sidecars".to_owned(),
            _ => "services".to_owned(),
        };
        roles.entry(role).or_default().extend(stack.pid(&name));
    }
    roles
}

/// CPU seconds per 1000 pieces of work.
pub struct Cost {
    /// By role.
    pub cpu: BTreeMap<String, f64>,
    /// Of this process, which makes the load.
    pub generator: f64,
    /// Cores that everything else on the machine used meanwhile.
    pub others: f64,
}

impl Cost {
    /// Of all roles, without the generator.
    pub fn all(&self) -> f64 {
        self.cpu.values().sum()
    }

    /// The medians of repeated loads.
    pub fn median(costs: &[&Self]) -> Self {
        let of = |value: &dyn Fn(&Self) -> f64| median(costs.iter().map(|cost| value(cost)).collect());
        let roles = costs.first().into_iter().flat_map(|cost| cost.cpu.keys().cloned());
        Self {
            cpu: roles.map(|role| (role.clone(), of(&|cost| cost.cpu[&role]))).collect(),
            generator: of(&|cost| cost.generator),
            others: of(&|cost| cost.others),
        }
    }
}

/// Measures from its start to its stop.
pub struct Meter<'a> {
    roles: &'a Roles,
    cpu: BTreeMap<String, f64>,
    generator: f64,
    machine: f64,
    begun: Instant,
}

impl<'a> Meter<'a> {
    pub fn start(roles: &'a Roles) -> Self {
        Self { roles, cpu: seconds(roles), generator: generator(), machine: cpu::machine(), begun: Instant::now() }
    }

    /// What was used since the start, for `count` pieces of work.
    #[allow(clippy::cast_precision_loss, reason = "counts of a load are small")]
    pub fn stop(self, count: usize) -> Cost {
        let thousands = count as f64 / 1_000.0;
        let generator = generator() - self.generator;
        let used: BTreeMap<String, f64> =
            seconds(self.roles).into_iter().map(|(role, seconds)| (role.clone(), seconds - self.cpu[&role])).collect();
        let all = used.values().sum::<f64>() + generator;
        Cost {
            cpu: used.into_iter().map(|(role, seconds)| (role, seconds / thousands)).collect(),
            generator: generator / thousands,
            others: (cpu::machine() - self.machine - all) / self.begun.elapsed().as_secs_f64(),
        }
    }
}

/// Without its children: the stack's processes are among them.
fn generator() -> f64 {
    cpu::seconds(&Roles::from([(String::new(), vec![nix::unistd::getpid().as_raw()])])).values().sum()
}

/// CPU seconds by role, those of all children included: PostgreSQL works in processes of its own.
fn seconds(roles: &Roles) -> BTreeMap<String, f64> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // Behind the command: state, parent.
        let parent = stat.rsplit(')').next().and_then(|fields| fields.split_ascii_whitespace().nth(1)?.parse().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(pid);
        }
    }
    let families = roles.iter().map(|(role, pids)| {
        let mut family = pids.clone();
        let mut next = 0;
        while let Some(pid) = family.get(next) {
            family.extend(children.get(pid).into_iter().flatten());
            next += 1;
        }
        (role.clone(), family)
    });
    cpu::seconds(&families.collect())
}

/// Waits for a second in which less than a third of a core is busy, 30 s at most: what began with a start, or is left of
/// the last load, is no part of the next measurement.
pub async fn quiet() {
    for _ in 0..30 {
        let before = cpu::machine();
        sleep(Duration::from_secs(1)).await;
        if cpu::machine() - before < 0.3 {
            return;
        }
    }
}
