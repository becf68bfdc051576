//! What the compile child may still ask of the kernel once it begins to read what is hostile.

use super::Confinement;

/// Takes every system call from this process that compiling does not need; what it asks for all the same fails with `EPERM`.
#[cfg(target_os = "linux")]
pub(super) fn system_calls() -> Confinement {
    let confined =
        filter().is_some_and(|filter| seccompiler::apply_filter_all_threads(&filter).is_ok());
    if confined { Confinement::SystemCalls } else { Confinement::LimitsOnly }
}

/// Only Linux has seccomp.
#[cfg(not(target_os = "linux"))]
pub(super) fn system_calls() -> Confinement {
    Confinement::LimitsOnly
}

/// Computing, memory, and the pipes that are open. Nothing that takes a name: no file, no socket, no
/// program; and no memory that can be executed.
#[cfg(target_os = "linux")]
fn filter() -> Option<seccompiler::BpfProgram> {
    use seccompiler::{
        SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    };
    let freely = [
        libc::SYS_brk,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_close,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_futex,
        libc::SYS_getpid,
        libc::SYS_getrandom,
        libc::SYS_gettid,
        libc::SYS_madvise,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_nanosleep,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_poll,
        libc::SYS_ppoll,
        libc::SYS_read,
        libc::SYS_restart_syscall,
        // A thread that was started just before registers itself.
        libc::SYS_rseq,
        libc::SYS_set_robust_list,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_yield,
        libc::SYS_sigaltstack,
        libc::SYS_write,
        libc::SYS_writev,
    ];
    let executable = u64::try_from(libc::PROT_EXEC).ok()?;
    // The third argument of both is what may be done with the memory.
    let not_executable = || {
        let masked = SeccompCmpOp::MaskedEq(executable);
        let condition = SeccompCondition::new(2, SeccompCmpArgLen::Dword, masked, 0).ok()?;
        SeccompRule::new(vec![condition]).ok()
    };
    let mut rules: std::collections::BTreeMap<i64, Vec<SeccompRule>> =
        freely.into_iter().map(|call| (call, Vec::new())).collect();
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![not_executable()?]);
    }
    // Aborting is a signal to itself; to no other process.
    let itself = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::Eq,
        u64::from(std::process::id()),
    );
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![itself.ok()?]).ok()?]);
    let refused = SeccompAction::Errno(u32::try_from(libc::EPERM).ok()?);
    let architecture = std::env::consts::ARCH.try_into().ok()?;
    SeccompFilter::new(rules, refused, SeccompAction::Allow, architecture).ok()?.try_into().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs::File;
    use std::io::ErrorKind;
    use std::net::{TcpStream, UdpSocket};
    use std::os::unix::net::UnixStream;
    use std::process::Command;

    use super::*;

    /// What a thread that is confined gets from the kernel.
    fn confined<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        let thread = std::thread::spawn(move || {
            seccompiler::apply_filter(&filter().expect("the filter is well-formed"))
                .expect("seccomp");
            work()
        });
        thread.join().expect("the work does not panic")
    }

    #[test]
    fn the_compile_child_opens_no_file_and_no_socket_and_starts_nothing() {
        let kinds = confined(|| {
            [
                File::open("/etc/hostname").err(),
                File::create("/tmp/written-by-the-compile-child").err(),
                std::fs::read_dir("/").err(),
                TcpStream::connect("127.0.0.1:1").err(),
                UdpSocket::bind("127.0.0.1:0").err(),
                UnixStream::connect("/tmp/socket").err(),
                Command::new("/bin/true").spawn().err(),
            ]
            .map(|error| error.map(|error| error.kind()))
        });
        assert!(kinds.iter().all(|kind| *kind == Some(ErrorKind::PermissionDenied)), "{kinds:?}");
    }

    #[test]
    fn the_compile_child_sends_no_signal_to_anybody_else() {
        let parent = rustix::process::getppid().expect("a test has a parent");
        let sent = confined(move || rustix::process::test_kill_process(parent));
        assert_eq!(sent, Err(rustix::io::Errno::PERM));
    }

    #[test]
    fn the_compile_child_makes_no_memory_executable_and_still_has_memory() {
        let (executable, bytes) = confined(|| {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let both = libc::PROT_READ | libc::PROT_EXEC;
            #[expect(unsafe_code, reason = "only libc asks for executable memory")]
            // SAFETY: a mapping of its own that is never touched.
            let mapped = unsafe { libc::mmap(std::ptr::null_mut(), 4_096, both, flags, -1, 0) };
            (
                mapped != libc::MAP_FAILED,
                vec![1_u8; 32 << 20].iter().map(|byte| usize::from(*byte)).sum::<usize>(),
            )
        });
        assert_eq!((executable, bytes), (false, 32 << 20));
    }
}
