use std::{
    env,
    fmt::Write as _,
    fs,
    io::{Write as _, stdout},
    path::PathBuf,
};

use anyhow::Result;

/// What is printed and, after a whole run, written to `docs/benchmarks.md`.
pub struct Report {
    markdown: String,
}

impl Report {
    pub fn begin() -> Result<Self> {
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model =
            cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1)).unwrap_or("unknown");
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let cores = std::thread::available_parallelism()?;
        let mut report = Self { markdown: String::new() };
        report.say(&format!(
            "# Benchmarks\n\nWritten by `make bench`. Everything, the load generator included, shares one machine: {cores} \
             cores ({model}), Linux {}. Loads are repeated and the median is shown; figures of a shared machine vary by tens \
             of percent, so compare the ratios.\n",
            kernel.trim()
        ))?;
        Ok(report)
    }

    /// Adds a paragraph.
    pub fn say(&mut self, text: &str) -> Result<()> {
        writeln!(stdout(), "{text}")?;
        writeln!(self.markdown, "{text}")?;
        Ok(())
    }

    /// Adds a table.
    pub fn table(&mut self, columns: &[&str], rows: &[Vec<String>]) -> Result<()> {
        let mut table = format!("| {} |\n|{}\n", columns.join(" | "), "---|".repeat(columns.len()));
        for row in rows {
            writeln!(table, "| {} |", row.join(" | "))?;
        }
        self.say(&table)
    }

    /// Writes the document.
    pub fn write(self) -> Result<()> {
        let root = env::var("CARGO_MANIFEST_DIR").map(PathBuf::from)?.join("..");
        fs::write(root.join("docs/benchmarks.md"), self.markdown.trim_end().to_owned() + "\n")?;
        Ok(())
    }
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
