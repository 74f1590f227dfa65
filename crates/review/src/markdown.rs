//! A review as an answer to a question.

use std::fmt::Write as _;

use crate::{Category, Comment, Review};

/// How many comments an answer shows: more would bury the important ones.
const SHOWN: usize = 5;

impl Review {
    /// The review as Markdown: what is good first, then at most five comments, the most useful first, then the rating.
    pub fn to_markdown(&self) -> String {
        let mut text = format!("**What is good:** {}", self.praise);
        let chosen = self.most_useful(SHOWN);
        if chosen.is_empty() {
            text.push_str("\n\nI found nothing to change. Try the program with unusual input: nothing at all, one item, very large numbers.");
        } else {
            text.push_str(if chosen.len() == 1 {
                "\n\n**What to look at:**\n"
            } else {
                "\n\n**What to look at, the most important first:**\n"
            });
            for comment in &chosen {
                let lines = if comment.end_line > comment.line && comment.category != Category::Bug {
                    format!("Lines {}–{}", comment.line, comment.end_line)
                } else {
                    format!("Line {}", comment.line)
                };
                // Writing into a String cannot fail.
                let _ = write!(text, "\n- **{lines}.** {}", comment.message);
                if let Some(suggestion) = &comment.suggestion {
                    let _ = write!(text, " *{}*", suggestion.trim_end());
                }
            }
            let more = self.comments.len() - chosen.len();
            if more > 0 {
                let _ = write!(
                    text,
                    "\n\nThere {} {more} more; let us begin with these.",
                    if more == 1 { "is" } else { "are" }
                );
            }
        }
        if self.is_readable() {
            let _ = write!(
                text,
                "\n\n**Rating: {} of 100** for how the program is written. Whether its results are right, only tests can tell.",
                self.rating
            );
        }
        text
    }

    /// The comments that help most: errors before warnings, mistakes before style, one of each rule before repetitions.
    fn most_useful(&self, most: usize) -> Vec<&Comment> {
        let mut chosen: Vec<(usize, &Comment)> = self
            .comments
            .iter()
            .enumerate()
            .map(|(index, comment)| {
                (self.comments[..index].iter().filter(|earlier| earlier.rule == comment.rule).count(), comment)
            })
            .collect();
        chosen.sort_by_key(|(repetition, comment)| {
            (*repetition > 0, std::cmp::Reverse(comment.severity), comment.category, comment.line)
        });
        chosen.into_iter().take(most).map(|(_, comment)| comment).collect()
    }
}
