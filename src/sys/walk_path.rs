//! The path that a walk has still to go, into which symbolic links are put.

use super::open::read_link;
use super::stat::Kind;
use super::walk::{OpenError, Opened, PATH_BYTES_MAX, error_of};
use core::ffi::CStr;
use std::os::fd::RawFd;

/// The path that is still to be walked, from the root or from `/`.
pub(super) struct Text {
    pub(super) bytes: [u8; PATH_BYTES_MAX + 1],
    len: usize,
    /// A symbolic link has led to `/`.
    pub(super) absolute: bool,
}

impl Text {
    /// Checks a request's path and makes it relative.
    pub(super) fn relative(path: &[u8], dotfiles: bool) -> Result<Self, OpenError> {
        let rest = path.strip_prefix(b"/").ok_or(OpenError::NotFound)?;
        if rest.len() > PATH_BYTES_MAX || rest.contains(&0) {
            return Err(OpenError::NotFound);
        }
        for (depth, name) in rest.split(|&b| b == b'/').enumerate() {
            let well_known = depth == 0 && name == b".well-known";
            let hidden = name.first() == Some(&b'.') && !dotfiles && !well_known;
            if hidden || name == b"." || name == b".." {
                return Err(OpenError::NotFound);
            }
        }
        let rest = if rest.is_empty() { b"." } else { rest };
        let mut text = Self { bytes: [0; PATH_BYTES_MAX + 1], len: rest.len(), absolute: false };
        text.bytes[..rest.len()].copy_from_slice(rest);
        Ok(text)
    }

    /// First component that begins at or after `at`; empty ones and `.` are no components.
    pub(super) fn component(&self, mut at: usize) -> Option<(usize, usize)> {
        while at < self.len {
            let rest = &self.bytes[at..self.len];
            let end = at + rest.iter().position(|&b| b == b'/').unwrap_or(rest.len());
            if end > at && &self.bytes[at..end] != b"." {
                return Some((at, end));
            }
            at = end + 1;
        }
        None
    }

    /// The whole text as the kernel wants it; the byte behind it is always zero.
    pub(super) fn whole(&self) -> Option<&CStr> {
        CStr::from_bytes_with_nul(self.bytes.get(..=self.len)?).ok()
    }

    /// A text that ends with `/` must have led to a directory.
    pub(super) fn agrees(&self, opened: &Opened) -> Result<(), OpenError> {
        let slash = self.len > 0 && self.bytes[self.len - 1] == b'/';
        if slash && opened.stat.kind != Kind::Directory {
            return Err(OpenError::NotFound);
        }
        Ok(())
    }

    /// Where the name begins that the `..` at `start` takes back; none if it leads further up.
    pub(super) fn parent(&self, start: usize) -> Option<usize> {
        let (mut parent, mut at) = (None, 0);
        while let Some((s, e)) = self.component(at).filter(|&(s, _)| s < start) {
            parent = (&self.bytes[s..e] != b"..").then_some(s);
            at = e;
        }
        parent
    }

    /// Puts the target of the symbolic link at `start..end` in its place.
    pub(super) fn follow(
        &mut self,
        dir: RawFd,
        (start, end): (usize, usize),
        root: &[u8],
    ) -> Result<(), OpenError> {
        let name = Name::new(&self.bytes[start..end]).ok_or(OpenError::NotFound)?;
        let mut target = [0; PATH_BYTES_MAX + 1];
        let len = match read_link(dir, name.as_c_str(), &mut target) {
            Ok(len) if len < target.len() => len,
            Ok(_) => return Err(OpenError::NotFound),
            // It is no link (any more), so a component that should be a directory is none.
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => return Err(OpenError::NotFound),
            Err(e) => return Err(error_of(&e)),
        };
        let target = &target[..len];
        if !target.starts_with(b"/") {
            return self.splice(start, end, target);
        }
        // The configured path is taken for the root itself: the way to it may be closed to us.
        let root = root.strip_suffix(b"/").unwrap_or(root);
        let inside =
            target.strip_prefix(root).filter(|rest| rest.first().is_none_or(|&b| b == b'/'));
        self.absolute = inside.is_none();
        self.splice(0, end, inside.unwrap_or(target))
    }

    pub(super) fn splice(&mut self, start: usize, end: usize, new: &[u8]) -> Result<(), OpenError> {
        let len = start + new.len() + (self.len - end);
        if len > PATH_BYTES_MAX {
            return Err(OpenError::NotFound);
        }
        self.bytes.copy_within(end..self.len, start + new.len());
        self.bytes[start..start + new.len()].copy_from_slice(new);
        self.bytes[len] = 0;
        self.len = len;
        Ok(())
    }
}

/// One component with its closing NUL; file systems take 255 bytes at most.
pub(super) struct Name {
    bytes: [u8; 256],
    len: usize,
}

impl Name {
    pub(super) fn new(name: &[u8]) -> Option<Self> {
        let mut bytes = [0; 256];
        bytes[..255].get_mut(..name.len())?.copy_from_slice(name);
        Some(Self { bytes, len: name.len() })
    }

    pub(super) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_with_nul(&self.bytes[..=self.len]).unwrap_or(c"")
    }
}
