//! The capabilities that the agent needs, asked of the kernel before anything is tried.

use std::fs;

use super::DataplaneError;

/// Number in `linux/capability.h`, name.
const NEEDED: [(u32, &str); 4] = [(39, "CAP_BPF"), (12, "CAP_NET_ADMIN"), (13, "CAP_NET_RAW"), (38, "CAP_PERFMON")];

/// Checks that this process has every right that it needs.
///
/// # Errors
/// [`DataplaneError::NoRight`] names those that are missing.
pub fn check_rights() -> Result<(), DataplaneError> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let missing = missing(&status);
    if missing.is_empty() { Ok(()) } else { Err(DataplaneError::NoRight { missing: missing.join(", ") }) }
}

fn missing(status: &str) -> Vec<&'static str> {
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0);
    NEEDED.iter().filter(|(number, _)| bits >> number & 1 == 0).map(|(_, name)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::missing;

    #[test]
    fn each_missing_capability_is_named() {
        assert_eq!(missing("Name:\tx\nCapEff:\t000000c000003000\n"), [""; 0]);
        assert_eq!(missing("CapEff:\t0000008000001000\n"), ["CAP_NET_RAW", "CAP_PERFMON"]);
        assert_eq!(missing("").len(), 4);
    }
}
