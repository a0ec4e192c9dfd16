//! Giving up privileges for good.

use std::io;

use super::access::Subject;

/// Version of the capability structures (`_LINUX_CAPABILITY_VERSION_3`): two 32-bit halves.
const CAPABILITY_VERSION: u32 = 0x2008_0522;

// The kernel reads whole words from prctl's variable arguments.
const ZERO: libc::c_ulong = 0;
const ONE: libc::c_ulong = 1;
const CLEAR_ALL: libc::c_ulong = libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong;

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: libc::c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilitySet {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Turns the process (all its threads) into `subject` with just its groups, clears its
/// capabilities, forbids set-uid programs to bring any back if `no_new_privs`, and makes sure that
/// it worked.
///
/// Must be called by root, before other threads start (capabilities and the ban on new
/// privileges are each thread's own) and before the first byte from the network is read. An
/// error leaves the process in a mixed state: the caller must end it.
pub fn drop_to(subject: &Subject, no_new_privs: bool) -> io::Result<()> {
    let &Subject { uid, gid, ref groups } = subject;
    if uid == 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "user 0 keeps its privileges"));
    }
    // SAFETY: as many ids are read as the list has.
    check(unsafe { libc::setgroups(groups.len(), groups.as_ptr()) })?;
    // SAFETY: takes no pointers.
    check(unsafe { libc::setresgid(gid, gid, gid) })?;
    // SAFETY: takes no pointers.
    check(unsafe { libc::setresuid(uid, uid, uid) })?;
    seal(no_new_privs)?;
    verify(subject)
}

/// Clears the capabilities of a process that is not root (a service manager may have given it
/// some, to bind a low port) and, if `no_new_privs`, forbids set-uid programs to bring any back.
/// The calling thread only: call it before others start.
pub fn seal(no_new_privs: bool) -> io::Result<()> {
    // SAFETY: takes no pointers. A kernel without ambient capabilities (before 4.3) has none to
    // clear, so the result does not matter.
    let _ = unsafe { libc::prctl(libc::PR_CAP_AMBIENT, CLEAR_ALL, ZERO, ZERO, ZERO) };
    let header = CapabilityHeader { version: CAPABILITY_VERSION, pid: 0 };
    let none = [CapabilitySet::default(); 2];
    // SAFETY: the kernel reads the header and two sets, which both live through the call.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    if !no_new_privs {
        return Ok(());
    }
    // SAFETY: takes no pointers.
    check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, ONE, ZERO, ZERO, ZERO) })
}

/// Fails unless the process is `subject` throughout and cannot become root again.
fn verify(subject: &Subject) -> io::Result<()> {
    let sorted = |mut groups: Vec<u32>| {
        groups.sort_unstable();
        groups
    };
    let (mut real, mut effective, mut saved) = (0, 0, 0);
    // SAFETY: three live ids are written.
    check(unsafe { libc::getresuid(&raw mut real, &raw mut effective, &raw mut saved) })?;
    let users = [real, effective, saved];
    // SAFETY: three live ids are written.
    check(unsafe { libc::getresgid(&raw mut real, &raw mut effective, &raw mut saved) })?;
    let groups = [real, effective, saved];
    let is_ours = users == [subject.uid; 3] && groups == [subject.gid; 3];
    if !is_ours || sorted(super::user::groups()?) != sorted(subject.groups.clone()) {
        return Err(io::Error::other("the kernel did not change user and group"));
    }
    // SAFETY: takes no pointers; it must fail.
    if unsafe { libc::setresuid(u32::MAX, 0, u32::MAX) } == 0 {
        return Err(io::Error::other("the process could become root again"));
    }
    let header = CapabilityHeader { version: CAPABILITY_VERSION, pid: 0 };
    let mut sets = [CapabilitySet::default(); 2];
    // SAFETY: the kernel reads the header and writes two sets, which both live through the call.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw const header, sets.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    if sets.iter().any(|set| set.effective | set.permitted | set.inheritable != 0) {
        return Err(io::Error::other("the process still has capabilities"));
    }
    Ok(())
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::user;
    use std::process::Command;

    fn subject(uid: u32, gid: u32, groups: &[u32]) -> Subject {
        Subject { uid, gid, groups: groups.to_vec() }
    }

    /// Runs one ignored test of this binary in a process of its own.
    fn run_alone(name: &str) {
        let output = Command::new("/proc/self/exe")
            .args(["--exact", "--ignored", "--nocapture", "--test-threads=1", name])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    fn root_is_never_a_target() {
        assert!(drop_to(&subject(0, 0, &[0]), true).is_err());
        assert_eq!(super::super::user::effective_uid(), user::effective_uid());
    }

    #[test]
    fn dropping_is_complete_in_a_process_of_its_own() {
        if user::effective_uid() == 0 {
            run_alone("sys::privileges::tests::child_drops");
        }
    }

    #[test]
    fn set_uid_programs_stay_of_use_where_that_is_wanted() {
        if user::effective_uid() == 0 {
            run_alone("sys::privileges::tests::child_drops_and_may_start_programs");
        }
    }

    #[test]
    #[ignore = "changes the process; run by the test above"]
    fn child_drops_and_may_start_programs() {
        drop_to(&subject(4711, 4712, &[4712]), false).unwrap();
        let thread = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        assert!(thread.contains("NoNewPrivs:\t0"), "{thread}");
        assert!(thread.contains("CapEff:\t0000000000000000"), "{thread}");
    }

    #[test]
    #[ignore = "changes the process; run by dropping_is_complete_in_a_process_of_its_own"]
    fn child_drops() {
        let nobody = user::user_by_name("nobody").unwrap().unwrap();
        drop_to(&subject(nobody.uid, nobody.gid, &[nobody.gid, 4713, 12]), true).unwrap();
        assert_eq!(user::effective_uid(), nobody.uid);
        assert_eq!(user::groups().unwrap(), [12, 4713, nobody.gid]);
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        // The drop of capabilities is the calling thread's; ids are changed in all threads.
        assert!(status.contains(&format!("Uid:\t{0}\t{0}\t{0}", nobody.uid)), "{status}");
        let thread = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        assert!(thread.contains("NoNewPrivs:\t1"), "{thread}");
        assert!(thread.contains("CapEff:\t0000000000000000"), "{thread}");
        assert!(thread.contains("CapPrm:\t0000000000000000"), "{thread}");
        // A second drop, to root's neighbour, is no longer possible.
        assert!(drop_to(&subject(1, 1, &[1]), true).is_err());
    }
}
