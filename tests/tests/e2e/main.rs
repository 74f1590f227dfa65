//! End-to-end tests over the real stack: one for the whole run, on ports and in a folder of its own.
//!
//! `cargo test -p learnflow-tests -- questions` runs those whose name contains the word. Each test says the requirement
//! it proves. Tests that break parts of the stack have it to themselves.

mod accounts;
mod aimock;
mod chat;
mod classes;
mod debug;
mod events;
mod execution;
mod faults;
mod human_eval;
mod kafka;
mod model;
mod notifications;
mod practice;
mod privacy;
mod progress;
mod questions;
mod record;
mod review;
mod services;
mod state;
mod tutoring;
mod world;

use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Runtime;

use crate::world::{Shared, World};

/// Makes a trial of an async test.
macro_rules! trials {
    ($shared:ident: $($kind:ident $module:ident::$test:ident),* $(,)?) => {
        vec![$({
            let shared = $shared.clone();
            Trial::test(concat!(stringify!($module), "::", stringify!($test)), move || {
                shared.$kind(&async |world: &World| $module::$test(world).await).map_err(|error| format!("{error:?}").into())
            })
        }),*]
    };
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::from_args();
    let runtime = Runtime::new()?;
    let shared = Shared::new(runtime.handle().clone());
    let trials = trials![shared:
        beside services::probes_health_and_reflection,
        beside services::what_is_not_built_says_so,
        beside services::calls_need_the_app_token,
        beside services::errors_are_problems,
        beside services::browsers_reach_every_service,
        beside accounts::register_and_sign_in,
        beside accounts::roles_are_given_by_admins,
        beside questions::every_kind_reaches_its_agent,
        beside questions::answers_can_be_fetched_later,
        beside questions::answers_stream_and_resume,
        beside questions::an_idempotency_key_names_one_question,
        beside questions::one_trace_from_request_to_answer,
        beside questions::a_student_keeps_their_order,
        beside questions::concepts_are_listed_and_explained,
        beside execution::programs_run,
        beside execution::limits_hold,
        beside execution::runs_share_nothing,
        beside execution::programs_run_from_the_queue,
        beside execution::output_streams,
        beside execution::programs_talk_with_students,
        beside execution::batches_run,
        beside execution::piston_clients_are_served,
        beside practice::exercises_are_made_and_graded,
        beside practice::cheating_gains_nothing,
        beside practice::exercises_are_kept,
        beside practice::quizzes_are_asked_and_graded,
        beside practice::questions_are_answered_with_exercises,
        beside review::programs_are_reviewed,
        beside review::questions_are_answered_with_reviews,
        beside review::submissions_are_rated,
        beside debug::hints_are_climbed_one_by_one,
        beside debug::wrong_results_are_located,
        beside debug::questions_without_an_error_are_run,
        beside events::malformed_events_are_dead_lettered,
        beside events::scopes_are_enforced,
        beside state::grouped_writes_tell_first_from_second,
        beside state::large_values_need_not_fit_into_one_call,
        beside human_eval::solutions_pass_and_mutants_fail,
        beside tutoring::two_hundred_beginners_are_answered,
        beside tutoring::answers_go_by_what_is_known,
        alone model::answers_come_from_the_model_while_there_is_one,
        alone model::the_first_part_is_quick,
        alone model::an_answer_that_breaks_off_is_replaced,
        alone model::every_agent_is_worded,
        alone model::exercises_are_written_on_request,
        alone faults::killed_services_lose_no_question,
        alone faults::kafka_away_is_said_and_survived,
        alone faults::redis_away_is_said_and_survived,
        alone faults::events_wait_for_postgresql,
        alone faults::shutdown_hands_work_back,
        alone faults::killed_infrastructure_loses_no_fact,
        beside privacy::a_student_is_exported_and_erased,
        beside progress::failing_runs_raise_one_alert,
        beside progress::mastery_appears,
        alone progress::read_only_without_postgresql,
        alone record::the_pool_is_bounded_and_slow_statements_are_explained,
        beside classes::a_sentence_becomes_an_assignment,
        beside classes::strangers_are_refused_and_reads_are_noted,
        beside classes::join_codes_cannot_be_guessed,
        beside classes::alerts_are_resolved_and_recur,
        beside classes::placement_sets_starting_levels,
        beside classes::weeks_are_counted,
        beside chat::questions_are_answered,
        beside chat::strangers_are_refused,
        beside chat::tokens_end_and_are_renewed,
        beside chat::a_sixth_socket_ends_the_oldest,
        beside chat::cut_sockets_miss_nothing,
        alone chat::answers_to_calls_end_in_the_sidecar,
        alone chat::who_does_not_read_is_closed_and_resumes,
        alone chat::a_killed_replica_loses_nothing,
        beside notifications::teachers_hear_of_struggle,
        beside notifications::levels_are_told,
        beside notifications::announcements_reach_their_audience,
        alone notifications::a_broadcast_reaches_a_thousand_sockets,
        alone record::a_rebuild_proves_the_record,
    ];
    if arguments.list {
        return Ok(libtest_mimic::run(&arguments, trials).exit_code());
    }
    let world = runtime.block_on(World::start())?;
    shared.open(world);
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(world) = shared.close() {
        runtime.block_on(world.end(conclusion.has_failed()));
    }
    Ok(conclusion.exit_code())
}
