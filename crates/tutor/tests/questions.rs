//! FR-009, FR-008: beginners' questions, as they write them, reach the right topic.

mod common;

use learnflow_tutor::{Confidence, Query};

/// Questions and the topic that answers them; where two do equally well, both.
const QUESTIONS: [(&str, &str); 96] = [
    ("how do i print something on the screen", "first-program"),
    ("what is a comment in python", "first-program"),
    ("What is a variable?", "variables"),
    ("what does x += 1 mean", "variables"),
    ("how do I store a value so I can use it later", "variables"),
    ("waht is a varible", "variables"),
    ("whats the difference between / and //", "numbers"),
    ("how do I find out if a number is even", "numbers"),
    ("why is 0.1 + 0.2 not 0.3", "numbers"),
    ("what does % do with numbers", "numbers"),
    ("how to make a string uppercase", "strings"),
    ("how can I count the letters in a word", "strings"),
    ("how to concatinate two strings", "strings"),
    ("how do I remove spaces from text", "strings"),
    ("what is an f-string", "string-formatting"),
    ("how do I show only two decimal places", "string-formatting"),
    ("put a variable inside a string", "string-formatting"),
    ("how do i get input from the user", "input-and-conversion"),
    ("how to turn a string into an int", "input-and-conversion"),
    ("why can't I add a number to text I got from input()", "input-and-conversion"),
    ("difference between = and ==", "booleans-and-comparison"),
    ("what is a boolean", "booleans-and-comparison"),
    ("how do I check that two values are not equal", "booleans-and-comparison"),
    ("how does if else work", "if-statements"),
    ("what is elif for?", "if-statements"),
    ("what does indentation mean", "if-statements"),
    ("how do I check two conditions at once", "logical-operators"),
    ("what is the difference between and and or", "logical-operators"),
    ("my while loop never stops", "while-loops"),
    ("how do I repeat something until the user types quit", "while-loops|break-and-continue"),
    ("explain for loops", "for-loops"),
    ("how do i loop through a list", "for-loops"),
    ("how does a forloop work", "for-loops"),
    ("what is range in python", "range-and-enumerate"),
    ("how to repeat something 10 times", "range-and-enumerate"),
    ("how do I get the index while looping", "range-and-enumerate"),
    ("how to stop a loop early", "break-and-continue"),
    ("diference between brake and continue", "break-and-continue"),
    ("does python have a switch statement", "match-statement"),
    ("how do I use match case", "match-statement"),
    ("how do I add something to a list", "lists"),
    ("What is a list in Python and how do I use append?", "lists"),
    ("how to remove an element from a lsit", "lists"),
    ("how do i sort numbers from small to big", "lists"),
    ("how do I get the last item of a list", "lists"),
    ("what is a list comprehention", "list-comprehensions"),
    ("[x*2 for x in nums] what does this do", "list-comprehensions"),
    ("what is a tuple", "tuples"),
    ("difference between a list and a tuple", "tuples"),
    ("how to swap two variables", "tuples|variables"),
    ("what is a dictionary", "dictionaries"),
    ("how do dictonaries work", "dictionaries"),
    ("how to look up a value by key", "dictionaries"),
    ("loop over the keys and values of a dict", "dictionaries"),
    ("how to remove duplicates from a list", "sets"),
    ("what are sets good for", "sets"),
    ("what does [::-1] mean", "slicing"),
    ("how do I get the first three characters of a string", "slicing"),
    ("how do i make a 2d list", "nested-data"),
    ("list of dictionaries how to get one value", "nested-data"),
    ("how do I write my own function", "defining-functions"),
    ("what does def mean", "defining-functions"),
    ("what are parameters and arguments", "parameters-and-arguments"),
    ("what is **kwargs", "parameters-and-arguments"),
    ("how to give a function a default value", "parameters-and-arguments"),
    ("what is the difference between print and return", "return-values"),
    ("why does my function print None", "return-values"),
    ("what is a global variable", "scope"),
    ("why cant i use a variable outside my function", "scope"),
    ("explain lambda functions", "lambda-and-higher-order"),
    ("what is recursion", "recursion"),
    ("a function that calls itself", "recursion"),
    ("what does yield do", "generators"),
    ("what is a class", "classes-and-objects"),
    ("what is self in python", "init-and-self"),
    ("what does __init__ do", "init-and-self"),
    ("what is inheritence", "inheritance"),
    ("how does super() work", "inheritance"),
    ("what is __str__", "special-methods"),
    ("how do I use @dataclass", "dataclasses"),
    ("how do I open a file", "opening-files"),
    ("how to read a text file line by line", "reading-files"),
    ("how do I write to a file", "writing-files"),
    ("what does with open do", "with-statement"),
    ("how to read a csv", "csv-files"),
    ("save a dictionary as json", "json-files"),
    ("how do I read a traceback", "reading-tracebacks"),
    ("how does try except work", "try-except"),
    ("how to catch an exeption", "try-except"),
    ("how do I raise an error myself", "raising-exceptions"),
    ("what is finally for", "else-and-finally"),
    ("how do I make my own exception class", "custom-exceptions"),
    ("how do I import a module", "importing-modules"),
    ("square root in python", "math-module"),
    ("how to get a random number", "random-module"),
    ("what is regex", "regular-expressions"),
];

#[test]
fn beginners_questions_reach_their_topic() {
    let tutor = common::tutor();
    let mut misses = Vec::new();
    let mut unsure = Vec::new();
    for (text, expected) in QUESTIONS {
        let found = tutor.find_topic(&Query { text, ..Query::default() });
        let id = found.topic.map_or("nothing", |topic| topic.id.as_str());
        if !expected.split('|').any(|expected| expected == id) {
            misses.push(format!("{text:?}: {id} instead of {expected} ({:?})", found.confidence));
        } else if found.confidence == Confidence::Unsure {
            unsure.push(text);
        }
    }
    println!("right but unsure: {unsure:#?}");
    let right = QUESTIONS.len() - misses.len();
    assert!(right * 10 >= QUESTIONS.len() * 9, "{right} of {}; misses: {misses:#?}", QUESTIONS.len());
    assert!(unsure.len() * 10 <= QUESTIONS.len(), "unsure of too many: {unsure:#?}");
    println!("{right} of {}; misses: {misses:#?}", QUESTIONS.len());
}
