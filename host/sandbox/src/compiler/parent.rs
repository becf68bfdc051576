//! Starts the compile child, feeds it, bounds it, and says how it ended.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};

use model::Code;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::{CompileLimits, CompilerCommand, Confinement, EXIT_REFUSED, Header};
use crate::Error;
use crate::load::LoadError;
use crate::reason::Reason;

/// The most that is read from the child's standard error, in bytes.
const MAX_STDERR_BYTES: u64 = 16 * 1024;
/// The largest artifact, in bytes; interpreters come to 40 MB.
const MAX_ARTIFACT_BYTES: u64 = 512 * 1024 * 1024;

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;

/// What the compiler answered, and what it was confined by.
pub(crate) struct Compilation {
    pub(crate) code: Vec<u8>,
    pub(crate) confinement: Confinement,
}

/// Compiles a component. A child that dies is a reason, not an error of ours.
pub(crate) async fn compile(
    command: &CompilerCommand,
    limits: &CompileLimits,
    component: &[u8],
) -> Result<Compilation, LoadError> {
    let mut child = start(command)?;
    let outcome = tokio::time::timeout(limits.wall, converse(&mut child, limits, component)).await;
    let Ok(outcome) = outcome else {
        child.kill().await.map_err(|source| Error::io("stop the compiler", source))?;
        let detail =
            format!("compiling took longer than {} s of wall clock", limits.wall.as_secs());
        return Err(LoadError::Refused(Reason::new(Code::ComponentCompileTimeout, detail)));
    };
    let said = outcome.map_err(|source| Error::io("talk to the compiler", source))?;
    if said.status.success() {
        return said
            .compilation()
            .map_err(|source| Error::io("read the compiler's answer", source).into());
    }
    Err(LoadError::Refused(death(said.status, &said.complaint, limits)))
}

fn start(command: &CompilerCommand) -> Result<Child, Error> {
    Command::new(&command.program)
        .args(&command.args)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| {
            Error::io(format!("start the compiler `{}`", command.program.display()), source)
        })
}

struct Said {
    status: ExitStatus,
    artifact: Vec<u8>,
    complaint: String,
}

impl Said {
    fn compilation(mut self) -> std::io::Result<Compilation> {
        let confinement = self.artifact.first().copied().and_then(Confinement::read);
        let confinement = confinement.ok_or(std::io::ErrorKind::InvalidData)?;
        self.artifact.remove(0);
        Ok(Compilation { code: self.artifact, confinement })
    }
}

async fn converse(
    child: &mut Child,
    limits: &CompileLimits,
    component: &[u8],
) -> std::io::Result<Said> {
    let piped = "the child was started with pipes";
    let mut stdin = child.stdin.take().expect(piped);
    let stdout = child.stdout.take().expect(piped);
    let stderr = child.stderr.take().expect(piped);
    let header =
        Header { cpu_seconds: limits.cpu.as_secs().max(1), memory_bytes: limits.memory_bytes };
    let feed = async move {
        // A child that died early closes its end; its status says why.
        if stdin.write_all(&header.encode()).await.is_ok() {
            let _ = stdin.write_all(component).await;
        }
        let _ = stdin.shutdown().await;
    };
    let (mut artifact, mut complaint) = (Vec::new(), Vec::new());
    let mut stdout = stdout.take(MAX_ARTIFACT_BYTES);
    let mut stderr = stderr.take(MAX_STDERR_BYTES);
    let ((), read, heard) =
        tokio::join!(feed, stdout.read_to_end(&mut artifact), stderr.read_to_end(&mut complaint));
    read?;
    heard?;
    drop((stdout, stderr));
    let status = child.wait().await?;
    Ok(Said { status, artifact, complaint: String::from_utf8_lossy(&complaint).trim().to_owned() })
}

/// How Rust, the system and the compiler say that memory could not be had.
const OUT_OF_MEMORY: [&str; 3] =
    ["memory allocation of", "Cannot allocate memory", "out of memory (failed to allocate"];

/// Which limit the child died of, as far as can be told.
fn death(status: ExitStatus, complaint: &str, limits: &CompileLimits) -> Reason {
    let out_of_memory = OUT_OF_MEMORY.iter().any(|words| complaint.contains(words));
    if status.signal() == Some(SIGXCPU) {
        let detail = format!("compiling took longer than {} s of CPU", limits.cpu.as_secs());
        return Reason::new(Code::ComponentCompileTimeout, detail);
    }
    if out_of_memory {
        let detail = format!("compiling needed more than {} bytes of memory", limits.memory_bytes);
        return Reason::new(Code::ComponentCompileMemory, detail);
    }
    if status.code() == Some(i32::from(EXIT_REFUSED)) {
        return Reason::new(Code::ComponentInvalid, complaint);
    }
    let how = match (status.signal(), status.code()) {
        (Some(SIGKILL), _) => {
            "was killed, most likely because the machine ran out of memory".into()
        }
        (Some(SIGABRT), _) => "aborted".to_owned(),
        (Some(signal), _) => format!("died of signal {signal}"),
        (None, code) => format!("ended with status {}", code.unwrap_or(-1)),
    };
    // What it said on its way down names files of this machine.
    tracing::warn!(complaint, "the compiler {how}");
    Reason::new(
        Code::ComponentCompileCrashed,
        format!("the compiler {how}; the host's log has its words"),
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn however_a_child_says_that_memory_is_over_the_upload_is_told_so() {
        for (wait_status, complaint) in [
            (SIGABRT, "memory allocation of 4096 bytes failed"),
            (4 << 8, "could not set up the compiler: Cannot allocate memory (os error 12)"),
            (
                101 << 8,
                "unhandled out-of-memory error: out of memory (failed to allocate 262145 bytes)",
            ),
        ] {
            let status = ExitStatus::from_raw(wait_status);
            let reason = death(status, complaint, &CompileLimits::default());
            assert_eq!(reason.code, Code::ComponentCompileMemory, "{complaint}");
        }
        let other = death(ExitStatus::from_raw(SIGABRT), "", &CompileLimits::default());
        assert_eq!(other.code, Code::ComponentCompileCrashed);
    }
}
