//! Random tests: the Python program that makes their inputs, and reading what it printed.

use crate::{ExerciseTest, TestInput, Variation};

/// The output of [`Variation::inputs_program`] isn't what that program prints.
#[derive(Debug, thiserror::Error)]
pub enum InputsError {
    /// It isn't the JSON expected.
    #[error("the generated inputs can't be read: {0}")]
    Json(#[from] serde_json::Error),
    /// It has inputs for more or fewer tests.
    #[error("{found} inputs were generated for {expected} random tests")]
    Count {
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
}

/// What comes after the constants `SEED`, `CALLS` and `TESTS`.
const GENERATE: &str = r#"
rng = random.Random(SEED)


def literals(arguments):
    if not isinstance(arguments, list):
        raise TypeError(f"expected a list of the arguments, got {arguments!r}")
    for argument in arguments:
        if ast.literal_eval(repr(argument)) != argument:
            raise ValueError(f"{argument!r} can't be written as a literal")
    return [repr(argument) for argument in arguments]


def text(value):
    if not isinstance(value, str):
        raise TypeError(f"expected the text for standard input, got {value!r}")
    return value


inputs = []
for name, count, expression in TESTS:
    code = compile(expression.strip(), name, "eval")
    for _ in range(count):
        value = eval(code, {"rng": rng})
        inputs.append(literals(value) if CALLS else text(value))
print(json.dumps(inputs))
"#;

impl Variation {
    /// A complete Python program that prints, as a JSON list, what goes into the random tests: for each test a list of the
    /// arguments as Python literals or, for an exercise without `function`, the text for standard input. The same every
    /// time it runs. Its expressions come from the curriculum: run it in the sandbox, and give what it printed to
    /// [`Variation::read_inputs`].
    pub fn inputs_program(&self) -> String {
        let tests: Vec<_> = self.random_tests.iter().map(|test| (&test.name, test.count, &test.generate)).collect();
        // Strings, integers and lists are written the same way in JSON and in Python.
        let tests = serde_json::json!(tests);
        let calls = if self.function.is_some() { "True" } else { "False" };
        format!(
            "import ast\nimport json\nimport random\n\nSEED = {}\nCALLS = {calls}\nTESTS = {tests}\n{GENERATE}",
            self.seed
        )
    }

    /// The random tests with their inputs, hidden, from what [`Variation::inputs_program`] printed.
    pub fn read_inputs(&self, printed: &str) -> Result<Vec<ExerciseTest>, InputsError> {
        let inputs: Vec<TestInput> = if self.function.is_some() {
            let calls: Vec<Vec<String>> = serde_json::from_str(printed)?;
            calls.into_iter().map(|arguments| TestInput::Arguments(arguments.join(", "))).collect()
        } else {
            let texts: Vec<String> = serde_json::from_str(printed)?;
            texts.into_iter().map(TestInput::Stdin).collect()
        };
        let names: Vec<&String> =
            self.random_tests.iter().flat_map(|test| (0..test.count).map(move |_| &test.name)).collect();
        if names.len() != inputs.len() {
            return Err(InputsError::Count { expected: names.len(), found: inputs.len() });
        }
        let tests = names.into_iter().zip(inputs);
        Ok(tests.map(|(name, input)| ExerciseTest { name: name.clone(), visible: false, input }).collect())
    }
}
