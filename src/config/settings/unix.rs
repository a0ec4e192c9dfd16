//! `unix-socket-perms`: typed settings.

/// Who may connect to a unix socket, in the words of the configuration. Names are looked up by
/// whoever makes the socket; both may be numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixPerms {
    /// Owner of the socket.
    pub user: String,
    /// Its group; none = the owner's.
    pub group: Option<String>,
    /// Its mode, at most 0777; none = [`UnixPerms::mode_bits`] decides.
    pub mode: Option<u32>,
}

impl UnixPerms {
    /// Mode of a socket without `unix-socket-perms`, or with an owner alone.
    pub const MODE_OWNER: u32 = 0o600;
    /// Mode of a socket that was given to a group.
    pub const MODE_GROUP: u32 = 0o660;

    /// The mode that the socket gets.
    #[must_use]
    pub fn mode_bits(&self) -> u32 {
        let usual = if self.group.is_some() { Self::MODE_GROUP } else { Self::MODE_OWNER };
        self.mode.unwrap_or(usual)
    }

    /// Whether both ask for the same owner, group and mode.
    #[must_use]
    pub fn means(&self, other: &Self) -> bool {
        self.user == other.user
            && self.group == other.group
            && self.mode_bits() == other.mode_bits()
    }

    /// The value as it is written: `user:group`, `user:group:0666` or `user::0600`.
    #[must_use]
    pub fn text(&self) -> String {
        let group = self.group.as_deref().unwrap_or_default();
        match self.mode {
            Some(mode) => format!("{}:{group}:{mode:04o}", self.user),
            None if group.is_empty() => format!("{}::{:04o}", self.user, self.mode_bits()),
            None => format!("{}:{group}", self.user),
        }
    }
}
