//! The C library's heap: keeping it small, and giving back what a burst has left behind.
//!
//! glibc keeps freed memory in three places: at the end of the heap, in pages between pieces that
//! are in use, and in a cache of each thread whose pieces lie anywhere and keep their pages from
//! going back. The first two can be emptied by a call. The third can only be switched off before
//! the program starts. musl gives memory back by itself.

/// Freed bytes at the end of the heap that are given back at once.
#[cfg(target_env = "gnu")]
const TRIM_BYTES: i32 = 16 * 1024;

/// Bytes that the heap grows by beyond what is needed.
#[cfg(target_env = "gnu")]
const PAD_BYTES: i32 = 4 * 1024;

/// Set in the environment of a program that has started itself anew, so that it does so once.
#[cfg(target_env = "gnu")]
const MARK: &str = "KINGLET_HEAP";

/// The variable that glibc reads its settings from.
#[cfg(target_env = "gnu")]
const TUNABLES: &str = "GLIBC_TUNABLES";

/// Makes the heap give back early. Starts the program anew with glibc's cache of freed pieces
/// switched off, unless that was done already or can not be done; call it before anything was
/// opened and before the working directory was changed, for the command line is read once more.
#[cfg(target_env = "gnu")]
pub fn keep_small() {
    use std::os::unix::process::CommandExt as _;
    // SAFETY: plain calls; a setting that is not known is refused without harm.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, TRIM_BYTES);
        libc::mallopt(libc::M_TOP_PAD, PAD_BYTES);
    }
    let tunables = std::env::var(TUNABLES).unwrap_or_default();
    if std::env::var_os(MARK).is_some() || tunables.contains("tcache_count") {
        return;
    }
    // By its own name, so that tools which look for processes go on finding it.
    let Ok(program) = std::env::current_exe() else { return };
    if is_linker(&program) {
        return;
    }
    let mut args = std::env::args_os();
    let Some(name) = args.next() else { return };
    let separator = if tunables.is_empty() { "" } else { ":" };
    let tunables = format!("{tunables}{separator}glibc.malloc.tcache_count=0");
    // Comes back only when it has failed; then the memory of a burst goes back less well.
    let _ = std::process::Command::new(program)
        .arg0(name)
        .args(args)
        .env(TUNABLES, tunables)
        .env(MARK, "1")
        .exec();
}

/// Whether the dynamic linker was started as a command (`ld.so PROGRAM`): it takes other arguments
/// than the program.
#[cfg(target_env = "gnu")]
fn is_linker(program: &std::path::Path) -> bool {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("ld") && name.contains(".so")
}

/// Nothing to do here.
#[cfg(not(target_env = "gnu"))]
pub fn keep_small() {}

/// Gives freed memory back to the system.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: a plain call that is allowed at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::is_linker;

    #[test]
    fn the_dynamic_linker_is_told_from_programs() {
        for (program, is) in [
            ("/usr/sbin/kinglet", false),
            ("/opt/ld/kinglet.so", false),
            ("/lib64/ld-linux-x86-64.so.2", true),
            ("/lib/ld.so.1", true),
            ("/lib64/ld64.so.2", true),
            ("/lib/ld-2.31.so", true),
        ] {
            assert_eq!(is_linker(program.as_ref()), is, "{program}");
        }
    }
}
