//! Finding programs, running them, and showing what was run.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf, absolute},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

/// Where cargo puts what it builds.
///
/// Every cargo called from here is told so, lest a setting of the user's sends it elsewhere.
pub fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => absolute(dir).expect("CARGO_TARGET_DIR is not empty"),
        None => workspace().join("target"),
    }
}

/// The cargo that runs this xtask, on the workspace.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace()).env("CARGO_TARGET_DIR", target_dir());
    cargo
}

/// Runs to the end, output unhidden; anything but success is an error.
pub fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", line(command));
    let status = command.status().with_context(|| format!("cannot start {}", line(command)))?;
    if !status.success() {
        bail!("{status}: {}", line(command));
    }
    Ok(())
}

/// What a command writes to its standard output; what it writes to the other becomes the error.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {}", line(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}: {}", line(command), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as one would type it.
pub fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    variables
        .filter(|(name, _)| *name != "CARGO_TARGET_DIR" && *name != "CARGO_ENCODED_RUSTFLAGS")
        .map(|(name, value)| format!("{}={}", name.display(), value.display()))
        .chain(program.file_name().map(|name| name.display().to_string()))
        .chain(command.get_args().map(|arg| arg.display().to_string()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The first program of this name.
pub fn find(program: &str) -> Option<PathBuf> {
    candidates(program).next()
}

/// All programs of this name: on the PATH, then where cargo installs, then where root's tools are.
pub fn candidates(program: &str) -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    env::split_paths(&path)
        .collect::<Vec<_>>()
        .into_iter()
        .chain(cargo_home.map(|home| home.join("bin")))
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(move |dir| dir.join(program))
        .filter(|path| path.is_file())
}

/// A command and its arguments in one go.
pub fn command<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut install = command("/usr/bin/apt-get", ["install", "nginx-light"]);
        install.env("DEBIAN_FRONTEND", "noninteractive");
        assert_eq!(line(&install), "DEBIAN_FRONTEND=noninteractive apt-get install nginx-light");
    }

    #[test]
    fn what_a_failing_command_says_is_in_the_error() {
        let error = output(&mut command("sh", ["-c", "echo no such thing >&2; exit 3"]));
        let error = error.expect_err("exit 3 is a failure").to_string();
        assert!(error.contains("exit status: 3: no such thing"), "{error}");
    }
}
