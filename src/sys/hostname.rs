//! The name of this machine.

/// Longest host name that is read; Linux allows 64 bytes.
const NAME_BYTES_MAX: usize = 256;

/// The host name as the kernel has it; `None` when there is none or it is not UTF-8.
#[must_use]
pub fn hostname() -> Option<String> {
    let mut name = [0_u8; NAME_BYTES_MAX];
    // SAFETY: the kernel writes at most as many bytes as we say, into a live array.
    if unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) } != 0 {
        return None;
    }
    let len = name.iter().position(|&byte| byte == 0)?;
    let name = core::str::from_utf8(name.get(..len)?).ok()?;
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_what_the_kernel_says() {
        let known = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(super::hostname().unwrap_or_default(), known.trim_end());
    }
}
