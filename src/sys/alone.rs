//! Tests in a process of their own: for what belongs to a whole process (children, environment,
//! signals, descriptor numbers) and would disturb the tests beside it.

use std::process::Command;

/// Runs one ignored test of this binary alone, with all signals at their defaults.
pub(crate) fn run(name: &str) {
    run_with(name, &[]);
}

/// [`run`] with some variables more.
pub(crate) fn run_with(name: &str, variables: &[(&str, &str)]) {
    let output = Command::new("/proc/self/exe")
        .args(["--exact", "--ignored", "--test-threads=1", "--nocapture", name])
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let faults = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}\n{faults}");
}
