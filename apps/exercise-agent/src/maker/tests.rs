use std::sync::Mutex;

use learnflow_curriculum::{Curriculum, Difficulty};
use learnflow_proto::v1::{ExecuteResponse, test_case::Kind};

use super::*;
use crate::choice::choices;

/// A sandbox in which every program prints its own length, unless it is told to print something else; it judges by
/// equality, as the real one does.
#[derive(Default)]
struct Pretence {
    /// Programs that print the same as the solution, whatever they are.
    alike: bool,
    /// Programs that print something else every time.
    restless: bool,
    asked: Mutex<Vec<GradeRequest>>,
}

#[tonic::async_trait]
impl Sandbox for Pretence {
    async fn execute(&self, _: ExecuteRequest) -> Result<ExecuteResponse, Status> {
        let stdout = "[\"1\\n\", \"2\\n\", \"3\\n\"]".to_owned();
        Ok(ExecuteResponse { status: "completed".to_owned(), stdout, ..ExecuteResponse::default() })
    }

    async fn grade(&self, request: GradeRequest) -> Result<Vec<CaseResult>, Status> {
        let call = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(request.clone());
            asked.len()
        };
        let printed = match (self.alike, self.restless) {
            (true, _) => "same".to_owned(),
            (_, true) => call.to_string(),
            _ => request.code.len().to_string(),
        };
        let judge = |case: &learnflow_proto::v1::TestCase| {
            let Some(Kind::Program(program)) = &case.kind else { panic!("no program") };
            let status = if program.expected_stdout == printed { "passed" } else { "failed" };
            CaseResult {
                name: case.name.clone(),
                status: status.to_owned(),
                actual: case.visible.then(|| printed.clone()),
                ..CaseResult::default()
            }
        };
        Ok(request.cases.iter().map(judge).collect())
    }
}

async fn make(sandbox: Pretence) -> (Result<Made, MakeError>, Vec<GradeRequest>) {
    let curriculum = Curriculum::load("../../curriculum").unwrap();
    let topic = curriculum.topic("variables").unwrap();
    let choice = choices(topic, Difficulty::Easy, 3).next().unwrap();
    assert_eq!(choice.template.function, None);
    let sandbox = Arc::new(sandbox);
    let made = Maker::new(sandbox.clone()).make(&choice).await;
    let asked = sandbox.asked.lock().unwrap().clone();
    (made, asked)
}

/// FR-021..024: what is expected is what the reference printed; visible tests come first; the student's view holds no
/// hidden one.
#[tokio::test]
async fn expectations_come_from_the_reference() {
    let (made, asked) = make(Pretence::default()).await;
    let Made { exercise, grading } = made.unwrap();
    let printed = asked[0].code.len().to_string();
    assert!(grading.tests.iter().all(|test| test.expected == printed));
    assert!(grading.tests.is_sorted_by_key(|test| !test.visible));
    let names: HashSet<_> = grading.tests.iter().map(|test| &test.name).collect();
    assert_eq!(names.len(), grading.tests.len(), "every test has a name of its own");
    let hidden = grading.tests.iter().filter(|test| !test.visible).count();
    assert!(hidden >= 3 && exercise.hidden_test_count as usize == hidden);
    assert_eq!(exercise.visible_tests.len() + hidden, grading.tests.len());
    // The reference is run again against what it gave, and at least two wrong solutions are tried.
    assert!(asked.len() >= 4 && asked.iter().filter(|request| request.code == asked[0].code).count() == 2);
}

/// FR-021..024: nobody sees an exercise whose reference gives something else each time, or whose tests wrong solutions
/// pass.
#[tokio::test]
async fn what_proves_nothing_is_refused() {
    let (restless, _) = make(Pretence { restless: true, ..Pretence::default() }).await;
    assert!(matches!(&restless, Err(MakeError::Unfit(reason)) if reason.contains("does not pass")), "{restless:?}");
    let (alike, _) = make(Pretence { alike: true, ..Pretence::default() }).await;
    assert!(matches!(&alike, Err(MakeError::Unfit(reason)) if reason.contains("only 0 wrong")), "{alike:?}");
}

/// FR-021..024: the arguments of every test of the curriculum can be given to the sandbox, none is lost.
#[test]
fn arguments_are_literals() {
    let curriculum = Curriculum::load("../../curriculum").unwrap();
    let mut count = 0;
    for template in curriculum.topics().flat_map(|topic| &topic.exercises) {
        for seed in 0..6 {
            for test in template.instantiate(seed).tests {
                if let TestInput::Arguments(text) = &test.input {
                    let read = arguments(text);
                    assert_eq!(read.as_ref().unwrap().is_empty(), text.trim().is_empty(), "{} {text}", template.id);
                    count += 1;
                }
            }
        }
    }
    assert!(count > 100, "{count}");
    assert_eq!(arguments(" 1, [2, 'a, b'],").unwrap(), ["1", "[2, 'a, b']"]);
    assert!(arguments("1 + 1").is_err() && arguments("1], [2").is_err());
}

/// A sandbox in which programs with the word "right" pass.
struct ByWord;

#[tonic::async_trait]
impl Sandbox for ByWord {
    async fn execute(&self, _: ExecuteRequest) -> Result<ExecuteResponse, Status> {
        Err(Status::unimplemented("nothing is executed"))
    }

    async fn grade(&self, request: GradeRequest) -> Result<Vec<CaseResult>, Status> {
        let status = if request.code.contains("right") { "passed" } else { "failed" };
        let result = |_: &_| CaseResult { status: status.to_owned(), ..CaseResult::default() };
        Ok(request.cases.iter().map(result).collect())
    }
}

/// FR-021..024: what somebody else has written is an exercise only if its solution passes and two wrong ones fail.
#[tokio::test]
async fn written_exercises_are_verified() {
    let verify = async |solution: &str, wrong: &[&str]| {
        let test = |visible: bool| ExerciseTest { name: visible.to_string(), visible, ..ExerciseTest::default() };
        let grading = ExerciseGrading { tests: vec![test(true), test(false)], ..ExerciseGrading::default() };
        let wrong = wrong.iter().map(|code| (*code).to_owned()).collect();
        let draft = Draft { exercise: Exercise::default(), grading, solution: solution.to_owned(), wrong };
        Maker::new(Arc::new(ByWord)).verify(draft).await
    };
    let made = verify("right", &["bad", "worse"]).await.unwrap();
    assert_eq!((made.exercise.visible_tests.len(), made.exercise.hidden_test_count), (1, 1));
    for (solution, wrong) in
        [("bad", &["bad", "worse"][..]), ("right", &["right too", "bad"]), ("right", &["right too"])]
    {
        let refused = verify(solution, wrong).await;
        assert!(matches!(refused, Err(MakeError::Unfit(_))), "{solution} {wrong:?}: {refused:?}");
    }
}
