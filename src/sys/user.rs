//! Users and groups: look-ups in the system's databases.

use std::ffi::{CStr, CString};
use std::io;

/// Largest buffer that a look-up may ask for; an entry that needs more counts as an error.
const ENTRY_BYTES_MAX: usize = 64 << 10;
/// First buffer of a look-up.
const ENTRY_BYTES: usize = 1 << 10;
/// Groups of a user; one that is in more counts as an error.
const GROUPS_MAX: usize = 1024;
/// Most bytes of `/etc/passwd` or `/etc/group` that are read for suggestions.
const NAMES_BYTES_MAX: u64 = 256 << 10;

/// An entry of the user database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Login name; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Id of the primary group.
    pub gid: u32,
}

/// An entry of the group database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Group name; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// Group id.
    pub gid: u32,
}

/// The user called `name`; `None` when there is none.
pub fn user_by_name(name: &str) -> io::Result<Option<User>> {
    let Ok(name) = CString::new(name) else { return Ok(None) };
    // SAFETY: all four pointers stay valid for the call, and the length is the buffer's.
    find_user(|entry, buffer, result| unsafe {
        libc::getpwnam_r(name.as_ptr(), entry, buffer.as_mut_ptr().cast(), buffer.len(), result)
    })
}

/// The user with this id; `None` when there is none.
pub fn user_by_id(uid: u32) -> io::Result<Option<User>> {
    // SAFETY: all pointers stay valid for the call, and the length is the buffer's.
    find_user(|entry, buffer, result| unsafe {
        libc::getpwuid_r(uid, entry, buffer.as_mut_ptr().cast(), buffer.len(), result)
    })
}

/// The group called `name`; `None` when there is none.
pub fn group_by_name(name: &str) -> io::Result<Option<Group>> {
    let Ok(name) = CString::new(name) else { return Ok(None) };
    // SAFETY: all four pointers stay valid for the call, and the length is the buffer's.
    find_group(|entry, buffer, result| unsafe {
        libc::getgrnam_r(name.as_ptr(), entry, buffer.as_mut_ptr().cast(), buffer.len(), result)
    })
}

/// The group with this id; `None` when there is none.
pub fn group_by_id(gid: u32) -> io::Result<Option<Group>> {
    // SAFETY: all pointers stay valid for the call, and the length is the buffer's.
    find_group(|entry, buffer, result| unsafe {
        libc::getgrgid_r(gid, entry, buffer.as_mut_ptr().cast(), buffer.len(), result)
    })
}

/// `gid` and the groups that the user called `name` is a member of, as initgroups(3) sets them.
///
/// # Errors
/// What the system says, or that there are more than 1024.
pub fn groups_of(name: &str, gid: u32) -> io::Result<Vec<u32>> {
    groups_within(name, gid, GROUPS_MAX)
}

fn groups_within(name: &str, gid: u32, limit: usize) -> io::Result<Vec<u32>> {
    let name = CString::new(name)?;
    let mut list = vec![gid; limit];
    let mut count = libc::c_int::try_from(limit).map_err(io::Error::other)?;
    // SAFETY: the name ends with NUL, and the list has room for as many ids as `count` says.
    let result =
        unsafe { libc::getgrouplist(name.as_ptr(), gid, list.as_mut_ptr(), &raw mut count) };
    let count = usize::try_from(count).unwrap_or(0);
    if count > limit {
        return Err(io::Error::other(format!("there are more than {limit}")));
    }
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    list.truncate(count);
    list.sort_unstable();
    list.dedup();
    Ok(list)
}

fn find_user(
    call: impl FnMut(*mut libc::passwd, &mut [u8], *mut *mut libc::passwd) -> libc::c_int,
) -> io::Result<Option<User>> {
    // SAFETY: a passwd of zero bytes is valid: null pointers and zero ids.
    let empty: libc::passwd = unsafe { std::mem::zeroed() };
    find(empty, call, |entry| User {
        // SAFETY: after success it is a C string in the buffer, which is still alive.
        name: unsafe { text(entry.pw_name) },
        uid: entry.pw_uid,
        gid: entry.pw_gid,
    })
}

fn find_group(
    call: impl FnMut(*mut libc::group, &mut [u8], *mut *mut libc::group) -> libc::c_int,
) -> io::Result<Option<Group>> {
    // SAFETY: a group of zero bytes is valid: null pointers and a zero id.
    let empty: libc::group = unsafe { std::mem::zeroed() };
    find(empty, call, |entry| Group {
        // SAFETY: after success it is a C string in the buffer, which is still alive.
        name: unsafe { text(entry.gr_name) },
        gid: entry.gr_gid,
    })
}

/// Calls one of the `*_r` functions with growing buffers; `take` copies what is wanted out of
/// the entry while the buffer that it points into lives.
fn find<E, T>(
    mut entry: E,
    mut call: impl FnMut(*mut E, &mut [u8], *mut *mut E) -> libc::c_int,
    take: impl Fn(&E) -> T,
) -> io::Result<Option<T>> {
    let mut size = ENTRY_BYTES;
    loop {
        let mut buffer = vec![0_u8; size];
        let mut result: *mut E = std::ptr::null_mut();
        match call(&raw mut entry, &mut buffer, &raw mut result) {
            0 if result.is_null() => return Ok(None),
            0 => return Ok(Some(take(&entry))),
            libc::ERANGE if size < ENTRY_BYTES_MAX => size *= 2,
            libc::EINTR => {}
            // What the manual lists as "the name was not found" on one system or another.
            libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM => return Ok(None),
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// Copies a C string.
///
/// # Safety
/// `pointer` is null or points to a string that ends in NUL and outlives the call.
unsafe fn text(pointer: *const libc::c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: not null; the rest is the caller's promise.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

/// Names of the local users, for suggestions.
#[must_use]
pub fn user_names() -> Vec<String> {
    names("/etc/passwd")
}

/// Names of the local groups, for suggestions.
#[must_use]
pub fn group_names() -> Vec<String> {
    names("/etc/group")
}

fn names(path: &str) -> Vec<String> {
    use std::io::Read as _;
    let mut text = Vec::new();
    if let Ok(file) = std::fs::File::open(path) {
        let _ = file.take(NAMES_BYTES_MAX).read_to_end(&mut text);
    }
    text.split(|&byte| byte == b'\n')
        .filter_map(|line| line.split(|&byte| byte == b':').next())
        .filter(|name| !name.is_empty() && !name.starts_with(b"#"))
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect()
}

/// Effective user id of the process.
#[must_use]
pub fn effective_uid() -> u32 {
    // SAFETY: takes no pointer and cannot fail.
    unsafe { libc::geteuid() }
}

/// Effective group id of the process.
#[must_use]
pub fn effective_gid() -> u32 {
    // SAFETY: takes no pointer and cannot fail.
    unsafe { libc::getegid() }
}

/// Supplementary groups of the process.
pub fn groups() -> io::Result<Vec<u32>> {
    // SAFETY: a size of zero asks for the count and writes nothing.
    let count = unsafe { libc::getgroups(0, std::ptr::null_mut()) };
    let mut list = vec![0; usize::try_from(count).map_err(|_| io::Error::last_os_error())?];
    // SAFETY: `list` has room for `count` ids; the call fails if there are more by now.
    let count = unsafe { libc::getgroups(count, list.as_mut_ptr()) };
    list.truncate(usize::try_from(count).map_err(|_| io::Error::last_os_error())?);
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_by_name_and_by_id() {
        let root = user_by_name("root").unwrap().unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert_eq!(user_by_id(0).unwrap().unwrap().uid, 0);
        assert_eq!(group_by_id(0).unwrap().unwrap().gid, 0);
        let group = group_by_id(0).unwrap().unwrap();
        assert_eq!(group_by_name(&group.name).unwrap().unwrap(), group);
    }

    #[test]
    fn nobody_is_a_user_and_unknown_names_are_none() {
        assert_ne!(user_by_name("nobody").unwrap().unwrap().uid, 0);
        assert_eq!(user_by_name("no-such-user-here").unwrap(), None);
        assert_eq!(user_by_name("").unwrap(), None);
        assert_eq!(user_by_name("a\0b").unwrap(), None);
        assert_eq!(group_by_name("no-such-group-here").unwrap(), None);
        assert_eq!(user_by_id(0xffff_fff0).unwrap(), None);
    }

    #[test]
    fn a_long_name_is_none_or_an_error_and_never_a_crash() {
        let name = "x".repeat(100_000);
        assert!(!matches!(user_by_name(&name), Ok(Some(_))));
    }

    #[test]
    fn names_hold_root() {
        assert!(user_names().iter().any(|name| name == "root"));
        assert!(group_names().iter().any(|name| name == "root"));
        assert!(names("/no/such/file").is_empty());
    }

    #[test]
    fn groups_of_a_user_begin_with_the_given_one_and_are_bounded() {
        assert_eq!(groups_of("no-such-user-here", 4711).unwrap(), [4711]);
        assert!(groups_of("root", 0).unwrap().contains(&0));
        assert_eq!(groups_within("root", 0, 0).unwrap_err().to_string(), "there are more than 0");
        assert!(groups_of("a\0b", 1).is_err());
    }

    #[test]
    fn own_ids_agree_with_proc() {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = |key: &str| -> Vec<u32> {
            let line = status.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_whitespace().skip(1).filter_map(|id| id.parse().ok()).collect()
        };
        assert_eq!(line("Uid:")[1], effective_uid());
        assert_eq!(line("Gid:")[1], effective_gid());
        let mut own = groups().unwrap();
        own.sort_unstable();
        let mut kernel = line("Groups:");
        kernel.sort_unstable();
        assert_eq!(own, kernel);
    }
}
