//! Metrics of what goes on between the calls.
//!
//! | metric | kind; labels | what |
//! |---|---|---|
//! | `execution_seconds` | histogram; status | a run, from hand-over to its end |
//! | `execution_wait_seconds` | histogram | the wait for a slot, of admitted and refused alike |
//! | `execution_handover_seconds` | histogram | what a run takes beside the program: getting a jail, handing over, taking the result |
//! | `execution_refused_total` | counter; reason | not admitted: full, `student_full`, `too_long`, stopping |
//! | `execution_limits_total` | counter; limit | runs that a limit ended |
//! | `execution_verdicts_total` | counter; status | test cases judged |
//! | `execution_running`, `execution_waiting` | gauge; kind | programs now: run, session |
//! | `execution_pool_jails` | gauge; state | jails now: ready, starting, running; and the target |
//! | `execution_jails_total` | counter; found | runs that found a warm jail, or started a cold one |
//! | `execution_refills_total`, `execution_discarded_total`, `execution_kills_total` | counter | jails started, given up before a run, and runs ended from outside |
//! | `execution_sandbox_info` | gauge; mode | 1 for the way resources are limited |

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::execution::Execution;

const EVERY: Duration = Duration::from_secs(1);

#[allow(clippy::cast_precision_loss, reason = "counts of jails and programs")]
fn gauge(name: &'static str, label: &'static str, value: &'static str, count: usize) {
    metrics::gauge!(name, label => value).set(count as f64);
}

/// Writes the levels of pool and queues into the metrics, for ever.
pub async fn levels(execution: Execution) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for (kind, admission) in [("run", execution.runs()), ("session", execution.sessions())] {
            let (running, waiting) = admission.level();
            gauge("execution_running", "kind", kind, running);
            gauge("execution_waiting", "kind", kind, waiting);
        }
        let pool = execution.sandbox().pool();
        gauge("execution_sandbox_info", "mode", pool.mode.as_str(), 1);
        gauge("execution_pool_jails", "state", "ready", pool.ready);
        gauge("execution_pool_jails", "state", "starting", pool.starting);
        gauge("execution_pool_jails", "state", "running", pool.running);
        gauge("execution_pool_jails", "state", "target", pool.target);
        metrics::counter!("execution_jails_total", "found" => "warm").absolute(pool.warm_runs);
        metrics::counter!("execution_jails_total", "found" => "cold").absolute(pool.cold_runs);
        metrics::counter!("execution_refills_total").absolute(pool.started);
        metrics::counter!("execution_discarded_total").absolute(pool.discarded);
        metrics::counter!("execution_kills_total").absolute(pool.killed);
    }
}
