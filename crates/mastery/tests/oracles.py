"""Answers, for the histories on standard input, what fsrs and pyBKT say about them. JSON in, JSON out.

In:  {"fsrs": [{"scheduler": {...}, "reviews": [[unix seconds, rating 1-4], ...]}, ...],
      "bkt": [{"prior", "learn", "guess", "slip", "correct": [bool, ...]}, ...]}
Out: {"fsrs": [[{"state", "step", "stability", "difficulty", "due", "retrievability"}, ...], ...],
      "bkt": [{"known": [...], "correct": [...]}, ...]}
"""

import json
import sys
from datetime import datetime, timedelta, timezone

import numpy as np
from fsrs import Card, Rating, Scheduler
from pyBKT.fit import predict_onestep


def utc(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc)


def schedule(case):
    """The card after each review, and its retrievability 30 days after that."""
    options = case["scheduler"]
    for steps in ("learning_steps", "relearning_steps"):
        options[steps] = [timedelta(seconds=step) for step in options[steps]]
    scheduler = Scheduler(**options, enable_fuzzing=False)
    card = Card(card_id=1)
    cards = []
    for at, rating in case["reviews"]:
        card, _ = scheduler.review_card(card, Rating(rating), utc(at))
        cards.append(
            {
                "state": card.state.name,
                "step": card.step,
                "stability": card.stability,
                "difficulty": card.difficulty,
                "due": round(card.due.timestamp() * 1000),
                "retrievability": scheduler.get_card_retrievability(card, utc(at) + timedelta(days=30)),
            }
        )
    return cards


def trace(case):
    """P(known) and P(right) before each attempt and after the last one."""
    # pyBKT's codes: 0 not observed, 1 wrong, 2 right. The attempt not observed yields the predictions after the last.
    data = np.array([[2 if right else 1 for right in case["correct"]] + [0]])
    length = data.shape[1]
    model = {
        "prior": case["prior"],
        "learns": np.array([case["learn"]]),
        "forgets": np.array([0.0]),
        "guesses": np.array([case["guess"]]),
        "slips": np.array([case["slip"]]),
    }
    sequence = {
        "data": data,
        "resources": np.ones(length, dtype=np.int64),
        "starts": np.array([1]),
        "lengths": np.array([length]),
    }
    correct, states = predict_onestep.run(model, sequence, parallel=False)
    return {"known": states[1].tolist(), "correct": correct.tolist()}


histories = json.load(sys.stdin)
answers = {"fsrs": [schedule(case) for case in histories["fsrs"]], "bkt": [trace(case) for case in histories["bkt"]]}
json.dump(answers, sys.stdout)
