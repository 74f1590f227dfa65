//! Pages of lists: size and token, checked alike everywhere.

use learnflow_service::Violations;
use tonic::Status;

const DEFAULT: u32 = 50;
const MOST: u32 = 200;

/// Which page of a list is asked for.
pub struct Page<T> {
    size: usize,
    /// Where the last page ended; `None` for the first.
    pub after: Option<T>,
}

impl<T> Page<T> {
    /// Reads the paging fields of a request; `parse` reads a token this service has given out.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` names the field that is wrong.
    pub fn read(size: Option<u32>, token: Option<&str>, parse: impl FnOnce(&str) -> Option<T>) -> Result<Self, Status> {
        let size = size.unwrap_or(DEFAULT);
        let token = token.filter(|token| !token.is_empty());
        let after = token.and_then(parse);
        Violations::default()
            .check((1..=MOST).contains(&size), "page_size", || format!("{size} is not between 1 and {MOST}"))
            .check(token.is_none() || after.is_some(), "page_token", || "is not one that a list gave out".to_owned())
            .finish()?;
        Ok(Self { size: usize::try_from(size).unwrap_or_default(), after })
    }

    /// How many rows to read: one more than fit on the page, to know whether there is another.
    pub fn limit(&self) -> i64 {
        i64::try_from(self.size).unwrap_or_default() + 1
    }

    /// Cuts what was read to the page and makes the token of the next one, empty on the last.
    pub fn cut<R>(&self, rows: &mut Vec<R>, token: impl FnOnce(&R) -> String) -> String {
        if rows.len() <= self.size {
            return String::new();
        }
        rows.truncate(self.size);
        rows.last().map(token).unwrap_or_default()
    }
}
