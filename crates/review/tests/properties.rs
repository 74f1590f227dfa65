//! Whatever is handed in, a review comes back, and more problems never mean a better rating.
#![allow(clippy::unwrap_used, reason = "a step that fails is to fail the test")]

use learnflow_curriculum::Level;
use learnflow_review::{Tests, review};
use proptest::{collection::vec, prelude::*, sample::select};

/// Programs of some length, with most kinds of statements.
const PROGRAMS: [&str; 4] = [
    "def add(a, b=[]):\n    '''Adds.'''\n    for i in range(len(b) + 1):\n        a += b[i]\n    return a\n\n\nprint(add(1))\n",
    "class Dog:\n    items = []\n\n    def __init__(self, name):\n        self.name = name\n\n    def bark():\n        print(f'{self.name}')\n\n\nDog('x').bark()\n",
    "import os\nage = input()\nwhile age != 3 or age != 4:\n    try:\n        age = int(age) / 2\n    except:\n        pass\nelse:\n    print('{age}' % 3)\n",
    "match [1, 2]:\n    case [x, *rest] if x > 1:\n        print(lambda y: [z async for z in y])\n    case {'a': 1} | None:\n        x: int = 3\nwith open('f') as f, f:\n    del x, f\n",
];

/// Lines that are a problem each, whatever stands before them.
const PROBLEMS: [&str; 6] = [
    "\nprint(undefined_name_zz)\n",
    "\nif 1 == 1 or 'x':\n    print(1)\n",
    "\ndef zz_f(x=[]):\n    x.append(1)\n    return x\n",
    "\ntry:\n    print(1)\nexcept:\n    print(2)\n",
    "\nprint(eval(input()))\n",
    "\nprint('a' + 1)\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// NFR, robustness: any text gets a review with a rating from 0 to 100 and lines that exist.
    #[test]
    fn any_text_is_reviewed(text in "\\PC{0,200}|[a-z0-9 \n\t(){}\\[\\]:=+*'\"#.,\\\\-]{0,300}") {
        let review = review(&text, Level::Mastered);
        prop_assert!(review.rating <= 100);
        let lines = u32::try_from(text.split('\n').count() + text.matches('\r').count()).unwrap();
        for comment in &review.comments {
            prop_assert!(comment.line >= 1 && comment.line <= comment.end_line && comment.end_line <= lines.max(1) + 1);
        }
    }

    /// NFR, robustness: programs with pieces cut, doubled and replaced.
    #[test]
    fn damaged_programs_are_reviewed(
        program in select(PROGRAMS.as_slice()),
        cuts in vec((any::<prop::sample::Index>(), 0_usize..12, select(vec!["", "\n", "    ", "(", ")", ":", "é", "'", "\0", "if x", "lambda", "yield ", "=="])), 1..4),
    ) {
        let mut text: Vec<char> = program.chars().collect();
        for (at, length, piece) in cuts {
            let start = at.index(text.len().max(1)).min(text.len());
            let end = (start + length).min(text.len());
            text.splice(start..end, piece.chars());
        }
        let text: String = text.into_iter().collect();
        prop_assert!(review(&text, Level::Mastered).rating <= 100);
    }

    /// FR-016: an added problem never raises the rating, at any level.
    #[test]
    fn problems_never_raise_the_rating(
        program in select(PROGRAMS.as_slice()),
        problems in vec(select(PROBLEMS.as_slice()), 1..5),
        level in select(Level::ALL.as_slice()),
    ) {
        let mut code = program.to_owned();
        let mut rating = review(&code, level).rating;
        for problem in problems {
            code.push_str(problem);
            let next = review(&code, level).rating;
            prop_assert!(next <= rating, "{rating} became {next} by {problem:?}");
            rating = next;
        }
    }
}

/// FR-016: tests that fail lower the rating, tests that pass raise it; each part is shown.
#[test]
fn tests_count_for_half() {
    let plain = review("def double(x):\n    return x * 2\n", Level::Beginner);
    assert_eq!(plain.rating, 100, "{plain:#?}");
    assert!(plain.parts.iter().all(|part| part.name != "correctness"));
    let half = plain.clone().with_tests(Tests { passed: 2, total: 4 });
    assert_eq!(half.rating, 75);
    assert_eq!(half.parts[0].score, 50);
    assert!(plain.with_tests(Tests { passed: 0, total: 4 }).rating == 50);
}

/// NFR, robustness: nesting as deep as the length allows neither overflows the stack nor takes long.
#[test]
fn deep_nesting_is_survived() {
    let size = 64 * 1024;
    let started = std::time::Instant::now();
    for code in [
        "(".repeat(size),
        "-".repeat(size - 1) + "1",
        "not ".repeat(size / 4) + "1",
        format!("x = {}1", "1+".repeat(size / 2)),
        format!("x{}", ".a".repeat(size / 2)),
        format!("{}1{}", "[".repeat(size / 2), "]".repeat(size / 2)),
        (0..300).map(|depth| " ".repeat(depth) + "if 1:\n").collect::<String>(),
        "if 1: pass\n".to_owned() + &"elif 1: pass\n".repeat(size / 13),
        format!("f'{}'", "{f'".repeat(200)),
        "x = 1\n".repeat(size / 6),
    ] {
        assert!(review(&code, Level::Mastered).rating <= 100);
    }
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}
