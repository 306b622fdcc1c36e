//! No file grows beyond what one can hold in the head.

use std::{fs, path::Path};

use anyhow::{Result, ensure};

use super::source;

const MAX_LINES: usize = 600;

/// Fails if a Rust file below `dir` is too long; names all that are.
pub fn check(dir: &Path) -> Result<()> {
    let mut too_long = Vec::new();
    for path in source::files(dir)? {
        let lines = fs::read_to_string(&path)?.lines().count();
        if lines > MAX_LINES {
            too_long.push(format!("\n    {}: {lines} lines", path.display()));
        }
    }
    ensure!(too_long.is_empty(), "over {MAX_LINES} lines, split by subject:{}", too_long.concat());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_over_the_limit_is_named_and_one_at_the_limit_is_not() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(dir.path().join("target")).expect("a folder");
        fs::write(dir.path().join("target/made.rs"), "\n".repeat(MAX_LINES + 1)).expect("a file");
        fs::write(dir.path().join("full.rs"), "\n".repeat(MAX_LINES)).expect("a file");
        check(dir.path()).expect("nothing is too long");

        fs::write(dir.path().join("long.rs"), "\n".repeat(MAX_LINES + 1)).expect("a file");
        let error = check(dir.path()).expect_err("one file is too long").to_string();
        assert!(error.contains("long.rs: 601 lines"), "{error}");
        assert!(!error.contains("full.rs"), "{error}");
    }
}
