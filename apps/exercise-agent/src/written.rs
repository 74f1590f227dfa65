//! Exercises that the model writes. Nobody sees one before the sandbox has shown that its solution passes its own tests
//! and that wrong ones fail; what is no good is not repaired, there are templates.

use std::{collections::HashSet, sync::Arc, time::Duration};

use learnflow_curriculum::{Difficulty, Level, Topic};
use learnflow_grading::Value;
use learnflow_model::{Call, Material, ModelTutor, Prompt, Shape, StudentData, Tier, leaks_solution};
use learnflow_proto::v1::{Exercise, ExerciseGrading, ExerciseTest};
use serde::Deserialize;

use crate::{
    maker::{Draft, unlike},
    wish::Wish,
};

/// How long the model is waited for; there is still the sandbox to be waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// As [`ExerciseGrading::template`], of what was made from none.
const TEMPLATE: &str = "model";
/// Tests of an exercise, and how many of them may be hidden from nobody, or must be.
const TESTS: std::ops::RangeInclusive<usize> = 4..=20;
const SHOWN: std::ops::RangeInclusive<usize> = 1..=5;
const HIDDEN_AT_LEAST: usize = 2;
/// The longest text of an exercise, and the longest literal, in bytes.
const LONGEST: usize = 6_000;
const LONGEST_LITERAL: usize = 1_000;
/// What an exercise may be about where nobody wishes for anything: asked the same every time, the model repeats itself.
const THEMES: [&str; 16] = [
    "animals",
    "a bakery",
    "a garden",
    "a library",
    "a museum",
    "a railway",
    "board games",
    "a film night",
    "cooking",
    "a harbour",
    "money",
    "music",
    "planets",
    "school",
    "sport",
    "the weather",
];

/// Has exercises written. Cheap to clone.
#[derive(Clone)]
pub struct Author {
    model: ModelTutor,
    prompt: Arc<(Prompt, Shape)>,
}

/// What the model writes.
#[derive(Clone, Debug, Deserialize)]
struct Written {
    title: String,
    statement: String,
    function: String,
    starter: String,
    solution: String,
    wrong: Vec<String>,
    tests: Vec<Test>,
}

#[derive(Clone, Debug, Deserialize)]
struct Test {
    name: String,
    arguments: Vec<String>,
    expected: String,
    visible: bool,
}

impl Author {
    pub fn new(model: ModelTutor) -> Self {
        Self { model, prompt: Arc::new(Prompt::exercise()) }
    }

    pub fn is_there(&self) -> bool {
        self.model.is_configured()
    }

    /// An exercise that suits a wish, not verified yet. Nothing if the model is away or has written what cannot be one.
    pub async fn draft(&self, id: String, wish: &Wish<'_>) -> Option<Draft> {
        let shown =
            |written: &Written| [&written.title, &written.statement, &written.starter].map(String::as_str).join("\n\n");
        let written = self.model.structured("exercise", wish.user_id, &self.call(wish), PATIENCE, shown).await?;
        match draft(id, written, wish.topic, wish.difficulty) {
            Ok(draft) => Some(draft),
            Err(reason) => {
                metrics::counter!("exercises_refused_total", "by" => "shape").increment(1);
                tracing::warn!(topic = wish.topic.id, reason, "the model's exercise is refused");
                None
            }
        }
    }

    fn call(&self, wish: &Wish<'_>) -> Call {
        let Wish { topic, difficulty, level, words, seed, .. } = wish;
        let mut material: Material<'_> = vec![("Topic", &topic.title), ("Difficulty", difficulty.as_str())];
        material.extend(level.map(|level| ("Level", level.as_str())));
        if words.is_none() {
            material.push(("Theme", THEMES[*seed as usize % THEMES.len()]));
        }
        material.push(("Course material", topic.explanation(Level::Beginner)));
        // A teacher's words are no more trusted than a student's: a class reads what comes of them.
        let said = words.map(|text| StudentData { text, code: None, error: None });
        let (prompt, shape) = &*self.prompt;
        prompt.call(&material, said, Tier::Strong, *shape, None)
    }
}

fn draft(id: String, written: Written, topic: &Topic, difficulty: Difficulty) -> Result<Draft, &'static str> {
    let Written { title, statement, function, starter, solution, mut wrong, tests } = written;
    let is_long = [&title, &statement, &starter, &solution].into_iter().chain(&wrong).any(|text| text.len() > LONGEST);
    if is_long || [&title, &statement, &solution].into_iter().any(|text| text.trim().is_empty()) {
        return Err("a text is missing or too long");
    }
    if !starter.contains(&format!("def {function}(")) {
        return Err("the starter does not begin the function");
    }
    if leaks_solution(&format!("{statement}\n\n```python\n{starter}\n```"), &solution) {
        return Err("it gives its solution away");
    }
    wrong.retain(|code| !code.trim().is_empty() && code.trim() != solution.trim());
    let mut names = HashSet::new();
    let mut read = Vec::new();
    for Test { name, arguments, expected, visible } in tests {
        if name.trim().is_empty() || name.len() > 100 {
            return Err("a test has no name, or too long a one");
        }
        let arguments = arguments.iter().map(|text| literal(text)).collect::<Result<_, _>>()?;
        let expected = literal(&expected)?;
        read.push(ExerciseTest {
            name: unlike(&mut names, &name),
            visible,
            arguments,
            expected,
            ..ExerciseTest::default()
        });
    }
    read.sort_by_key(|test| !test.visible);
    let shown = read.iter().filter(|test| test.visible).count();
    if !TESTS.contains(&read.len()) || !SHOWN.contains(&shown) || read.len() - shown < HIDDEN_AT_LEAST {
        return Err("it has too few or too many tests");
    }
    let exercise = Exercise {
        id,
        topic: topic.id.clone(),
        difficulty: difficulty.as_str().to_owned(),
        title,
        statement_markdown: statement,
        starter_code: starter,
        source: "model".to_owned(),
        ..Exercise::default()
    };
    let grading = ExerciseGrading {
        template: TEMPLATE.to_owned(),
        content_version: topic.version().to_owned(),
        function: Some(function),
        tests: read,
        ..ExerciseGrading::default()
    };
    Ok(Draft { exercise, grading, solution, wrong })
}

/// A literal as the sandbox takes it.
fn literal(text: &str) -> Result<String, &'static str> {
    if text.len() > LONGEST_LITERAL {
        return Err("a value of a test is too long");
    }
    Value::parse(text).map(|value| value.to_string()).map_err(|_| "a value of a test is no literal")
}

#[cfg(test)]
mod tests {
    use learnflow_curriculum::Curriculum;

    use super::*;

    type Change<'a> = (&'a str, &'a dyn Fn(&mut Written));

    fn written() -> Written {
        let test = |name: &str, argument: &str, expected: &str, visible| Test {
            name: name.to_owned(),
            arguments: vec![argument.to_owned()],
            expected: expected.to_owned(),
            visible,
        };
        Written {
            title: "Goals".to_owned(),
            statement: "Write `total(goals)`: the sum of all goals.".to_owned(),
            function: "total".to_owned(),
            starter: "def total(goals):\n    pass\n".to_owned(),
            solution:
                "def total(goals):\n    count = 0\n    for goal in goals:\n        count += goal\n    return count\n"
                    .to_owned(),
            wrong: vec![
                "def total(goals):\n    return len(goals)\n".to_owned(),
                "def total(goals):\n    return 0\n".to_owned(),
            ],
            tests: vec![
                test("none", "[]", "0", false),
                test("two", "[2, 3]", "5", true),
                test("negative", "[-1]", "-1", false),
                test("two", "[ 1,1 ]", "2", false),
            ],
        }
    }

    /// FR-021..024: what the model writes becomes a draft with visible tests first and names of their own; what has too few
    /// tests, no literals or the solution in its statement does not.
    #[test]
    fn drafts_are_read_or_refused() {
        let curriculum = Curriculum::load("../../curriculum").unwrap();
        let topic = curriculum.topic("for-loops").unwrap();
        let read = |written| draft("the-id".to_owned(), written, topic, Difficulty::Easy);
        let good = read(written()).unwrap();
        assert_eq!((good.exercise.source.as_str(), good.exercise.topic.as_str()), ("model", "for-loops"));
        assert_eq!((good.exercise.id.as_str(), good.wrong.len()), ("the-id", 2));
        let names: Vec<_> = good.grading.tests.iter().map(|test| test.name.as_str()).collect();
        assert_eq!(names, ["two", "none", "negative", "two (2)"]);
        assert_eq!(good.grading.tests[3].arguments, ["[1, 1]"]);
        let spoil = |spoil: &dyn Fn(&mut Written)| {
            let mut written = written();
            spoil(&mut written);
            read(written).map(|draft| draft.exercise.title)
        };
        let bad: [Change<'_>; 7] = [
            ("text", &|written| written.solution.clear()),
            ("long", &|written| written.statement = "x".repeat(LONGEST + 1)),
            ("starter", &|written| written.starter = "pass".to_owned()),
            ("solution away", &|written| written.statement = format!("Write\n```python\n{}```", written.solution)),
            ("tests", &|written| written.tests.truncate(3)),
            ("tests", &|written| written.tests.iter_mut().for_each(|test| test.visible = true)),
            ("literal", &|written| written.tests[0].expected = "sum([])".to_owned()),
        ];
        for (what, change) in bad {
            let refused = spoil(change).unwrap_err();
            assert!(refused.contains(what), "{what}: {refused}");
        }
    }
}
