use learnflow_curriculum::Level;
use learnflow_proto::v1;
use learnflow_review::Review;
use tokio::task::spawn_blocking;

/// Reviews a program off the runtime's threads: a long one takes a noticeable part of a second. `None` when reviewing
/// panicked, which is logged where it happened.
pub async fn review(code: String, level: Level) -> Option<Review> {
    let review = spawn_blocking(move || learnflow_review::review(&code, level)).await.ok()?;
    for comment in &review.comments {
        metrics::counter!("review_comments_total", "category" => comment.category.as_str()).increment(1);
    }
    metrics::counter!("reviews_total").increment(1);
    Some(review)
}

/// The review as a message; `source` says who worded it.
pub fn message(review: Review, source: &str) -> v1::Review {
    v1::Review {
        rating: review.rating,
        correctness: Some(v1::Correctness {
            verdict: "unknown".to_owned(),
            passed: 0,
            total: 0,
            detail: "There are no tests for this program, so nothing is known of its results.".to_owned(),
        }),
        comments: review.comments.into_iter().map(comment).collect(),
        summary: review.summary,
        source: source.to_owned(),
        parts: review
            .parts
            .into_iter()
            .map(|part| v1::RatingPart {
                name: part.name.to_owned(),
                score: part.score,
                weight: part.weight,
                detail: part.detail,
            })
            .collect(),
        functions: review
            .functions
            .into_iter()
            .map(|function| v1::FunctionComplexity {
                name: function.name,
                line: function.line,
                cyclomatic: function.cyclomatic,
                end_line: function.end_line,
            })
            .collect(),
    }
}

fn comment(comment: learnflow_review::Comment) -> v1::ReviewComment {
    v1::ReviewComment {
        line: comment.line,
        end_line: (comment.end_line > comment.line).then_some(comment.end_line),
        category: comment.category.as_str().to_owned(),
        severity: comment.severity.as_str().to_owned(),
        message: comment.message,
        suggestion: comment.suggestion,
        rule: comment.rule.to_owned(),
        code: comment.code.map(str::to_owned),
    }
}
