//! Password hashes by the C library: `crypt_r`.
//!
//! musl has the function built in. glibc keeps it in a library of its own, which is loaded when
//! the first hash is to be checked: a server without hashed passwords neither needs it nor pays
//! for it.

use core::ffi::{CStr, c_char, c_void};
use core::fmt;

/// Longest password that is passed on, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 255;
/// Longest hash with its method and salt, in bytes.
pub const HASH_BYTES_MAX: usize = 255;

/// Room for `struct crypt_data`; glibc's own was the largest with 131,232 bytes.
const DATA_BYTES: usize = 132 << 10;

/// Why a password could not be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CryptError {
    /// There is no libcrypt on this system.
    Missing,
    /// The C library does not know this kind of hash, or the hash is malformed.
    Unsupported,
    /// Password or hash are too long or have a NUL in them.
    Input,
}

impl fmt::Display for CryptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "libcrypt is not installed",
            Self::Unsupported => "the C library does not know this kind of password hash",
            Self::Input => "password or hash are too long",
        })
    }
}

type CryptR = unsafe extern "C" fn(*const c_char, *const c_char, *mut c_void) -> *mut c_char;

/// Checks `password` against `hash`; may take seconds.
///
/// # Errors
/// See [`CryptError`].
pub fn verify(password: &[u8], hash: &[u8]) -> Result<bool, CryptError> {
    let crypt = crypt_r()?;
    let password = Terminated::new(password)?;
    let setting = Terminated::new(hash)?;
    // Zeroed pages that only this call touches; 64-bit words for the structure's alignment.
    let mut data = vec![0_u64; DATA_BYTES / 8].into_boxed_slice();
    // SAFETY: both texts end with NUL; the data are zeroed, aligned and larger than the
    // structure of any C library; what is returned is null or a text inside them.
    let result = unsafe {
        let text =
            crypt(password.0.as_ptr().cast(), setting.0.as_ptr().cast(), data.as_mut_ptr().cast());
        if text.is_null() { None } else { Some(CStr::from_ptr(text).to_bytes()) }
    };
    match result {
        // Failure tokens begin with an asterisk; some libraries fall back to DES without saying
        // so, and musl even takes the beginning of a method's name for the salt then.
        Some(text) if method(text) == method(hash) && !text.starts_with(b"*") => {
            Ok(is_equal(text, hash))
        }
        _ => Err(CryptError::Unsupported),
    }
}

/// What tells the kind of a hash: the name between the first two `$`, or else the first byte.
fn method(hash: &[u8]) -> Option<&[u8]> {
    match hash.strip_prefix(b"$") {
        Some(named) => named.split(|&byte| byte == b'$').next(),
        None => hash.get(..1),
    }
}

/// Whether two texts are the same, in a time that depends on their lengths alone.
#[must_use]
pub fn is_equal(a: &[u8], b: &[u8]) -> bool {
    let differ = a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b));
    a.len() == b.len() && core::hint::black_box(differ) == 0
}

/// Makes the calling thread yield to the others of the process.
pub fn lower_priority() {
    // SAFETY: the call has no memory arguments; 0 is the calling thread on Linux. A failure
    // leaves the priority as it was, which is no harm.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 10) };
}

struct Terminated([u8; 256]);

impl Terminated {
    fn new(text: &[u8]) -> Result<Self, CryptError> {
        let mut bytes = [0; 256];
        let room = bytes[..255].get_mut(..text.len()).ok_or(CryptError::Input)?;
        if text.contains(&0) {
            return Err(CryptError::Input);
        }
        room.copy_from_slice(text);
        Ok(Self(bytes))
    }
}

#[cfg(target_env = "musl")]
fn crypt_r() -> Result<CryptR, CryptError> {
    unsafe extern "C" {
        #[link_name = "crypt_r"]
        fn musl_crypt_r(_: *const c_char, _: *const c_char, _: *mut c_void) -> *mut c_char;
    }
    Ok(musl_crypt_r)
}

#[cfg(not(target_env = "musl"))]
fn crypt_r() -> Result<CryptR, CryptError> {
    use std::sync::OnceLock;
    static FOUND: OnceLock<Option<CryptR>> = OnceLock::new();
    FOUND.get_or_init(load_crypt_r).ok_or(CryptError::Missing)
}

#[cfg(not(target_env = "musl"))]
fn load_crypt_r() -> Option<CryptR> {
    for name in [c"libcrypt.so.1", c"libcrypt.so.2"] {
        // SAFETY: the name ends with NUL; the library's start-up code is the system's own.
        let library = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if library.is_null() {
            continue;
        }
        // SAFETY: the library is open and stays open.
        let symbol = unsafe { libc::dlsym(library, c"crypt_r".as_ptr()) };
        if !symbol.is_null() {
            // SAFETY: POSIX lets a symbol become a function; crypt_r has had this signature
            // in every libcrypt.
            return Some(unsafe { core::mem::transmute::<*mut c_void, CryptR>(symbol) });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparison_needs_all_bytes_and_the_length() {
        assert!(is_equal(b"", b"") && is_equal(b"abc", b"abc"));
        assert!(!is_equal(b"abc", b"abd") && !is_equal(b"abc", b"ab") && !is_equal(b"", b"a"));
    }

    #[test]
    fn input_is_checked_before_the_library_sees_it() {
        assert_eq!(verify(b"a\0b", b"$1$x$y"), Err(CryptError::Input));
        assert_eq!(verify(b"a", b"$1$x\0"), Err(CryptError::Input));
        assert_eq!(verify(&[b'a'; 256], b"$1$x$y"), Err(CryptError::Input));
        assert_eq!(verify(b"a", &[b'$'; 256]), Err(CryptError::Input));
    }

    #[test]
    fn unknown_kinds_are_told_apart_from_wrong_passwords() {
        assert_eq!(verify(b"a", b"$nonsense$x$y"), Err(CryptError::Unsupported));
        assert_eq!(verify(b"a", b""), Err(CryptError::Unsupported));
        assert_eq!(verify(b"a", b"*0"), Err(CryptError::Unsupported));
    }

    #[test]
    fn the_method_is_the_whole_name() {
        assert_eq!(method(b"$6$salt$hash"), method(b"$6$rounds=9$salt$hash"));
        assert_eq!(method(b"$2y$10$salt"), Some(&b"2y"[..]));
        assert_ne!(method(b"$yABCDEFGHIJK"), method(b"$y$j9T$salt$hash"));
        assert_eq!(method(b"abcdefghijklm"), Some(&b"a"[..]));
        assert_eq!(method(b""), None);
    }
}
